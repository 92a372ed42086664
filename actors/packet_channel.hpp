// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/poller.hpp"
#include "kernel-iface/packet.hpp"

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

namespace reeve::actors {

/// True if a packet could not be sent because its receiver has gone.
[[nodiscard]] bool is_gone(const kernel::sys_error& err);

/// Our end of a packet socket to a helper process. Sends from any thread
/// without blocking (what the socket does not take waits here, bounded); what
/// arrives is passed to `on_packet` on the poller's thread, in order; the end
/// of the peer, or its breaking of the protocol, comes once as `on_closed`,
/// after all that it had said before.
///
/// A packet counts until its last owner has let go of it, and only so many are
/// passed on: a peer that floods us fills its own socket, not our memory.
///
/// Owned by one actor through a shared pointer. `close` stops all calls but
/// one that is under way, and drops the handlers.
class packet_channel : public std::enable_shared_from_this<packet_channel> {
public:
  struct handlers {
    std::function<void(std::shared_ptr<kernel::packet>)> on_packet;
    std::function<void(kernel::sys_error)> on_closed;
    /// What had to wait was refused when its turn came; others are sent.
    std::function<void(std::uint64_t id, kernel::sys_error)> on_unsent;
  };

  /// `watch` must outlive the channel.
  [[nodiscard]] static std::shared_ptr<packet_channel>
  make(poller& watch, kernel::unique_fd socket);

  packet_channel(const packet_channel&) = delete;
  packet_channel& operator=(const packet_channel&) = delete;
  ~packet_channel();

  /// Starts to deliver. Called once.
  [[nodiscard]] kernel::result<void> start(handlers to);

  /// EPIPE once the channel is closed; ENOBUFS if the peer does not read;
  /// EMFILE if the packet would have to wait with descriptors of which no
  /// copies can be made. Nothing of a refused packet is sent.
  template <class Message>
  [[nodiscard]] kernel::result<void> send(std::uint64_t id,
                                          const Message& message,
                                          std::span<const int> borrowed = {}) {
    return send_raw(static_cast<std::uint16_t>(Message::type), id,
                    kernel::wire::encode(message), borrowed);
  }

  void close();

  /// As many packets, not let go of, may be on their way through the owner.
  static constexpr std::size_t max_in_hand = 64;

private:
  static constexpr std::size_t max_waiting = 4096;

  struct refusal {
    std::uint64_t id = 0;
    kernel::sys_error reason;
  };

  packet_channel(poller& watch, kernel::unique_fd socket);

  [[nodiscard]] kernel::result<void> send_raw(std::uint16_t type,
                                              std::uint64_t id,
                                              std::string body,
                                              std::span<const int> borrowed);
  void on_ready(std::uint32_t ready);
  void read_all();
  [[nodiscard]] bool flush(std::vector<refusal>& refused);
  void watch_for(bool all_sent);
  void fail(kernel::sys_error err);
  void let_go();

  poller& poller_;
  std::mutex mutex_;
  kernel::unique_fd socket_;
  poller::token token_ = 0;
  std::shared_ptr<const handlers> handlers_;
  std::deque<kernel::packet> waiting_;
  std::size_t in_hand_ = 0;
  bool rests_ = false; ///< nothing is read until some are let go of
};

} // namespace reeve::actors
