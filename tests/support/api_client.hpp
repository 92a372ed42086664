// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "supervisor/api.hpp"

#include <caf/actor_system.hpp>
#include <caf/scoped_actor.hpp>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace reeve::tests {

/// Polls until the condition holds; fails the test at the limit.
void eventually(const std::string& what, const std::function<bool()>& holds,
                std::chrono::seconds limit = std::chrono::seconds{10});

/// The same, and says how it was at the end.
void eventually(const std::string& what, const std::function<bool()>& holds,
                const std::function<std::string()>& instead,
                std::chrono::seconds limit = std::chrono::seconds{10});

/// Short forms of what most tests ask of a Reeve, be it in this process or
/// behind a socket. Any thread may ask.
class api_client {
public:
  /// Asks and expects an answer; fails the test with the error's text if not.
  template <class Reply, class Request>
  Reply ask(const Request& what) {
    Reply out;
    std::string problem;
    caf::scoped_actor self{*system_};
    self->request(api_, limit, what)
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
    self->request(api_, limit, what)
        .receive([&](const Reply&) {},
                 [&](const caf::error& err) { out = text(err); });
    if (out.empty())
      fail("it was not refused");
    return out;
  }

  /// Asks and takes any answer: the text of a refusal, or nothing. What was
  /// answered goes to `reply`.
  template <class Reply, class Request>
  std::string complaint(const Request& what, Reply* reply = nullptr) {
    std::string out;
    caf::scoped_actor self{*system_};
    self->request(api_, limit, what)
        .receive(
            [&](Reply& answer) {
              if (reply != nullptr)
                *reply = std::move(answer);
            },
            [&](const caf::error& err) {
              out = text(err);
              if (out.empty())
                out = "an error without a text";
            });
    return out;
  }

  /// Asks and takes the answer, if there is one. Who loses its connection
  /// after it has asked gets none.
  template <class Reply, class Request>
  std::optional<Reply> answer(const Request& what,
                              std::chrono::milliseconds within) {
    std::optional<Reply> out;
    caf::scoped_actor self{*system_};
    self->request(api_, within, what)
        .receive([&](Reply& reply) { out = std::move(reply); },
                 [](const caf::error&) {});
    return out;
  }

  /// From here on `insist` also asks again after a refusal.
  void put_up_with_refusals(bool does) {
    refusals_pass_ = does;
  }

  /// Asks again until there is an answer that is no failure of an actor.
  template <class Reply, class Request>
  Reply insist(const Request& what) {
    std::optional<Reply> out;
    std::string problem;
    eventually(
        "there is an answer",
        [&] {
          caf::scoped_actor self{*system_};
          self->request(api_, limit, what)
              .receive([&](Reply& reply) { out = std::move(reply); },
                       [&](const caf::error& err) {
                         problem = text(err);
                         if (!refusals_pass_ && !says_of_failure(err))
                           fail(problem);
                       });
          return out.has_value();
        },
        [&] { return problem; });
    return std::move(*out);
  }

  /// A spec over the busybox image.
  [[nodiscard]] static config::container_spec spec(const std::string& name);

  [[nodiscard]] static config::process_spec
  process(const std::string& id, std::vector<std::string> argv);

  /// Does nothing for longer than a test takes.
  [[nodiscard]] static config::process_spec sleeper(const std::string& id);

  /// Counts on standard output, a line for each number.
  [[nodiscard]] static config::process_spec counter(const std::string& id);

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

  [[nodiscard]] supervisor::container_details
  details_of(const std::string& container);

  [[nodiscard]] supervisor::container_phase
  phase_of(const std::string& container);

  [[nodiscard]] supervisor::process_info
  process_of(const std::string& container, const std::string& process);

  /// Waits until the process has ended for good.
  supervisor::process_info wait(const std::string& container,
                                const std::string& process);

  /// Everything its stream has kept, to its end.
  [[nodiscard]] std::string output(
      const std::string& container, const std::string& process,
      supervisor::output_stream_id stream = supervisor::output_stream_id::out);

  /// What its standard output has kept by now, without waiting for more.
  [[nodiscard]] std::string output_so_far(const std::string& container,
                                          const std::string& process);

  [[nodiscard]] std::vector<std::string> container_names();

protected:
  api_client() = default;
  ~api_client() = default;

  void talk_to(caf::actor_system& sys, supervisor::local_api_actor api);
  void hang_up();

  /// Destroys every container, whatever runs in it.
  void destroy_all();

  static constexpr auto limit = std::chrono::seconds{60};

  static std::string text(const caf::error& err);
  static bool says_of_failure(const caf::error& err);
  [[noreturn]] static void fail(const std::string& problem);

private:
  caf::actor_system* system_ = nullptr;
  supervisor::local_api_actor api_;
  bool refusals_pass_ = false;
};

} // namespace reeve::tests
