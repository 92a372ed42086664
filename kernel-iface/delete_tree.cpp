// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/delete_tree.hpp"

#include "kernel-iface/open_beneath.hpp"
#include "kernel-iface/unique_fd.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <deque>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace reeve::kernel {

namespace {

// What one getdents64(2) brings: about a thousand
// entries of the usual kind.
constexpr std::size_t listing_bytes = 32 * 1024;

class tree_deleter {
public:
  tree_deleter(const std::string& path, const std::atomic<bool>& stop)
      : stop_(stop),
        names_{path} {}

  result<void> run() {
    remove_directory(AT_FDCWD);
    if (first_failure_)
      return tl::make_unexpected(std::move(*first_failure_));
    return {};
  }

private:
  using listing = std::array<char, listing_bytes>;

  /// What the passes over a directory have done so far. Only ever grows.
  struct tally {
    std::uint64_t removed = 0;
    std::uint64_t moved = 0;
    std::uint64_t failed = 0;
  };

  // Directories that are open, the one at hand included.
  [[nodiscard]] unsigned depth() const {
    return static_cast<unsigned>(names_.size()) - 1;
  }

  void note_failure(const char* operation) {
    auto code = errno;
    ++done_.failed;
    if (first_failure_)
      return;
    std::string path;
    for (const auto& name : names_)
      path += (path.empty() ? "" : "/") + name;
    first_failure_ = sys_error{
        code, operation, std::move(path),
        code == EXDEV || code == EBUSY ? "something is mounted there" : ""};
  }

  // The last of names_, seen from its parent.
  void remove_directory(int parent) {
    const auto& name = names_.back();
    auto dir = open(parent, name);
    if (!dir) {
      // Not a directory after all; or no descriptor is left for another level.
      if (errno == ENOTDIR || errno == ELOOP)
        return unlink(parent, name);
      if ((errno == EMFILE || errno == ENFILE) && move_up(parent, name))
        return;
      if (errno != ENOENT)
        note_failure("open");
      return;
    }
    if (depth() == 0)
      top_ = dir.get();
    // Some file systems skip entries when others are removed meanwhile, and
    // what was moved up to here may not have been listed yet.
    for (;;) {
      auto before = done_;
      if (!remove_entries(dir.get()))
        return;
      if (::unlinkat(parent, name.c_str(), AT_REMOVEDIR) == 0) {
        ++done_.removed;
        return;
      }
      if (errno == ENOENT)
        return;
      auto may_help =
          done_.moved != before.moved
          || (done_.removed != before.removed && done_.failed == before.failed);
      if (errno != ENOTEMPTY || !may_help) {
        if (errno != ENOTEMPTY || done_.failed == 0)
          note_failure("remove directory");
        return;
      }
    }
  }

  bool remove_entries(int dir) {
    if (listings_.size() <= depth())
      listings_.push_back(std::make_unique<listing>());
    auto& buffer = *listings_[depth()];
    if (::lseek(dir, 0, SEEK_SET) < 0) {
      note_failure("read directory");
      return false;
    }
    for (;;) {
      if (stop_) {
        errno = ECANCELED;
        note_failure("delete all of");
        return false;
      }
      auto size = ::getdents64(dir, buffer.data(), buffer.size());
      if (size == 0)
        return true;
      if (size < 0) {
        note_failure("read directory");
        return false;
      }
      for (ssize_t at = 0; at < size;) {
        auto* entry = reinterpret_cast<dirent64*>(buffer.data() + at);
        at += entry->d_reclen;
        std::string_view name{entry->d_name};
        if (name != "." && name != "..")
          remove_entry(dir, entry->d_name, entry->d_type == DT_DIR);
      }
    }
  }

  void remove_entry(int dir, const char* name, bool is_directory) {
    names_.emplace_back(name);
    if (!is_directory && ::unlinkat(dir, name, 0) == 0)
      ++done_.removed;
    else if (!is_directory && errno != EISDIR)
      note_unless_gone("delete");
    else if (depth() <= delete_tree_levels)
      remove_directory(dir);
    else if (!move_up(dir, name))
      note_unless_gone("move up, to be deleted,");
    names_.pop_back();
  }

  void unlink(int parent, const std::string& name) {
    if (::unlinkat(parent, name.c_str(), 0) == 0)
      ++done_.removed;
    else
      note_unless_gone("delete");
  }

  void note_unless_gone(const char* operation) {
    if (errno != ENOENT)
      note_failure(operation);
  }

  // False with errno. A name that the container has taken is passed over; an
  // empty directory of that name is replaced, and was to be deleted anyway.
  bool move_up(int parent, const std::string& name) {
    if (parent == AT_FDCWD || parent == top_)
      return false;
    for (;;) {
      std::array<char, 40> target{};
      std::snprintf(target.data(), target.size(), ".reeve-deleting-%llu",
                    next_number_++);
      if (::renameat(parent, name.c_str(), top_, target.data()) == 0) {
        ++done_.moved;
        return true;
      }
      if (errno != ENOTEMPTY && errno != EEXIST && errno != ENOTDIR)
        return false;
    }
  }

  static unique_fd open(int parent, const std::string& name) {
    // The way to the top is the caller's own.
    return open_beneath(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW,
                        parent == AT_FDCWD ? 0 : no_way_out);
  }

  const std::atomic<bool>& stop_;
  std::deque<std::string> names_; ///< the way to the entry at hand
  int top_ = -1;
  tally done_;
  unsigned long long next_number_ = 0;
  std::vector<std::unique_ptr<listing>> listings_; ///< one for each level
  std::optional<sys_error> first_failure_;
};

} // namespace

result<void> delete_tree(const std::string& path,
                         const std::atomic<bool>& stop) {
  return tree_deleter{path, stop}.run();
}

result<void> delete_tree(const std::string& path) {
  const std::atomic<bool> never{false};
  return delete_tree(path, never);
}

} // namespace reeve::kernel
