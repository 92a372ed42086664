// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "console/terminal.hpp"
#include "kernel-iface/result.hpp"
#include "kernel-iface/unique_fd.hpp"
#include "supervisor/api.hpp"

#include <caf/actor_system.hpp>
#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/event_based_actor.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace reeve::console {

/// Requests from a thread that sits in poll(2). Any number may be under way;
/// each answer is handed to its continuation in the thread that calls
/// `deliver`, so that whoever follows a program needs neither locks nor
/// further threads.
///
/// CAF leaves requests to an actor behind a lost connection to their time
/// limits; here they fail at once, with `errc::gone`.
class courier {
public:
  [[nodiscard]] static kernel::result<courier> start(caf::actor_system& sys,
                                                     supervisor::api_actor api);

  courier(courier&&) noexcept = default;
  courier& operator=(courier&&) = delete;

  /// Answers that are still to come are dropped.
  ~courier();

  /// `then` takes a `tl::expected<Reply, caf::error>`, and is called once.
  template <class Reply, class Request, class Then>
  void send(Request request, std::chrono::milliseconds limit, Then then);

  /// Readable when `deliver` has something to do. Borrowed.
  [[nodiscard]] int poll_fd() const {
    return box_->wake.get();
  }

  /// Runs the continuations of the answers that are there.
  void deliver();

  /// Waits for the next answers and delivers them, or for a signal, if there
  /// is a gate for them, and returns its number; 0 for none.
  [[nodiscard]] int wait(const signal_gate* signals);

  using job = std::function<void(caf::event_based_actor*)>;

private:
  struct letter_box;
  using letter = std::function<void(letter_box&)>;

  struct letter_box {
    std::mutex guard; ///< of `letters`
    std::vector<letter> letters;
    kernel::unique_fd wake; ///< eventfd

    // Only for the thread that delivers:
    std::map<std::uint64_t, std::function<void(const caf::error&)>> awaited;
    std::uint64_t last = 0;
    bool gone = false;

    void put(letter what);
    void fail(std::uint64_t request, const caf::error& err);
    void fail_all();
  };

  courier(caf::actor_system& sys, supervisor::api_actor api,
          kernel::unique_fd wake);

  void run(job what);

  supervisor::api_actor api_;
  std::shared_ptr<letter_box> box_;
  caf::actor worker_;
};

// -- implementation
// ------------------------------------------------------------

template <class Reply, class Request, class Then>
void courier::send(Request request, std::chrono::milliseconds limit,
                   Then then) {
  auto number = ++box_->last;
  box_->awaited[number] = [then](const caf::error& err) mutable {
    then(tl::expected<Reply, caf::error>{tl::make_unexpected(err)});
  };
  if (box_->gone) {
    box_->put([](letter_box& box) { box.fail_all(); });
    return;
  }
  run([api = api_, at = box_, request = std::move(request), limit, number,
       then = std::move(then)](caf::event_based_actor* self) {
    self->request(api, limit, request)
        .then(
            [at, number, then](Reply& reply) {
              at->put([number, then,
                       reply = std::move(reply)](letter_box& box) mutable {
                if (box.awaited.erase(number) != 0)
                  then(tl::expected<Reply, caf::error>{std::move(reply)});
              });
            },
            [at, number](const caf::error& err) {
              at->put(
                  [number, err](letter_box& box) { box.fail(number, err); });
            });
  });
}

} // namespace reeve::console

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::console::courier::job)
