// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/root_attach.hpp"

#include "kernel-iface/mount.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace reeve::kernel {

namespace {

enum class file_kind { directory, file };

/// Opens a place for a mount without ever leaving `root`. Nothing runs in the
/// container yet, so the answer of openat2(2) stays true.
result<unique_fd> open_in_root(int root, const std::string& path,
                               file_kind kind, std::uint64_t resolve = 0) {
  auto how = open_how{};
  how.flags =
      O_PATH | O_CLOEXEC | (kind == file_kind::directory ? O_DIRECTORY : 0U);
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | resolve;
  auto fd = unique_fd::adopt(static_cast<int>(
      ::syscall(SYS_openat2, root, path.c_str(), &how, sizeof(how))));
  if (!fd)
    return last_error("open", path);
  return fd;
}

result<void> make_place(int parent, const std::string& name, file_kind kind,
                        std::uint32_t owner, const std::string& path) {
  // The parent may lie in a volume that another container writes: what is
  // given away is what was looked at, and it is as new.
  auto give = [&] {
    auto fd = unique_fd::adopt(
        ::openat(parent, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    struct stat st = {};
    if (!fd || ::fstat(fd.get(), &st) < 0)
      return false;
    auto is_new =
        kind == file_kind::directory
            ? S_ISDIR(st.st_mode)
            : S_ISREG(st.st_mode) && st.st_nlink == 1 && st.st_size == 0;
    if (!is_new) {
      errno = EEXIST;
      return false;
    }
    return ::fchownat(fd.get(), "", owner, owner, AT_EMPTY_PATH) == 0;
  };
  auto made = kind == file_kind::directory
                  ? ::mkdirat(parent, name.c_str(), 0755)
                  : ::mknodat(parent, name.c_str(), S_IFREG | 0644, 0);
  if (made < 0 || !give()) {
    auto code = errno;
    return make_error(code, "make the mount point", path,
                      code == EROFS ? "the image must have it, since this root "
                                      "cannot be written"
                                    : "");
  }
  return {};
}

/// The same as `open_in_root`, and makes what is missing.
result<unique_fd> open_or_make(int root, const std::string& path,
                               file_kind kind, std::uint32_t owner,
                               std::uint64_t resolve) {
  auto found = open_in_root(root, path, kind, resolve);
  if (found || found.error().code != ENOENT)
    return found;
  auto slash = path.find_last_of('/');
  auto above = slash == 0 ? std::string{"/"} : path.substr(0, slash);
  auto parent = open_or_make(root, above, file_kind::directory, owner, resolve);
  if (!parent)
    return parent;
  auto made =
      make_place(parent->get(), path.substr(slash + 1), kind, owner, path);
  if (!made)
    return pass_on(made);
  return open_in_root(root, path, kind, resolve);
}

/// /proc, /sys or /dev of the image.
result<unique_fd> open_mount_point(int root, const std::string& name,
                                   std::uint32_t owner) {
  auto open = [&] {
    return open_in_root(root, name, file_kind::directory, RESOLVE_NO_SYMLINKS);
  };
  auto found = open();
  if (!found && found.error().code == ENOENT) {
    auto made = make_place(root, name, file_kind::directory, owner, "/" + name);
    if (!made)
      return pass_on(made);
    return open();
  }
  if (!found)
    return make_error(found.error().code, "use as a mount point", "/" + name,
                      "in the image it must be a directory or not exist");
  return found;
}

struct open_bind {
  unique_fd mount;
  file_kind kind = file_kind::directory;
};

result<open_bind> open_source(const bind_mount& bind, int userns) {
  auto source = clone_mount(AT_FDCWD, bind.source);
  if (!source)
    return pass_on(source);
  struct stat st = {};
  if (::fstat(source->get(), &st) < 0)
    return last_error("fstat", bind.source);
  auto change = mount_attr{.attr_set = MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID,
                           .propagation = MS_PRIVATE};
  if (bind.access == mount_access::read_only)
    change.attr_set |= MOUNT_ATTR_RDONLY;
  if (userns >= 0) {
    change.attr_set |= MOUNT_ATTR_IDMAP;
    change.userns_fd = static_cast<std::uint64_t>(userns);
  }
  if (auto done = change_mount(source->get(), change, bind.source); !done)
    return pass_on(done);
  return open_bind{std::move(*source), S_ISDIR(st.st_mode)
                                           ? file_kind::directory
                                           : file_kind::file};
}

result<void> check_target(const std::string& target) {
  if (target.size() < 2 || target.front() != '/' || target.back() == '/'
      || (target + "/").find("/../") != std::string::npos)
    return make_error(EINVAL, "bind to", target,
                      "an absolute path without \"..\" and without a slash at "
                      "its end is needed");
  return {};
}

// The old root ends up under the new one at "/" and is taken off there, so
// that no directory is needed to keep it meanwhile; pivot_root(2) names this.
result<void> switch_root(int root) {
  if (::fchdir(root) < 0)
    return last_error("fchdir", "the new root");
  if (::syscall(SYS_pivot_root, ".", ".") < 0)
    return last_error("pivot_root");
  if (::umount2(".", MNT_DETACH) < 0)
    return last_error("umount", "the old root");
  return {};
}

result<void> place_binds(int root, const root_options& options,
                         const std::vector<open_bind>& sources) {
  for (auto i = std::size_t{0}; i < sources.size(); ++i) {
    const auto& target = options.binds[i].target;
    // The image's symlinks hold still, those in a volume may not.
    auto nested =
        std::any_of(options.binds.begin(),
                    options.binds.begin() + static_cast<std::ptrdiff_t>(i),
                    [&](const auto& other) {
                      return target.starts_with(other.target + '/');
                    });
    auto place =
        open_or_make(root, target, sources[i].kind, options.overlay.first_id,
                     nested ? RESOLVE_NO_SYMLINKS : 0U);
    if (!place)
      return pass_on(place);
    auto done = attach_mount(sources[i].mount.get(), place->get(), {}, target);
    if (!done)
      return done;
  }
  return {};
}

} // namespace

result<unique_fd> attach_root(const broker_namespace& home, int holder_pidfd,
                              int userns, const root_options& options) {
  auto root = make_overlay(home, userns, options.overlay);
  if (!root)
    return tl::make_unexpected(
        std::move(root).error().with_context("making the root"));
  static constexpr auto names = std::array{"proc", "sys", "dev"};
  auto places = std::array<unique_fd, names.size()>{};
  for (auto i = std::size_t{0}; i < names.size(); ++i) {
    auto place =
        open_mount_point(root->get(), names[i], options.overlay.first_id);
    if (!place)
      return place;
    places[i] = std::move(*place);
  }
  auto sources = std::vector<open_bind>{};
  for (const auto& bind : options.binds) {
    auto source = check_target(bind.target).and_then([&] {
      return open_source(bind, userns);
    });
    if (!source)
      return pass_on(source);
    sources.push_back(std::move(*source));
  }

  auto guest = home.join(holder_pidfd, CLONE_NEWNS);
  if (!guest)
    return pass_on(guest);
  // On top of "/": from here on, absolute paths still lead through the tree
  // below, the stage with them, until the root is switched.
  auto done = attach_mount(root->get(), AT_FDCWD, "/", "/");
  for (auto i = std::size_t{0}; done && i < names.size(); ++i)
    done =
        move_mount_at(std::string{"/stage/"} + names[i], places[i].get(), {});
  if (done)
    done = place_binds(root->get(), options, sources);
  if (done && options.access == mount_access::read_only) {
    auto change = mount_attr{.attr_set = MOUNT_ATTR_RDONLY};
    done = change_mount(root->get(), change, "/");
  }
  if (done)
    done = switch_root(root->get());
  if (!done)
    return tl::make_unexpected(
        std::move(done).error().with_context("attaching the root"));
  return root;
}

} // namespace reeve::kernel
