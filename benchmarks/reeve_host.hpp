// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/error.hpp"
#include "benchmarks/scratch_directory.hpp"
#include "kernel-iface/result.hpp"
#include "supervisor/runtime.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/scoped_actor.hpp>

#include <sys/types.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace reeve::bench {

/// A spec over the busybox image, and one of a process in it.
[[nodiscard]] config::container_spec spec_of(std::string name);
[[nodiscard]] config::process_spec process_of(std::string id,
                                              std::vector<std::string> argv);

/// Asks a Reeve and waits for the answer, as a client does: with a time limit.
template <class Reply, class Api, class Request>
[[nodiscard]] kernel::result<Reply> ask(caf::scoped_actor& self,
                                        const Api& whom, const Request& what) {
  kernel::result<Reply> out;
  self->request(whom, std::chrono::seconds{30}, what)
      .receive([&out](Reply& reply) { out = std::move(reply); },
               [&out](const caf::error& err) {
                 out = kernel::make_error(0, actors::text_of(err));
               });
  return out;
}

/// A Reeve within this process, with a root directory and an actor system of
/// its own. Destruction removes all containers and the directory.
class reeve_host {
public:
  [[nodiscard]] static kernel::result<std::unique_ptr<reeve_host>>
  start(unsigned pool_size);

  reeve_host(const reeve_host&) = delete;
  reeve_host& operator=(const reeve_host&) = delete;
  ~reeve_host();

  template <class Reply, class Request>
  [[nodiscard]] kernel::result<Reply> ask(const Request& what) {
    return bench::ask<Reply>(*self_, runtime_->api(), what);
  }

  /// For clients in threads of their own: each needs a `scoped_actor`.
  [[nodiscard]] caf::actor_system& system() {
    return *system_;
  }
  [[nodiscard]] const supervisor::local_api_actor& api() const {
    return runtime_->api();
  }

  [[nodiscard]] kernel::result<void> create(const std::string& container);
  [[nodiscard]] kernel::result<void> destroy(const std::string& container);

  /// Returns when the pool is full again, so that its refilling does not run
  /// beside what is measured.
  [[nodiscard]] kernel::result<void> await_pool();

private:
  explicit reeve_host(scratch_directory directory);

  scratch_directory directory_;
  caf::actor_system_config config_;
  std::unique_ptr<caf::actor_system> system_;
  std::unique_ptr<supervisor::runtime> runtime_;
  std::unique_ptr<caf::scoped_actor> self_;
};

/// A `reeved` in a process of its own, found beside this program, and this
/// process as its client. Destruction removes all containers and ends it.
class reeve_daemon {
public:
  [[nodiscard]] static kernel::result<std::unique_ptr<reeve_daemon>>
  start(unsigned pool_size);

  reeve_daemon(const reeve_daemon&) = delete;
  reeve_daemon& operator=(const reeve_daemon&) = delete;
  ~reeve_daemon();

  template <class Reply, class Request>
  [[nodiscard]] kernel::result<Reply> ask(const Request& what) {
    return bench::ask<Reply>(*self_, api_, what);
  }

  [[nodiscard]] kernel::result<void> create(const std::string& container);

  /// Runs the program `reeve` with these arguments to its end, and says how
  /// long that took.
  [[nodiscard]] kernel::result<std::chrono::nanoseconds>
  console(std::vector<std::string> arguments) const;

  [[nodiscard]] pid_t pid() const noexcept {
    return pid_;
  }

private:
  explicit reeve_daemon(scratch_directory directory);

  [[nodiscard]] kernel::result<void> launch(unsigned pool_size);
  [[nodiscard]] kernel::result<void> connect();

  scratch_directory directory_;
  std::string socket_;
  caf::actor_system_config config_;
  std::unique_ptr<caf::actor_system> system_;
  supervisor::api_actor api_;
  std::unique_ptr<caf::scoped_actor> self_;
  pid_t pid_ = -1;
};

} // namespace reeve::bench
