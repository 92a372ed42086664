// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/time_index.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace reeve::kernel {

namespace {

constexpr std::uint64_t record_size = 16;
static_assert(sizeof(time_stamp) == record_size);

// How many records are read at once.
constexpr std::uint64_t block = 1024;

/// The records of a file as they stand when it is opened.
class records {
public:
  static result<std::optional<records>> open(const std::string& path) {
    auto file = unique_fd::adopt(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file && errno == ENOENT)
      return std::nullopt;
    struct stat st {};
    if (!file || ::fstat(file.get(), &st) != 0)
      return last_error("open", path);
    return records{path, std::move(file),
                   static_cast<std::uint64_t>(st.st_size) / record_size};
  }

  [[nodiscard]] std::uint64_t count() const {
    return count_;
  }

  [[nodiscard]] result<std::vector<time_stamp>>
  read(std::uint64_t first, std::uint64_t count) const {
    std::vector<time_stamp> out(std::min(count, count_ - first));
    auto size = out.size() * record_size;
    auto n = ::pread(file_.get(), out.data(), size,
                     static_cast<off_t>(first * record_size));
    if (n < 0)
      return last_error("read", path_);
    out.resize(static_cast<std::size_t>(n) / record_size);
    return out;
  }

  /// Number of the last record at or before `offset`; 0 if there is none.
  [[nodiscard]] result<std::uint64_t> last_at(std::uint64_t offset) const {
    std::uint64_t low = 0; // it, or none
    for (auto high = count_; low + 1 < high;) {
      auto middle = low + (high - low) / 2;
      auto found = read(middle, 1);
      if (!found)
        return tl::make_unexpected(std::move(found.error()));
      auto is_before = !found->empty() && found->front().offset <= offset;
      (is_before ? low : high) = middle;
    }
    return low;
  }

private:
  records(std::string path, unique_fd file, std::uint64_t count)
      : path_(std::move(path)),
        file_(std::move(file)),
        count_(count) {}

  std::string path_;
  unique_fd file_;
  std::uint64_t count_ = 0;
};

} // namespace

result<time_index> time_index::open(const std::string& path,
                                    std::uint64_t end) {
  auto file = unique_fd::adopt(
      ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  struct stat st {};
  if (!file || ::fstat(file.get(), &st) != 0)
    return last_error("open", path);
  auto size =
      static_cast<std::uint64_t>(st.st_size) / record_size * record_size;
  std::optional<time_stamp> last;
  for (; size > 0; size -= record_size) {
    auto found = time_stamp{};
    auto n = ::pread(file.get(), &found, record_size,
                     static_cast<off_t>(size - record_size));
    if (n != static_cast<ssize_t>(record_size))
      return last_error("read", path);
    if (found.offset <= end) {
      last = found;
      break;
    }
  }
  if (::ftruncate(file.get(), static_cast<off_t>(size)) != 0)
    return last_error("cut", path);
  return time_index{path, std::move(file), size, last};
}

result<void> time_index::note(time_stamp now) {
  if (last_ && now.unix_ms >= last_->unix_ms
      && now.unix_ms < last_->unix_ms + resolution_ms)
    return {};
  auto n = ::pwrite(file_.get(), &now, record_size, static_cast<off_t>(size_));
  if (n != static_cast<ssize_t>(record_size)) {
    if (n >= 0)
      errno = ENOSPC; // a part of it; the next one is written over that
    return last_error("write", path_);
  }
  size_ += record_size;
  last_ = now;
  return {};
}

// From the end, since the clock may have gone back: what came since then is
// behind the last record that is older.
result<std::optional<std::uint64_t>>
time_index::first_since(const std::string& path, std::int64_t unix_ms) {
  auto all = records::open(path);
  if (!all)
    return tl::make_unexpected(std::move(all.error()));
  std::optional<std::uint64_t> out;
  if (!*all)
    return out;
  for (auto end = (*all)->count(); end > 0;) {
    auto begin = end - std::min(end, block);
    auto found = (*all)->read(begin, end - begin);
    if (!found)
      return tl::make_unexpected(std::move(found.error()));
    for (auto it = found->rbegin(); it != found->rend(); ++it) {
      if (it->unix_ms + resolution_ms <= unix_ms)
        return out;
      out = it->offset;
    }
    end = begin;
  }
  return out;
}

result<std::vector<time_stamp>> time_index::between(const std::string& path,
                                                    std::uint64_t begin,
                                                    std::uint64_t end) {
  std::vector<time_stamp> out;
  auto all = records::open(path);
  if (!all)
    return tl::make_unexpected(std::move(all.error()));
  if (!*all || (*all)->count() == 0)
    return out;
  auto first = (*all)->last_at(begin);
  if (!first)
    return tl::make_unexpected(std::move(first.error()));
  for (auto next = *first; next < (*all)->count();) {
    auto found = (*all)->read(next, block);
    if (!found)
      return tl::make_unexpected(std::move(found.error()));
    for (const auto& item : *found) {
      if (item.offset >= end)
        return out;
      out.push_back(item);
    }
    if (found->empty())
      return out;
    next += found->size();
  }
  return out;
}

} // namespace reeve::kernel
