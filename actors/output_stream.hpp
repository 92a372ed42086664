// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/poller.hpp"
#include "kernel-iface/output_spool.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace reeve::actors {

/// One stream of one running process on its way from the pipe to the spool.
///
/// Back-pressure: with `hold_at(n)` it stops reading once byte `n` is in the
/// spool; the pipe fills and its writer, and only its writer, blocks. Without
/// a hold it reads all and the spool forgets the oldest.
///
/// When the spool takes no more, as on a full disk, either what comes is thrown
/// away, so that no disk stops a program, or the program waits until `retry`.
/// For what we are short of ourselves, descriptors or memory, it waits always.
///
/// Shared by the `user_process` actor that owns it and the poller's thread.
class output_stream : public std::enable_shared_from_this<output_stream> {
public:
  static constexpr std::uint64_t no_hold = ~std::uint64_t{0};

  enum class without_room : std::uint8_t { drop, wait };

  /// `on_news` is called on the poller's thread once after each `want_news`,
  /// when there is more to read, or the end; and whenever it becomes blocked.
  [[nodiscard]] static std::shared_ptr<output_stream>
  make(poller& watch, kernel::output_spool spool, without_room then,
       std::function<void()> on_news);

  output_stream(const output_stream&) = delete;
  output_stream& operator=(const output_stream&) = delete;
  ~output_stream();

  /// Starts to read from `source`, non-blocking from here on. A stream whose
  /// process is started again goes on in the same spool.
  [[nodiscard]] kernel::result<void> connect(kernel::unique_fd source);

  void hold_at(std::uint64_t offset);

  /// Asks for one call of `on_news` at the next change. Look at the spool
  /// after this call, not before: then no news is missed.
  void want_news();

  [[nodiscard]] kernel::result<kernel::output_spool::chunk>
  read(std::uint64_t offset, std::size_t max) const {
    return spool_.read(offset, max);
  }

  [[nodiscard]] kernel::result<std::uint64_t>
  first_since(std::int64_t unix_ms) const {
    return spool_.first_since(unix_ms);
  }

  [[nodiscard]] kernel::result<std::vector<kernel::time_stamp>>
  times(std::uint64_t begin, std::uint64_t end) const {
    return spool_.times(begin, end);
  }

  [[nodiscard]] std::uint64_t end() const {
    return spool_.end();
  }

  [[nodiscard]] std::uint64_t begin() const {
    return spool_.begin();
  }

  /// True while a writer may still add bytes.
  [[nodiscard]] bool is_open() const;

  /// Bytes wait in the source, held back or not moved yet.
  [[nodiscard]] bool has_more() const;

  /// Why it reads no more until `retry`: the spool took nothing.
  [[nodiscard]] std::optional<kernel::sys_error> blocked() const;

  /// Tries again; nothing happens when it is not blocked.
  void retry();

  /// Stops reading at once, whatever the pipe still holds.
  void disconnect();

  /// Moves what the pipe of a run that has ended still holds, no more than a
  /// pipe can, whoever holds it back; and stops reading. An error: some is
  /// left, for want of what may be there later.
  [[nodiscard]] kernel::result<void> finish();

  /// Bytes that could not be kept (for example on a full disk).
  [[nodiscard]] std::uint64_t dropped() const {
    return dropped_;
  }

  void remove_spool() {
    spool_.remove();
  }

private:
  output_stream(poller& watch, kernel::output_spool spool, without_room then,
                std::function<void()> on_news);

  void on_ready();
  [[nodiscard]] bool waits_for(const kernel::sys_error& why) const;
  [[nodiscard]] kernel::result<void> take_rest();
  void drop_rest();
  void discard();

  poller& poller_;
  kernel::output_spool spool_;
  const without_room then_;
  std::function<void()> on_news_;
  mutable std::mutex mutex_;
  kernel::unique_fd source_;
  poller::token token_ = 0;
  bool resting_ = false;
  std::optional<kernel::sys_error> blocked_;
  std::uint64_t hold_ = no_hold;
  std::atomic<bool> news_wanted_{false};
  std::atomic<std::uint64_t> dropped_{0};
};

} // namespace reeve::actors
