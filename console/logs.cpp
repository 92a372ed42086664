// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "config/times.hpp"
#include "console/follow.hpp"
#include "console/line_times.hpp"
#include "console/process_state.hpp"
#include "console/target.hpp"
#include "console/verbs.hpp"

#include <algorithm>

namespace reeve::console {

namespace {

using supervisor::output_chunk;
using supervisor::output_stream_id;
using supervisor::read_output;

/// What of a log is wanted.
struct selection {
  target which;
  std::string what; ///< is tried, for errors
  bool follow = false;
  bool times = false;
  std::optional<std::string> since;
  std::optional<std::uint64_t> last_lines;
};

read_output request_for(const selection& want, output_stream_id stream) {
  auto out = read_output{want.which.container, want.which.process, stream};
  out.times = want.times;
  return out;
}

/// The kept bytes before `end` from `begin` on; `begin` becomes the first of
/// them.
result<std::string> bytes_between(context& ctx, read_output request,
                                  std::uint64_t& begin, std::uint64_t end,
                                  const std::string& what) {
  std::string out;
  request.offset = begin;
  while (request.offset < end) {
    request.max = static_cast<std::uint32_t>(end - request.offset);
    auto chunk = ctx.ask<output_chunk>(request, what);
    if (!chunk)
      return tl::make_unexpected(std::move(chunk.error()));
    if (chunk->offset > request.offset) { // rotated away meanwhile
      out.clear();
      begin = std::min(chunk->offset, end);
    }
    if (chunk->bytes.empty())
      break;
    out += chunk->bytes;
    request.offset = chunk->offset + chunk->bytes.size();
  }
  return out;
}

/// Where the last `count` lines before `end` begin; not before `floor`.
result<std::uint64_t> start_of_last(context& ctx, const read_output& request,
                                    std::uint64_t count, std::uint64_t floor,
                                    std::uint64_t end,
                                    const std::string& what) {
  constexpr std::uint64_t block = 256 * 1024;
  auto found = std::uint64_t{0};
  for (auto last = end; last > floor && count > 0;) {
    const auto wanted = last - std::min(last - floor, block);
    auto begin = wanted;
    auto bytes = bytes_between(ctx, request, begin, last, what);
    if (!bytes)
      return tl::make_unexpected(std::move(bytes.error()));
    for (auto i = bytes->size(); i > 0; --i)
      if ((*bytes)[i - 1] == '\n' && begin + i != end && ++found == count)
        return begin + i;
    if (begin > wanted)
      return begin;
    last = begin;
  }
  return count == 0 ? end : floor;
}

result<std::uint64_t> start_of(context& ctx, const selection& want,
                               output_stream_id stream) {
  auto request = request_for(want, stream);
  request.times = false;
  auto oldest = request;
  oldest.max = 1;
  if (want.since)
    if (auto since = config::parse_past(*want.since, ctx.now_ms))
      oldest.since_ms = std::max<std::int64_t>(*since, 1);
  auto first = ctx.ask<output_chunk>(oldest, want.what);
  if (!first)
    return tl::make_unexpected(std::move(first.error()));
  if (!want.last_lines)
    return first->offset;
  return start_of_last(ctx, request, *want.last_lines, first->offset,
                       first->end, want.what);
}

/// What a process has written, up to now.
result<void> print(context& ctx, const selection& want, output_stream_id stream,
                   std::ostream& to) {
  auto start = start_of(ctx, want, stream);
  if (!start)
    return tl::make_unexpected(std::move(start.error()));
  auto request = request_for(want, stream);
  request.offset = *start;
  line_times times;
  for (;;) {
    auto chunk = ctx.ask<output_chunk>(request, want.what);
    if (!chunk)
      return tl::make_unexpected(std::move(chunk.error()));
    to << (want.times ? times.put_before(*chunk) : chunk->bytes);
    request.offset = chunk->offset + chunk->bytes.size();
    if (chunk->bytes.empty() || request.offset >= chunk->end || !to)
      return {};
  }
}

result<int> print(context& ctx, const selection& want) {
  auto out = print(ctx, want, output_stream_id::out, ctx.out);
  if (out)
    out = print(ctx, want, output_stream_id::err, ctx.err);
  if (!out)
    return tl::make_unexpected(std::move(out.error()));
  return status_ok;
}

result<int> print_and_follow(context& ctx, const selection& want) {
  auto signals = ctx.take_signals(want.what);
  if (!signals)
    return tl::make_unexpected(std::move(signals.error()));
  auto info = find_process(ctx, want.which, want.what);
  if (!info)
    return tl::make_unexpected(std::move(info.error()));
  auto from = followed{want.which.container, want.which.process};
  from.hold = false; // a reader of logs slows nobody down
  from.late = true;
  from.forward = false;
  from.times = want.times;
  from.may_restart = info->restart != config::restart_type::temporary;
  for (auto [stream, offset] :
       {std::pair{output_stream_id::out, &from.out_offset},
        std::pair{output_stream_id::err, &from.err_offset}}) {
    auto start = start_of(ctx, want, stream);
    if (!start)
      return tl::make_unexpected(std::move(start.error()));
    *offset = *start;
  }
  auto at = ctx.daemon(want.what);
  if (!at)
    return tl::make_unexpected(std::move(at.error()));
  auto how = follow(**at, from, **signals);
  if (!how)
    return tl::make_unexpected(std::move(how.error()));
  // Here the end of the process is no more than the end of its log.
  return how->signal != 0 ? status_signal_base + how->signal : status_ok;
}

} // namespace

verb::check declare_logs(CLI::App& app) {
  auto given = std::make_shared<selection>();
  given->which.declare(app, target::process_is::required);
  app.add_flag("-f,--follow", given->follow, "go on with what comes");
  app.add_option("--since", given->since,
                 "only what came then or later: a time, or how long ago")
      ->type_name("TIME");
  app.add_option("-n,--tail", given->last_lines,
                 "only so many of the last lines of each stream")
      ->type_name("N");
  app.add_flag("-t,--timestamps", given->times,
               "put the time when it came in front of each line");
  return [given](const program_arguments&) -> result<action> {
    if (auto done = given->which.check(); !done)
      return tl::make_unexpected(std::move(done.error()));
    given->what = "cannot read the log of " + given->which.text();
    if (given->since)
      if (auto since = config::parse_past(*given->since, 0); !since)
        return refuse("--since", since.error().message, since.error().expected);
    return [given](context& ctx) {
      return given->follow ? print_and_follow(ctx, *given) : print(ctx, *given);
    };
  };
}

} // namespace reeve::console
