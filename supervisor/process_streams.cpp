// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "supervisor/process_streams.hpp"

#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <utility>

namespace reeve::supervisor {

using actors::output_stream;
using kernel::unique_fd;

namespace {

// In place of the reader that has been promised but has not asked yet.
constexpr std::uint64_t expected_reader = 0;

constexpr char end_of_transmission = 4; // what a terminal takes for an end

constexpr const char* writing = "write to standard input";

// Keeps SIGPIPE from the host program while this thread writes to a pipe: a
// process that closes its standard input must not end us. The signal goes to
// the thread that wrote, so what was not pending before is ours to take away;
// pipes have no MSG_NOSIGNAL, and a handler would be the whole program's.
class no_sigpipe {
public:
  no_sigpipe() {
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    sigset_t pending;
    sigpending(&pending);
    was_pending_ = sigismember(&pending, SIGPIPE) == 1;
    ::pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }

  no_sigpipe(const no_sigpipe&) = delete;
  no_sigpipe& operator=(const no_sigpipe&) = delete;

  ~no_sigpipe() {
    constexpr timespec now{};
    while (!was_pending_ && ::sigtimedwait(&pipe_, nullptr, &now) < 0
           && errno == EINTR) {
    }
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

private:
  sigset_t pipe_{};
  sigset_t before_{};
  bool was_pending_ = false;
};

// errno survives, so that the caller can look at it.
ssize_t write_quietly(int fd, const std::string& bytes) {
  ssize_t n = -1;
  auto code = 0;
  {
    no_sigpipe guard;
    n = ::write(fd, bytes.data(), bytes.size());
    code = errno;
  }
  errno = code;
  return n;
}

} // namespace

process_streams::process_streams(options how) : options_(std::move(how)) {
  if (options_.attached)
    for (auto& list : followers_)
      list[expected_reader] = {0, clock::now() + lease};
}

process_streams::~process_streams() {
  close_input();
}

kernel::result<process_streams::stream_ptr>
process_streams::open_stream(std::size_t index) {
  if (outputs_[index])
    return outputs_[index];
  kernel::output_spool::options spool;
  spool.directory = options_.directory;
  spool.prefix = options_.prefix + (index == 0 ? ".out" : ".err");
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
  outputs_[index] = output_stream::make(*options_.poller, std::move(*opened),
                                        options_.on_output);
  return outputs_[index];
}

kernel::result<void>
process_streams::connect(const actors::process_spawned& handles) {
  is_terminal_ = static_cast<bool>(handles.master);
  over_ = false;
  why_no_input_ = input_not_open;
  close_input();
  for (auto& list : followers_)
    for (auto& [who, item] : list)
      item.has_all = false;
  if (is_terminal_) // it has but one stream
    followers_[1].clear();
  const actors::shared_fd* sources[] = {handles.master ? &handles.master
                                                       : &handles.stdout_end,
                                        &handles.stderr_end};
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    if (!*sources[i])
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
  }
  const auto& in = handles.master ? handles.master : handles.stdin_end;
  if (in) {
    input_ = unique_fd::adopt(::fcntl(in->get(), F_DUPFD_CLOEXEC, 0));
    if (!input_ || ::fcntl(input_.get(), F_SETFL, O_NONBLOCK | O_WRONLY) != 0)
      return kernel::last_error("take over an input pipe");
  }
  return {};
}

kernel::result<output_chunk> process_streams::read(const read_output& query) {
  auto index = query.stream == output_stream_id::err ? 1U : 0U;
  // Nothing was ever written, but an earlier daemon may have kept something.
  auto stream = open_stream(index);
  if (!stream)
    return tl::make_unexpected(std::move(stream.error()));
  // Nobody has read what does not exist yet.
  auto offset = std::min(query.offset, (*stream)->end());
  auto reader = std::max(query.reader, expected_reader + 1);
  if (query.follow) {
    followers_[index].erase(expected_reader);
    followers_[index][reader] = {offset, clock::now() + lease};
  } else {
    followers_[index].erase(reader); // it follows no longer
  }
  acknowledged_[index] = std::max(acknowledged_[index], offset);
  update_hold(index);
  // Both before the read: then no end is lost.
  auto was_open = (*stream)->is_open();
  auto has_more = (*stream)->has_more();
  auto got = read_kept(**stream, offset, query.max);
  if (!got)
    return tl::make_unexpected(std::move(got.error()));
  output_chunk out;
  out.offset = got->offset;
  out.bytes = std::move(got->bytes);
  out.end = (*stream)->end();
  auto is_last = !was_open || (over_ && !has_more);
  out.at_end = is_last && out.offset + out.bytes.size() >= out.end;
  if (query.follow)
    followers_[index][reader].has_all = out.at_end;
  return out;
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
    hold = std::min(hold, item.offset + window);
  // A plain stream: nobody's reading means waiting, not forgetting.
  if (options_.log.mode == config::log_mode::none)
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
  if (!input_)
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
  return std::any_of(outputs_.begin(), outputs_.end(), [](const auto& stream) {
    return stream && stream->is_open();
  });
}

std::uint64_t process_streams::dropped() const {
  std::uint64_t out = 0;
  for (const auto& stream : outputs_)
    if (stream)
      out += stream->dropped();
  return out;
}

void process_streams::disconnect() {
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
}

} // namespace reeve::supervisor
