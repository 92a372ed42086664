// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// What a process really may have: of a container, from the daemon; of any
// other, from the kernel, without one.

#include "kernel-iface/effective_limits.hpp"

#include "config/text.hpp"
#include "config/units.hpp"
#include "console/key_value.hpp"
#include "console/spec_options.hpp"
#include "console/time_text.hpp"
#include "console/verbs.hpp"
#include "kernel-iface/cgroup_file.hpp"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace reeve::console {

namespace {

using kernel::effective_limit;

bool is_in_bytes(const std::string& resource) {
  constexpr const char* all[] = {
      "memory",       "swap",           "rlimit.fsize", "rlimit.data",
      "rlimit.stack", "rlimit.core",    "rlimit.rss",   "rlimit.memlock",
      "rlimit.as",    "rlimit.msgqueue"};
  return std::ranges::find(all, resource) != std::end(all);
}

std::string value_text(const effective_limit& limit) {
  auto text = std::string{limit.is_exact ? "" : "~"};
  if (limit.value == kernel::no_limit)
    return text + "max";
  if (limit.resource == "cpu")
    return text + config::format_cpus(static_cast<double>(limit.value) / 1000);
  if (is_in_bytes(limit.resource))
    return text + human_size(limit.value);
  return text + std::to_string(limit.value);
}

// Both of a resource are one line if they are from the same source.
std::string text_of(const std::vector<effective_limit>& all, bool shows_all,
                    const output_style& how) {
  auto rows = table{{"RESOURCE", "SOFT", "HARD", "SOURCE"}};
  for (auto i = std::size_t{0}; i < all.size(); ++i) {
    const auto& one = all[i];
    const auto* other = i + 1 < all.size()
                                && all[i + 1].resource == one.resource
                                && all[i + 1].source == one.source
                            ? &all[i + 1]
                            : nullptr;
    auto is_limited = one.value != kernel::no_limit
                      || (other != nullptr && other->value != kernel::no_limit);
    std::string soft;
    std::string hard;
    (one.is_hard ? hard : soft) = value_text(one);
    if (other != nullptr) {
      (other->is_hard ? hard : soft) = value_text(*other);
      ++i;
    }
    if (is_limited || shows_all)
      rows.add({{one.resource}, {soft}, {hard}, {one.source}});
  }
  return rows.text(how);
}

struct options {
  std::string whose;
  std::string process;
  bool shows_all = false;
  bool follow = false;
};

void print(context& ctx, const std::vector<effective_limit>& all,
           const options& how) {
  ctx.report(all, ctx.options.json ? std::string{}
                                   : text_of(all, how.shows_all, ctx.style));
  ctx.out.flush();
}

result<int> of_any(context& ctx, pid_t pid, const options& how) {
  auto what = "cannot tell the limits of process " + std::to_string(pid);
  auto mounts = kernel::cgroup_mounts::probe();
  if (!mounts)
    return tl::make_unexpected(
        failure{status_own_error, what, to_string(mounts.error()), ""});
  auto all = kernel::effective_limits_of(*mounts, pid);
  if (!all)
    return tl::make_unexpected(
        failure{status_own_error, what, to_string(all.error()), ""});
  print(ctx, *all, how);
  return status_ok;
}

/// With `follow` until there is nothing to tell any more, or nobody reads.
result<int> of_container(context& ctx, const options& how) {
  auto request =
      supervisor::get_effective_limits{how.whose, how.process, {}, 0};
  for (auto is_first = true;; is_first = false) {
    auto answer = ctx.ask<supervisor::effective_limits>(
        request, "cannot tell the limits of container '" + how.whose + "'",
        poll_limit);
    if (!answer)
      return tl::make_unexpected(std::move(answer.error()));
    if (answer->limits != request.seen) {
      if (!is_first && !ctx.options.json)
        ctx.out << '\n';
      print(ctx, answer->limits, how);
    }
    if (!how.follow || !ctx.out)
      return status_ok;
    request.seen = std::move(answer->limits);
    request.wait_ms = poll_wait.count();
  }
}

/// Digits alone are no name here.
std::optional<pid_t> as_pid(const std::string& text) {
  auto pid = pid_t{0};
  auto last = text.data() + text.size();
  auto [end, err] = std::from_chars(text.data(), last, pid);
  if (err != std::errc{} || end != last || pid <= 0)
    return std::nullopt;
  return pid;
}

} // namespace

verb::check declare_limits(CLI::App& app) {
  auto given = std::make_shared<options>();
  app.add_option("NAME", given->whose,
                 "name of a container, or a pid, which needs no daemon; "
                 "without: of this process");
  app.add_option("PROC", given->process,
                 "a process of the container; without: one that is started "
                 "now");
  app.add_flag("-a,--all", given->shows_all, "also what nothing limits");
  app.add_flag("-f,--follow", given->follow,
               "go on, and tell again whenever they change");
  return [given](const program_arguments&) -> result<action> {
    auto pid = given->whose.empty() ? ::getpid() : as_pid(given->whose);
    if (pid && !given->process.empty())
      return refuse("PROC", "a pid has no processes");
    if (pid && given->follow)
      return refuse("--follow", "nobody tells of a pid when its limits change");
    if (pid)
      return [given, pid = *pid](context& ctx) {
        return of_any(ctx, pid, *given);
      };
    if (auto done = check_container_name(given->whose); !done)
      return tl::make_unexpected(std::move(done.error()));
    return [given](context& ctx) { return of_container(ctx, *given); };
  };
}

} // namespace reeve::console
