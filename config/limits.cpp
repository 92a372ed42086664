// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "config/limits.hpp"

#include "config/names.hpp"
#include "config/number_list.hpp"
#include "config/text.hpp"
#include "config/units.hpp"

#include <array>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <type_traits>
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

constexpr auto most_bytes = std::uint64_t{1} << 60U; // v1 has an end at 2^63
constexpr auto most_swappiness = std::uint64_t{200};
constexpr auto most_io_weight = std::uint64_t{1000};
constexpr auto most_iops =
    std::uint64_t{0xffff'fffe}; // one more is the kernel's "max"

constexpr auto cpus_range = "0.01 to 65536 processors, or \"max\"";
constexpr auto pids_range = "1 to 4194304, or \"max\"";
constexpr auto weight_range = "a whole number from 1 to 10000";
constexpr auto memory_range = "1 byte to 1048576T, or \"max\"";
constexpr auto least_dirty = std::uint64_t{4} << 20U;
constexpr auto dirty_range = "4M to 1048576T, or \"max\"";
constexpr auto swap_range = "0 to 1048576T, or \"max\"";
constexpr auto swappiness_range = "a whole number from 0 to 200";
constexpr auto burst_range = "\"0\" to \"1h\", such as \"50ms\"";
constexpr auto rt_range = "0 to 1 of each processor, such as \"0.2\"";
constexpr auto bool_range = "true or false";
constexpr auto io_weight_range = "a whole number from 1 to 1000";
constexpr auto iops_range = "1 to 4294967294 per second";
constexpr auto policy_range = "a policy such as \"kill_group\"";
constexpr auto bps_range = "at least one byte per second";

// -- texts --------------------------------------------------------------------

result<std::uint64_t> parse_count(std::string_view text, const char* range) {
  auto value = std::uint64_t{0};
  auto last = text.data() + text.size();
  auto [end, err] = std::from_chars(text.data(), last, value);
  if (err != std::errc{} || end != last)
    return refuse(in_quotes(text) + " is not a whole number", range);
  return value;
}

template <const auto& Range>
result<std::uint64_t> count(std::string_view text) {
  return parse_count(text, Range);
}

std::string format_count(std::uint64_t value) {
  return std::to_string(value);
}

result<std::uint64_t> parse_burst(std::string_view text) {
  return parse_duration(text).map([](std::chrono::milliseconds time) {
    return static_cast<std::uint64_t>(time.count());
  });
}

std::string format_burst(std::uint64_t ms) {
  return format_duration(std::chrono::milliseconds{ms});
}

result<bool> parse_bool(std::string_view text) {
  if (text == "true" || text == "1")
    return true;
  if (text == "false" || text == "0")
    return false;
  return refuse(in_quotes(text) + " is neither", bool_range);
}

std::string format_bool(bool value) {
  return value ? "true" : "false";
}

template <unsigned Last>
result<std::string> parse_list(std::string_view text) {
  return parse_number_list(text, Last);
}

std::string format_list(const std::string& list) {
  return list;
}

result<amount_list> parse_bps(std::string_view text) {
  return parse_amount_list(text, check_device_name, parse_size);
}

result<amount_list> parse_iops(std::string_view text) {
  return parse_amount_list(text, check_device_name, count<iops_range>);
}

result<amount_list> parse_huge(std::string_view text) {
  return parse_amount_list(text, check_page_size, parse_size);
}

std::string format_sizes(const amount_list& list) {
  return format_amount_list(list, format_size);
}

std::string format_counts(const amount_list& list) {
  return format_amount_list(list, format_count);
}

// -- ranges -------------------------------------------------------------------

result<void> check_count(std::optional<std::uint64_t> value,
                         std::uint64_t least, std::uint64_t most,
                         const char* range) {
  if (value && (*value < least || *value > most))
    return refuse(std::to_string(*value) + " is out of range", range);
  return {};
}

template <class T>
result<void> must_be_limited(const limit_value<T>& in, const char* what,
                             const char* range) {
  if (in.is_unlimited())
    return refuse(std::string{"\"max\" is not "} + what, range);
  return {};
}

result<void> check_memory(const limits& in) {
  return check_count(in.memory_bytes.value(), 1, most_bytes, memory_range);
}

result<void> check_soft_memory(const limits& in) {
  return check_count(in.memory_soft_bytes.value(), 1, most_bytes, memory_range);
}

result<void> check_swap(const limits& in) {
  return check_count(in.swap_bytes.value(), 0, most_bytes, swap_range);
}

result<void> check_swappiness(const limits& in) {
  return must_be_limited(in.swappiness, "a swappiness", swappiness_range)
      .and_then([&in] {
        return check_count(in.swappiness.value(), 0, most_swappiness,
                           swappiness_range);
      });
}

result<void> check_cpus(const limits& in) {
  // Written so that a NaN is refused as well.
  if (auto cpus = in.cpus.value();
      cpus && !(*cpus >= least_cpus && *cpus <= most_cpus))
    return refuse(format_cpus(*cpus) + " is out of range", cpus_range);
  return {};
}

result<void> check_weight(const limits& in) {
  return must_be_limited(in.cpu_weight, "a weight", weight_range)
      .and_then([&in] {
        return check_count(in.cpu_weight.value(), 1, most_weight, weight_range);
      });
}

result<void> check_burst(const limits& in) {
  if (auto ms = in.cpu_burst_ms.value();
      ms && *ms > static_cast<std::uint64_t>(longest_burst.count()))
    return refuse(std::to_string(*ms) + "ms is out of range", burst_range);
  return must_be_limited(in.cpu_burst_ms, "a time", burst_range);
}

result<void> check_idle(const limits& in) {
  return must_be_limited(in.cpu_idle, "an answer", bool_range);
}

result<void> check_rt(const limits& in) {
  // Written so that a NaN is refused as well.
  if (auto part = in.cpu_rt.value(); part && !(*part >= 0 && *part <= 1))
    return refuse(format_cpus(*part) + " is out of range", rt_range);
  return must_be_limited(in.cpu_rt, "a part", rt_range);
}

// Of limits built in code.
template <auto Member, unsigned Last>
result<void> check_list(const limits& in) {
  auto text = (in.*Member).value();
  if (!text)
    return {};
  auto list = parse_number_list(*text, Last);
  if (!list)
    return tl::unexpected{list.error()};
  if (*list != *text)
    return refuse(in_quotes(*text) + " is not in order", in_quotes(*list));
  return {};
}

result<void> check_pids(const limits& in) {
  return check_count(in.pids.value(), 1, most_pids, pids_range);
}

result<void> check_io_weight(const limits& in) {
  return must_be_limited(in.io_weight, "a weight", io_weight_range)
      .and_then([&in] {
        return check_count(in.io_weight.value(), 1, most_io_weight,
                           io_weight_range);
      });
}

// Of limits built in code: names, order, and that there is something in it.
template <auto Member, auto Parse, auto Format>
result<void> check_amounts(const limits& in, std::uint64_t least,
                           std::uint64_t most, const char* range) {
  auto list = (in.*Member).value();
  if (!list)
    return {};
  for (const auto& item : *list)
    if (auto good = check_count(item.value, least, most, range); !good)
      return good;
  auto read = Parse(Format(*list));
  if (!read)
    return tl::unexpected{std::move(read.error())};
  if (*read != *list)
    return refuse(in_quotes(Format(*list)) + " is not in order",
                  in_quotes(Format(*read)));
  return {};
}

template <auto Member>
result<void> check_bps(const limits& in) {
  return check_amounts<Member, parse_bps, format_sizes>(in, 1, UINT64_MAX,
                                                        bps_range);
}

template <auto Member>
result<void> check_iops(const limits& in) {
  return check_amounts<Member, parse_iops, format_counts>(in, 1, most_iops,
                                                          iops_range);
}

result<void> check_huge(const limits& in) {
  return check_amounts<&limits::hugetlb_bytes, parse_huge, format_sizes>(
      in, 0, most_bytes, swap_range);
}

result<void> check_dirty(const limits& in) {
  return check_count(in.dirty_bytes.value(), least_dirty, most_bytes,
                     dirty_range);
}

result<void> check_policy(const limits& in) {
  auto good = must_be_limited(in.on_oom, "a policy", policy_range);
  auto policy = in.on_oom.value();
  return good && policy ? check_oom_policy(*policy) : good;
}

// -- the table ----------------------------------------------------------------

/// How one field of `limits` is read and written.
struct limit_text {
  result<void> (*parse)(limits&, std::string_view);
  std::string (*format)(const limits&);
  void (*clear)(limits&);
};

// `Of` is a member of `limits`, or a function that returns one.
template <auto Of, auto Parse, auto Format>
constexpr auto text_of =
    limit_text{[](limits& out, std::string_view text) -> result<void> {
                 auto& limit = std::invoke(Of, out);
                 using value_type = std::remove_reference_t<decltype(limit)>;
                 if (text == "max") {
                   limit = value_type::unlimited();
                   return {};
                 }
                 auto value = Parse(text);
                 if (!value)
                   return tl::unexpected{std::move(value.error())};
                 limit = value_type{std::move(*value)};
                 return {};
               },
               [](const limits& in) -> std::string {
                 const auto& limit = std::invoke(Of, in);
                 if (limit.is_absent())
                   return {};
                 return limit.is_unlimited() ? "max" : Format(*limit.value());
               },
               [](limits& out) { std::invoke(Of, out) = {}; }};

// In the order of `rlimit_names`.
constexpr auto rlimit_keys = std::to_array<limit_name>({
    {"rlimit.cpu", "rlimit_cpu"},
    {"rlimit.fsize", "rlimit_fsize"},
    {"rlimit.data", "rlimit_data"},
    {"rlimit.stack", "rlimit_stack"},
    {"rlimit.core", "rlimit_core"},
    {"rlimit.rss", "rlimit_rss"},
    {"rlimit.nproc", "rlimit_nproc"},
    {"rlimit.nofile", "rlimit_nofile"},
    {"rlimit.memlock", "rlimit_memlock"},
    {"rlimit.as", "rlimit_as"},
    {"rlimit.locks", "rlimit_locks"},
    {"rlimit.sigpending", "rlimit_sigpending"},
    {"rlimit.msgqueue", "rlimit_msgqueue"},
    {"rlimit.nice", "rlimit_nice"},
    {"rlimit.rtprio", "rlimit_rtprio"},
    {"rlimit.rttime", "rlimit_rttime"},
});

struct limit_row {
  limit_name name;
  const limit_text& text;
  result<void> (*check)(const limits&);
  std::string_view none = "max"; ///< of a group that nobody has limited
};

template <std::size_t Resource>
constexpr auto rlimit_of = [](auto& in) -> auto& {
  return in.rlimits[Resource];
};

template <std::size_t Resource>
std::string format_rlimit_of(const rlimit_pair& limit) {
  return format_rlimit(limit, Resource);
}

template <std::size_t Resource>
result<void> check_rlimit_of(const limits& in) {
  auto limit = in.rlimits[Resource].value();
  return limit ? check_rlimit(*limit) : result<void>{};
}

// The kernel's own is not "max".
template <std::size_t Resource>
constexpr auto rlimit_row = limit_row{
    rlimit_keys[Resource],
    text_of<rlimit_of<Resource>, parse_rlimit, format_rlimit_of<Resource>>,
    check_rlimit_of<Resource>, ""};

constexpr auto rows = std::to_array<limit_row>({
    {{"memory.limit", "memory"},
     text_of<&limits::memory_bytes, parse_size, format_size>,
     check_memory},
    {{"memory.swap", "swap"},
     text_of<&limits::swap_bytes, parse_size, format_size>,
     check_swap},
    {{"memory.swappiness", "swappiness"},
     text_of<&limits::swappiness, count<swappiness_range>, format_count>,
     check_swappiness,
     ""},
    {{"memory.soft", "memory_soft"},
     text_of<&limits::memory_soft_bytes, parse_size, format_size>,
     check_soft_memory},
    {{"cpu.limit", "cpus"},
     text_of<&limits::cpus, parse_cpus, format_cpus>,
     check_cpus},
    {{"cpu.burst", "cpu_burst"},
     text_of<&limits::cpu_burst_ms, parse_burst, format_burst>,
     check_burst,
     "0"},
    {{"cpu.weight", "cpu_weight"},
     text_of<&limits::cpu_weight, count<weight_range>, format_count>,
     check_weight,
     "100"},
    {{"cpu.idle", "cpu_idle"},
     text_of<&limits::cpu_idle, parse_bool, format_bool>,
     check_idle,
     "false"},
    {{"cpu.rt", "cpu_rt"},
     text_of<&limits::cpu_rt, parse_cpus, format_cpus>,
     check_rt,
     "0"},
    {{"cpuset.cpus", "cpuset_cpus"},
     text_of<&limits::cpuset_cpus, parse_list<last_cpu>, format_list>,
     check_list<&limits::cpuset_cpus, last_cpu>},
    {{"cpuset.mems", "cpuset_mems"},
     text_of<&limits::cpuset_mems, parse_list<last_node>, format_list>,
     check_list<&limits::cpuset_mems, last_node>},
    {{"pids.limit", "pids"},
     text_of<&limits::pids, count<pids_range>, format_count>,
     check_pids},
    {{"io.weight", "io_weight"},
     text_of<&limits::io_weight, count<io_weight_range>, format_count>,
     check_io_weight,
     "100"},
    {{"io.read_bps", "io_read_bps"},
     text_of<&limits::io_read_bps, parse_bps, format_sizes>,
     check_bps<&limits::io_read_bps>},
    {{"io.write_bps", "io_write_bps"},
     text_of<&limits::io_write_bps, parse_bps, format_sizes>,
     check_bps<&limits::io_write_bps>},
    {{"io.read_iops", "io_read_iops"},
     text_of<&limits::io_read_iops, parse_iops, format_counts>,
     check_iops<&limits::io_read_iops>},
    {{"io.write_iops", "io_write_iops"},
     text_of<&limits::io_write_iops, parse_iops, format_counts>,
     check_iops<&limits::io_write_iops>},
    {{"hugetlb.limit", "hugetlb"},
     text_of<&limits::hugetlb_bytes, parse_huge, format_sizes>,
     check_huge},
    {{"dirty.limit", "dirty"},
     text_of<&limits::dirty_bytes, parse_size, format_size>,
     check_dirty},
    {{"oom.policy", "oom_policy"},
     text_of<&limits::on_oom, parse_oom_policy, format_oom_policy>,
     check_policy,
     "kill"},
    rlimit_row<0>,
    rlimit_row<1>,
    rlimit_row<2>,
    rlimit_row<3>,
    rlimit_row<4>,
    rlimit_row<5>,
    rlimit_row<6>,
    rlimit_row<7>,
    rlimit_row<8>,
    rlimit_row<9>,
    rlimit_row<10>,
    rlimit_row<11>,
    rlimit_row<12>,
    rlimit_row<13>,
    rlimit_row<14>,
    rlimit_row<15>,
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
  auto others = std::span{known}.first(known.size() - rlimit_count);
  auto expected = "one of " + joined(others) + ", rlimit.NAME with a NAME of "
                  + joined(rlimit_names());
  if (auto near = nearest(key, known); !near.empty())
    expected.append(" (nearest: ").append(near).append(")");
  return refuse(in_quotes(key) + " is not a limit", std::move(expected));
}

} // namespace

std::span<const limit_name> limit_names() {
  return names;
}

std::string_view rlimit_key(std::size_t resource) {
  return rlimit_keys.at(resource).key;
}

result<void> set_key(limits& out, std::string_view key, std::string_view text) {
  auto row = find_row(key);
  if (!row)
    return tl::unexpected{row.error()};
  auto changed = out;
  auto done = (*row)->text.parse(changed, text);
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
  (*row)->text.clear(out);
  return {};
}

result<std::string> to_text(const limits& in, std::string_view key) {
  auto row = find_row(key);
  if (!row)
    return tl::unexpected{row.error()};
  return (*row)->text.format(in);
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
  if (in.memory_bytes.is_unlimited() && in.swap_bytes.value())
    return refuse("swap is limited beside a limit of memory only",
                  "\"max\", or a limit of memory", "swap");
  return {};
}

result<void> check_as_whole(const limits& in) {
  if (in.memory_bytes.is_absent() && in.swap_bytes.value())
    return refuse("swap is limited beside a limit of memory only",
                  "a limit of memory as well", "swap");
  return check_ranges(in);
}

bool is_none(const limits& in, std::string_view key) {
  auto row = find_row(key);
  return row && !(*row)->none.empty()
         && (*row)->text.format(in) == (*row)->none;
}

limits merged(limits into, const limits& change) {
  auto had_memory = into.memory_bytes.value().has_value();
  for (const auto& row : rows)
    if (auto text = row.text.format(change); !text.empty())
      static_cast<void>(row.text.parse(into, text)); // as it was formatted
  // Without a limit of memory there is none of swap, and with its first one a
  // container has no swap.
  if (change.swap_bytes.is_absent()
      && (!had_memory || !into.memory_bytes.value()))
    into.swap_bytes = {};
  return into;
}

} // namespace reeve::config
