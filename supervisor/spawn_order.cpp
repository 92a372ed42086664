// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "supervisor/spawn_order.hpp"

#include "config/names.hpp"
#include "config/serialize.hpp"

#include <sys/resource.h>
#include <sys/wait.h>

#include <algorithm>
#include <map>
#include <vector>

namespace reeve::supervisor {

using kernel::holder::spawn_order;
using kernel::holder::spawn_step;
using kernel::holder::stdio_mode;

namespace {

static_assert(config::rlimit_pair::unlimited == RLIM_INFINITY);

stdio_mode mode_of(config::stdio_mode mode) {
  switch (mode) {
  case config::stdio_mode::null:
    return stdio_mode::null;
  case config::stdio_mode::pipe:
    return stdio_mode::pipes;
  case config::stdio_mode::tty:
    return stdio_mode::tty;
  }
  return stdio_mode::null;
}

} // namespace

std::vector<kernel::holder::rlimit_entry>
rlimits_of(const config::process_spec& spec,
           const config::rlimit_list& container) {
  std::map<std::uint32_t, config::rlimit_pair> all;
  for (const auto& [name, limit] : spec.rlimits)
    if (auto number = config::rlimit_number(name))
      all[static_cast<std::uint32_t>(*number)] = limit;
  for (auto i = 0U; i < container.size(); ++i) {
    if (container[i].is_absent())
      continue;
    auto bound = container[i].value().value_or(config::rlimit_pair{});
    auto [own, is_new] = all.try_emplace(i, bound);
    if (!is_new)
      own->second = {std::min(own->second.soft, bound.hard),
                     std::min(own->second.hard, bound.hard)};
  }
  std::vector<kernel::holder::rlimit_entry> out;
  for (const auto& [resource, limit] : all)
    out.push_back({resource, limit.soft, limit.hard});
  return out;
}

spawn_order make_spawn_order(std::uint64_t process,
                             const config::process_spec& spec,
                             const run_notes& notes,
                             const container_bounds& container) {
  spawn_order out;
  out.process = process;
  out.spec = to_text(spec, notes);
  out.argv = spec.argv;
  out.env = spec.env;
  out.cwd = spec.cwd;
  out.user = spec.user;
  out.groups = spec.groups;
  out.rlimits = rlimits_of(spec, container.rlimits);
  auto caps = container.capabilities;
  if (spec.capabilities)
    if (auto wanted = kernel::capability_set::parse(*spec.capabilities))
      caps = *wanted & container.capabilities;
  out.capabilities = caps.bits();
  out.no_new_privs = spec.no_new_privs;
  if (spec.umask)
    out.umask = *spec.umask;
  if (spec.oom_score_adj)
    out.oom_score_adj = *spec.oom_score_adj;
  if (spec.ready && spec.ready->fd)
    out.ready_fd = *spec.ready->fd;
  out.stdio = mode_of(spec.stdio);
  out.has_stdin = spec.stdin_open;
  out.rows = spec.tty.rows;
  out.cols = spec.tty.columns;
  return out;
}

exit_reason reason_of(const kernel::holder::end_of_process& end) {
  if (WIFSIGNALED(end.wait_status))
    return exit_reason::signaled(WTERMSIG(end.wait_status),
                                 WCOREDUMP(end.wait_status));
  return exit_reason::exited(WEXITSTATUS(end.wait_status));
}

start_step step_of(spawn_step step) {
  switch (step) {
  case spawn_step::fork:
    return start_step::fork;
  case spawn_step::join_cgroup:
    return start_step::cgroup;
  case spawn_step::session:
  case spawn_step::terminal:
  case spawn_step::stdio:
    return start_step::streams;
  case spawn_step::resolve_user:
  case spawn_step::set_rlimit:
  case spawn_step::set_groups:
  case spawn_step::set_user:
  case spawn_step::set_capabilities:
  case spawn_step::set_seccomp:
  case spawn_step::set_oom_score:
    return start_step::credentials;
  case spawn_step::change_directory:
    return start_step::directory;
  case spawn_step::execute:
    return start_step::exec;
  }
  return start_step::order;
}

const char* words_for(spawn_step step) {
  switch (step) {
  case spawn_step::fork:
    return "fork";
  case spawn_step::join_cgroup:
    return "join the container's cgroup";
  case spawn_step::session:
    return "make a session";
  case spawn_step::terminal:
    return "open a terminal";
  case spawn_step::stdio:
    return "connect standard streams";
  case spawn_step::resolve_user:
    return "find in the container's /etc/passwd or /etc/group:";
  case spawn_step::set_rlimit:
    return "set";
  case spawn_step::set_groups:
    return "set supplementary groups";
  case spawn_step::set_user:
    return "change to user or group";
  case spawn_step::set_capabilities:
    return "drop capabilities";
  case spawn_step::set_seccomp:
    return "install seccomp";
  case spawn_step::change_directory:
    return "change the directory to";
  case spawn_step::execute:
    return "execute";
  case spawn_step::set_oom_score:
    return "set oom_score_adj to";
  }
  return "start";
}

} // namespace reeve::supervisor
