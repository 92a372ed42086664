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
#include <system_error>
#include <utility>

namespace reeve::supervisor {

namespace fs = std::filesystem;
using kernel::unique_fd;

namespace {

// Where something may still be, for all that can be seen: only what is surely
// gone sets ids free.
bool may_exist(const std::string& path) {
  struct stat info {};
  return ::lstat(path.c_str(), &info) == 0
         || (errno != ENOENT && errno != ENOTDIR);
}

std::string owner_of_block(int registry, const std::string& name) {
  auto file = unique_fd::adopt(
      ::openat(registry, name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  std::array<char, 4096> text{}; // the longest path
  auto size = file ? ::read(file.get(), text.data(), text.size()) : 0;
  return {text.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0))};
}

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
  return claim_locked(base);
}

kernel::result<void> id_ranges::claim_locked(id_base base) {
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
          "another instance of Reeve owns it, see " + config_.registry + "/"
              + std::to_string(block));
    free_.erase(base);
  }
  taken_.insert(base);
  return {};
}

// Two levels: a container's directory, and in its layer the directory that is
// its root. What is there is Reeve's, but its owner may be the container's: any
// id of the range, since root inside may give its own root away.
kernel::result<std::optional<id_base>>
id_ranges::claim_owner_of(const std::string& directory) {
  std::lock_guard guard{mutex_};
  std::error_code err;
  fs::recursive_directory_iterator it{directory, err};
  for (; !err && it != fs::recursive_directory_iterator{}; it.increment(err)) {
    if (it.depth() >= 1)
      it.disable_recursion_pending();
    struct stat info {};
    if (::lstat(it->path().c_str(), &info) != 0)
      continue;
    for (auto id : {info.st_uid, info.st_gid}) {
      auto last = std::uint64_t{config_.first}
                  + std::uint64_t{config_.count} * ids_per_container;
      if (id < config_.first || id >= last)
        continue;
      auto base = id - (id - config_.first) % ids_per_container;
      if (auto ok = claim_locked(base); !ok)
        return tl::make_unexpected(std::move(ok.error()));
      return base;
    }
  }
  if (err && err != std::errc::no_such_file_or_directory)
    return kernel::make_error(err.value(), "look for the ids in", directory);
  return std::nullopt;
}

void id_ranges::give_back(id_base base) {
  std::lock_guard guard{mutex_};
  if (taken_.erase(base) != 0)
    free_.insert(base);
}

// Also what an earlier daemon has claimed and this one never needed.
kernel::result<void> id_ranges::release_all() {
  std::lock_guard guard{mutex_};
  blocks_.clear();
  free_.clear();
  if (!may_exist(config_.registry))
    return {};
  auto registry = lock_registry();
  if (!registry)
    return tl::make_unexpected(std::move(registry.error()));
  std::error_code err;
  for (const auto& item : fs::directory_iterator{config_.registry, err}) {
    auto name = item.path().filename().string();
    if (owner_of_block(registry->get(), name) == owner_
        && ::unlinkat(registry->get(), name.c_str(), 0) != 0)
      return kernel::last_error("free the ids of", item.path());
  }
  // The last one puts the lights out. Who waits for the lock makes another.
  if (::rmdir(config_.registry.c_str()) != 0 && errno != ENOTEMPTY
      && errno != EEXIST)
    return kernel::last_error("remove directory", config_.registry);
  return {};
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

// A lock on the directory makes looking and claiming one step among all
// instances.
kernel::result<unique_fd> id_ranges::lock_registry() const {
  for (;;) {
    std::error_code err;
    fs::create_directories(config_.registry, err);
    if (err)
      return kernel::make_error(err.value(), "make directory",
                                config_.registry);
    auto lock = unique_fd::adopt(
        ::open(config_.registry.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!lock && errno == ENOENT)
      continue;
    if (!lock || ::flock(lock.get(), LOCK_EX) != 0)
      return kernel::last_error("lock", config_.registry);
    struct stat info {};
    if (::fstat(lock.get(), &info) == 0 && info.st_nlink > 0)
      return lock; // else it was removed while we waited
  }
}

// True if the block is this instance's now.
kernel::result<bool> id_ranges::try_block(std::uint32_t block) {
  if (std::find(blocks_.begin(), blocks_.end(), block) != blocks_.end())
    return true;
  auto registry = lock_registry();
  if (!registry)
    return tl::make_unexpected(std::move(registry.error()));
  auto first = config_.first + block * ranges_per_block * ids_per_container;
  auto count =
      std::min(ranges_per_block, config_.count - block * ranges_per_block);
  auto name = std::to_string(block);
  auto owner = owner_of_block(registry->get(), name);
  // What is ours already is not touched, so that no crash can empty it.
  if (owner != owner_) {
    if (!owner.empty() && may_exist(owner))
      return false;
    if (overlaps_subordinate_ids(first,
                                 std::uint64_t{count} * ids_per_container))
      return false;
    if (auto ok = write_claim(registry->get(), name); !ok)
      return tl::make_unexpected(std::move(ok.error()));
  }
  blocks_.push_back(block);
  for (std::uint32_t i = 0; i < count; ++i) {
    auto base = first + i * ids_per_container;
    if (taken_.count(base) == 0)
      free_.insert(base);
  }
  return true;
}

// On disk before the first of its ids is on a file.
kernel::result<void> id_ranges::write_claim(int registry,
                                            const std::string& name) const {
  auto file = unique_fd::adopt(
      ::openat(registry, name.c_str(),
               O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644));
  if (!file
      || ::write(file.get(), owner_.data(), owner_.size())
             != static_cast<ssize_t>(owner_.size())
      || ::fsync(file.get()) != 0 || ::fsync(registry) != 0)
    return kernel::last_error("claim user ids with",
                              config_.registry + "/" + name);
  return {};
}

} // namespace reeve::supervisor
