// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "console/follow.hpp"
#include "console/process_state.hpp"
#include "console/run.hpp"
#include "console/target.hpp"
#include "console/verbs.hpp"

#include <unistd.h>

namespace reeve::console {

namespace {

using supervisor::output_chunk;
using supervisor::output_stream_id;
using supervisor::read_output;

result<std::uint64_t> end_of(context& ctx, const target& which,
                             output_stream_id stream, const std::string& what) {
  auto request = read_output{which.container, which.process, stream};
  request.max = 1;
  return ctx.ask<output_chunk>(request, what)
      .map([](const output_chunk& chunk) { return chunk.end; });
}

result<int> attach(context& ctx, const target& which, bool input) {
  auto what = "cannot attach to " + which.text();
  auto signals = ctx.take_signals(what);
  if (!signals)
    return tl::make_unexpected(std::move(signals.error()));
  auto info = find_process(ctx, which, what);
  if (!info)
    return tl::make_unexpected(std::move(info.error()));
  if (!is_live(info->phase))
    return refuse(what, "it is not running: " + to_string(info->last),
                  "read what it wrote with `reeve logs`");
  auto from = followed{which.container, which.process};
  from.terminal = info->has_tty && ::isatty(STDIN_FILENO) == 1;
  from.input = input || from.terminal;
  from.late = true;
  from.may_restart = info->restart != config::restart_type::temporary;
  for (auto [stream, offset] :
       {std::pair{output_stream_id::out, &from.out_offset},
        std::pair{output_stream_id::err, &from.err_offset}}) {
    auto end = end_of(ctx, which, stream, what);
    if (!end)
      return tl::make_unexpected(std::move(end.error()));
    *offset = *end;
  }
  auto at = ctx.daemon(what);
  if (!at)
    return tl::make_unexpected(std::move(at.error()));
  auto how = follow(**at, from, **signals);
  if (!how)
    return tl::make_unexpected(std::move(how.error()));
  return status_of(ctx, *how, which.text());
}

} // namespace

verb::check declare_attach(CLI::App& app) {
  struct options {
    target which;
    bool input = false;
  };
  auto given = std::make_shared<options>();
  given->which.declare(app, target::process_is::required);
  app.add_flag("-i,--interactive", given->input,
               "forward standard input also where it is no terminal");
  return [given](const program_arguments&) -> result<action> {
    if (auto done = given->which.check(); !done)
      return tl::make_unexpected(std::move(done.error()));
    return [given](context& ctx) {
      return attach(ctx, given->which, given->input);
    };
  };
}

} // namespace reeve::console
