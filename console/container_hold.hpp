// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "console/context.hpp"
#include "console/courier.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

namespace reeve::console {

/// Our part in keeping a weak container, or the pause of any: to say again and
/// again that we are there. The daemon hears of our end by itself.
class container_hold {
public:
  using steady = std::chrono::steady_clock;

  enum class of : bool { container, pause };

  explicit container_hold(std::string container, of what = of::container);

  /// By which the daemon tells us from others.
  [[nodiscard]] std::uint64_t holder() const {
    return holder_;
  }

  /// It was just said.
  void put_off();

  /// Says so if it is time; `lost` is called when it is refused, as when the
  /// container has gone.
  void renew(courier& mail, std::function<void(const caf::error&)> lost);

  /// When it is time again.
  [[nodiscard]] steady::time_point due() const {
    return due_;
  }

private:
  std::string container_;
  of what_;
  std::uint64_t holder_;
  steady::time_point due_; ///< at once
};

/// Stays until a signal comes, or the container goes; the status to end with.
[[nodiscard]] result<int> hold_container(context& ctx, host& at,
                                         const std::string& container,
                                         const signal_gate& signals);

} // namespace reeve::console
