// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/cgroup_file.hpp"

#include "kernel-iface/open_beneath.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>

namespace reeve::kernel {

namespace {

constexpr auto absent_hint =
    "the group does not exist or its controller is not enabled there";

std::string join(std::string_view a, std::string_view b) {
  auto out = std::string{a};
  if (!a.empty() && !b.empty())
    out += '/';
  out += b;
  return out;
}

unique_fd open_below(int base, const std::string& name, int flags) {
  return open_beneath(base, name.empty() ? "." : name, flags,
                      RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
}

tl::unexpected<sys_error> open_error(const cgroup_dir& dir,
                                     std::string_view file) {
  auto code = errno;
  return make_error(code, "open", dir.path(file),
                    code == ENOENT ? absent_hint : "");
}

result<void> write_once(int fd, const cgroup_dir& dir, std::string_view file,
                        std::string_view value) {
  // v1's memory limits reclaim first and end early when a signal is pending.
  auto wrote = ssize_t{};
  do
    wrote = ::write(fd, value.data(), value.size());
  while (wrote < 0 && errno == EINTR);
  if (wrote < 0)
    return last_error("write \"" + std::string{value} + "\" to",
                      dir.path(file));
  return {};
}

} // namespace

cgroup_dir cgroup_dir::child(std::string_view sub) const {
  return {base, base_path, join(name, sub)};
}

std::string cgroup_dir::path(std::string_view file) const {
  return join(join(base_path, name), file);
}

result<unique_fd> open_dir(const cgroup_dir& dir) {
  auto fd = open_below(dir.base, dir.name, O_RDONLY | O_DIRECTORY);
  if (!fd)
    return open_error(dir, {});
  return fd;
}

result<unique_fd> open_file(const cgroup_dir& dir, std::string_view file,
                            int flags) {
  auto fd = open_below(dir.base, join(dir.name, file), flags | O_NOCTTY);
  if (!fd)
    return open_error(dir, file);
  return fd;
}

result<std::string> read_all(int fd, const std::string& subject) {
  std::string text;
  char buffer[4096];
  for (;;) {
    auto n = ::read(fd, buffer, sizeof buffer);
    if (n < 0)
      return last_error("read", subject);
    if (n == 0)
      return text;
    text.append(buffer, static_cast<std::size_t>(n));
  }
}

result<std::string> read_text(const cgroup_dir& dir, std::string_view file) {
  auto fd = open_file(dir, file, O_RDONLY);
  if (!fd)
    return tl::make_unexpected(std::move(fd.error()));
  return read_all(fd->get(), dir.path(file));
}

result<std::uint64_t> read_number(const cgroup_dir& dir,
                                  std::string_view file) {
  auto fd = open_file(dir, file, O_RDONLY);
  if (!fd)
    return tl::make_unexpected(std::move(fd.error()));
  // One read has a number as a whole: cgroupfs never cuts a line.
  std::array<char, 64> buffer{};
  auto size = ::read(fd->get(), buffer.data(), buffer.size());
  if (size < 0)
    return last_error("read", dir.path(file));
  auto text = std::string_view{buffer.data(), static_cast<std::size_t>(size)};
  if (auto number = parse_number(text))
    return *number;
  return make_error(EBADMSG, "read a number from", dir.path(file),
                    "found \"" + std::string{text.substr(0, 40)} + "\"");
}

result<void> write_text(const cgroup_dir& dir, std::string_view file,
                        std::string_view value) {
  auto fd = open_file(dir, file, O_WRONLY);
  if (!fd) {
    fd.error().operation = "write \"" + std::string{value} + "\" to";
    return tl::make_unexpected(std::move(fd.error()));
  }
  return write_once(fd->get(), dir, file, value);
}

result<void> write_all(const cgroup_dir& dir, std::string_view file,
                       const std::vector<std::string>& values) {
  if (values.empty())
    return {};
  auto fd = open_file(dir, file, O_WRONLY);
  if (!fd)
    return tl::make_unexpected(std::move(fd.error()));
  for (const auto& value : values)
    if (auto done = write_once(fd->get(), dir, file, value); !done)
      return done;
  return {};
}

std::optional<std::uint64_t> find_field(std::string_view text,
                                        std::string_view key) {
  while (!text.empty()) {
    auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (line.size() > key.size() && line.starts_with(key)
        && line[key.size()] == ' ')
      return parse_number(line.substr(key.size()));
  }
  return std::nullopt;
}

std::vector<std::string_view> split_words(std::string_view text) {
  constexpr auto space = std::string_view{" \t\n"};
  std::vector<std::string_view> words;
  for (;;) {
    auto begin = text.find_first_not_of(space);
    if (begin == std::string_view::npos)
      return words;
    text.remove_prefix(begin);
    auto word = text.substr(0, text.find_first_of(space));
    words.push_back(word);
    text.remove_prefix(word.size());
  }
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
  auto words = split_words(text);
  if (words.size() != 1)
    return std::nullopt;
  auto word = words.front();
  if (word == "max")
    return no_limit;
  std::uint64_t value = 0;
  auto [end, code] =
      std::from_chars(word.data(), word.data() + word.size(), value);
  if (code != std::errc{} || end != word.data() + word.size())
    return std::nullopt;
  return value;
}

result<creation> make_dir(const cgroup_dir& dir) {
  if (::mkdirat(dir.base, dir.name.c_str(), 0755) == 0)
    return creation::made;
  if (errno == EEXIST)
    return creation::existed;
  auto code = errno;
  return make_error(code, "make cgroup", dir.path(),
                    code == EAGAIN || code == ENOSPC
                        ? "cgroup.max.descendants, cgroup.max.depth or the "
                          "kernel's number of groups is exhausted"
                        : "");
}

result<std::vector<std::string>> subgroups(const cgroup_dir& dir) {
  auto fd = open_dir(dir);
  if (!fd)
    return tl::make_unexpected(std::move(fd.error()));
  struct stat st {};
  if (::fstat(fd->get(), &st) != 0)
    return last_error("stat", dir.path());
  std::vector<std::string> names;
  if (st.st_nlink == 2)
    return names;
  auto stream =
      std::unique_ptr<DIR, int (*)(DIR*)>{::fdopendir(fd->get()), &::closedir};
  if (!stream)
    return last_error("list", dir.path());
  static_cast<void>(fd->release()); // the stream owns it now
  for (;;) {
    errno = 0;
    const auto* entry = ::readdir(stream.get());
    if (entry == nullptr && errno != 0)
      return last_error("list", dir.path());
    if (entry == nullptr)
      return names;
    auto name = std::string_view{entry->d_name};
    if (entry->d_type == DT_DIR && name != "." && name != "..")
      names.emplace_back(name);
  }
}

result<removal> remove_tree(const cgroup_dir& dir) {
  auto remove_this = [&dir]() -> result<removal> {
    if (::unlinkat(dir.base, dir.name.c_str(), AT_REMOVEDIR) == 0
        || errno == ENOENT)
      return removal::removed;
    if (errno == EBUSY || errno == ENOTEMPTY)
      return removal::busy;
    return last_error("remove cgroup", dir.path());
  };
  // Most groups are leaves: try before looking.
  if (auto done = remove_this(); !done || *done == removal::removed)
    return done;
  auto below = subgroups(dir);
  if (!below && below.error().code == ENOENT)
    return removal::removed;
  if (!below)
    return tl::make_unexpected(std::move(below.error()));
  if (below->empty())
    return removal::busy;
  std::optional<sys_error> failure;
  auto busy = false;
  for (const auto& name : *below) {
    auto done = remove_tree(dir.child(name));
    if (!done)
      failure = failure ? also(std::move(*failure), done.error())
                        : std::move(done.error());
    else
      busy = busy || *done == removal::busy;
  }
  if (failure)
    return tl::make_unexpected(std::move(*failure));
  return busy ? removal::busy : remove_this();
}

sys_error also(sys_error first, const sys_error& second) {
  if (!first.hint.empty())
    first.hint += "; ";
  first.hint += "also: " + to_string(second);
  return first;
}

} // namespace reeve::kernel
