// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "supervisor/runtime.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/scoped_actor.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace reeve::tests {

/// True if the tests that need the real kernel can run; warns if not.
[[nodiscard]] bool is_root();

/// One Reeve of its own on the real kernel: a temporary root directory, an
/// actor system and a runtime in this process. Its end stops and destroys all
/// containers and deletes the directory.
class instance {
public:
  explicit instance(unsigned pool_size = 1);
  instance(const instance&) = delete;
  instance& operator=(const instance&) = delete;
  ~instance();

  [[nodiscard]] const std::string& root() const {
    return root_;
  }

  [[nodiscard]] config::daemon_config& config() {
    return config_;
  }

  [[nodiscard]] const supervisor::local_api_actor& api() const {
    return runtime_->api();
  }

  [[nodiscard]] caf::actor_system& system() {
    return *system_;
  }

  /// Ends the runtime as a crash of the daemon would, containers untouched,
  /// and starts another one on the same directories.
  void restart();

  /// Only the end, then only the start, for what has to happen in between.
  void go_down();
  void come_up();

  /// Asks and expects an answer; fails the test with the error's text if not.
  template <class Reply, class Request>
  Reply ask(const Request& what) {
    Reply out;
    std::string problem;
    caf::scoped_actor self{*system_};
    self->request(runtime_->api(), limit, what)
        .receive([&](Reply& reply) { out = std::move(reply); },
                 [&](const caf::error& err) { problem = text(err); });
    if (!problem.empty())
      fail(problem);
    return out;
  }

  /// Asks and expects a refusal; returns its text.
  template <class Reply, class Request>
  std::string refusal(const Request& what) {
    std::string out;
    caf::scoped_actor self{*system_};
    self->request(runtime_->api(), limit, what)
        .receive([&](const Reply&) {},
                 [&](const caf::error& err) { out = text(err); });
    if (out.empty())
      fail("it was not refused");
    return out;
  }

  // -- short forms of what most tests do --------------------------------------

  /// A spec over the busybox image.
  [[nodiscard]] static config::container_spec spec(const std::string& name);

  [[nodiscard]] static config::process_spec
  process(const std::string& id, std::vector<std::string> argv);

  void create(const std::string& name);
  void create(const config::container_spec& spec);
  void destroy(const std::string& name);

  supervisor::process_started run(const std::string& container,
                                  const config::process_spec& spec);

  /// Runs a shell script to its end; returns its status and output.
  struct outcome {
    supervisor::exit_reason reason;
    std::string out;
    std::string err;
  };
  outcome shell(const std::string& container, const std::string& script);
  outcome run_to_end(const std::string& container, config::process_spec spec);

  [[nodiscard]] supervisor::process_info
  process_of(const std::string& container, const std::string& process);

  /// Waits until the process has ended for good.
  supervisor::process_info wait(const std::string& container,
                                const std::string& process);

  /// Everything its stream has kept.
  [[nodiscard]] std::string output(
      const std::string& container, const std::string& process,
      supervisor::output_stream_id stream = supervisor::output_stream_id::out);

private:
  static constexpr auto limit = std::chrono::seconds{60};

  static std::string text(const caf::error& err);
  [[noreturn]] static void fail(const std::string& problem);

  std::string root_;
  config::daemon_config config_;
  caf::actor_system_config system_config_;
  std::unique_ptr<caf::actor_system> system_;
  std::unique_ptr<supervisor::runtime> runtime_;
};

/// Polls until the condition holds; fails the test after ten seconds.
void eventually(const std::string& what, const std::function<bool()>& holds);

} // namespace reeve::tests
