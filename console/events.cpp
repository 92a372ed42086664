// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "console/time_text.hpp"
#include "console/verbs.hpp"

namespace reeve::console {

namespace {

std::string text_of(const supervisor::event& event) {
  auto text = rfc3339(event.time_ms) + "  " + std::string{name_of(event.kind)};
  if (!event.container.empty())
    text += "  " + printable(event.container);
  if (!event.process.empty())
    text += " " + printable(event.process);
  if (!event.text.empty())
    text += "  " + printable(event.text);
  return text + '\n';
}

/// Prints what is kept, and then, with `follow`, what comes. Ends quietly when
/// nobody reads any more: SIGPIPE has its default effect here.
result<int> print(context& ctx, std::uint64_t after, bool follow) {
  auto request = supervisor::get_events{};
  request.after = after;
  for (;;) {
    auto batch = ctx.ask<supervisor::event_batch>(request, "cannot read events",
                                                  poll_limit);
    if (!batch)
      return tl::make_unexpected(std::move(batch.error()));
    // The first question asks from the beginning of time.
    if (batch->gap != 0 && request.after != 0) {
      if (ctx.options.json)
        ctx.out << line_of({{"event", "gap"}, {"missed", batch->gap}});
      else
        ctx.warn(
            {"at least " + std::to_string(batch->gap) + " events were missed"});
    }
    for (const auto& event : batch->events) {
      ctx.out << (ctx.options.json ? line_of(json_of(event)) : text_of(event));
      request.after = event.seq;
    }
    ctx.out.flush();
    if (!ctx.out)
      return status_ok;
    auto caught_up = batch->events.empty() || request.after >= batch->last;
    if (caught_up && !follow)
      return status_ok;
    request.wait_ms = caught_up ? poll_wait.count() : 0;
  }
}

} // namespace

verb::check declare_events(CLI::App& app) {
  struct options {
    bool follow = false;
    std::uint64_t after = 0;
  };
  auto given = std::make_shared<options>();
  app.add_flag("-f,--follow", given->follow, "go on with what comes");
  app.add_option("--after", given->after,
                 "only events behind the one with this number")
      ->type_name("SEQ");
  return [given](const program_arguments&) -> result<action> {
    return [given](context& ctx) {
      return print(ctx, given->after, given->follow);
    };
  };
}

} // namespace reeve::console
