// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "config/checks.hpp"
#include "config/names.hpp"
#include "config/text.hpp"
#include "config/units.hpp"
#include "config/validate.hpp"

#include <set>

namespace reeve::config {

namespace {

using namespace std::chrono_literals;

// The kernel's MAX_ARG_STRLEN (32 pages, the final NUL included) bounds one
// string. The bound on all of them is ours: the kernel's depends on the stack
// limit, and a holder takes a command in one message.
constexpr auto most_argument_bytes = std::size_t{128} << 10U;

// The program stands at `argv_at`, and its environment beside `at`.
void check_arguments(findings& out, const key_path& at, const key_path& argv_at,
                     const std::vector<std::string>& argv,
                     const std::vector<std::string>& env) {
  auto total = std::size_t{0};
  auto check_list = [&](const key_path& list_at,
                        const std::vector<std::string>& list) {
    for (std::size_t i = 0; i < list.size(); ++i) {
      check_text(out, list_at[i], list[i]);
      if (list[i].size() >= most_argument_bytes)
        out.refuse(list_at[i],
                   "found " + std::to_string(list[i].size()) + " bytes",
                   "at most " + std::to_string(most_argument_bytes - 1));
      total += list[i].size() + 1;
    }
  };
  if (argv.empty() || argv[0].empty())
    out.refuse(argv_at, "found no program", "a program and its arguments");
  check_list(argv_at, argv);
  check_list(at / "env", env);
  if (total > most_argument_bytes)
    out.refuse(argv_at,
               "argv and env take " + std::to_string(total)
                   + " bytes, a NUL after each string included",
               "at most " + std::to_string(most_argument_bytes));
  for (std::size_t i = 0; i < env.size(); ++i) {
    auto separator = env[i].find('=');
    out.expect(separator != std::string::npos && separator != 0,
               (at / "env")[i], env[i], "NAME=value");
  }
}

void check_user(findings& out, const key_path& at, std::string_view user) {
  auto separator = user.find(':');
  check_account(out, at, user.substr(0, separator));
  if (separator != user.npos)
    check_account(out, at, user.substr(separator + 1));
}

void check_rlimits(findings& out, const key_path& at,
                   const std::map<std::string, rlimit_pair>& rlimits) {
  for (const auto& [name, limit] : rlimits) {
    if (!rlimit_number(name))
      out.expect(false, at, name, "one of " + joined(rlimit_names()));
    if (auto good = check_rlimit(limit); !good)
      out.refuse(at / name, good.error().message, good.error().expected);
  }
}

void check_stdio(findings& out, const key_path& at, const process_spec& spec) {
  if (spec.stdio == stdio_mode::tty) {
    out.expect(spec.tty.rows > 0, at / "tty" / "rows", spec.tty.rows,
               "1 to 65535");
    out.expect(spec.tty.columns > 0, at / "tty" / "columns", spec.tty.columns,
               "1 to 65535");
  } else if (spec.tty != terminal_size{}) {
    out.refuse(at / "tty", "found a terminal size without a terminal",
               "stdio = \"tty\" beside it");
  }
  if (spec.stdin_open && spec.stdio == stdio_mode::null)
    out.refuse(at / "stdin_open", "found true beside stdio = \"null\"",
               "stdio = \"pipe\" or \"tty\"");
  if (spec.log.forward != log_forward::none && spec.stdio == stdio_mode::null)
    out.refuse(at / "log" / "forward", "found it beside stdio = \"null\"",
               "stdio = \"pipe\" or \"tty\"");
}

void check_rule(findings& out, const key_path& at, const restart_policy& policy,
                const restart_rule& rule) {
  if (rule.on.empty())
    out.refuse(at / "on", "found no end that the rule is about",
               "at least one, such as \"exit:64\" or \"oom\"");
  if (!rule.restart && !rule.max_restarts)
    out.refuse(at, "found a rule that changes nothing",
               "restart or max_restarts beside on");
  if (rule.max_restarts && rule.restart == false)
    out.refuse(at / "max_restarts", "found beside restart = false",
               "one of them");
  if (rule.max_restarts && *rule.max_restarts > policy.max_restarts)
    out.expect(false, at / "max_restarts", *rule.max_restarts,
               "at most the policy's own max_restarts, which is "
                   + std::to_string(policy.max_restarts));
}

void check_restart(findings& out, const key_path& at,
                   const restart_policy& policy) {
  check_duration(out, at / "window", policy.window, 1ms);
  check_duration(out, at / "backoff_min", policy.backoff_min, 0ms);
  check_duration(out, at / "backoff_max", policy.backoff_max, 0ms);
  if (policy.backoff_min > policy.backoff_max)
    out.refuse(
        at / "backoff_min", "found " + format_duration(policy.backoff_min),
        "at most backoff_max, which is " + format_duration(policy.backoff_max));
  check_number(out, at / "backoff_factor", policy.backoff_factor, 1, 1000);
  check_number(out, at / "jitter", policy.jitter, 0, 1);
  check_duration(out, at / "reset_after", policy.reset_after, 0ms);
  for (std::size_t i = 0; i < policy.rules.size(); ++i)
    check_rule(out, (at / "rules")[i], policy, policy.rules[i]);
}

// Numbers below are standard streams, numbers above may be beyond the limit of
// open files.
constexpr auto first_ready_fd = 3U;
constexpr auto last_ready_fd = 255U;

void check_readiness(findings& out, const key_path& at,
                     const process_spec& spec) {
  const auto& ready = *spec.ready;
  auto ways = (ready.fd ? 1 : 0) + (ready.port ? 1 : 0)
              + (ready.command.empty() ? 0 : 1) + (ready.exit ? 1 : 0);
  if (ways != 1)
    out.refuse(at,
               ways == 0 ? "found nothing that tells it"
                         : "found more than one way to tell it",
               "one of fd, port, command and exit");
  if (ready.fd)
    out.expect(*ready.fd >= first_ready_fd && *ready.fd <= last_ready_fd,
               at / "fd", *ready.fd, "3 to 255");
  if (ready.port)
    out.expect(*ready.port != 0, at / "port", *ready.port, "1 to 65535");
  if (!ready.command.empty())
    check_arguments(out, at, at / "command", ready.command, spec.env);
  check_duration(out, at / "timeout", ready.timeout, 1ms);
  check_duration(out, at / "interval", ready.interval, 10ms);
}

void check_after(findings& out, const key_path& at, const process_spec& spec) {
  auto seen = std::set<std::string_view>{};
  for (std::size_t i = 0; i < spec.after.size(); ++i) {
    const auto& id = spec.after[i];
    check_name_part(out, at[i], id);
    out.expect(id != spec.id, at[i], id, "another process than this one");
    out.expect(seen.insert(id).second, at[i], id, "each process once");
  }
}

} // namespace

void check_process(findings& out, const key_path& at,
                   const process_spec& spec) {
  check_name_part(out, at / "id", spec.id);
  check_arguments(out, at, at / "argv", spec.argv, spec.env);
  check_path(out, at / "cwd", spec.cwd);
  check_user(out, at / "user", spec.user);
  for (std::size_t i = 0; i < spec.groups.size(); ++i)
    check_account(out, (at / "groups")[i], spec.groups[i]);
  check_rlimits(out, at / "rlimits", spec.rlimits);
  if (spec.capabilities)
    check_capabilities(out, at / "capabilities", *spec.capabilities,
                       all_keyword::refused);
  if (auto adj = spec.oom_score_adj)
    out.expect(*adj >= -1000 && *adj <= 1000, at / "oom_score_adj", *adj,
               "-1000 to 1000");
  if (auto mask = spec.umask; mask && *mask > 0777)
    out.refuse(at / "umask", "found bits beyond 0777", "at most \"777\"");
  check_stdio(out, at, spec);
  out.expect(spec.log.max_size >= 4096, at / "log" / "max_size",
             spec.log.max_size, "at least 4K");
  out.expect(spec.log.max_files >= 1 && spec.log.max_files <= 1000,
             at / "log" / "max_files", spec.log.max_files, "1 to 1000");
  check_restart(out, at / "restart", spec.restart);
  check_after(out, at / "after", spec);
  check_duration(out, at / "after_timeout", spec.after_timeout, 1ms);
  if (spec.ready)
    check_readiness(out, at / "ready", spec);
  if (!spec.group.empty())
    check_name_part(out, at / "group", spec.group);
  out.expect(signal_number(spec.stop_signal).has_value(), at / "stop_signal",
             spec.stop_signal, "a signal such as SIGTERM, or 1 to 64");
  check_duration(out, at / "stop_grace", spec.stop_grace, 0ms);
}

result<void> validate(const process_spec& spec) {
  auto out = findings{};
  check_process(out, key_path{"process"}, spec);
  return std::move(out).verdict();
}

} // namespace reeve::config
