// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/stats_inspection.hpp"

#include <optional>

namespace reeve::kernel {

REEVE_DEFINE_INSPECTION(cpu_stats, x.usage, x.user, x.system, x.periods,
                        x.throttled_periods, x.throttled)
REEVE_DEFINE_INSPECTION(memory_stats, x.current, x.peak, x.limit, x.swap,
                        x.anon, x.file, x.shmem, x.active_anon, x.inactive_anon,
                        x.active_file, x.inactive_file, x.dirty, x.writeback,
                        x.faults, x.major_faults, x.limit_hits, x.oom_kills)
REEVE_DEFINE_INSPECTION(pids_stats, x.current)
REEVE_DEFINE_INSPECTION(disk_stats, x.device, x.read_bytes, x.written_bytes,
                        x.reads, x.writes)
REEVE_DEFINE_INSPECTION(pressure_line, x.avg10, x.avg60, x.avg300, x.total)
REEVE_DEFINE_INSPECTION(pressure, x.some, x.full)
REEVE_DEFINE_INSPECTION(effective_limit, x.resource, x.is_hard, x.value,
                        x.source, x.is_exact)
REEVE_DEFINE_INSPECTION(process_stats, x.parent, x.user, x.system, x.threads,
                        x.resident, x.swap, x.faults, x.major_faults,
                        x.read_bytes, x.written_bytes)

namespace {

// CAF 0.17 knows its own `optional` only.
template <class T>
caf::error write(caf::serializer& f, std::optional<T>& x) {
  auto has_value = x.has_value();
  auto err = f(has_value);
  return !err && has_value ? f(*x) : err;
}

template <class T>
caf::error read(caf::deserializer& f, std::optional<T>& x) {
  auto has_value = false;
  auto err = f(has_value);
  if (err || !has_value) {
    x.reset();
    return err;
  }
  return f(x.emplace());
}

/// Each of the parts, in the order in which they travel.
template <class Visit>
caf::error visit_parts(container_stats& x, Visit visit) {
  return caf::error::eval(
      [&] { return visit(x.cpu); }, [&] { return visit(x.memory); },
      [&] { return visit(x.pids); }, [&] { return visit(x.disks); },
      [&] { return visit(x.cpu_pressure); },
      [&] { return visit(x.memory_pressure); },
      [&] { return visit(x.io_pressure); });
}

} // namespace

caf::error inspect(caf::serializer& f, container_stats& x) {
  if (auto err = f(x.taken))
    return err;
  return visit_parts(x, [&f](auto& part) { return write(f, part); });
}

caf::error inspect(caf::deserializer& f, container_stats& x) {
  if (auto err = f(x.taken))
    return err;
  return visit_parts(x, [&f](auto& part) { return read(f, part); });
}

void inspect(caf::detail::stringification_inspector& f, container_stats& x) {
  f(x.taken);
  static_cast<void>(visit_parts(x, [&f](auto& part) {
    if (part)
      f(*part);
    return caf::error{};
  }));
}

} // namespace reeve::kernel
