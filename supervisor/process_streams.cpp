// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "supervisor/process_streams.hpp"

#include "supervisor/quiet_write.hpp"

#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace reeve::supervisor {

using actors::output_stream;
using kernel::unique_fd;

namespace {

// In place of the reader that has been promised but has not asked yet.
constexpr std::uint64_t expected_reader = 0;

constexpr char end_of_transmission = 4; // what a terminal takes for an end

constexpr std::size_t index_of(output_stream_id stream) {
  return stream == output_stream_id::err ? 1 : 0;
}

constexpr const char* writing = "write to standard input";

} // namespace

process_streams::process_streams(options how) : options_(std::move(how)) {
  auto is_forwarded = options_.log.forward != config::log_forward::none;
  for (auto& list : followers_) {
    if (options_.attached)
      list[expected_reader] = new_follower(expected_reader, 0);
    if (is_forwarded)
      list[forwarding_reader] = new_follower(forwarding_reader, 0);
  }
}

process_streams::~process_streams() {
  close_input();
}

std::string process_streams::prefix_of(std::size_t index) const {
  return options_.prefix + (index == 0 ? ".out" : ".err");
}

std::string process_streams::forward_cursor(output_stream_id stream) const {
  return options_.directory + "/" + prefix_of(index_of(stream)) + ".forwarded";
}

kernel::result<process_streams::stream_ptr>
process_streams::open_stream(std::size_t index) {
  if (outputs_[index])
    return outputs_[index];
  kernel::output_spool::options spool;
  spool.directory = options_.directory;
  spool.prefix = prefix_of(index);
  if (options_.log.mode == config::log_mode::file) {
    spool.segment_size = std::max<std::uint64_t>(options_.log.max_size, window);
    spool.segments = std::max(2U, options_.log.max_files);
  } else {
    spool.segment_size = 2 * window; // room for what followers may lag behind
  }
  auto opened = kernel::output_spool::open(std::move(spool));
  if (!opened)
    return tl::make_unexpected(std::move(opened.error()));
  acknowledged_[index] = opened->end();
  auto then = config::blocks(options_.log) ? output_stream::without_room::wait
                                           : output_stream::without_room::drop;
  outputs_[index] = output_stream::make(*options_.poller, std::move(*opened),
                                        then, options_.on_output);
  return outputs_[index];
}

kernel::result<void>
process_streams::connect(const actors::process_spawned& handles) {
  if (run_ != handles.process || run_ == 0)
    begin_run(handles.process);
  lacks_some_ = true; // till the end of this
  if (handles.is_bare)
    return {};
  is_terminal_ = static_cast<bool>(handles.master);
  if (is_terminal_) // it has but one stream
    followers_[1].clear();
  auto ok = connect_outputs(handles);
  if (ok && !input_taken_)
    ok = connect_input(handles.master ? handles.master : handles.stdin_end);
  if (!ok)
    return ok;
  lacks_some_ = false;
  if (input_)
    continue_input(); // what was written meanwhile
  else
    give_up_input(input_not_open);
  return {};
}

void process_streams::begin_run(std::uint64_t run) {
  run_ = run;
  over_ = false;
  input_taken_ = false;
  close_input();
  for (auto& list : followers_)
    for (auto& [who, item] : list)
      item.has_all = false;
}

kernel::result<void>
process_streams::connect_outputs(const actors::process_spawned& handles) {
  if (connected_run_ != handles.process || connected_run_ == 0) {
    connected_run_ = handles.process;
    connected_ = {};
  }
  const actors::shared_fd* sources[] = {handles.master ? &handles.master
                                                       : &handles.stdout_end,
                                        &handles.stderr_end};
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    if (!*sources[i] || connected_[i])
      continue;
    auto stream = open_stream(i);
    if (!stream)
      return tl::make_unexpected(std::move(stream.error()));
    auto fd =
        unique_fd::adopt(::fcntl((*sources[i])->get(), F_DUPFD_CLOEXEC, 0));
    if (!fd)
      return kernel::last_error("duplicate an output pipe");
    update_hold(i);
    if (auto ok = (*stream)->connect(std::move(fd)); !ok)
      return ok;
    connected_[i] = true;
  }
  return {};
}

kernel::result<void>
process_streams::connect_input(const actors::shared_fd& end) {
  if (!end)
    return {};
  input_ = unique_fd::adopt(::fcntl(end->get(), F_DUPFD_CLOEXEC, 0));
  if (input_ && ::fcntl(input_.get(), F_SETFL, O_NONBLOCK | O_WRONLY) == 0) {
    input_taken_ = true;
    return {};
  }
  auto failed = kernel::last_error("take over an input pipe");
  input_.reset();
  return failed;
}

