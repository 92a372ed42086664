// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "kernel-iface/result.hpp"
#include "kernel-iface/time_index.hpp"
#include "kernel-iface/unique_fd.hpp"

#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace reeve::kernel {

/// The output of one stream of one process: bytes numbered from 0, of which
/// the newest are kept on disk in segment files `<prefix>.<first offset>`. The
/// numbering survives a restart of the daemon, because it is in the names.
///
/// Bytes move from the pipe to the file inside the kernel (splice(2)): killed
/// at any instant, the daemon loses none, where read and write would lose what
/// was read. Nothing is created before the first byte.
///
/// When they came is in a `time_index` beside each file. One that cannot be
/// written costs no byte: then those count as come with the ones before.
///
/// One thread appends, any thread reads.
class output_spool {
public:
  struct options {
    std::string directory; ///< made with the first byte
    std::string prefix;
    std::uint64_t segment_size = 1024 * 1024;
    unsigned segments = 2; ///< at least 2: the newest may be empty
  };

  /// Opens what an earlier daemon left, or an empty spool.
  [[nodiscard]] static result<output_spool> open(options how);

  enum class progress : std::uint8_t {
    moved, ///< some bytes; there may be more
    empty, ///< nothing to read now
    ended, ///< the last writer has closed
  };

  /// Moves at most `max` bytes from a pipe or a terminal's master, without
  /// waiting whatever the descriptor's flags say. EPROTO if it is neither: a
  /// PID 1 that was taken over may pass anything.
  [[nodiscard]] result<progress> append_from(int source, std::size_t max,
                                             std::int64_t now_ms);

  struct chunk {
    std::uint64_t offset = 0; ///< later than asked for if older ones are gone
    std::string bytes;
  };

  /// Reads without waiting; empty at the end.
  [[nodiscard]] result<chunk> read(std::uint64_t offset, std::size_t max) const;

  /// Where the first line of which anything came at `unix_ms` or later begins;
  /// the end if there is none.
  [[nodiscard]] result<std::uint64_t> first_since(std::int64_t unix_ms) const;

  /// When the bytes from `begin` to before `end` came; the first one is at or
  /// before `begin`, if anything is known of it.
  [[nodiscard]] result<std::vector<time_stamp>> times(std::uint64_t begin,
                                                      std::uint64_t end) const;

  /// What was read from a terminal and could not be written; forgets it.
  std::uint64_t drop_unwritten();

  /// Offset of the oldest byte kept, and of the next one to come.
  [[nodiscard]] std::uint64_t begin() const;
  [[nodiscard]] std::uint64_t end() const;

  /// Removes the segment files.
  void remove() noexcept;

private:
  struct segment {
    std::uint64_t first = 0;
    std::uint64_t size = 0;
  };

  explicit output_spool(options how);

  [[nodiscard]] std::string path_of(const segment& which) const;
  [[nodiscard]] std::string index_of(const segment& which) const;
  [[nodiscard]] std::deque<segment> segments() const;
  [[nodiscard]] bool is_full() const;
  [[nodiscard]] result<void> start_segment();
  [[nodiscard]] result<std::uint64_t> line_start(std::uint64_t offset) const;
  void note_time(std::int64_t now_ms);
  [[nodiscard]] ssize_t copy_from_terminal(int source, std::size_t max);
  void count(std::uint64_t moved);
  void unlink(const segment& which) const noexcept;

  options options_;
  // By pointer, so that the spool can move.
  std::unique_ptr<std::mutex> mutex_ = std::make_unique<std::mutex>();
  std::deque<segment> segments_;
  std::uint64_t end_ = 0;
  unique_fd current_;
  std::string unwritten_; ///< of a terminal, which cannot be read by splice(2)
  std::optional<time_index> times_; ///< of the current one
};

} // namespace reeve::kernel
