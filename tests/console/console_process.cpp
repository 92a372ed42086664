// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "tests/console/console_process.hpp"

#include "tests/support/catch.hpp"
#include "tests/support/patience.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <utility>

namespace reeve::tests {

using namespace std::chrono_literals;
using kernel::unique_fd;
using std::chrono::steady_clock;

namespace {

constexpr auto patience = 60s;

void require(bool holds, const char* what) {
  if (!holds)
    throw std::runtime_error(what);
}

int left_until(steady_clock::time_point end) {
  auto left =
      std::chrono::ceil<std::chrono::milliseconds>(end - steady_clock::now());
  return static_cast<int>(std::max<std::int64_t>(left.count(), 0));
}

} // namespace

console_process::console_process(const words& line, const streams& with) {
  auto args = line;
  if (args.empty() || args.front().find('/') != 0)
    args.insert(args.begin(), REEVE_TEST_CONSOLE);
  auto argv = std::vector<char*>{};
  for (auto& arg : args)
    argv.push_back(arg.data());
  argv.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawnattr_init(&attributes);
  if (!with.terminal.empty()) {
    // The first terminal that the leader of a session opens is its own.
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
    ::posix_spawn_file_actions_addopen(&actions, 0, with.terminal.c_str(),
                                       O_RDWR, 0);
    ::posix_spawn_file_actions_adddup2(&actions, 0, 1);
    ::posix_spawn_file_actions_adddup2(&actions, 0, 2);
  } else {
    auto number = 0;
    for (auto fd : {with.in, with.out, with.err}) {
      if (fd >= 0)
        ::posix_spawn_file_actions_adddup2(&actions, fd, number);
      else
        ::posix_spawn_file_actions_addopen(&actions, number, "/dev/null",
                                           O_RDWR, 0);
      ++number;
    }
  }
  for (auto fd : with.closed)
    ::posix_spawn_file_actions_addclose(&actions, fd);
  auto code = ::posix_spawn(&pid_, argv.front(), &actions, &attributes,
                            argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::posix_spawnattr_destroy(&attributes);
  require(code == 0, "cannot start the console");
  pidfd_ =
      unique_fd::adopt(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  require(static_cast<bool>(pidfd_), "pidfd_open");
}

console_process::~console_process() {
  if (pid_ <= 0)
    return;
  ::kill(pid_, SIGKILL);
  (void)::waitpid(pid_, nullptr, 0);
}

void console_process::signal(int signo) const {
  REQUIRE(::kill(pid_, signo) == 0);
}

int console_process::finish() {
  auto ended = pollfd{pidfd_.get(), POLLIN, 0};
  auto end = steady_clock::now() + patiently(patience);
  auto got = 0;
  do
    got = ::poll(&ended, 1, left_until(end));
  while (got < 0 && errno == EINTR);
  if (got == 0) {
    ::kill(pid_, SIGKILL);
    FAIL_CHECK("the console has not ended within a minute");
  }
  auto status = 0;
  require(::waitpid(pid_, &status, 0) == pid_, "waitpid");
  pid_ = -1;
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

console_outcome run_console(const words& line, const std::string& input,
                            std::vector<int> closed) {
  auto in = memory_file(input);
  auto out = memory_file();
  auto err = memory_file();
  auto with = console_process::streams{in.get(), out.get(), err.get(), {}, {}};
  with.closed = std::move(closed);
  auto child = console_process{line, with};
  auto result = console_outcome{};
  result.status = child.finish();
  result.out = contents_of(out);
  result.err = contents_of(err);
  return result;
}

// -- at a terminal
// ----------------------------------------------------------------

console_at_terminal::console_at_terminal(const words& line)
    : master_{
        unique_fd::adopt(::open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC))} {
  require(master_ && ::grantpt(master_.get()) == 0
              && ::unlockpt(master_.get()) == 0,
          "cannot make a terminal");
  auto path = std::array<char, 64>{};
  require(::ptsname_r(master_.get(), path.data(), path.size()) == 0, "ptsname");
  slave_ = unique_fd::adopt(::open(path.data(), O_RDWR | O_NOCTTY | O_CLOEXEC));
  require(static_cast<bool>(slave_), "cannot open the terminal");
  resize(24, 80);
  auto with = console_process::streams{};
  with.terminal = path.data();
  process_.emplace(line, with);
}

void console_at_terminal::type(const std::string& keys) {
  REQUIRE(::write(master_.get(), keys.data(), keys.size())
          == static_cast<ssize_t>(keys.size()));
}

bool console_at_terminal::read_more(std::chrono::milliseconds limit) {
  auto ready = pollfd{master_.get(), POLLIN, 0};
  if (::poll(&ready, 1, static_cast<int>(limit.count())) <= 0)
    return false;
  auto buffer = std::array<char, 4096>{};
  auto n = ::read(master_.get(), buffer.data(), buffer.size());
  if (n <= 0)
    return false;
  seen_.append(buffer.data(), static_cast<std::size_t>(n));
  return true;
}

void console_at_terminal::expect(const std::string& text) {
  auto end = steady_clock::now() + 20s;
  for (;;) {
    auto at = seen_.find(text, expected_);
    if (at != std::string::npos) {
      expected_ = at + text.size();
      return;
    }
    if (steady_clock::now() > end)
      FAIL("the terminal does not show " << text << " but\n" << seen_);
    (void)read_more(50ms);
  }
}

void console_at_terminal::resize(unsigned short rows, unsigned short columns) {
  auto size = winsize{rows, columns, 0, 0};
  require(::ioctl(master_.get(), TIOCSWINSZ, &size) == 0, "TIOCSWINSZ");
}

bool console_at_terminal::has_none_of(tcflag_t local_flags) const {
  auto mode = termios{};
  require(::tcgetattr(master_.get(), &mode) == 0, "tcgetattr");
  return (mode.c_lflag & local_flags) == 0;
}

bool console_at_terminal::is_raw() const {
  return has_none_of(ECHO | ICANON | ISIG);
}

bool console_at_terminal::takes_keys() const {
  return has_none_of(ECHO | ICANON);
}

// -- files
// -------------------------------------------------------------------------

pipe_ends::pipe_ends() {
  auto fds = std::array<int, 2>{};
  require(::pipe2(fds.data(), O_CLOEXEC) == 0, "pipe2");
  read = unique_fd::adopt(fds[0]);
  write = unique_fd::adopt(fds[1]);
}

} // namespace reeve::tests
