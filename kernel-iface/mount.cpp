// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/mount.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>

namespace reeve::kernel {

namespace {

// Each read() yields one message: a letter for its severity, a blank, the text.
// ENODATA ends the log.
std::string drain_log(int context) {
  auto text = std::string{};
  auto message = std::array<char, 512>{};
  for (;;) {
    auto n = ::read(context, message.data(), message.size());
    if (n <= 2)
      return text;
    auto line = std::string_view{message.data(), static_cast<std::size_t>(n)};
    while (!line.empty() && line.back() == '\n')
      line.remove_suffix(1);
    text += text.empty() ? "the kernel says: " : "; ";
    text += line.substr(2);
  }
}

} // namespace

fs_context::fs_context(const std::string& type)
    : type_(type),
      fd_(unique_fd::adopt(::fsopen(type.c_str(), FSOPEN_CLOEXEC))) {
  if (!fd_)
    refuse("fsopen");
}

fs_context& fs_context::set(const std::string& key, const std::string& value) {
  configure(FSCONFIG_SET_STRING, key.c_str(), value.c_str());
  return *this;
}

fs_context& fs_context::flag(const std::string& key) {
  configure(FSCONFIG_SET_FLAG, key.c_str(), nullptr);
  return *this;
}

fs_context& fs_context::file(const std::string& key, int fd) {
  configure(FSCONFIG_SET_FD, key.c_str(), nullptr, fd);
  return *this;
}

result<unique_fd> fs_context::mount(std::uint64_t attributes) {
  configure(FSCONFIG_CMD_CREATE, nullptr, nullptr);
  if (!state_)
    return pass_on(state_);
  auto mounted = unique_fd::adopt(
      ::fsmount(fd_.get(), FSMOUNT_CLOEXEC, static_cast<unsigned>(attributes)));
  if (!mounted) {
    refuse("fsmount");
    return pass_on(state_);
  }
  return mounted;
}

void fs_context::configure(unsigned command, const char* key, const char* value,
                           int aux) {
  if (!state_ || ::fsconfig(fd_.get(), command, key, value, aux) == 0)
    return;
  auto operation = std::string{command == FSCONFIG_CMD_CREATE ? "create" : key};
  if (value != nullptr)
    operation += std::string{"="} + value;
  refuse("fsconfig " + operation + " of");
}

void fs_context::refuse(std::string operation) {
  auto code = errno;
  state_ = make_error(code, std::move(operation), type_,
                      fd_ ? drain_log(fd_.get()) : std::string{});
}

result<unique_fd> clone_mount(int dirfd, const std::string& path) {
  auto flags = static_cast<unsigned>(OPEN_TREE_CLONE) | OPEN_TREE_CLOEXEC
               | (path.empty() ? AT_EMPTY_PATH : 0U);
  auto copy = unique_fd::adopt(::open_tree(dirfd, path.c_str(), flags));
  if (!copy)
    return last_error("open_tree", path);
  return copy;
}

result<void> change_mount(int mount, const mount_attr& change,
                          const std::string& name) {
  auto copy = change;
  if (::mount_setattr(mount, "", AT_EMPTY_PATH, &copy, sizeof(copy)) < 0)
    return last_error("mount_setattr", name);
  return {};
}

result<void> attach_mount(int mount, int dirfd, const std::string& path,
                          const std::string& name) {
  auto flags = static_cast<unsigned>(MOVE_MOUNT_F_EMPTY_PATH)
               | (path.empty() ? MOVE_MOUNT_T_EMPTY_PATH : 0U);
  if (::move_mount(mount, "", dirfd, path.c_str(), flags) < 0)
    return last_error("move_mount to", name);
  return {};
}

result<void> move_mount_at(const std::string& from, int dirfd,
                           const std::string& path) {
  auto flags = path.empty() ? MOVE_MOUNT_T_EMPTY_PATH : 0U;
  if (::move_mount(AT_FDCWD, from.c_str(), dirfd, path.c_str(), flags) < 0)
    return last_error("move_mount of", from);
  return {};
}

} // namespace reeve::kernel
