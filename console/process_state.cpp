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

result<supervisor::process_info> find_process(context& ctx, const target& which,
                                              const std::string& what) {
  auto details = ctx.ask<supervisor::container_details>(
      supervisor::get_container{which.container}, what);
  if (!details)
    return tl::make_unexpected(std::move(details.error()));
  auto& all = details->processes;
  auto found = std::find_if(all.begin(), all.end(), [&](const auto& info) {
    return info.process == which.process;
  });
  if (found == all.end())
    return refuse(what, "there is no such process",
                  "see `reeve ps -a " + which.container + "`");
  return std::move(*found);
}

} // namespace reeve::console
