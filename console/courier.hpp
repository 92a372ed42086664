// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "console/repeatable.hpp"
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
#include <optional>
#include <utility>
#include <vector>

namespace reeve::console {

/// Requests from a thread that sits in poll(2). Any number may be under way;
/// each answer is handed to its continuation in the thread that calls
/// `deliver`, so that whoever follows a program needs neither locks nor
/// further threads.
///
/// CAF leaves requests to an actor behind a lost connection to their time
/// limits. Here, when the connection is lost, it is made again, for a daemon
/// that crashed or is upgraded is back in a moment; what may be sent twice is
/// (repeatable.hpp), and the rest fails at once, with `errc::gone`. If nobody
/// is back within `patience`, so does all. A daemon that goes may also still
/// say so: then the same is done.
class courier {
public:
  using connector = std::function<kernel::result<supervisor::api_actor>()>;

  static constexpr auto patience = std::chrono::seconds{10};

  /// `again` makes another connection; it may block for a moment. Without it a
  /// loss is final.
  [[nodiscard]] static kernel::result<courier> start(caf::actor_system& sys,
                                                     supervisor::api_actor api,
                                                     connector again = {});

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

  struct retry_due {};

private:
  struct letter_box;
  using letter = std::function<void(letter_box&)>;

  struct request {
    std::function<void(const caf::error&)> fail;
    std::function<void(letter_box&)> send;
    bool is_repeatable = false;
    /// Set by the first answer that tells of a defect or of an end.
    std::optional<std::chrono::steady_clock::time_point> until;
  };

  struct letter_box {
    std::mutex guard; ///< of `letters`
    std::vector<letter> letters;
    kernel::unique_fd wake; ///< eventfd

    // Only for the thread that delivers:
    std::map<std::uint64_t, request> awaited;
    std::uint64_t last = 0;
    caf::actor_system* system = nullptr;
    supervisor::api_actor api;
    connector again;
    caf::actor worker; ///< of this connection; null when there is none
    std::chrono::steady_clock::time_point until; ///< it is made again
    bool gone = false;

    void put(letter what);
    void run(job what) const;
    void fail(std::uint64_t number, const caf::error& err);
    void refuse(const std::shared_ptr<letter_box>& me, std::uint64_t number,
                const caf::error& err);
    void later(const std::shared_ptr<letter_box>& me, letter what) const;
    void fail_all();
    void begin(const std::shared_ptr<letter_box>& me);
    void lose(const std::shared_ptr<letter_box>& me);
    void try_again(const std::shared_ptr<letter_box>& me);
    void send_again();
  };

  explicit courier(std::shared_ptr<letter_box> box);

  std::shared_ptr<letter_box> box_;
};

// An answer may come twice, and one of a worker that has ended not at all.
template <class Reply, class Request, class Then>
void courier::send(Request what, std::chrono::milliseconds limit, Then then) {
  auto number = ++box_->last;
  auto& slot = box_->awaited[number];
  slot.is_repeatable = is_repeatable(what);
  slot.fail = [then](const caf::error& err) mutable {
    then(tl::expected<Reply, caf::error>{tl::make_unexpected(err)});
  };
  slot.send = [at = std::weak_ptr{box_}, what = std::move(what), limit, number,
               then = std::move(then)](letter_box& from) {
    from.run([at, api = from.api, what, limit, number,
              then](caf::event_based_actor* self) {
      auto put = [at](letter answer) {
        if (auto to = at.lock())
          to->put(std::move(answer));
      };
      self->request(api, limit, what)
          .then(
              [put, number, then](Reply& reply) {
                put([number, then,
                     reply = std::move(reply)](letter_box& box) mutable {
                  if (box.awaited.erase(number) != 0)
                    then(tl::expected<Reply, caf::error>{std::move(reply)});
                });
              },
              [put, at, number](const caf::error& err) {
                put([at, number, err](letter_box& box) {
                  box.refuse(at.lock(), number, err);
                });
              });
    });
  };
  if (box_->gone)
    box_->put([](letter_box& box) { box.fail_all(); });
  else if (box_->worker) // else it is sent when there is a connection
    slot.send(*box_);
}

} // namespace reeve::console

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::console::courier::job)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::console::courier::retry_due)
