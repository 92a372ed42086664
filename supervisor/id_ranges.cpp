// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "supervisor/id_ranges.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>

namespace reeve::supervisor {

using kernel::unique_fd;

namespace {

// Whether some other file of /etc/subuid's kind hands out these ids.
bool overlaps_subordinate_ids(std::uint64_t first, std::uint64_t count) {
  for (const auto* file : {"/etc/subuid", "/etc/subgid"}) {
    std::ifstream in{file};
    std::string line;
    while (std::getline(in, line)) {
      auto a = line.find(':');
      auto b = line.find(':', a + 1);
      if (a == std::string::npos || b == std::string::npos)
        continue;
      auto from = std::strtoull(line.c_str() + a + 1, nullptr, 10);
      auto size = std::strtoull(line.c_str() + b + 1, nullptr, 10);
      if (from < first + count && first < from + size)
        return true;
    }
  }
  return false;
}

} // namespace

id_ranges::id_ranges(const config::id_config& cfg, std::string owner)
    : config_(cfg),
      owner_(std::move(owner)) {}

std::string id_ranges::path_of(std::uint32_t block) const {
  return config_.registry + "/" + std::to_string(block);
}

kernel::result<id_base> id_ranges::take() {
  std::lock_guard guard{mutex_};
  if (free_.empty())
    if (auto ok = claim_block(); !ok)
      return tl::make_unexpected(std::move(ok.error()));
  auto base = *free_.begin();
  free_.erase(free_.begin());
  taken_.insert(base);
  return base;
}

kernel::result<void> id_ranges::claim(id_base base) {
  std::lock_guard guard{mutex_};
  if (free_.erase(base) == 0 && taken_.count(base) == 0) {
    if (base < config_.first || (base - config_.first) % ids_per_container != 0)
      return kernel::make_error(EINVAL, "claim the id range at",
                                std::to_string(base));
    auto block = (base - config_.first) / ids_per_container / ranges_per_block;
    auto ours = try_block(block);
    if (!ours)
      return tl::make_unexpected(std::move(ours.error()));
    if (!*ours)
      return kernel::make_error(
          EBUSY, "claim the id range at", std::to_string(base),
          "another instance of Reeve owns it, see " + path_of(block));
    free_.erase(base);
  }
  taken_.insert(base);
  return {};
}

void id_ranges::give_back(id_base base) {
  std::lock_guard guard{mutex_};
  if (taken_.erase(base) != 0)
    free_.insert(base);
}

void id_ranges::release_all() noexcept {
  std::lock_guard guard{mutex_};
  for (auto block : std::exchange(blocks_, {}))
    (void)::unlink(path_of(block).c_str());
  free_.clear();
}

kernel::result<void> id_ranges::claim_block() {
  auto blocks = (config_.count + ranges_per_block - 1) / ranges_per_block;
  for (std::uint32_t block = 0; block < blocks; ++block) {
    auto ours = try_block(block);
    if (!ours)
      return tl::make_unexpected(std::move(ours.error()));
    if (*ours && !free_.empty())
      return {};
  }
  return kernel::make_error(ENOSPC, "find a free range of user ids in",
                            config_.registry,
                            "remove containers or raise ids.count");
}

// True if the block is this instance's now. A lock on the directory makes
// looking and claiming one step among all instances.
kernel::result<bool> id_ranges::try_block(std::uint32_t block) {
  for (auto mine : blocks_)
    if (mine == block)
      return true;
  if (::mkdir(config_.registry.c_str(), 0755) != 0 && errno != EEXIST)
    return kernel::last_error("make directory", config_.registry);
  auto lock = unique_fd::adopt(
      ::open(config_.registry.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!lock || ::flock(lock.get(), LOCK_EX) != 0)
    return kernel::last_error("lock", config_.registry);
  auto path = path_of(block);
  {
    std::ifstream in{path};
    std::string owner{std::istreambuf_iterator<char>{in}, {}};
    std::error_code err;
    if (!owner.empty() && owner != owner_
        && std::filesystem::exists(owner, err))
      return false;
  }
  auto first = config_.first + block * ranges_per_block * ids_per_container;
  auto count =
      std::min(ranges_per_block, config_.count - block * ranges_per_block);
  if (overlaps_subordinate_ids(first, std::uint64_t{count} * ids_per_container))
    return false;
  auto file = unique_fd::adopt(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!file
      || ::write(file.get(), owner_.data(), owner_.size())
             != static_cast<ssize_t>(owner_.size()))
    return kernel::last_error("claim user ids with", path);
  blocks_.push_back(block);
  for (std::uint32_t i = 0; i < count; ++i) {
    auto base = first + i * ids_per_container;
    if (taken_.count(base) == 0)
      free_.insert(base);
  }
  return true;
}

} // namespace reeve::supervisor
