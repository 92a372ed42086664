// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/cgroup_devices.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>

namespace reeve::kernel {

namespace {

std::string spell(std::optional<std::uint32_t> number) {
  return number ? std::to_string(*number) : "*";
}

/// Empty: not a number. Empty inside: `*`.
std::optional<std::optional<std::uint32_t>>
parse_device_number(std::string_view text) {
  if (text == "*")
    return std::optional<std::uint32_t>{};
  std::uint32_t value = 0;
  auto [end, code] =
      std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc{} || end != text.data() + text.size())
    return std::nullopt;
  return value;
}

std::optional<unsigned> parse_access(std::string_view text) {
  auto access = 0U;
  for (auto c : text) {
    if (c == 'r')
      access |= device_rule::read;
    else if (c == 'w')
      access |= device_rule::write;
    else if (c == 'm')
      access |= device_rule::make;
    else
      return std::nullopt;
  }
  return access == 0 ? std::nullopt : std::optional{access};
}

bool same_device(const device_rule& a, const device_rule& b) {
  return a.type == b.type && a.major == b.major && a.minor == b.minor;
}

unsigned access_in(const std::vector<device_rule>& rules,
                   const device_rule& device) {
  auto access = 0U;
  for (const auto& rule : rules)
    if (same_device(rule, device))
      access |= rule.access;
  return access;
}

/// Spells what `have` allows beyond `other`, each device once.
std::vector<std::string> surplus(const std::vector<device_rule>& have,
                                 const std::vector<device_rule>& other) {
  std::vector<std::string> out;
  for (auto at = have.begin(); at != have.end(); ++at) {
    auto seen = std::any_of(have.begin(), at, [at](const auto& rule) {
      return same_device(rule, *at);
    });
    auto difference = *at;
    difference.access = access_in(have, *at) & ~access_in(other, *at);
    if (!seen && difference.access != 0)
      out.push_back(to_string(difference));
  }
  return out;
}

bool allows_everything(const device_rule& rule) {
  return rule == device_rule{};
}

/// v1 knows `a` only as "everything".
std::vector<device_rule> without_any(const std::vector<device_rule>& rules) {
  std::vector<device_rule> out;
  for (auto rule : rules) {
    if (rule.type == device_rule::kind::any) {
      rule.type = device_rule::kind::block;
      out.push_back(rule);
      rule.type = device_rule::kind::character;
    }
    out.push_back(rule);
  }
  return out;
}

result<std::vector<device_rule>> read_rules(const cgroup_dir& dir) {
  auto text = read_text(dir, "devices.list");
  if (!text)
    return tl::make_unexpected(std::move(text.error()));
  std::vector<device_rule> rules;
  for (auto rest = std::string_view{*text}; !rest.empty();) {
    auto line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    auto rule = parse_device_rule(line);
    if (!rule)
      return make_error(EBADMSG, "understand \"" + std::string{line} + "\" in",
                        dir.path("devices.list"));
    rules.push_back(*rule);
  }
  return rules;
}

/// The kernel keeps a list of exceptions and takes one change per write, so
/// only the difference is written. New rights first: one that moves from a
/// wide rule to a narrow one is never missing.
result<void> set_v1(const cgroup_dir& dir,
                    const std::vector<device_rule>& rules) {
  if (std::any_of(rules.begin(), rules.end(), allows_everything))
    return write_text(dir, "devices.allow", "a");
  auto current = read_rules(dir);
  if (!current)
    return tl::make_unexpected(std::move(current.error()));
  if (std::any_of(current->begin(), current->end(), allows_everything)) {
    if (auto done = write_text(dir, "devices.deny", "a"); !done)
      return done;
    current->clear();
  }
  auto wanted = without_any(rules);
  auto done = write_all(dir, "devices.allow", surplus(wanted, *current));
  if (!done && done.error().code == EPERM)
    done.error().hint = "the group above does not have this device itself";
  if (!done)
    return done;
  return write_all(dir, "devices.deny", surplus(*current, wanted));
}

} // namespace

std::string to_string(const device_rule& rule) {
  std::string out;
  switch (rule.type) {
  case device_rule::kind::any:
    out = "a ";
    break;
  case device_rule::kind::block:
    out = "b ";
    break;
  case device_rule::kind::character:
    out = "c ";
    break;
  }
  out += spell(rule.major) + ":" + spell(rule.minor) + " ";
  if ((rule.access & device_rule::read) != 0)
    out += 'r';
  if ((rule.access & device_rule::write) != 0)
    out += 'w';
  if ((rule.access & device_rule::make) != 0)
    out += 'm';
  return out;
}

std::optional<device_rule> parse_device_rule(std::string_view text) {
  auto words = split_words(text);
  if (words.size() != 3 || words[0].size() != 1)
    return std::nullopt;
  auto colon = words[1].find(':');
  if (colon == std::string_view::npos)
    return std::nullopt;
  auto major = parse_device_number(words[1].substr(0, colon));
  auto minor = parse_device_number(words[1].substr(colon + 1));
  auto access = parse_access(words[2]);
  if (!major || !minor || !access)
    return std::nullopt;
  switch (words[0].front()) {
  case 'a':
    return device_rule{device_rule::kind::any, *major, *minor, *access};
  case 'b':
    return device_rule{device_rule::kind::block, *major, *minor, *access};
  case 'c':
    return device_rule{device_rule::kind::character, *major, *minor, *access};
  default:
    return std::nullopt;
  }
}

std::vector<device_rule> default_device_rules() {
  using kind = device_rule::kind;
  auto rules = std::vector<device_rule>{
      {kind::character, std::nullopt, std::nullopt, device_rule::make},
      {kind::block, std::nullopt, std::nullopt, device_rule::make},
      {kind::character, 5, 0},             // tty
      {kind::character, 5, 2},             // ptmx
      {kind::character, 136, std::nullopt} // pts
  };
  for (auto minor : {3U, 5U, 7U, 8U, 9U}) // null zero full random urandom
    rules.push_back({kind::character, 1, minor});
  return rules;
}

result<void> set_devices(const container_cgroup& group,
                         const std::vector<device_rule>& rules) {
  if (group.mode() != cgroup_mode::v2)
    if (auto dir = group.limits_dir(controller::devices))
      return set_v1(*dir, rules);
  auto dir = group.bpf_dir();
  if (!dir)
    return tl::make_unexpected(std::move(dir.error()));
  return load_device_program(rules).and_then([&dir](const unique_fd& program) {
    return attach_device_program(*dir, program.get());
  });
}

} // namespace reeve::kernel