kernel::result<void>
process_streams::take_rest(const actors::process_spawned& handles) {
  auto ok = connect_outputs(handles);
  for (auto& stream : outputs_)
    if (ok && stream)
      ok = stream->finish();
  return ok;
}

void process_streams::forgo_rest() {
  lacks_some_ = false;
  if (!input_)
    give_up_input(input_not_open);
}

kernel::result<output_chunk> process_streams::read(const read_output& query) {
  auto index = index_of(query.stream);
  // Nothing was ever written, but an earlier daemon may have kept something.
  auto stream = open_stream(index);
  if (!stream)
    return tl::make_unexpected(std::move(stream.error()));
  auto begin = begin_of(**stream, query);
  if (!begin)
    return tl::make_unexpected(std::move(begin.error()));
  auto offset = *begin;
  auto reader = std::max(query.reader, expected_reader + 1);
  if (query.follow) {
    followers_[index].erase(expected_reader);
    followers_[index][reader] = new_follower(reader, offset);
  } else {
    followers_[index].erase(reader); // it follows no longer
  }
  acknowledge(index, offset);
  update_hold(index);
  // Both before the read: then no end is lost.
  auto was_open = lacks_some_ || (*stream)->is_open();
  auto has_more = (*stream)->has_more();
  auto got = read_kept(**stream, offset, query.max);
  if (!got)
    return tl::make_unexpected(std::move(got.error()));
  output_chunk out;
  out.offset = got->offset;
  out.bytes = std::move(got->bytes);
  out.end = (*stream)->end();
  auto is_last = !was_open || (over_ && !has_more);
  auto end = out.offset + out.bytes.size();
  out.at_end = is_last && end >= out.end;
  if (query.follow)
    followers_[index][reader].has_all =
        out.at_end && (reader != forwarding_reader || out.bytes.empty());
  if (!query.times || out.bytes.empty())
    return out;
  auto times = (*stream)->times(out.offset, end);
  if (!times)
    return tl::make_unexpected(std::move(times.error()));
  for (const auto& item : *times)
    out.times.push_back({item.offset, item.unix_ms});
  return out;
}

process_streams::follower
process_streams::new_follower(std::uint64_t reader,
                              std::uint64_t offset) const {
  auto holds = reader != forwarding_reader || config::blocks(options_.log);
  return {offset, clock::now() + lease, false, holds};
}

// Nobody has read what does not exist yet.
kernel::result<std::uint64_t>
process_streams::begin_of(const output_stream& from, const read_output& query) {
  auto offset = std::min(query.offset, from.end());
  if (query.since_ms == 0)
    return offset;
  return from.first_since(query.since_ms).map([offset](std::uint64_t since) {
    return std::max(offset, since);
  });
}

void process_streams::acknowledge(std::size_t index, std::uint64_t offset) {
  forgotten_ += forgotten(index);
  acknowledged_[index] =
      std::max({acknowledged_[index], offset, outputs_[index]->begin()});
}

// What a log rotates out was kept long enough.
std::uint64_t process_streams::forgotten(std::size_t index) const {
  if (!outputs_[index] || options_.log.mode != config::log_mode::none)
    return 0;
  auto begin = outputs_[index]->begin();
  return begin - std::min(begin, acknowledged_[index]);
}

// The oldest file may be dropped between the look at the list and its opening:
// then the read begins with the next.
kernel::result<kernel::output_spool::chunk>
process_streams::read_kept(const output_stream& from, std::uint64_t offset,
                           std::uint32_t max) {
  constexpr std::uint32_t most = 1024 * 1024;
  max = std::clamp(max, 1U, most);
  for (;;) {
    auto begin = from.begin();
    auto got = from.read(offset, max);
    if (got || got.error().code != ENOENT || from.begin() == begin)
      return got;
  }
}

void process_streams::want_news() {
  for (auto& stream : outputs_)
    if (stream)
      stream->want_news();
}

void process_streams::update_hold(std::size_t index) {
  auto& stream = outputs_[index];
  if (!stream)
    return;
  auto hold = output_stream::no_hold;
  for (const auto& [who, item] : followers_[index])
    if (item.holds)
      hold = std::min(hold, item.offset + window);
  // A plain stream: nobody's reading means waiting, not forgetting.
  if (options_.log.mode == config::log_mode::none
      && config::blocks(options_.log))
    hold = std::min(hold, acknowledged_[index] + window);
  stream->hold_at(hold);
}

