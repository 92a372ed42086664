// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/cgroup_stats.hpp"

#include "kernel-iface/cgroup_file.hpp"
#include "kernel-iface/cgroup_limits.hpp"
#include "kernel-iface/cgroup_resources.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <map>
#include <utility>

namespace reeve::kernel {

namespace {

using std::chrono::microseconds;
using std::chrono::nanoseconds;
using sv = std::string_view;

/// What a snapshot reads, in this order.
enum class source : std::uint8_t {
  cpu_usage, // v1: three numbers; v2 has them in cpu.stat
  cpu_user,
  cpu_system,
  cpu_stat,
  memory_current,
  memory_peak,
  memory_limit, // v2; v1 has it in memory.stat
  memory_swap,  // the same
  memory_stat,
  memory_events,
  memory_hits, // v1; v2 has it in memory.events
  disks,
  disk_operations, // v1; v2 has them in the same lines
  pids,
  cpu_pressure, // from cgroup2, which hybrid has as well
  memory_pressure,
  io_pressure,
};

constexpr auto sources = static_cast<std::size_t>(source::io_pressure) + 1;

struct source_file {
  controller which;
  const char* v1; ///< null: none
  const char* v2;
};

constexpr auto files = std::array<source_file, sources>{{
    {controller::cpuacct, "cpuacct.usage", nullptr},
    {controller::cpuacct, "cpuacct.usage_user", nullptr},
    {controller::cpuacct, "cpuacct.usage_sys", nullptr},
    {controller::cpu, "cpu.stat", "cpu.stat"},
    {controller::memory, "memory.usage_in_bytes", "memory.current"},
    {controller::memory, "memory.max_usage_in_bytes", "memory.peak"},
    {controller::memory, nullptr, "memory.max"},
    {controller::memory, nullptr, "memory.swap.current"},
    {controller::memory, "memory.stat", "memory.stat"},
    {controller::memory, "memory.oom_control", "memory.events"},
    {controller::memory, "memory.failcnt", nullptr},
    {controller::blkio, "blkio.throttle.io_service_bytes_recursive", "io.stat"},
    {controller::blkio, "blkio.throttle.io_serviced_recursive", nullptr},
    {controller::pids, "pids.current", "pids.current"},
    {controller::cpu, "cpu.pressure", "cpu.pressure"},
    {controller::memory, "memory.pressure", "memory.pressure"},
    {controller::blkio, "io.pressure", "io.pressure"},
}};

constexpr bool is_pressure(source which) {
  return which >= source::cpu_pressure;
}

/// The first line of a text, which loses it.
sv take_line(sv& text) {
  auto line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(text.size(), line.size() + 1));
  return line;
}

std::uint64_t number_at_end(sv line) {
  auto value = std::uint64_t{0};
  auto at = line.rfind(' ');
  if (at != sv::npos)
    std::from_chars(line.data() + at + 1, line.data() + line.size(), value);
  return value;
}

std::uint64_t field_of(sv text, sv key) {
  return find_field(text, key).value_or(0);
}

struct memory_field {
  sv v1; ///< of the whole subtree
  sv v2;
  std::uint64_t memory_stats::*to;
};

// Kernel doc: cgroup-v1/memory.rst, cgroup-v2.rst.
constexpr auto memory_fields = std::to_array<memory_field>({
    {"hierarchical_memory_limit", "", &memory_stats::limit},
    {"total_swap", "", &memory_stats::swap},
    {"total_rss", "anon", &memory_stats::anon},
    {"total_cache", "file", &memory_stats::file},
    {"total_shmem", "shmem", &memory_stats::shmem},
    {"total_active_anon", "active_anon", &memory_stats::active_anon},
    {"total_inactive_anon", "inactive_anon", &memory_stats::inactive_anon},
    {"total_active_file", "active_file", &memory_stats::active_file},
    {"total_inactive_file", "inactive_file", &memory_stats::inactive_file},
    {"total_dirty", "file_dirty", &memory_stats::dirty},
    {"total_writeback", "file_writeback", &memory_stats::writeback},
    {"total_pgfault", "pgfault", &memory_stats::faults},
    {"total_pgmajfault", "pgmajfault", &memory_stats::major_faults},
});

void parse_memory(sv text, bool is_v2, memory_stats& out) {
  while (!text.empty()) {
    auto line = take_line(text);
    auto name = line.substr(0, line.find(' '));
    for (const auto& field : memory_fields)
      if (name == (is_v2 ? field.v2 : field.v1)) {
        out.*field.to = number_at_end(line);
        break;
      }
  }
}

/// "some avg10=0.00 avg60=0.00 avg300=0.00 total=0", and a line "full".
pressure parse_pressure(sv text) {
  pressure out;
  while (!text.empty()) {
    auto words = split_words(take_line(text));
    if (words.size() != 5)
      continue;
    auto value = [&words](std::size_t at, auto& to) {
      auto word = words[at];
      word.remove_prefix(std::min(word.size(), word.find('=') + 1));
      std::from_chars(word.data(), word.data() + word.size(), to);
    };
    auto& line = words[0] == "full" ? out.full : out.some;
    auto total = std::uint64_t{0};
    value(1, line.avg10);
    value(2, line.avg60);
    value(3, line.avg300);
    value(4, total);
    line.total = microseconds{total};
  }
  return out;
}

using disk_map = std::map<std::string, disk_stats, std::less<>>;

/// v1: "8:0 Read 4096", and other words. The last line has no device.
void parse_disks_v1(sv text, std::uint64_t disk_stats::*reads,
                    std::uint64_t disk_stats::*writes, disk_map& out) {
  while (!text.empty()) {
    auto words = split_words(take_line(text));
    if (words.size() != 3)
      continue;
    auto value = parse_number(words[2]).value_or(0);
    if (words[1] == "Read")
      out[std::string{words[0]}].*reads = value;
    else if (words[1] == "Write")
      out[std::string{words[0]}].*writes = value;
  }
}

/// v2: "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6".
void parse_disks_v2(sv text, disk_map& out) {
  constexpr auto words_of =
      std::to_array<std::pair<sv, std::uint64_t disk_stats::*>>({
          {"rbytes=", &disk_stats::read_bytes},
          {"wbytes=", &disk_stats::written_bytes},
          {"rios=", &disk_stats::reads},
          {"wios=", &disk_stats::writes},
      });
  while (!text.empty()) {
    auto words = split_words(take_line(text));
    if (words.size() < 2)
      continue;
    auto& disk = out[std::string{words[0]}];
    for (auto word : words)
      for (const auto& [name, to] : words_of)
        if (word.starts_with(name))
          disk.*to = parse_number(word.substr(name.size())).value_or(0);
  }
}

/// A device is listed for ever once it was used, also with nothing.
bool has_done_something(const disk_stats& disk) {
  return disk.reads != 0 || disk.writes != 0;
}

} // namespace

