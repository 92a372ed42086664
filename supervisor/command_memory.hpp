// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>

namespace reeve::supervisor {

/// Which commands were carried out lately, and what each has made: a client
/// that repeats one gets the same answer. Number 0 means "none" and is not
/// remembered. The oldest make room.
template <class Made>
class command_memory {
public:
  explicit command_memory(std::size_t capacity) : capacity_(capacity) {}

  void remember(std::uint64_t command, Made made) {
    if (command == 0)
      return;
    if (done_.size() >= capacity_)
      done_.pop_front();
    done_.emplace_back(command, std::move(made));
  }

  [[nodiscard]] std::optional<Made> find(std::uint64_t command) const {
    for (const auto& [known, made] : done_)
      if (command != 0 && known == command)
        return made;
    return std::nullopt;
  }

  /// What was made has failed or gone: a repeat makes it anew.
  void forget(const Made& made) {
    std::erase_if(done_, [&](const auto& item) { return item.second == made; });
  }

private:
  std::size_t capacity_;
  std::deque<std::pair<std::uint64_t, Made>> done_;
};

} // namespace reeve::supervisor
