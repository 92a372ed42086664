// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "console/process_state.hpp"

namespace reeve::console {

table::cell state_of(const supervisor::process_info& info) {
  using supervisor::process_phase;
  auto phase = std::string{name_of(info.phase)};
  if (info.phase == process_phase::running && !info.ready)
    return {phase + ", not ready", paint::busy};
  auto text = phase;
  for (const auto& id : info.waits_for)
    text += (text == phase ? " for " : ", ") + printable(id);
  return {std::move(text), paint_of_phase(phase)};
}

} // namespace reeve::console
