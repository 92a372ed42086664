// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "config/limits.hpp"

#include "config/number_list.hpp"
#include "config/text.hpp"
#include "config/units.hpp"

#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <utility>
#include <vector>

namespace reeve::config {

namespace {

// The kernel's least quota is 1 ms, which is 0.01 of its default period, and
// the largest pid is 2^22.
constexpr auto least_cpus = 0.01;
constexpr auto most_cpus = 65536.0;
constexpr auto most_pids = std::uint64_t{1} << 22U;
constexpr auto most_weight = std::uint64_t{10000};
constexpr auto longest_burst = std::chrono::milliseconds{std::chrono::hours{1}};

// As many as a kernel can be built for on any machine.
constexpr auto last_cpu = 8191U;
constexpr auto last_node = 1023U;

constexpr auto cpus_range = "0.01 to 65536 processors, or \"max\"";
constexpr auto pids_range = "1 to 4194304, or \"max\"";
constexpr auto weight_range = "a whole number from 1 to 10000";
constexpr auto memory_range = "at least one byte, or \"max\"";
constexpr auto burst_range = "\"0\" to \"1h\", such as \"50ms\"";

result<std::uint64_t> parse_count(std::string_view text, const char* range) {
  auto value = std::uint64_t{0};
  auto last = text.data() + text.size();
  auto [end, err] = std::from_chars(text.data(), last, value);
  if (err != std::errc{} || end != last)
    return refuse(in_quotes(text) + " is not a whole number", range);
  return value;
}

result<void> check_memory(const limits& in) {
  if (in.memory_bytes.value() == 0U)
    return refuse("0 is out of range", memory_range);
  return {};
}

result<void> check_cpus(const limits& in) {
  // Written so that a NaN is refused as well.
  if (auto cpus = in.cpus.value();
      cpus && !(*cpus >= least_cpus && *cpus <= most_cpus))
    return refuse(format_cpus(*cpus) + " is out of range", cpus_range);
  return {};
}

result<void> check_count(std::optional<std::uint64_t> value, std::uint64_t most,
                         const char* range) {
  if (value && (*value < 1 || *value > most))
    return refuse(std::to_string(*value) + " is out of range", range);
  return {};
}

result<void> check_weight(const limits& in) {
  if (in.cpu_weight.is_unlimited())
    return refuse("\"max\" is not a weight", weight_range);
  return check_count(in.cpu_weight.value(), most_weight, weight_range);
}

result<std::uint64_t> parse_burst(std::string_view text) {
  return parse_duration(text).map([](std::chrono::milliseconds time) {
    return static_cast<std::uint64_t>(time.count());
  });
}

result<void> check_burst(const limits& in) {
  if (in.cpu_burst_ms.is_unlimited())
    return refuse("\"max\" is not a time", burst_range);
  if (auto ms = in.cpu_burst_ms.value();
      ms && *ms > static_cast<std::uint64_t>(longest_burst.count()))
    return refuse(std::to_string(*ms) + "ms is out of range", burst_range);
  return {};
}

std::string format_burst(std::uint64_t ms) {
  return format_duration(std::chrono::milliseconds{ms});
}

// Of limits built in code.
result<void> check_list(const limit_value<std::string>& in, unsigned last) {
  auto text = in.value();
  if (!text)
    return {};
  auto list = parse_number_list(*text, last);
  if (!list)
    return tl::unexpected{list.error()};
  if (*list != *text)
    return refuse(in_quotes(*text) + " is not in order", in_quotes(*list));
  return {};
}

std::string format_list(const std::string& list) {
  return list;
}

result<void> check_pids(const limits& in) {
  return check_count(in.pids.value(), most_pids, pids_range);
}

template <class T>
result<void> assign(limit_value<T>& out, std::string_view text,
                    const result<T>& parsed) {
  if (text == "max")
    out = limit_value<T>::unlimited();
  else if (parsed)
    out = *parsed;
  else
    return tl::unexpected{parsed.error()};
  return {};
}

template <class T, class Format>
std::string text_of(const limit_value<T>& in, Format format) {
  if (in.is_absent())
    return {};
  return in.is_unlimited() ? std::string{"max"} : format(*in.value());
}

std::string format_count(std::uint64_t value) {
  return std::to_string(value);
}

struct limit_row {
  limit_name name;
  result<void> (*parse)(limits&, std::string_view);
  result<void> (*check)(const limits&);
  std::string (*format)(const limits&);
  void (*clear)(limits&);
};

constexpr auto rows = std::to_array<limit_row>({
    {{"memory.limit", "memory", "max"},
     [](limits& out, std::string_view text) {
       return assign(out.memory_bytes, text, parse_size(text));
     },
     check_memory,
     [](const limits& in) { return text_of(in.memory_bytes, format_size); },
     [](limits& out) { out.memory_bytes = {}; }},
    {{"cpu.limit", "cpus", "max"},
     [](limits& out, std::string_view text) {
       return assign(out.cpus, text, parse_cpus(text));
     },
     check_cpus,
     [](const limits& in) { return text_of(in.cpus, format_cpus); },
     [](limits& out) { out.cpus = {}; }},
    {{"cpu.burst", "cpu_burst", "0"},
     [](limits& out, std::string_view text) {
       return assign(out.cpu_burst_ms, text, parse_burst(text));
     },
     check_burst,
     [](const limits& in) { return text_of(in.cpu_burst_ms, format_burst); },
     [](limits& out) { out.cpu_burst_ms = {}; }},
    {{"cpu.weight", "cpu_weight", "100"},
     [](limits& out, std::string_view text) {
       return assign(out.cpu_weight, text, parse_count(text, weight_range));
     },
     check_weight,
     [](const limits& in) { return text_of(in.cpu_weight, format_count); },
     [](limits& out) { out.cpu_weight = {}; }},
    {{"cpuset.cpus", "cpuset_cpus", "max"},
     [](limits& out, std::string_view text) {
       return assign(out.cpuset_cpus, text, parse_number_list(text, last_cpu));
     },
     [](const limits& in) { return check_list(in.cpuset_cpus, last_cpu); },
     [](const limits& in) { return text_of(in.cpuset_cpus, format_list); },
     [](limits& out) { out.cpuset_cpus = {}; }},
    {{"cpuset.mems", "cpuset_mems", "max"},
     [](limits& out, std::string_view text) {
       return assign(out.cpuset_mems, text, parse_number_list(text, last_node));
     },
     [](const limits& in) { return check_list(in.cpuset_mems, last_node); },
     [](const limits& in) { return text_of(in.cpuset_mems, format_list); },
     [](limits& out) { out.cpuset_mems = {}; }},
    {{"pids.limit", "pids", "max"},
     [](limits& out, std::string_view text) {
       return assign(out.pids, text, parse_count(text, pids_range));
     },
     check_pids,
     [](const limits& in) { return text_of(in.pids, format_count); },
     [](limits& out) { out.pids = {}; }},
});

constexpr auto names = [] {
  auto out = std::array<limit_name, rows.size()>{};
  for (std::size_t i = 0; i < rows.size(); ++i)
    out[i] = rows[i].name;
  return out;
}();

result<const limit_row*> find_row(std::string_view key) {
  for (const auto& row : rows)
    if (row.name.key == key)
      return &row;
  auto known = std::vector<std::string_view>{};
  for (const auto& row : rows)
    known.push_back(row.name.key);
  auto expected = "one of " + joined(known);
  if (auto near = nearest(key, known); !near.empty())
    expected.append(" (nearest: ").append(near).append(")");
  return refuse(in_quotes(key) + " is not a limit", std::move(expected));
}

} // namespace

std::span<const limit_name> limit_names() {
  return names;
}

result<void> set_key(limits& out, std::string_view key, std::string_view text) {
  auto row = find_row(key);
  if (!row)
    return tl::unexpected{row.error()};
  auto changed = out;
  auto done = (*row)->parse(changed, text);
  if (done)
    done = (*row)->check(changed);
  if (done)
    out = changed;
  else
    done.error().key = key;
  return done;
}

result<void> clear_key(limits& out, std::string_view key) {
  auto row = find_row(key);
  if (!row)
    return tl::unexpected{row.error()};
  (*row)->clear(out);
  return {};
}

result<std::string> to_text(const limits& in, std::string_view key) {
  auto row = find_row(key);
  if (!row)
    return tl::unexpected{row.error()};
  return (*row)->format(in);
}

result<void> check_ranges(const limits& in) {
  for (const auto& row : rows) {
    if (auto done = row.check(in); !done) {
      done.error().key = row.name.field;
      return done;
    }
  }
  constexpr auto ms_per_period = 100.0;
  auto cpus = in.cpus.value();
  auto burst = in.cpu_burst_ms.value();
  if (cpus && burst && static_cast<double>(*burst) > *cpus * ms_per_period)
    return refuse(format_burst(*burst) + " is more than " + format_cpus(*cpus)
                      + " processors give in 100 ms",
                  "at most that", "cpu_burst");
  return {};
}

} // namespace reeve::config