bool process_streams::is_awaited() const {
  return std::any_of(
      followers_.begin(), followers_.end(), [](const auto& list) {
        return std::any_of(list.begin(), list.end(), [](const auto& item) {
          return !item.second.has_all;
        });
      });
}

bool process_streams::expire_followers(clock::time_point now) {
  auto left = false;
  for (std::size_t i = 0; i < followers_.size(); ++i) {
    std::erase_if(followers_[i],
                  [now](const auto& item) { return item.second.until < now; });
    left = left || !followers_[i].empty();
    update_hold(i);
  }
  return left;
}

void process_streams::write(std::string bytes, bool end,
                            std::function<void(kernel::result<void>)> done) {
  if (!input_ && !lacks_some_)
    return done(kernel::make_error(EPIPE, writing, {}, why_no_input_));
  if (end && is_terminal_)
    bytes.push_back(end_of_transmission);
  waiting_.push_back({std::move(bytes), end && !is_terminal_, std::move(done)});
  if (waiting_.size() == 1)
    continue_input();
}

void process_streams::continue_input() {
  while (!waiting_.empty() && input_) {
    auto how = write_some(waiting_.front().bytes);
    if (how && !waiting_.front().bytes.empty()) {
      how = wait_for_room();
      if (how)
        return;
    }
    if (!how && how.error().code == EPIPE)
      return give_up_input("the process has closed it");
    auto item = std::move(waiting_.front());
    waiting_.pop_front();
    auto ends = how && item.end;
    item.done(std::move(how));
    if (ends)
      give_up_input("its end was written before");
  }
}

// As much as the pipe takes now.
kernel::result<void> process_streams::write_some(std::string& bytes) {
  while (!bytes.empty()) {
    auto n = write_quietly(input_.get(), bytes);
    if (n > 0)
      bytes.erase(0, static_cast<std::size_t>(n));
    else if (errno == EAGAIN)
      return {};
    else if (errno != EINTR)
      return kernel::last_error(writing);
  }
  return {};
}

kernel::result<void> process_streams::wait_for_room() {
  if (input_token_ != 0) {
    options_.poller->rearm(input_token_, input_.get(), EPOLLOUT);
    return {};
  }
  auto token = options_.poller->watch(
      input_.get(), EPOLLOUT,
      [call = options_.on_writable](std::uint32_t) { call(); });
  if (!token)
    return tl::make_unexpected(std::move(token.error()));
  input_token_ = *token;
  return {};
}

void process_streams::close_input() {
  if (input_token_ != 0)
    options_.poller->unwatch(input_token_, input_.get());
  input_token_ = 0;
  input_.reset();
}

void process_streams::abandon_input() {
  give_up_input("the process has ended");
}

// Whoever waits, and whoever comes, is told why.
void process_streams::give_up_input(const char* why) {
  close_input();
  why_no_input_ = why;
  for (auto& item : std::exchange(waiting_, {}))
    item.done(kernel::make_error(EPIPE, writing, {}, why));
}

bool process_streams::is_open() const {
  return lacks_some_
         || std::any_of(
             outputs_.begin(), outputs_.end(),
             [](const auto& stream) { return stream && stream->is_open(); });
}

std::uint64_t process_streams::dropped() const {
  auto out = forgotten_;
  for (std::size_t i = 0; i < outputs_.size(); ++i)
    if (outputs_[i])
      out += outputs_[i]->dropped() + forgotten(i);
  return out;
}

std::optional<kernel::sys_error> process_streams::blocked() const {
  for (const auto& stream : outputs_)
    if (stream)
      if (auto why = stream->blocked())
        return why;
  return std::nullopt;
}

void process_streams::retry() {
  for (auto& stream : outputs_)
    if (stream)
      stream->retry();
}

void process_streams::disconnect() {
  forgo_rest();
  close_input();
  for (auto& stream : outputs_)
    if (stream)
      stream->disconnect();
}

// Also what an earlier daemon has kept of a process that ended in its time. By
// opening, for the spool knows its files by their exact names: "a.1." begins
// the name of files of the process "a.1", too.
void process_streams::remove_files() {
  for (std::size_t i = 0; i < outputs_.size(); ++i)
    if (auto stream = open_stream(i))
      (*stream)->remove_spool();
  for (auto stream : {output_stream_id::out, output_stream_id::err})
    (void)::unlink(forward_cursor(stream).c_str()); // as a rule there is none
}

} // namespace reeve::supervisor
