// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "console/spec_options.hpp"
#include "console/time_text.hpp"
#include "console/titled_line.hpp"
#include "console/verbs.hpp"
#include "supervisor/oom_decision.hpp"

#include <memory>
#include <optional>
#include <string>

namespace reeve::console {

namespace {

using supervisor::oom_status;

void print_figures(context& ctx, const supervisor::oom_figures& figures) {
  auto line = [&ctx](std::string_view title, const std::string& text) {
    print_titled(ctx.out, ctx.style, title, text);
  };
  line("memory", human_size(figures.in_use) + " of " + human_size(figures.limit)
                     + ": " + human_size(figures.anon) + " anonymous, "
                     + human_size(figures.file) + " of files, and "
                     + human_size(figures.swap) + " of swap");
  if (figures.largest_pid != 0)
    line("largest", "pid " + std::to_string(figures.largest_pid) + " with "
                        + human_size(figures.largest_bytes) + ", of "
                        + std::to_string(figures.processes)
                        + (figures.processes == 1 ? " process" : " processes"));
}

std::string memory_state(const oom_status& status, std::int64_t now_ms) {
  if (status.answer_by != 0)
    return "out of memory, waits for a decision until "
           + rfc3339(status.answer_by) + " ("
           + relative(status.answer_by, now_ms) + ")";
  return status.is_out ? "out of memory" : "has memory";
}

void print(context& ctx, const oom_status& status) {
  auto line = [&ctx](std::string_view title, const std::string& text) {
    print_titled(ctx.out, ctx.style, title, text);
  };
  line("name", status.container);
  line("policy", status.policy);
  line("state", memory_state(status, ctx.now_ms));
  if (status.times == 0)
    return;
  line("out of memory", std::to_string(status.times)
                            + (status.times == 1 ? " time" : " times")
                            + ", the last with");
  print_figures(ctx, status.figures);
  if (!status.last.empty())
    line("last", status.last);
}

result<int> finish(context& ctx, result<oom_status> answer, bool is_decision) {
  if (!answer)
    return tl::make_unexpected(std::move(answer.error()));
  if (ctx.options.json)
    ctx.out << line_of(json_of(*answer));
  else if (!is_decision)
    print(ctx, *answer);
  return status_ok;
}

} // namespace

verb::check declare_oom(CLI::App& app) {
  struct options {
    std::string name;
    std::optional<std::string> decision;
  };
  auto given = std::make_shared<options>();
  app.add_option("NAME", given->name, "name of the container")->required();
  app.add_option("DECISION", given->decision,
                 "for one that waits: kill_largest, kill_group, raise:LIMIT or "
                 "wait:TIME");
  return [given](const program_arguments&) -> result<action> {
    if (auto done = check_container_name(given->name); !done)
      return tl::make_unexpected(std::move(done.error()));
    if (!given->decision)
      return [given](context& ctx) {
        return finish(ctx,
                      ctx.ask<oom_status>(supervisor::get_oom{given->name},
                                          "cannot look at the memory of "
                                          "container '"
                                              + given->name + "'"),
                      false);
      };
    if (auto good = supervisor::parse_decision(*given->decision, 0); !good)
      return refuse("DECISION", to_string(good.error()));
    return [given](context& ctx) {
      return finish(ctx,
                    ctx.ask<oom_status>(
                        supervisor::decide_oom{given->name, *given->decision},
                        "cannot decide for container '" + given->name + "'"),
                    true);
    };
  };
}

} // namespace reeve::console
