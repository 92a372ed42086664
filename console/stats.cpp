// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "console/spec_options.hpp"
#include "console/time_text.hpp"
#include "console/titled_line.hpp"
#include "console/verbs.hpp"
#include "kernel-iface/cgroup_file.hpp"

#include <array>
#include <chrono>
#include <cstdio>
#include <optional>
#include <string>

namespace reeve::console {

namespace {

using supervisor::container_stats;

std::string in_seconds(std::chrono::nanoseconds time) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.3f s",
                std::chrono::duration<double>{time}.count());
  return text.data();
}

std::string size_or_max(std::uint64_t bytes) {
  return bytes == kernel::no_limit ? "max" : human_size(bytes);
}

/// Lines "title  name value, name value".
class page {
public:
  explicit page(context& ctx) : ctx_(ctx) {}

  void line(std::string_view title, const std::string& text) {
    print_titled(ctx_.out, ctx_.style, title, text);
  }

private:
  context& ctx_;
};

void print_cpu(page& out, const kernel::cpu_stats& cpu) {
  out.line("cpu", in_seconds(cpu.usage) + ": " + in_seconds(cpu.user)
                      + " user, " + in_seconds(cpu.system) + " system");
  if (cpu.periods != 0)
    out.line("throttled", in_seconds(cpu.throttled) + ", in "
                              + std::to_string(cpu.throttled_periods) + " of "
                              + std::to_string(cpu.periods) + " periods");
}

void print_memory(page& out, const kernel::memory_stats& memory) {
  out.line("memory", human_size(memory.current) + " of "
                         + size_or_max(memory.limit) + ", peak "
                         + human_size(memory.peak));
  out.line("", human_size(memory.anon) + " anonymous: "
                   + human_size(memory.active_anon) + " active, "
                   + human_size(memory.inactive_anon) + " inactive");
  out.line("", human_size(memory.file)
                   + " of files: " + human_size(memory.active_file)
                   + " active, " + human_size(memory.inactive_file)
                   + " inactive, " + human_size(memory.shmem) + " shared");
  out.line("", human_size(memory.dirty) + " to be written, "
                   + human_size(memory.writeback) + " being written");
  out.line("swap", human_size(memory.swap));
  out.line("faults", std::to_string(memory.faults) + ", "
                         + std::to_string(memory.major_faults) + " major");
  out.line("limit hit", std::to_string(memory.limit_hits) + " times, "
                            + std::to_string(memory.oom_kills)
                            + " processes killed");
}

void print_disk(page& out, const kernel::disk_stats& disk) {
  out.line("disk", disk.device + ": " + human_size(disk.read_bytes) + " in "
                       + std::to_string(disk.reads) + " reads, "
                       + human_size(disk.written_bytes) + " in "
                       + std::to_string(disk.writes) + " writes");
}

void print_pressure(page& out, const char* resource,
                    const std::optional<kernel::pressure>& now) {
  if (!now)
    return;
  std::array<char, 160> text{};
  std::snprintf(
      text.data(), text.size(),
      "%s: some %.2f %.2f %.2f %%, full %.2f %.2f %.2f %% of the last "
      "10, 60 and 300 s",
      resource, now->some.avg10, now->some.avg60, now->some.avg300,
      now->full.avg10, now->full.avg60, now->full.avg300);
  out.line("pressure", text.data());
}

void print_process(page& out, const supervisor::process_stats& process) {
  const auto& stats = process.stats;
  out.line("process", process.process + " pid " + std::to_string(process.pid)
                          + ": " + in_seconds(stats.user + stats.system)
                          + " cpu, " + human_size(stats.resident)
                          + " resident, " + human_size(stats.swap) + " swap, "
                          + std::to_string(stats.threads)
                          + (stats.threads == 1 ? " thread, " : " threads, ")
                          + human_size(stats.read_bytes) + " read, "
                          + human_size(stats.written_bytes) + " written");
}

void print(context& ctx, const container_stats& all) {
  auto out = page{ctx};
  const auto& stats = all.stats;
  out.line("name", all.container);
  out.line("time", rfc3339(all.time_ms));
  if (stats.cpu)
    print_cpu(out, *stats.cpu);
  if (stats.memory)
    print_memory(out, *stats.memory);
  if (stats.pids)
    out.line("tasks", std::to_string(stats.pids->current));
  if (stats.disks)
    for (const auto& disk : *stats.disks)
      print_disk(out, disk);
  print_pressure(out, "cpu", stats.cpu_pressure);
  print_pressure(out, "memory", stats.memory_pressure);
  print_pressure(out, "io", stats.io_pressure);
  for (const auto& process : all.processes)
    print_process(out, process);
}

struct stats_options {
  std::string name;
  std::string delay = "1s";
  bool follow = false;
  std::int64_t period_ms = 0;
};

result<int> show(context& ctx, const stats_options& how) {
  auto request = supervisor::get_stats{how.name, true, 0};
  auto limit = poll_limit + std::chrono::milliseconds{how.period_ms};
  for (;; request.period_ms = how.period_ms) {
    auto answer = ctx.ask<container_stats>(
        request, "cannot get the statistics of container '" + how.name + "'",
        limit);
    if (!answer)
      return tl::make_unexpected(std::move(answer.error()));
    if (ctx.options.json)
      ctx.out << line_of(json_of(*answer));
    else
      print(ctx, *answer);
    if (how.follow && !ctx.options.json)
      ctx.out << '\n';
    ctx.out.flush();
    if (!how.follow || !ctx.out) // or nobody reads any more
      return status_ok;
  }
}

} // namespace

verb::check declare_stats(CLI::App& app) {
  auto given = std::make_shared<stats_options>();
  app.add_option("NAME", given->name, "name of the container")->required();
  app.add_flag("-f,--follow", given->follow, "go on, again and again");
  auto* delay = app.add_option("-d,--delay", given->delay,
                               "time from one to the next, 1s if not given");
  delay->type_name("TIME");
  return [given, delay](const program_arguments&) -> result<action> {
    if (auto done = check_container_name(given->name); !done)
      return tl::make_unexpected(std::move(done.error()));
    if (!delay->empty() && !given->follow)
      return refuse("--delay", "it is of --follow", "add -f");
    auto period = parse_delay(given->delay);
    if (!period)
      return tl::make_unexpected(std::move(period.error()));
    given->period_ms = period->count();
    return [given](context& ctx) { return show(ctx, *given); };
  };
}

} // namespace reeve::console
