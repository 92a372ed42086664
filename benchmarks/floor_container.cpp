// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// The floors of create, destroy and set.

#include "benchmarks/floor.hpp"
#include "benchmarks/stopwatch.hpp"
#include "benchmarks/straight_container.hpp"

#include <unistd.h>

namespace reeve::bench {

using kernel::result;

namespace {

/// The time, unless making or cleaning up failed.
result<duration> finish(duration took, result<void> outcome,
                        straight_container& box) {
  if (outcome)
    outcome = box.destroy();
  if (!outcome)
    return tl::make_unexpected(std::move(outcome.error()));
  return took;
}

} // namespace

result<duration> create_cold_floor(workshop& shop) {
  const auto watch = stopwatch{};
  auto box = straight_container::prepare(shop);
  if (!box)
    return tl::make_unexpected(std::move(box.error()));
  auto done = box->complete();
  const auto took = watch.elapsed();
  return finish(took, std::move(done), *box);
}

result<duration> create_warm_floor(workshop& shop) {
  auto box = straight_container::prepare(shop);
  if (!box)
    return tl::make_unexpected(std::move(box.error()));
  const auto watch = stopwatch{};
  auto done = box->complete();
  const auto took = watch.elapsed();
  return finish(took, std::move(done), *box);
}

result<duration> destroy_floor(workshop& shop) {
  auto box = straight_container::prepare(shop);
  if (!box)
    return tl::make_unexpected(std::move(box.error()));
  if (auto ok = box->complete(); !ok)
    return tl::make_unexpected(std::move(ok.error()));
  const auto watch = stopwatch{};
  auto done = box->destroy();
  const auto took = watch.elapsed();
  if (!done)
    return tl::make_unexpected(std::move(done.error()));
  return took;
}

result<duration> set_floor(workshop& shop) {
  auto group = scratch_group::make(shop.trees, shop.next_name());
  if (!group)
    return tl::make_unexpected(std::move(group.error()));
  auto dir = group->memory_directory();
  if (!dir)
    return tl::make_unexpected(std::move(dir.error()));
  const auto* file = shop.trees.kind == cgroup_trees::version::v1
                         ? "memory.limit_in_bytes"
                         : "memory.max";
  const auto watch = stopwatch{};
  auto done = write_file(dir->get(), file, "67108864");
  const auto took = watch.elapsed();
  if (done)
    done = group->remove();
  if (!done)
    return tl::make_unexpected(std::move(done.error()));
  return took;
}

} // namespace reeve::bench
