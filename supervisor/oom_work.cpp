// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "supervisor/oom_work.hpp"

#include "kernel-iface/cgroup_limits.hpp"
#include "kernel-iface/cgroup_oom.hpp"
#include "kernel-iface/cgroup_stats.hpp"
#include "kernel-iface/oom_victim.hpp"
#include "kernel-iface/process_stats.hpp"

#include <cerrno>
#include <chrono>
#include <utility>

namespace reeve::supervisor {

namespace {

using kernel::result;
using namespace std::chrono_literals;

// One that is stuck in the kernel does not end.
constexpr auto patience = 5s;

result<oom_figures> read_figures(const kernel::container_cgroup& group) {
  auto stats = kernel::stats_reader{group}.read();
  if (!stats)
    return tl::make_unexpected(std::move(stats.error()));
  oom_figures out;
  if (const auto& memory = stats->memory) {
    out.in_use = memory->current;
    out.swap = memory->swap;
    out.anon = memory->anon;
    out.file = memory->file;
  }
  // Not that of the groups above, which v1's statistics have.
  if (auto limits = kernel::get_memory_limits(group))
    out.limit = limits->memory;
  auto victims = kernel::oom_victims(group);
  if (!victims || victims->empty())
    return out;
  out.processes = static_cast<std::uint32_t>(victims->size());
  out.largest_pid = victims->front();
  if (auto process = kernel::read_process_stats(out.largest_pid))
    out.largest_bytes = process->resident + process->swap;
  return out;
}

} // namespace

result<oom_look> look_at_memory(const kernel::container_cgroup& group) {
  auto is_out = kernel::is_out_of_memory(group);
  if (!is_out)
    return tl::make_unexpected(std::move(is_out.error()));
  if (!*is_out)
    return oom_look{};
  return read_figures(group).map([](const oom_figures& figures) {
    return oom_look{true, figures};
  });
}

result<pid_t> kill_largest(const kernel::container_cgroup& group,
                           oom_witness& witness) {
  auto victims = kernel::oom_victims(group);
  if (!victims)
    return tl::make_unexpected(std::move(victims.error()));
  // The kernel may have been faster, or one has ended by itself.
  auto need = kernel::get_memory_need(group);
  if (need && *need != kernel::memory_need::real)
    return pid_t{0};
  pid_t stuck = 0;
  for (auto pid : *victims) {
    witness.expect(pid); // its end may be told before we go on
    auto pidfd = kernel::kill_member(group, pid);
    if (!pidfd)
      return tl::make_unexpected(std::move(pidfd.error()));
    if (!*pidfd)
      continue; // it went by itself
    if (kernel::ends_until(pidfd->get(),
                           std::chrono::steady_clock::now() + patience))
      return pid;
    stuck = pid; // and is no help: the next one
  }
  if (stuck != 0)
    return stuck;
  return kernel::make_error(ESRCH, "free memory of", "'" + group.id() + "'",
                            "it has no process that may be killed for it "
                            "(oom_score_adj -1000)");
}

} // namespace reeve::supervisor
