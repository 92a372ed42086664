// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "console/pause.hpp"

#include "console/container_hold.hpp"
#include "console/courier.hpp"

#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstring>
#include <optional>
#include <utility>

namespace reeve::console {

namespace {

using steady = std::chrono::steady_clock;
using supervisor::container_is;

/// A program on this host, beside us.
class host_command {
public:
  /// 0 or an errno.
  [[nodiscard]] int start(const std::vector<std::string>& words) {
    std::vector<char*> argv;
    argv.reserve(words.size() + 1);
    for (const auto& word : words)
      argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    // Signals are blocked here: they are read from a descriptor.
    sigset_t none;
    sigemptyset(&none);
    posix_spawnattr_t how;
    ::posix_spawnattr_init(&how);
    ::posix_spawnattr_setsigmask(&how, &none);
    ::posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSIGMASK);
    auto code =
        ::posix_spawnp(&pid_, argv[0], nullptr, &how, argv.data(), environ);
    ::posix_spawnattr_destroy(&how);
    if (code != 0)
      return code;
    end_ = kernel::unique_fd::adopt(
        static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
    return end_ ? 0 : errno;
  }

  /// Readable when it has ended.
  [[nodiscard]] int poll_fd() const {
    return end_.get();
  }

  // The terminal sends these to it as well as to us.
  void pass_on(int signo) const {
    if (signo != SIGINT && signo != SIGQUIT)
      ::kill(pid_, signo);
  }

  /// As a shell has it.
  [[nodiscard]] int status() const {
    auto status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR)
      ;
    return WIFSIGNALED(status) ? status_signal_base + WTERMSIG(status)
                               : WEXITSTATUS(status);
  }

private:
  pid_t pid_ = 0;
  kernel::unique_fd end_;
};

class held_pause {
public:
  held_pause(const std::string& container, courier mail,
             const signal_gate& signals)
      : container_{container},
        what_{"cannot pause container '" + container + "'"},
        hold_{container, container_hold::of::pause},
        mail_{std::move(mail)},
        signals_{signals} {}

  result<int> last(std::chrono::milliseconds time) {
    if (auto begun = begin(); !begun)
      return tl::make_unexpected(std::move(begun.error()));
    auto until = steady::now() + time;
    auto signo = 0;
    while (!lost_ && signo == 0 && steady::now() < until)
      signo = wait_until(until, -1);
    if (lost_)
      return tl::make_unexpected(std::move(*lost_));
    if (auto done = end(); !done)
      return done;
    return signo != 0 ? status_signal_base + signo : status_ok;
  }

  result<int> last_for(const std::vector<std::string>& words) {
    if (auto begun = begin(); !begun)
      return tl::make_unexpected(std::move(begun.error()));
    host_command command;
    if (auto code = command.start(words); code != 0) {
      auto ended = end();
      if (!ended)
        return ended;
      return tl::make_unexpected(failure{
          code == ENOENT ? status_not_found : status_not_executable,
          "cannot run '" + words.front() + "'", std::strerror(code), ""});
    }
    pollfd over{command.poll_fd(), POLLIN, 0};
    while (::poll(&over, 1, 0) == 0)
      if (auto signo = wait_until(steady::time_point::max(), over.fd);
          signo != 0)
        command.pass_on(signo);
    auto status = command.status();
    if (lost_) // what it did, it did not do at rest
      return tl::make_unexpected(std::move(*lost_));
    if (auto done = end(); !done)
      return done;
    return status;
  }

private:
  // Signals wait for their turn.
  result<container_is> begin() {
    hold_.put_off();
    return ask<container_is>(
        mail_, nullptr,
        supervisor::pause_container{container_, hold_.holder(), false}, what_);
  }

  result<int> end() {
    auto done = ask<container_is>(
        mail_, nullptr,
        supervisor::resume_container{container_, hold_.holder()},
        "cannot resume container '" + container_ + "'");
    if (!done)
      return tl::make_unexpected(std::move(done.error()));
    return status_ok;
  }

  /// Or until that descriptor is readable, or a signal came: its number.
  int wait_until(steady::time_point until, int other) {
    if (!lost_)
      hold_.renew(mail_, [this](const caf::error& err) {
        lost_ = failure_of(err,
                           "cannot keep container '" + container_ + "' paused");
      });
    auto news = std::array<pollfd, 3>{pollfd{mail_.poll_fd(), POLLIN, 0},
                                      pollfd{signals_.poll_fd(), POLLIN, 0},
                                      pollfd{other, POLLIN, 0}};
    auto left = std::chrono::ceil<std::chrono::milliseconds>(
        (lost_ ? until : std::min(hold_.due(), until)) - steady::now());
    auto timeout = std::clamp<std::int64_t>(left.count(), 0, 60'000);
    if (::poll(news.data(), news.size(), static_cast<int>(timeout)) <= 0)
      return 0;
    if (news[0].revents != 0)
      mail_.deliver();
    if (news[1].revents != 0)
      for (auto signo = signals_.next(); signo != 0; signo = signals_.next())
        if (signo != SIGWINCH)
          return signo;
    return 0;
  }

  std::string container_;
  std::string what_;
  container_hold hold_;
  courier mail_;
  const signal_gate& signals_;
  std::optional<failure> lost_;
};

} // namespace

result<int> pause_and_stay(context& ctx, const pause_options& how) {
  auto what = "cannot pause container '" + how.name + "'";
  auto signals = ctx.take_signals(what);
  if (!signals)
    return tl::make_unexpected(std::move(signals.error()));
  auto at = ctx.daemon(what);
  if (!at)
    return tl::make_unexpected(std::move(at.error()));
  auto mail = courier::start((*at)->system(), (*at)->api(),
                             [at = *at] { return at->connect_again(); });
  if (!mail)
    return refuse(what, to_string(mail.error()));
  auto status = [&] {
    held_pause pause{how.name, std::move(*mail), **signals};
    return how.lasts ? pause.last(*how.lasts) : pause.last_for(how.command);
  }();
  ctx.leave(); // while signals are still ours
  return status;
}

} // namespace reeve::console
