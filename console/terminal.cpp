// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "console/terminal.hpp"

#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <utility>

namespace reeve::console {

config::terminal_size size_of_terminal(int fd) {
  auto size = winsize{};
  if (::ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_row == 0
      || size.ws_col == 0)
    return {};
  return {size.ws_row, size.ws_col};
}

// -- raw_terminal
// --------------------------------------------------------------

kernel::result<raw_terminal> raw_terminal::enter(int fd, keys which) {
  auto before = termios{};
  if (::tcgetattr(fd, &before) != 0)
    return kernel::last_error("read the mode of the terminal");
  auto raw = before;
  ::cfmakeraw(&raw);
  if (which == keys::but_signals)
    raw.c_lflag |= ISIG;
  if (::tcsetattr(fd, TCSADRAIN, &raw) != 0)
    return kernel::last_error("put the terminal into raw mode");
  return raw_terminal{fd, before};
}

raw_terminal::raw_terminal(raw_terminal&& other) noexcept
    : fd_{std::exchange(other.fd_, -1)},
      before_{other.before_} {}

raw_terminal::~raw_terminal() {
  // Not "drain": somebody may have stopped the output for ever.
  if (fd_ >= 0)
    ::tcsetattr(fd_, TCSANOW, &before_);
}

// -- signal_gate
// ---------------------------------------------------------------

kernel::result<signal_gate> signal_gate::close_gate() {
  auto out = signal_gate{};
  auto taken = sigset_t{};
  sigemptyset(&taken);
  for (auto signo : {SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGWINCH})
    sigaddset(&taken, signo);
  auto fd = kernel::unique_fd::adopt(
      ::signalfd(-1, &taken, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd)
    return kernel::last_error("make a signalfd");
  auto blocked = taken;
  sigaddset(&blocked, SIGPIPE);
  ::pthread_sigmask(SIG_BLOCK, &blocked, &out.before_);
  out.fd_ = std::move(fd);
  return out;
}

signal_gate::signal_gate(signal_gate&& other) noexcept
    : fd_{std::move(other.fd_)},
      before_{other.before_} {}

signal_gate::~signal_gate() {
  if (!fd_)
    return;
  // A SIGPIPE that is pending would end us now, after the work is done.
  auto pipe = sigset_t{};
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  auto at_once = timespec{};
  while (::sigtimedwait(&pipe, nullptr, &at_once) > 0) {
  }
  ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

int signal_gate::next() const {
  auto info = signalfd_siginfo{};
  if (::read(fd_.get(), &info, sizeof info) != sizeof info)
    return 0;
  return static_cast<int>(info.ssi_signo);
}

} // namespace reeve::console
