// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "config/checks.hpp"

#include "config/names.hpp"
#include "config/text.hpp"
#include "config/units.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace reeve::config {

namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_alnum(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/// Calls `fun` with each part of `text`; stops when it returns false.
template <class Fun>
bool all_parts(std::string_view text, char separator, Fun fun) {
  for (;;) {
    auto end = text.find(separator);
    if (!fun(text.substr(0, end)))
      return false;
    if (end == text.npos)
      return true;
    text.remove_prefix(end + 1);
  }
}

bool is_name_part(std::string_view part) {
  return !part.empty() && part.size() <= 64 && is_alnum(part[0])
         && std::all_of(part.begin(), part.end(), [](char c) {
              return is_alnum(c) || c == '_' || c == '.' || c == '-';
            });
}

bool is_label(std::string_view label) {
  return !label.empty() && label.size() <= 63 && is_alnum(label.front())
         && is_alnum(label.back())
         && std::all_of(label.begin(), label.end(),
                        [](char c) { return is_alnum(c) || c == '-'; });
}

bool is_normal_path(std::string_view path) {
  if (!path.starts_with('/') || path.size() > 4095)
    return false;
  return path == "/"
         || all_parts(path.substr(1), '/', [](std::string_view part) {
              return !part.empty() && part != "." && part != "..";
            });
}

bool is_account_name(std::string_view name) {
  // Samba's machine accounts end in a dollar sign.
  if (name.ends_with('$'))
    name.remove_suffix(1);
  return !name.empty() && name.size() <= 256
         && (is_alnum(name[0]) || name[0] == '_')
         && std::all_of(name.begin(), name.end(), [](char c) {
              return is_alnum(c) || c == '_' || c == '.' || c == '-';
            });
}

bool is_account_number(std::string_view digits) {
  auto id = std::uint32_t{0};
  const auto* last = digits.data() + digits.size();
  auto [end, err] = std::from_chars(digits.data(), last, id);
  return err == std::errc{} && end == last && id != invalid_id;
}

} // namespace

void findings::expect(bool ok, const key_path& at, std::string_view found,
                      std::string_view expected) {
  if (!ok)
    refuse(at, "found " + in_quotes(found), expected);
}

void findings::refuse(const key_path& at, std::string message,
                      std::string_view expected) {
  if (!first_)
    first_ = config_error{
        {}, 0, 0, at.text(), std::move(message), std::string{expected}};
}

result<void> findings::verdict() && {
  if (first_)
    return tl::unexpected{*std::move(first_)};
  return {};
}

void check_text(findings& out, const key_path& at, std::string_view value) {
  out.expect(value.find('\0') == value.npos, at, value, "no NUL bytes");
  out.expect(find_invalid_utf8(value) == value.npos, at, value,
             "text in UTF-8");
}

void check_name_part(findings& out, const key_path& at, std::string_view name) {
  out.expect(is_name_part(name), at, name,
             "1 to 64 letters, digits, '_', '.' or '-', the first a letter or "
             "digit");
}

void check_container_name(findings& out, const key_path& at,
                          std::string_view name) {
  auto depth = std::count(name.begin(), name.end(), '/') + 1;
  out.expect(depth <= 16 && all_parts(name, '/', is_name_part), at, name,
             "up to 16 parts joined by '/', each of 1 to 64 letters, digits, "
             "'_', '.' or '-', the first a letter or digit");
}

void check_hostname(findings& out, const key_path& at, std::string_view name) {
  out.expect(name.size() <= 64 && all_parts(name, '.', is_label), at, name,
             "up to 64 characters: labels of letters, digits and inner '-', "
             "joined by '.'");
}

void check_path(findings& out, const key_path& at, std::string_view path) {
  check_text(out, at, path);
  out.expect(is_normal_path(path), at, path,
             "an absolute path of up to 4095 bytes without \"//\", \".\", "
             "\"..\" or a '/' at the end");
}

void check_paths(findings& out, const key_path& at,
                 const std::vector<std::string>& paths) {
  for (std::size_t i = 0; i < paths.size(); ++i)
    check_path(out, at[i], paths[i]);
}

void check_duration(findings& out, const key_path& at,
                    std::chrono::milliseconds time,
                    std::chrono::milliseconds least,
                    std::chrono::milliseconds most) {
  if (time >= least && time <= most)
    return;
  out.expect(false, at, format_duration(time),
             format_duration(least) + " to " + format_duration(most));
}

void check_number(findings& out, const key_path& at, double value, double low,
                  double high) {
  // Written so that a NaN is refused as well.
  if (value >= low && value <= high)
    return;
  out.refuse(at, "found " + format_cpus(value),
             "a number from " + format_cpus(low) + " to " + format_cpus(high));
}

void check_account(findings& out, const key_path& at,
                   std::string_view account) {
  auto is_number =
      !account.empty() && std::all_of(account.begin(), account.end(), is_digit);
  if (is_number)
    out.expect(is_account_number(account), at, account,
               "an id from 0 to 4294967294");
  else
    out.expect(is_account_name(account), at, account, "a name or an id");
}

void check_capabilities(findings& out, const key_path& at,
                        const std::vector<std::string>& names,
                        all_keyword all) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (capability_number(names[i])
        || (all == all_keyword::accepted && names[i] == "ALL"))
      continue;
    auto near = nearest(names[i], capability_names());
    out.expect(false, at[i], names[i],
               near.empty() ? "a capability such as NET_ADMIN"
                            : in_quotes(near));
  }
}

} // namespace reeve::config
