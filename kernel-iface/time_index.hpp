// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "kernel-iface/result.hpp"
#include "kernel-iface/unique_fd.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace reeve::kernel {

/// From `offset` on, bytes came at `unix_ms` or later.
struct time_stamp {
  std::uint64_t offset = 0;
  std::int64_t unix_ms = 0;

  bool operator==(const time_stamp&) const = default;
};

/// When the bytes of a log file came, in a file beside it: one record of 16
/// bytes for each 10 ms in which something came. The records are in the order
/// of their offsets; their times go back where the host's clock did.
///
/// One thread notes; reading is by the file's name, from any thread.
class time_index {
public:
  /// Of the times: what came within it has one record.
  static constexpr std::int64_t resolution_ms = 10;

  /// Goes on in a file that an earlier daemon left, or makes one, for bytes
  /// from `end` on. A record that was being written when that one died is
  /// written over, and so are those of bytes that were lost with the host's
  /// power.
  [[nodiscard]] static result<time_index> open(const std::string& path,
                                               std::uint64_t end);

  /// Says that what comes next begins at `offset`. Does nothing within
  /// `resolution_ms` of the last one.
  [[nodiscard]] result<void> note(time_stamp now);

  /// Bytes of the file.
  [[nodiscard]] std::uint64_t size() const {
    return size_;
  }

  /// Where what came at `unix_ms` or later begins: never too late, and too
  /// early by `resolution_ms` at most. Empty if nothing did, or without a file.
  [[nodiscard]] static result<std::optional<std::uint64_t>>
  first_since(const std::string& path, std::int64_t unix_ms);

  /// What is known of the bytes from `begin` to before `end`: the first one is
  /// at or before `begin`. Empty without a file.
  [[nodiscard]] static result<std::vector<time_stamp>>
  between(const std::string& path, std::uint64_t begin, std::uint64_t end);

private:
  time_index(std::string path, unique_fd file, std::uint64_t size,
             std::optional<time_stamp> last)
      : path_(std::move(path)),
        file_(std::move(file)),
        size_(size),
        last_(last) {}

  std::string path_;
  unique_fd file_;
  std::uint64_t size_ = 0;
  std::optional<time_stamp> last_;
};

} // namespace reeve::kernel
