// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "config/amount_list.hpp"

#include "config/text.hpp"

#include <algorithm>
#include <utility>

namespace reeve::config {

namespace {

bool is_number(std::string_view text) {
  return !text.empty() && text.size() <= 9
         && std::ranges::all_of(text,
                                [](char c) { return c >= '0' && c <= '9'; });
}

} // namespace

result<amount_list>
parse_amount_list(std::string_view text,
                  result<void> (*check_name)(std::string_view name),
                  result<std::uint64_t> (*parse_amount)(std::string_view)) {
  amount_list out;
  for (auto rest = text;;) {
    auto comma = rest.find(',');
    auto item = rest.substr(0, comma);
    auto colon = item.rfind(':');
    if (colon == std::string_view::npos)
      return refuse(in_quotes(item) + " has no amount", "NAME:AMOUNT");
    auto name = item.substr(0, colon);
    if (auto good = check_name(name); !good)
      return tl::unexpected{std::move(good.error())};
    auto amount = parse_amount(item.substr(colon + 1));
    if (!amount)
      return tl::unexpected{std::move(amount.error())};
    out.push_back({std::string{name}, *amount});
    if (comma == std::string_view::npos)
      break;
    rest.remove_prefix(comma + 1);
  }
  std::ranges::sort(out, {}, &named_amount::name);
  auto twice = std::ranges::adjacent_find(out, {}, &named_amount::name);
  if (twice != out.end())
    return refuse(in_quotes(twice->name) + " is given twice", "each name once");
  return out;
}

std::string
format_amount_list(const amount_list& list,
                   std::string (*format_amount)(std::uint64_t value)) {
  std::string out;
  for (const auto& item : list)
    out.append(out.empty() ? "" : ",")
        .append(item.name)
        .append(":")
        .append(format_amount(item.value));
  return out;
}

result<void> check_device_name(std::string_view name) {
  constexpr auto longest = 255U;
  auto colon = name.find(':');
  if (colon != std::string_view::npos && is_number(name.substr(0, colon))
      && is_number(name.substr(colon + 1)))
    return {};
  auto is_path =
      name.starts_with("/dev/") && name.size() <= longest
      && name.find("..") == std::string_view::npos
      && std::ranges::all_of(name, [](char c) { return c > ' ' && c <= '~'; });
  if (is_path)
    return {};
  return refuse(in_quotes(name) + " is not the name of a device",
                "a path such as \"/dev/sda\", or numbers such as \"8:0\"");
}

result<void> check_page_size(std::string_view name) {
  auto is_unit =
      name.ends_with("KB") || name.ends_with("MB") || name.ends_with("GB");
  if (is_unit && is_number(name.substr(0, name.size() - 2)))
    return {};
  return refuse(in_quotes(name) + " is not a size of huge pages",
                "as the kernel spells them, such as \"2MB\" or \"1GB\"");
}

} // namespace reeve::config
