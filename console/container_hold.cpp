// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "console/container_hold.hpp"

#include "console/spec_options.hpp"

#include <poll.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <optional>
#include <utility>

namespace reeve::console {

namespace {

using namespace std::chrono_literals;

// Often enough for what the daemon gives us, over an upgrade of it, too.
constexpr auto interval = 4s;

std::string what_we_do(const std::string& container) {
  return "cannot hold container '" + container + "'";
}

} // namespace

container_hold::container_hold(std::string container, of what)
    : container_{std::move(container)},
      what_{what},
      holder_{std::max<std::uint64_t>(generated_command(), 1)} {}

void container_hold::renew(courier& mail,
                           std::function<void(const caf::error&)> lost) {
  if (steady::now() < due_)
    return;
  put_off();
  using supervisor::container_is;
  auto then = [lost = std::move(lost)](
                  const tl::expected<container_is, caf::error>& reply) {
    if (!reply)
      lost(reply.error());
  };
  if (what_ == of::pause)
    mail.send<container_is>(
        supervisor::pause_container{container_, holder_, true}, poll_limit,
        std::move(then));
  else
    mail.send<container_is>(supervisor::hold_container{container_, holder_},
                            poll_limit, std::move(then));
}

void container_hold::put_off() {
  due_ = steady::now() + interval;
}

result<int> hold_container(context& ctx, host& at, const std::string& container,
                           const signal_gate& signals) {
  auto what = what_we_do(container);
  auto mail = courier::start(at.system(), at.api(),
                             [&at] { return at.connect_again(); });
  if (!mail)
    return refuse(what, to_string(mail.error()));
  container_hold ours{container};
  auto refused = std::optional<failure>{};
  while (!refused) {
    ours.renew(*mail,
               [&](const caf::error& err) { refused = failure_of(err, what); });
    auto news = std::array<pollfd, 2>{pollfd{mail->poll_fd(), POLLIN, 0},
                                      pollfd{signals.poll_fd(), POLLIN, 0}};
    auto left = std::chrono::ceil<std::chrono::milliseconds>(
        ours.due() - container_hold::steady::now());
    auto timeout = std::max<std::int64_t>(left.count(), 0);
    if (::poll(news.data(), news.size(), static_cast<int>(timeout)) < 0)
      continue; // EINTR
    if (news[0].revents != 0)
      mail->deliver();
    if (news[1].revents == 0)
      continue;
    for (auto signo = signals.next(); signo != 0; signo = signals.next())
      if (signo != SIGWINCH)
        return status_signal_base + signo;
  }
  // Somebody has removed it.
  if (refused->is == failure::kind::not_found) {
    if (!ctx.options.quiet)
      ctx.err << "reeve: container '" << container << "' has gone\n";
    return status_ok;
  }
  return tl::make_unexpected(std::move(*refused));
}

} // namespace reeve::console
