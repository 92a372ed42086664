// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "config/error.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace reeve::config {

/// So much of something: of a device, of a size of page.
struct named_amount {
  std::string name;
  std::uint64_t value = 0;

  bool operator==(const named_amount&) const = default;
};

/// What a limit means for each of the things that it names; nothing that it
/// does not name is limited by it. In the order of names, each once.
using amount_list = std::vector<named_amount>;

/// "NAME:AMOUNT,NAME:AMOUNT", in any order. A name may have colons, no commas.
/// Not empty.
[[nodiscard]] result<amount_list>
parse_amount_list(std::string_view text,
                  result<void> (*check_name)(std::string_view name),
                  result<std::uint64_t> (*parse_amount)(std::string_view text));

/// The inverse.
[[nodiscard]] std::string
format_amount_list(const amount_list& list,
                   std::string (*format_amount)(std::uint64_t value));

/// A block device: a path in /dev, or its numbers, "8:16".
[[nodiscard]] result<void> check_device_name(std::string_view name);

/// As the kernel spells sizes of huge pages: "2MB", "1GB".
[[nodiscard]] result<void> check_page_size(std::string_view name);

} // namespace reeve::config