struct stats_reader::state {
  struct file {
    unique_fd fd;
    bool is_missing = false;
    sv text; ///< in `buffer`
  };

  container_cgroup group;
  bool is_v2;
  std::array<file, sources> opened;
  std::string buffer;
  std::map<std::string, std::string, std::less<>> devices; ///< numbers to path

  [[nodiscard]] const char* name_of(source which) const {
    const auto& item = files[static_cast<std::size_t>(which)];
    return is_v2 || is_pressure(which) ? item.v2 : item.v1;
  }

  [[nodiscard]] result<cgroup_dir> dir_of(source which) const {
    return is_pressure(which)
               ? group.bpf_dir()
               : group.limits_dir(files[static_cast<std::size_t>(which)].which);
  }

  file& at(source which) {
    return opened[static_cast<std::size_t>(which)];
  }

  /// Its text, at the end of the buffer. No text where the machine has none.
  result<void> fill(source which) {
    auto& to = at(which);
    to.text = {};
    if (to.is_missing || name_of(which) == nullptr)
      return {};
    auto done = to.fd ? result<void>{} : open(which, to);
    if (done && to.fd)
      done = append(which, to);
    // Neither the controller, nor pressure (psi=0), nor swap is everywhere.
    auto is_missing =
        !done
        && (done.error().code == ENOENT || done.error().code == ENODEV
            || done.error().code == EOPNOTSUPP);
    if (!is_missing)
      return done;
    to.is_missing = true;
    to.fd.reset();
    return {};
  }

  result<void> open(source which, file& to) const {
    auto dir = dir_of(which);
    if (!dir)
      return tl::make_unexpected(std::move(dir.error()));
    return open_file(*dir, name_of(which), O_RDONLY).map([&to](unique_fd fd) {
      to.fd = std::move(fd);
    });
  }

