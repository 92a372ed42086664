// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "kernel-iface/result.hpp"
#include "kernel-iface/unique_fd.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace reeve::kernel {

/// Sends entries to the system's journal, one datagram each, in its own
/// protocol (systemd, "Native Journal Protocol"). Never blocks. Not
/// thread-safe.
class journal {
public:
  /// `path` of its socket. Nothing needs to listen there yet, and whoever does
  /// may be started again.
  explicit journal(std::string path) : path_(std::move(path)) {}

  using field = std::pair<std::string_view, std::string_view>;

  enum class delivery : std::uint8_t {
    taken,
    full, ///< it has too much to read: wait until `poll_fd` is writable
  };

  /// Names are upper-case letters, digits and `_`; values any bytes. ENOENT or
  /// ECONNREFUSED: there is no journal; EMSGSIZE beyond some 200 KiB.
  [[nodiscard]] result<delivery> send(std::span<const field> entry);

  /// Borrowed; -1 before the first entry. Another one after an error.
  [[nodiscard]] int poll_fd() const {
    return socket_.get();
  }

private:
  [[nodiscard]] result<void> connect();

  std::string path_;
  unique_fd socket_;
};

} // namespace reeve::kernel
