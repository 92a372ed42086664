// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/dirty_pages.hpp"

#include "kernel-iface/cgroup_file.hpp"
#include "kernel-iface/open_beneath.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <deque>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace reeve::kernel {

namespace {

/// The clock of files is behind ours by a tick, and counts seconds here.
constexpr std::time_t slack_s = 2;

struct close_dir {
  void operator()(DIR* what) const {
    ::closedir(what);
  }
};

using open_dir_ptr = std::unique_ptr<DIR, close_dir>;

unique_fd open_below(int dir, const std::string& path, int flags = 0) {
  return open_beneath(dir, path,
                      flags | O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOATIME);
}

/// Files below a directory that were changed at that time or later. What goes
/// meanwhile is passed over.
class walk {
public:
  walk(int top, std::time_t since) : top_(top), since_(since) {}

  std::vector<std::string> run() {
    dirs_.emplace_back(".");
    for (; !dirs_.empty(); dirs_.pop_front())
      list(dirs_.front());
    return std::move(found_);
  }

private:
  void list(const std::string& path) {
    auto fd = open_below(top_, path, O_DIRECTORY);
    open_dir_ptr dir{fd ? ::fdopendir(fd.get()) : nullptr};
    if (!dir)
      return;
    auto raw = fd.release(); // the stream's
    while (const auto* entry = ::readdir(dir.get())) {
      std::string_view name = entry->d_name;
      if (name == "." || name == "..")
        continue;
      if (entry->d_type != DT_DIR && entry->d_type != DT_REG
          && entry->d_type != DT_UNKNOWN)
        continue;
      consider(raw, path, entry->d_name);
    }
  }

  // The time of change is the kernel's own: nobody can set it back.
  void consider(int dir, const std::string& path, const char* name) {
    struct stat st {};
    if (::fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
      return;
    if (S_ISDIR(st.st_mode))
      dirs_.push_back(path + "/" + name);
    else if (S_ISREG(st.st_mode) && st.st_ctime >= since_)
      found_.push_back(path + "/" + name);
  }

  int top_;
  std::time_t since_;
  std::deque<std::string> dirs_;
  std::vector<std::string> found_;
};

} // namespace

result<std::uint64_t> dirty_meter::read() {
  if (!file_) {
    auto dir = group_.limits_dir(controller::memory);
    if (!dir)
      return tl::make_unexpected(std::move(dir.error()));
    auto opened = open_file(*dir, "memory.stat", O_RDONLY);
    if (!opened)
      return tl::make_unexpected(std::move(opened.error()));
    file_ = std::move(*opened);
    path_ = dir->path("memory.stat");
  }
  std::array<char, 8192> text{};
  auto size = ::pread(file_.get(), text.data(), text.size(), 0);
  if (size < 0)
    return last_error("read", path_);
  auto is_v2 = group_.mode() == cgroup_mode::v2;
  std::string_view all{text.data(), static_cast<std::size_t>(size)};
  auto dirty = find_field(all, is_v2 ? "file_dirty" : "total_dirty");
  auto writeback =
      find_field(all, is_v2 ? "file_writeback" : "total_writeback");
  if (!dirty || !writeback)
    return make_error(EBADMSG, "find what is to be written in", path_);
  return *dirty + *writeback;
}

result<void> tree_writer::write() {
  auto top =
      unique_fd::adopt(::open(dir_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!top)
    return last_error("open", dir_);
  auto now = ::time(nullptr);
  auto found = walk{top.get(), since_ - slack_s}.run();
  // All are begun before the first is waited for.
  for (auto flags : {SYNC_FILE_RANGE_WRITE, SYNC_FILE_RANGE_WAIT_BEFORE
                                                | SYNC_FILE_RANGE_WRITE
                                                | SYNC_FILE_RANGE_WAIT_AFTER})
    for (const auto& path : found) {
      auto file = open_below(top.get(), path);
      if (!file)
        continue; // it is gone, or something else by now
      if (::sync_file_range(file.get(), 0, 0, static_cast<unsigned>(flags))
          != 0)
        return last_error("write back", dir_ + "/" + path);
    }
  since_ = now;
  return {};
}

} // namespace reeve::kernel
