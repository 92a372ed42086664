// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "console/host.hpp"
#include "kernel-iface/unique_fd.hpp"

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/event_based_actor.hpp>

#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace reeve::console {

/// Requests from a thread that sits in poll(2). Any number may be under way;
/// each answer is handed to its continuation in the thread that calls
/// `deliver`, so that whoever follows a program needs neither locks nor
/// further threads.
class courier {
public:
  [[nodiscard]] static kernel::result<courier> start(host& at);

  courier(courier&&) noexcept = default;
  courier& operator=(courier&&) = delete;

  /// Answers that are still to come are dropped.
  ~courier();

  /// `then` takes a `tl::expected<Reply, caf::error>`.
  template <class Reply, class Request, class Then>
  void send(Request request, std::chrono::milliseconds limit, Then then) {
    run([api = api_, at = box_, request = std::move(request), limit,
         then = std::move(then)](caf::event_based_actor* self) {
      self->request(api, limit, request)
          .then(
              [at, then](Reply& reply) {
                at->put([then, reply = std::move(reply)]() mutable {
                  then(tl::expected<Reply, caf::error>{std::move(reply)});
                });
              },
              [at, then](const caf::error& err) {
                at->put([then, err] {
                  then(tl::expected<Reply, caf::error>{
                      tl::make_unexpected(err)});
                });
              });
    });
  }

  /// Readable when `deliver` has something to do. Borrowed.
  [[nodiscard]] int poll_fd() const {
    return box_->wake.get();
  }

  /// Runs the continuations of the answers that are there.
  void deliver();

  using job = std::function<void(caf::event_based_actor*)>;

private:
  struct letter_box {
    std::mutex guard;
    std::vector<std::function<void()>> letters;
    kernel::unique_fd wake; ///< eventfd

    void put(std::function<void()> letter);
  };

  courier(host& at, kernel::unique_fd wake);

  void run(job what);

  supervisor::api_actor api_;
  std::shared_ptr<letter_box> box_;
  caf::actor worker_;
};

} // namespace reeve::console

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::console::courier::job)
