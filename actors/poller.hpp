// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "kernel-iface/result.hpp"
#include "kernel-iface/unique_fd.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <utility>

namespace reeve::actors {

/// Turns readiness of descriptors into calls, on one thread of its own
/// (epoll(7)). The calls are short and turn into actor messages; whoever is
/// called must not block.
///
/// A watch is one-shot: after its call it rests until `rearm`. Unwatching may
/// happen at any time from any thread; a call that is under way may still
/// finish after it, so a callback holds what it needs by shared pointer and
/// actors by handle.
class poller {
public:
  using token = std::uint64_t;
  using callback = std::function<void(std::uint32_t events)>;

  /// Starts the thread. Fails with EMFILE or ENOMEM only.
  [[nodiscard]] static kernel::result<std::unique_ptr<poller>>
  make(const char* thread_name);

  poller(const poller&) = delete;
  poller& operator=(const poller&) = delete;

  /// Ends the thread. No callback runs after this; but the one under way, if it
  /// is the callback that let go of the last owner: it finishes.
  ~poller();

  /// Watches `fd` (borrowed: it must stay open until `unwatch`) for EPOLLIN or
  /// EPOLLOUT; EPOLLHUP and EPOLLERR always count.
  [[nodiscard]] kernel::result<token> watch(int fd, std::uint32_t events,
                                            callback on_ready);

  void rearm(token which, int fd, std::uint32_t events);

  void unwatch(token which, int fd);

private:
  /// What the thread uses: it may outlive the poller by one callback.
  struct shared {
    kernel::unique_fd epoll;
    kernel::unique_fd wake;
    std::mutex mutex;
    token next = 1;
    std::unordered_map<token, std::shared_ptr<callback>> watches;
    std::atomic<bool> stop{false};
  };

  explicit poller(std::shared_ptr<shared> with) : with_(std::move(with)) {}

  static void run(shared& with);

  std::shared_ptr<shared> with_;
  std::thread thread_;
};

} // namespace reeve::actors
