// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "supervisor/quiet_write.hpp"

#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <ctime>

namespace reeve::supervisor {

namespace {

// Keeps SIGPIPE from the host program while this thread writes to a pipe. The
// signal goes to the thread that wrote, so what was not pending before is ours
// to take away; pipes have no MSG_NOSIGNAL, and a handler would be the whole
// program's.
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

} // namespace

// errno survives, so that the caller can look at it.
ssize_t write_quietly(int fd, std::string_view bytes) {
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

} // namespace reeve::supervisor
