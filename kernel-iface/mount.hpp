// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "kernel-iface/result.hpp"
#include "kernel-iface/unique_fd.hpp"

#include <sys/mount.h>

#include <cstdint>
#include <string>

/// The mount API by descriptors (Linux 5.12, mount_setattr(2) and the man
/// pages that it names), as typed calls. A *detached* mount is in no mount
/// table: closing its descriptor dissolves it. That is what makes a failed
/// row of steps leave nothing behind.
///
/// Paths are relative to `dirfd`; an empty path means `dirfd` itself. Calls do
/// not block beyond what the file system behind a path does.
namespace reeve::kernel {

/// Opens one file system type and sets it up option by option. The first
/// refusal is kept and makes the later calls do nothing, so that a chain needs
/// one check, at `mount`. What the file system wrote into the context's log
/// ends up as the hint of the error.
class fs_context {
public:
  explicit fs_context(const std::string& type);

  /// The kernel takes values of up to 255 bytes.
  fs_context& set(const std::string& key, const std::string& value);
  fs_context& flag(const std::string& key);
  /// A descriptor as value; the file system keeps what it needs of it.
  fs_context& file(const std::string& key, int fd);

  /// Makes the file system and a detached mount of it with the given
  /// `MOUNT_ATTR_*`.
  [[nodiscard]] result<unique_fd> mount(std::uint64_t attributes);

private:
  void configure(unsigned command, const char* key, const char* value,
                 int aux = 0);
  void refuse(std::string operation);

  std::string type_;
  unique_fd fd_;
  result<void> state_;
};

/// Copies the mount at a path, from that path downwards and without the mounts
/// below it, as a detached mount. The path must lie in the caller's mount
/// namespace (Linux 6.1 insists on *attached* there).
[[nodiscard]] result<unique_fd> clone_mount(int dirfd, const std::string& path);

/// Changes attributes of one mount, not of those below it. `name` is for the
/// error only.
[[nodiscard]] result<void> change_mount(int mount, const mount_attr& change,
                                        const std::string& name);

/// Attaches a detached mount, or moves an attached one with all below it. A
/// symlink at the end of the path is not followed. `name` is for the error.
[[nodiscard]] result<void> attach_mount(int mount, int dirfd,
                                        const std::string& path,
                                        const std::string& name);

/// Moves the mount at an absolute path of the caller's mount namespace, with
/// all below it.
[[nodiscard]] result<void> move_mount_at(const std::string& from, int dirfd,
                                         const std::string& path);

/// Hands the error of one result on as that of another.
template <class T>
[[nodiscard]] tl::unexpected<sys_error> pass_on(result<T>& failed) {
  return tl::make_unexpected(std::move(failed).error());
}

} // namespace reeve::kernel
