// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "supervisor/exit_reason.hpp"

#include <cerrno>
#include <csignal>
#include <cstring>

namespace reeve::supervisor {

namespace {

std::string signal_name(int signal) {
  // The np functions are tables: thread-safe and untranslated.
  const char* name = sigabbrev_np(signal);
  return name ? "SIG" + std::string{name} : "signal " + std::to_string(signal);
}

std::string error_text(int error) {
  const char* text = strerrordesc_np(error);
  const char* name = strerrorname_np(error);
  if (!text || !name)
    return "error " + std::to_string(error);
  return std::string{text} + " (" + name + ")";
}

std::string_view whose(oom_limit limit) {
  switch (limit) {
  case oom_limit::own:
    return " (limit of this container)";
  case oom_limit::ancestor:
    return " (limit of an enclosing container)";
  case oom_limit::host:
    return " (the host ran out)";
  case oom_limit::none:
  case oom_limit::unknown:
    break;
  }
  return "";
}

/// The end as the kernel told it, whatever we call it.
std::string describe_end(const exit_reason& reason) {
  if (reason.step == start_step::ready)
    return "was not ready in time";
  if (reason.step == start_step::needs)
    return reason.error == ETIMEDOUT ? "what it needs was not ready in time"
                                     : "what it needs does not run";
  if (reason.step != start_step::none)
    return "could not start: " + std::string{name_of(reason.step)} + ": "
           + error_text(reason.error);
  if (reason.limit != oom_limit::none)
    return "killed: out of memory" + std::string{whose(reason.limit)};
  if (reason.signal != 0)
    return "killed by " + signal_name(reason.signal)
           + (reason.core_dumped ? " (core dumped)" : "");
  return "exited " + std::to_string(reason.code);
}

bool has_bare_end(const exit_reason& reason) {
  return reason.step == start_step::none && reason.limit == oom_limit::none
         && reason.signal == 0 && reason.code == 0;
}

std::string with_end(std::string head, const exit_reason& reason) {
  return has_bare_end(reason) ? head : head + " (" + describe_end(reason) + ")";
}

} // namespace

exit_reason exit_reason::exited(int code) {
  return {.kind = exit_kind::exited, .code = code};
}

exit_reason exit_reason::signaled(int signal, bool core_dumped) {
  return {.kind = exit_kind::signaled,
          .signal = signal,
          .core_dumped = core_dumped};
}

exit_reason exit_reason::oom(oom_limit whose) {
  return {.kind = exit_kind::oom, .signal = SIGKILL, .limit = whose};
}

exit_reason exit_reason::start_failed(start_step step, int error) {
  return {.kind = exit_kind::start_failed, .step = step, .error = error};
}

exit_reason exit_reason::stopped(exit_reason how) {
  how.kind = exit_kind::stopped;
  return how;
}

exit_reason exit_reason::gave_up(exit_reason last) {
  last.kind = exit_kind::gave_up;
  return last;
}

exit_reason exit_reason::lost() {
  return {.kind = exit_kind::lost};
}

bool is_normal(const exit_reason& reason) {
  return reason.kind == exit_kind::stopped
         || (reason.kind == exit_kind::exited && reason.code == 0);
}

int shell_status(const exit_reason& reason) {
  constexpr auto not_ours = 125, cannot_execute = 126, not_found = 127;
  if (reason.step == start_step::exec)
    return reason.error == ENOENT ? not_found : cannot_execute;
  if (reason.step != start_step::none || reason.kind == exit_kind::lost)
    return not_ours;
  if (reason.signal != 0)
    return (128 + reason.signal) & 0xff;
  if (reason.kind == exit_kind::gave_up && reason.code == 0)
    return not_ours;
  return reason.code & 0xff;
}

std::string to_string(const exit_reason& reason) {
  switch (reason.kind) {
  case exit_kind::exited:
  case exit_kind::signaled:
  case exit_kind::oom:
  case exit_kind::start_failed:
    return describe_end(reason);
  case exit_kind::stopped:
    return with_end("stopped", reason);
  case exit_kind::gave_up:
    return with_end("gave up restarting", reason);
  case exit_kind::lost:
    return "lost";
  }
  return "unknown";
}

std::string_view name_of(exit_kind kind) {
  switch (kind) {
  case exit_kind::exited:
    return "exited";
  case exit_kind::signaled:
    return "signaled";
  case exit_kind::oom:
    return "oom";
  case exit_kind::start_failed:
    return "start_failed";
  case exit_kind::stopped:
    return "stopped";
  case exit_kind::gave_up:
    return "gave_up";
  case exit_kind::lost:
    return "lost";
  }
  return "unknown";
}

std::string_view name_of(oom_limit limit) {
  switch (limit) {
  case oom_limit::none:
    return "none";
  case oom_limit::own:
    return "own";
  case oom_limit::ancestor:
    return "ancestor";
  case oom_limit::host:
    return "host";
  case oom_limit::unknown:
    return "unknown";
  }
  return "unknown";
}

std::string_view name_of(start_step step) {
  switch (step) {
  case start_step::none:
    return "none";
  case start_step::order:
    return "order";
  case start_step::fork:
    return "fork";
  case start_step::cgroup:
    return "cgroup";
  case start_step::streams:
    return "streams";
  case start_step::credentials:
    return "credentials";
  case start_step::directory:
    return "directory";
  case start_step::exec:
    return "exec";
  case start_step::needs:
    return "needs";
  case start_step::ready:
    return "ready";
  }
  return "unknown";
}

} // namespace reeve::supervisor
