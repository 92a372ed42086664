// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "supervisor/log_outlet.hpp"

#include "config/times.hpp"
#include "supervisor/quiet_write.hpp"

#include <nlohmann/json.hpp>

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <utility>

namespace reeve::supervisor {

using kernel::unique_fd;

namespace {

constexpr const char* words(output_stream_id stream) {
  return stream == output_stream_id::err ? "err" : "out";
}

std::string time_of(const log_line& line) {
  return line.unix_ms == 0 ? "-" : config::rfc3339(line.unix_ms);
}

std::string as_json(const log_line& line) {
  auto out = nlohmann::ordered_json{{"time", time_of(line)},
                                    {"container", line.container},
                                    {"process", line.process},
                                    {"stream", words(line.stream)},
                                    {"message", line.text}};
  return out.dump(-1, ' ', false,
                  nlohmann::ordered_json::error_handler_t::replace)
         + '\n';
}

std::string as_text(const log_line& line) {
  auto out = time_of(line);
  out.append(" ").append(line.container).append("/").append(line.process);
  out.append(" ").append(words(line.stream)).append(" ").append(line.text);
  return out + '\n';
}

} // namespace

kernel::result<log_outlet::delivery> log_outlet::put(config::log_forward where,
                                                     const log_line& line) {
  return where == config::log_forward::journald ? put_to_journal(line)
                                                : print(line);
}

kernel::result<log_outlet::delivery>
log_outlet::put_to_journal(const log_line& line) {
  // As syslog(3) numbers them: an error, or information.
  auto priority = line.stream == output_stream_id::err ? "3" : "6";
  auto name = std::string{line.container} + "/" + std::string{line.process};
  auto time = time_of(line);
  auto fields = std::to_array<kernel::journal::field>(
      {{"MESSAGE", line.text},
       {"PRIORITY", priority},
       {"SYSLOG_IDENTIFIER", name},
       {"CONTAINER_NAME", line.container},
       {"REEVE_PROCESS", line.process},
       {"REEVE_STREAM", words(line.stream)},
       {"SYSLOG_TIMESTAMP", time}});
  std::lock_guard guard{mutex_};
  return journal_.send(fields);
}

// One watch for all: each is called, and most find it full again.
kernel::result<void>
log_outlet::call_when_writable(config::log_forward where,
                               std::function<void()> call) {
  std::lock_guard guard{mutex_};
  auto to_journal = where == config::log_forward::journald;
  auto& which = to_journal ? for_journal_ : for_output_;
  which.calls.push_back(std::move(call));
  if (which.watch != 0)
    return {};
  // One of our own: the journal's may be closed, and ours is anybody's.
  which.fd = unique_fd::adopt(::fcntl(
      to_journal ? journal_.poll_fd() : output_fd(), F_DUPFD_CLOEXEC, 0));
  if (!which.fd) {
    which.calls.pop_back();
    return kernel::last_error("wait for room in the outlet of logs");
  }
  auto watch = poller_.watch(which.fd.get(), EPOLLOUT,
                             [weak = weak_from_this(), &which](std::uint32_t) {
                               if (auto self = weak.lock())
                                 self->on_writable(which);
                             });
  if (!watch) {
    which.calls.pop_back();
    return tl::make_unexpected(std::move(watch.error()));
  }
  which.watch = *watch;
  return {};
}

void log_outlet::on_writable(queue& which) {
  std::vector<std::function<void()>> calls;
  {
    std::lock_guard guard{mutex_};
    poller_.unwatch(std::exchange(which.watch, 0), which.fd.get());
    which.fd.reset();
    calls.swap(which.calls);
  }
  for (auto& call : calls)
    call();
}

kernel::result<log_outlet::delivery> log_outlet::print(const log_line& line) {
  std::lock_guard guard{mutex_};
  auto text = how_.json ? as_json(line) : as_text(line);
  if (written_ > 0) { // whose it is does not matter: it is to be whole
    if (auto ok = write_some(); !ok)
      return tl::make_unexpected(std::move(ok.error()));
    if (written_ < line_.size())
      return delivery::full;
    written_ = 0;
    if (line_ == text)
      return delivery::taken;
  }
  line_ = std::move(text);
  if (auto ok = write_some(); !ok)
    return tl::make_unexpected(std::move(ok.error()));
  if (written_ < line_.size())
    return delivery::full;
  written_ = 0;
  return delivery::taken;
}

// Of a pipe or a terminal an open file of our own, that does not block: the
// flag of the one that we were given would be everybody's. A file's is used as
// it is, since its offset is everybody's, too.
int log_outlet::output_fd() {
  struct stat st {};
  if (output_ || ::fstat(STDOUT_FILENO, &st) != 0
      || (!S_ISFIFO(st.st_mode) && !S_ISCHR(st.st_mode)))
    return output_ ? output_.get() : STDOUT_FILENO;
  output_ = unique_fd::adopt(
      ::open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
  return output_ ? output_.get() : STDOUT_FILENO;
}

kernel::result<void> log_outlet::write_some() {
  auto fd = output_fd();
  while (written_ < line_.size()) {
    // Where it could not be opened anew, this much does not block as a rule.
    pollfd wait{fd, POLLOUT, 0};
    if (::poll(&wait, 1, 0) <= 0)
      return {};
    auto part = std::string_view{line_}.substr(written_, PIPE_BUF);
    auto n = write_quietly(fd, part);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
      return {};
    if (n < 0)
      return kernel::last_error("write output to", "standard output");
    written_ += static_cast<std::size_t>(n);
  }
  return {};
}

} // namespace reeve::supervisor
