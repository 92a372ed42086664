// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "kernel-iface/result.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace reeve::kernel {

/// Capabilities that have a name here: 0 (CAP_CHOWN) up to, not including,
/// this number (CAP_CHECKPOINT_RESTORE is the last, Linux 5.9).
inline constexpr int capability_count = 41;

/// Number of a capability by its name, in any case and with or without the
/// `CAP_` prefix; empty if there is none of that name.
[[nodiscard]] std::optional<int> capability_number(std::string_view name);

/// Name as the kernel headers spell it (`CAP_CHOWN`), or `CAP_41` for a number
/// that is newer than this list.
[[nodiscard]] std::string capability_name(int number);

/// A set of capabilities: 64 bits, laid out as in `/proc/PID/status` and, cut
/// in two words, as in capset(2). A value; says nothing about any process.
class capability_set {
public:
  constexpr capability_set() noexcept = default;

  [[nodiscard]] static constexpr capability_set
  from_bits(std::uint64_t bits) noexcept {
    return capability_set{bits};
  }

  /// What root of a container may do unless its spec says otherwise: the
  /// fourteen that Docker and its successors made the custom.
  [[nodiscard]] static capability_set container_default() noexcept;

  /// The set of these names. An unknown one is refused with EINVAL and a hint
  /// with the nearest known name. There is no "ALL": that depends on the
  /// kernel, see `known_by_kernel`.
  [[nodiscard]] static result<capability_set>
  parse(const std::vector<std::string>& names);

  /// Every capability of the running kernel, named here or not
  /// (`/proc/sys/kernel/cap_last_cap`).
  [[nodiscard]] static result<capability_set> known_by_kernel();

  [[nodiscard]] constexpr std::uint64_t bits() const noexcept {
    return bits_;
  }

  [[nodiscard]] constexpr bool empty() const noexcept {
    return bits_ == 0;
  }

  /// False for a number outside 0..63.
  [[nodiscard]] constexpr bool contains(int number) const noexcept {
    return (bits_ & bit(number)) != 0;
  }

  [[nodiscard]] constexpr bool contains(capability_set other) const noexcept {
    return (bits_ & other.bits_) == other.bits_;
  }

  constexpr void add(int number) noexcept {
    bits_ |= bit(number);
  }

  constexpr void remove(int number) noexcept {
    bits_ &= ~bit(number);
  }

  /// In order of their numbers.
  [[nodiscard]] std::vector<std::string> names() const;

  friend constexpr bool operator==(capability_set,
                                   capability_set) noexcept = default;

  friend constexpr capability_set operator|(capability_set a,
                                            capability_set b) noexcept {
    return from_bits(a.bits_ | b.bits_);
  }

  friend constexpr capability_set operator&(capability_set a,
                                            capability_set b) noexcept {
    return from_bits(a.bits_ & b.bits_);
  }

  /// What is in `a` and not in `b`.
  friend constexpr capability_set operator-(capability_set a,
                                            capability_set b) noexcept {
    return from_bits(a.bits_ & ~b.bits_);
  }

private:
  explicit constexpr capability_set(std::uint64_t bits) noexcept
      : bits_(bits) {}

  static constexpr std::uint64_t bit(int number) noexcept {
    return number >= 0 && number < 64 ? std::uint64_t{1} << number : 0;
  }

  std::uint64_t bits_ = 0;
};

/// This thread holds the capability now, capget(2).
[[nodiscard]] bool is_effective(int number);

} // namespace reeve::kernel
