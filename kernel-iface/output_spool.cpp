// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/output_spool.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <system_error>
#include <utility>

namespace reeve::kernel {

namespace fs = std::filesystem;

output_spool::output_spool(options how) : options_(std::move(how)) {}

result<output_spool> output_spool::open(options how) {
  output_spool out{std::move(how)};
  std::error_code err;
  fs::directory_iterator dir{out.options_.directory, err};
  if (err) {
    if (err == std::errc::no_such_file_or_directory)
      return out;
    return make_error(err.value(), "open output directory",
                      out.options_.directory);
  }
  auto stem = out.options_.prefix + ".";
  for (const auto& item : dir) {
    auto name = item.path().filename().string();
    if (!name.starts_with(stem))
      continue;
    segment found;
    auto* first = name.data() + stem.size();
    auto* last = name.data() + name.size();
    if (std::from_chars(first, last, found.first).ptr != last)
      continue;
    found.size = item.file_size(err);
    if (!err)
      out.segments_.push_back(found);
  }
  std::sort(out.segments_.begin(), out.segments_.end(),
            [](auto& a, auto& b) { return a.first < b.first; });
  if (!out.segments_.empty()) {
    const auto& last = out.segments_.back();
    out.end_ = last.first + last.size;
    out.current_ = unique_fd::adopt(
        ::open(out.path_of(last).c_str(), O_WRONLY | O_CLOEXEC));
    if (!out.current_
        || ::lseek(out.current_.get(), static_cast<off_t>(last.size), SEEK_SET)
               < 0)
      return last_error("open", out.path_of(last));
  }
  return out;
}

std::string output_spool::path_of(const segment& which) const {
  return options_.directory + "/" + options_.prefix + "."
         + std::to_string(which.first);
}

std::string output_spool::index_of(const segment& which) const {
  return path_of(which) + ".times";
}

std::deque<output_spool::segment> output_spool::segments() const {
  std::lock_guard guard{*mutex_};
  return segments_;
}

// By what the times take, too: of one byte each moment they are more than it.
bool output_spool::is_full() const {
  constexpr std::uint64_t least = 4096;
  return segments_.back().size >= options_.segment_size
         || (times_
             && times_->size() >= std::max(options_.segment_size, least));
}

// Before the bytes are moved: killed in between, we leave a time for what comes
// next, and no bytes without one.
void output_spool::note_time(std::int64_t now_ms) {
  if (!times_)
    if (auto opened = time_index::open(index_of(segments_.back()), end_))
      times_.emplace(std::move(*opened));
  if (times_)
    (void)times_->note({end_, now_ms}); // tried again with the next bytes
}

result<void> output_spool::start_segment() {
  segment next{end_, 0};
  auto path = path_of(next);
  auto open_it = [&path] {
    return unique_fd::adopt(
        ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  };
  auto file = open_it();
  if (!file && errno == ENOENT) {
    if (::mkdir(options_.directory.c_str(), 0700) != 0 && errno != EEXIST)
      return last_error("make directory", options_.directory);
    file = open_it();
  }
  if (!file)
    return last_error("create", path);
  std::optional<segment> oldest;
  {
    std::lock_guard guard{*mutex_};
    segments_.push_back(next);
    if (segments_.size() > std::max(2U, options_.segments)) {
      oldest = segments_.front();
      segments_.pop_front();
    }
  }
  current_ = std::move(file);
  times_.reset();
  if (oldest)
    unlink(*oldest);
  return {};
}

namespace {

/// A hostile PID 1 may pass anything for a stream of its process. Reading from
/// pipes and terminals has no effect but the reading, and can be made not to
/// block.
result<bool> is_terminal_master(int source) {
  struct stat st {};
  struct statfs on {};
  if (::fstat(source, &st) != 0)
    return last_error("look at an output stream");
  if (S_ISFIFO(st.st_mode))
    return false;
  if (S_ISCHR(st.st_mode) && ::fstatfs(source, &on) == 0
      && on.f_type == DEVPTS_SUPER_MAGIC)
    return true;
  return make_error(EPROTO, "read an output stream", {},
                    "it is neither a pipe nor a terminal");
}

/// Neither read(2) nor splice(2) of a terminal takes "do not block" as an
/// argument (preadv2 answers EOPNOTSUPP), and who shares the description may
/// clear O_NONBLOCK: so it is set each time, and there must be something.
ssize_t read_terminal(int source, char* buffer, std::size_t size) {
  pollfd wait{source, POLLIN, 0};
  auto flags = ::fcntl(source, F_GETFL);
  if (flags < 0
      || ((flags & O_NONBLOCK) == 0
          && ::fcntl(source, F_SETFL, flags | O_NONBLOCK) != 0))
    return -1;
  if (::poll(&wait, 1, 0) == 0) {
    errno = EAGAIN;
    return -1;
  }
  return ::read(source, buffer, size);
}

} // namespace

void output_spool::count(std::uint64_t moved) {
  std::lock_guard guard{*mutex_};
  segments_.back().size += moved;
  end_ += moved;
}

// How many bytes were written. What was read and finds no room is the first to
// be written the next time.
ssize_t output_spool::copy_from_terminal(int source, std::size_t max) {
  if (unwritten_.empty()) {
    std::array<char, 16384> buffer{};
    auto n = read_terminal(source, buffer.data(), std::min(max, buffer.size()));
    if (n <= 0)
      return n;
    unwritten_.assign(buffer.data(), static_cast<std::size_t>(n));
  }
  ssize_t n = -1;
  do {
    n = ::write(current_.get(), unwritten_.data(), unwritten_.size());
  } while (n < 0 && errno == EINTR);
  if (n > 0)
    unwritten_.erase(0, static_cast<std::size_t>(n));
  return n;
}

std::uint64_t output_spool::drop_unwritten() {
  return std::exchange(unwritten_, {}).size();
}

result<output_spool::progress>
output_spool::append_from(int source, std::size_t max, std::int64_t now_ms) {
  // Each time: every run of a process has another source.
  auto is_terminal = is_terminal_master(source);
  if (!is_terminal)
    return tl::make_unexpected(std::move(is_terminal.error()));
  if (!current_ || is_full()) {
    // A stream that ends without a byte makes no file.
    pollfd wait{source, POLLIN, 0};
    auto is_ready = ::poll(&wait, 1, 0) == 1;
    if (unwritten_.empty() && is_ready && (wait.revents & POLLIN) == 0
        && (wait.revents & POLLHUP) != 0)
      return progress::ended;
    if (unwritten_.empty() && wait.revents == 0)
      return progress::empty;
    if (auto ok = start_segment(); !ok)
      return tl::make_unexpected(std::move(ok.error()));
  }
  max = std::min<std::uint64_t>(max,
                                options_.segment_size - segments_.back().size);
  note_time(now_ms);
  auto moved = *is_terminal ? copy_from_terminal(source, max)
                            : ::splice(source, nullptr, current_.get(), nullptr,
                                       max, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
  if (moved > 0) {
    count(static_cast<std::uint64_t>(moved));
    return progress::moved;
  }
  if (moved == 0)
    return progress::ended;
  if (errno == EAGAIN || errno == EINTR)
    return progress::empty;
  if (errno == EIO && *is_terminal && unwritten_.empty())
    return progress::ended; // a master whose last slave was closed
  return last_error("move output to", path_of(segments_.back()));
}

result<output_spool::chunk> output_spool::read(std::uint64_t offset,
                                               std::size_t max) const {
  segment from;
  std::string path;
  chunk out;
  {
    std::lock_guard guard{*mutex_};
    out.offset = offset;
    if (offset >= end_ || segments_.empty())
      return out;
    offset = std::max(offset, segments_.front().first);
    for (const auto& item : segments_)
      if (offset >= item.first && offset < item.first + item.size)
        from = item;
    path = path_of(from);
  }
  out.offset = offset;
  auto file = unique_fd::adopt(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file)
    return last_error("open", path);
  out.bytes.resize(
      std::min<std::uint64_t>(max, from.first + from.size - offset));
  auto n = ::pread(file.get(), out.bytes.data(), out.bytes.size(),
                   static_cast<off_t>(offset - from.first));
  if (n < 0)
    return last_error("read", path);
  out.bytes.resize(static_cast<std::size_t>(n));
  return out;
}

std::uint64_t output_spool::begin() const {
  std::lock_guard guard{*mutex_};
  return segments_.empty() ? end_ : segments_.front().first;
}

std::uint64_t output_spool::end() const {
  std::lock_guard guard{*mutex_};
  return end_;
}

result<std::uint64_t> output_spool::first_since(std::int64_t unix_ms) const {
  const auto last = end();
  auto out = last;
  for (const auto& item : segments()) {
    auto found = time_index::first_since(index_of(item), unix_ms);
    if (!found)
      return tl::make_unexpected(std::move(found.error()));
    if (*found)
      out = std::min(out, **found);
  }
  return out < last ? line_start(out) : last;
}

// One that is very long is cut.
result<std::uint64_t> output_spool::line_start(std::uint64_t offset) const {
  constexpr std::uint64_t longest = 8192;
  auto kept = offset - std::min(offset, begin());
  auto from = offset - std::min(kept, longest);
  auto at = from;
  while (from < offset) { // over the end of a segment
    auto before = read(from, offset - from);
    if (!before)
      return tl::make_unexpected(std::move(before.error()));
    if (before->bytes.empty())
      break;
    if (auto last = before->bytes.rfind('\n'); last != std::string::npos)
      at = before->offset + last + 1;
    from = before->offset + before->bytes.size();
  }
  return kept > longest && at == offset - longest ? offset : at;
}

result<std::vector<time_stamp>> output_spool::times(std::uint64_t begin,
                                                    std::uint64_t end) const {
  std::vector<time_stamp> out;
  for (const auto& item : segments()) {
    if (item.first >= end || item.first + item.size <= begin)
      continue;
    auto found = time_index::between(index_of(item), begin, end);
    if (!found)
      return found;
    out.insert(out.end(), found->begin(), found->end());
  }
  return out;
}

// The times first: what has no log has none.
void output_spool::unlink(const segment& which) const noexcept {
  (void)::unlink(index_of(which).c_str());
  (void)::unlink(path_of(which).c_str()); // at worst removed with the log
}

void output_spool::remove() noexcept {
  std::lock_guard guard{*mutex_};
  for (const auto& item : segments_)
    unlink(item);
  segments_.clear();
  current_.reset();
  times_.reset();
}

} // namespace reeve::kernel