  result<void> append(source which, file& to) {
    constexpr auto room = std::size_t{16} << 10U;
    auto begin = buffer.size();
    for (;;) {
      auto have = buffer.size();
      buffer.resize(have + room);
      auto size = ::pread(to.fd.get(), buffer.data() + have, room,
                          static_cast<off_t>(have - begin));
      buffer.resize(have
                    + static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
      if (size < 0)
        return last_error("read", name_of(which));
      if (static_cast<std::size_t>(size) < room)
        break;
    }
    lengths[static_cast<std::size_t>(which)] = buffer.size() - begin;
    return {};
  }

  std::array<std::size_t, sources> lengths{};
  nanoseconds taken{}; ///< just before the processor time, which is read first

  result<void> fill_all() {
    buffer.clear();
    lengths = {};
    taken = std::chrono::steady_clock::now().time_since_epoch();
    for (std::size_t i = 0; i < sources; ++i)
      if (auto done = fill(static_cast<source>(i)); !done)
        return done;
    auto begin = std::size_t{0};
    for (std::size_t i = 0; i < sources; ++i) { // it does not move any more
      opened[i].text = sv{buffer}.substr(begin, lengths[i]);
      begin += lengths[i];
    }
    return {};
  }

  [[nodiscard]] sv text(source which) {
    return at(which).text;
  }

  [[nodiscard]] std::uint64_t number(source which) {
    return parse_number(text(which)).value_or(0);
  }

  std::optional<cpu_stats> cpu() {
    auto stat = text(source::cpu_stat);
    if (stat.empty())
      return std::nullopt;
    cpu_stats out;
    out.periods = field_of(stat, "nr_periods");
    out.throttled_periods = field_of(stat, "nr_throttled");
    if (is_v2) {
      out.usage = microseconds{field_of(stat, "usage_usec")};
      out.user = microseconds{field_of(stat, "user_usec")};
      out.system = microseconds{field_of(stat, "system_usec")};
      out.throttled = microseconds{field_of(stat, "throttled_usec")};
    } else {
      out.usage = nanoseconds{number(source::cpu_usage)};
      out.user = nanoseconds{number(source::cpu_user)};
      out.system = nanoseconds{number(source::cpu_system)};
      out.throttled = nanoseconds{field_of(stat, "throttled_time")};
    }
    return out;
  }

  std::optional<memory_stats> memory() {
    if (text(source::memory_current).empty())
      return std::nullopt;
    memory_stats out;
    out.limit = no_limit;
    parse_memory(text(source::memory_stat), is_v2, out);
    out.current = number(source::memory_current);
    out.peak = number(source::memory_peak);
    auto events = text(source::memory_events);
    out.oom_kills = field_of(events, "oom_kill");
    if (is_v2) {
      out.limit = parse_number(text(source::memory_limit)).value_or(no_limit);
      out.swap = number(source::memory_swap);
      out.limit_hits = field_of(events, "max");
    } else {
      out.limit = out.limit >= v1_unlimited ? no_limit : out.limit;
      out.limit_hits = number(source::memory_hits);
    }
    return out;
  }

  std::optional<std::vector<disk_stats>> disks() {
    if (at(source::disks).is_missing)
      return std::nullopt;
    disk_map found;
    if (is_v2) {
      parse_disks_v2(text(source::disks), found);
    } else {
      parse_disks_v1(text(source::disks), &disk_stats::read_bytes,
                     &disk_stats::written_bytes, found);
      parse_disks_v1(text(source::disk_operations), &disk_stats::reads,
                     &disk_stats::writes, found);
    }
    std::vector<disk_stats> out;
    for (auto& [numbers, disk] : found) {
      if (!has_done_something(disk))
        continue;
      auto& path = devices[numbers];
      if (path.empty())
        path = device_path(numbers);
      disk.device = path;
      out.push_back(std::move(disk));
    }
    return out;
  }

  std::optional<pressure> pressure_on(source which) {
    auto lines = text(which);
    return lines.empty() ? std::nullopt : std::optional{parse_pressure(lines)};
  }
};

stats_reader::stats_reader(container_cgroup group)
    : state_(new state{std::move(group), false, {}, {}, {}, {}}) {
  state_->is_v2 = state_->group.mode() == cgroup_mode::v2;
}

stats_reader::stats_reader(stats_reader&&) noexcept = default;
stats_reader& stats_reader::operator=(stats_reader&&) noexcept = default;
stats_reader::~stats_reader() = default;

unsigned stats_reader::most_descriptors() const {
  return static_cast<unsigned>(
      std::count_if(files.begin(), files.end(), [this](const auto& item) {
        return (state_->is_v2 ? item.v2 : item.v1) != nullptr;
      }));
}

result<container_stats> stats_reader::read(bool keeps) {
  auto done = state_->fill_all();
  container_stats out;
  out.taken = state_->taken;
  if (done) {
    out.cpu = state_->cpu();
    out.memory = state_->memory();
    out.pids = state_->text(source::pids).empty()
                   ? std::nullopt
                   : std::optional{pids_stats{state_->number(source::pids)}};
    out.disks = state_->disks();
    out.cpu_pressure = state_->pressure_on(source::cpu_pressure);
    out.memory_pressure = state_->pressure_on(source::memory_pressure);
    out.io_pressure = state_->pressure_on(source::io_pressure);
  }
  auto id = state_->group.id();
  auto is_kept = keeps && done;
  if (!is_kept)
    close();
  if (!done)
    return tl::make_unexpected(std::move(done.error()));
  if (!out.cpu && !out.memory && !out.pids) {
    close();
    return make_error(ENOENT, "read the statistics of cgroup", "'" + id + "'",
                      "it is gone, or the machine has none of the controllers "
                      "cpu, memory and pids");
  }
  return out;
}

void stats_reader::close() {
  for (auto& item : state_->opened)
    item = {};
}

} // namespace reeve::kernel
