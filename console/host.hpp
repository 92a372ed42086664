// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "console/courier.hpp"
#include "console/failure.hpp"
#include "supervisor/api.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace reeve::console {

/// For requests that a healthy daemon answers at once or within its own
/// deadlines.
inline constexpr auto request_limit = std::chrono::seconds{45};

/// For stops, which take as long as the processes' own graces.
inline constexpr auto stop_limit = std::chrono::hours{24};

/// For cleaning up behind ourselves.
inline constexpr auto removal_limit = std::chrono::minutes{2};

/// How long one request of a loop waits in the daemon for news, and how long
/// we wait for its answer.
inline constexpr auto poll_wait = std::chrono::milliseconds{10'000};
inline constexpr auto poll_limit = std::chrono::seconds{30};

/// The actors that a command talks to, in the daemon or in this process.
class host {
public:
  host() = default;
  host(const host&) = delete;
  host& operator=(const host&) = delete;
  virtual ~host() = default;

  [[nodiscard]] virtual caf::actor_system& system() = 0;
  [[nodiscard]] virtual supervisor::api_actor api() const = 0;

  /// Another connection, when the one before was lost; may block for a moment.
  [[nodiscard]] virtual kernel::result<supervisor::api_actor> connect_again() {
    return kernel::make_error(ENOTSUP, "connect again");
  }

  /// What only a host in this process has.
  [[nodiscard]] virtual const supervisor::local_api_actor* local() const {
    return nullptr;
  }

  /// Signals that end waiting for an answer, where they are blocked; null where
  /// they end us by themselves. Borrowed.
  const signal_gate* signals = nullptr;
};

/// An actor system as the console needs it: few threads, quiet, and without a
/// look at files or at the command line.
class system_config : public caf::actor_system_config {
public:
  enum class network : bool { off, on };

  explicit system_config(network use);
};

/// ENOENT and ECONNREFUSED mean that there is no daemon.
[[nodiscard]] bool is_absent(const kernel::sys_error& err);

[[nodiscard]] kernel::result<std::unique_ptr<host>>
connect_to_daemon(const std::string& socket);

/// That we did not wait for an answer because of a signal.
[[nodiscard]] failure interrupted(int signo, const std::string& what);

/// Asks and waits for the answer. A signal, where there is a gate for them,
/// ends the waiting, not what was asked for: that is for the caller to undo.
template <class Reply, class Request>
[[nodiscard]] result<Reply>
ask(courier& mail, const signal_gate* signals, Request request,
    const std::string& what, std::chrono::milliseconds limit = request_limit) {
  auto out = std::optional<result<Reply>>{};
  mail.send<Reply>(
      std::move(request), limit, [&](tl::expected<Reply, caf::error> reply) {
        if (reply)
          out = std::move(*reply);
        else
          out = tl::make_unexpected(failure_of(reply.error(), what));
      });
  while (!out)
    if (auto signo = mail.wait(signals); signo != 0 && !out)
      return tl::make_unexpected(interrupted(signo, what));
  return std::move(*out);
}

template <class Reply, class Request>
[[nodiscard]] result<Reply>
ask(host& at, Request request, const std::string& what,
    std::chrono::milliseconds limit = request_limit) {
  kernel::result<courier> mail = courier::start(
      at.system(), at.api(), [&at] { return at.connect_again(); });
  if (!mail)
    return refuse(what, to_string(mail.error()));
  return ask<Reply>(*mail, at.signals, std::move(request), what, limit);
}

} // namespace reeve::console
