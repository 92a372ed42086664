// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "benchmarks/floor.hpp"

#include <cerrno>

namespace reeve::bench {

kernel::result<duration> measure_floor(floor_kind kind, std::uint32_t processes,
                                       workshop& shop) {
  switch (kind) {
  case floor_kind::exec:
    return exec_floor(shop);
  case floor_kind::create_cold:
    return create_cold_floor(shop);
  case floor_kind::create_warm:
    return create_warm_floor(shop);
  case floor_kind::destroy:
    return destroy_floor(shop);
  case floor_kind::set:
    return set_floor(shop);
  case floor_kind::restart:
    return restart_floor(shop);
  case floor_kind::message_in_process:
    return message_in_process_floor(shop);
  case floor_kind::message_between_processes:
    return message_between_processes_floor(shop);
  case floor_kind::restart_storm:
    return restart_storm_floor(processes, shop);
  }
  return kernel::make_error(EINVAL, "measure", "an unknown floor");
}

} // namespace reeve::bench
