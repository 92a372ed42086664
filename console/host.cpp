// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "console/host.hpp"

#include "actors/handoff_scheduler.hpp"
#include "actors/unix_transport.hpp"
#include "supervisor/runtime.hpp"

#include <caf/io/middleman.hpp>

#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace reeve::console {

namespace {

constexpr auto greeting_limit = std::chrono::seconds{5};

class daemon_host : public host {
public:
  kernel::result<void> connect(const std::string& socket) {
    auto found =
        actors::connect<supervisor::api_actor>(system_, socket, greeting_limit);
    if (!found)
      return tl::make_unexpected(std::move(found.error()));
    api_ = std::move(*found);
    socket_ = socket;
    return {};
  }

  kernel::result<supervisor::api_actor> connect_again() override {
    if (auto done = connect(std::string{socket_}); !done)
      return tl::make_unexpected(std::move(done.error()));
    return api_;
  }

  caf::actor_system& system() override {
    return system_;
  }

  [[nodiscard]] supervisor::api_actor api() const override {
    return api_;
  }

private:
  std::string socket_;
  system_config config_{system_config::network::on};
  caf::actor_system system_{config_};
  supervisor::api_actor api_; // ends before the system
};

} // namespace

system_config::system_config(network use) {
  actors::use_handoff_scheduler(*this);
  set("scheduler.max-threads", std::size_t{2});
  supervisor::add_message_types(*this);
  if (use == network::on)
    load<caf::io::middleman>();
}

failure interrupted(int signo, const std::string& what) {
  auto out = failure{status_signal_base + signo, what,
                     "interrupted by SIG" + std::string{sigabbrev_np(signo)},
                     "what was begun may go on: see `reeve ls`"};
  out.is = failure::kind::interrupted;
  return out;
}

bool is_absent(const kernel::sys_error& err) {
  return err.code == ENOENT || err.code == ECONNREFUSED;
}

kernel::result<std::unique_ptr<host>>
connect_to_daemon(const std::string& socket) {
  // An actor system takes longer to start than this takes to find out that
  // there is nobody to talk to.
  if (::access(socket.c_str(), F_OK) != 0 && errno == ENOENT)
    return kernel::last_error("connect to", socket);
  auto out = std::make_unique<daemon_host>();
  if (auto done = out->connect(socket); !done)
    return tl::make_unexpected(std::move(done.error()));
  return out;
}

} // namespace reeve::console
