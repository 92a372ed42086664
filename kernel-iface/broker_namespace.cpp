// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/broker_namespace.hpp"

#include "kernel-iface/mount.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <utility>

namespace reeve::kernel {

namespace {

// Hidden by the scratch tmpfs in the broker's namespace. procfs always has this
// directory and no image layer or volume can lie below it, which no directory
// of a real file system could promise.
constexpr auto scratch_place = "/proc/driver";

constexpr auto inert =
    std::uint64_t{MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC};

result<unique_fd> open_own(const char* path) {
  auto fd = unique_fd::adopt(::open(path, O_RDONLY | O_CLOEXEC));
  if (!fd)
    return last_error("open", path);
  return fd;
}

result<unique_fd> clone_null_device() {
  auto copy = clone_mount(AT_FDCWD, "/dev/null");
  if (!copy)
    return copy;
  // Whatever lies at /dev/null is about to be readable in every container.
  struct stat st = {};
  if (::fstat(copy->get(), &st) < 0)
    return last_error("fstat", "/dev/null");
  if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3))
    return make_error(ENODEV, "use as a mask", "/dev/null",
                      "it is not the null device (character device 1:3)");
  // Read-only: a root without a user namespace must not chmod the host's node.
  // Private: mounts that the host puts on it stay out of containers.
  auto change = mount_attr{.attr_set = inert, .propagation = MS_PRIVATE};
  if (auto done = change_mount(copy->get(), change, "/dev/null"); !done)
    return pass_on(done);
  return copy;
}

} // namespace

result<broker_namespace> broker_namespace::enter() {
  if (::unshare(CLONE_NEWNS) < 0)
    return last_error("unshare the mount namespace");
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) < 0)
    return last_error("make slave mounts of", "/");
  ::umask(0);

  auto self = broker_namespace{};
  for (auto [fd, path] :
       {std::pair{&self.mount_ns_, "/proc/self/ns/mnt"},
        std::pair{&self.net_ns_, "/proc/self/ns/net"},
        std::pair{&self.ipc_ns_, "/proc/self/ns/ipc"},
        std::pair{&self.cgroup_ns_, "/proc/self/ns/cgroup"}}) {
    auto opened = open_own(path);
    if (!opened)
      return pass_on(opened);
    *fd = std::move(*opened);
  }
  if (auto filled = self.fill_scratch(); !filled)
    return pass_on(filled);
  return self;
}

result<void> broker_namespace::fill_scratch() {
  auto scratch = fs_context{"tmpfs"}
                     .set("mode", "700")
                     .set("size", "64k")
                     .mount(MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
  if (!scratch)
    return pass_on(scratch);
  for (auto* name : {"layers", "empty", "mount-points", "mount-points/proc",
                     "mount-points/sys", "mount-points/dev"})
    if (::mkdirat(scratch->get(), name, 0755) < 0)
      return last_error("mkdirat", name);
  if (::mknodat(scratch->get(), "null", S_IFREG | 0444, 0) < 0)
    return last_error("mknodat", "null");

  auto null = clone_null_device();
  if (!null)
    return pass_on(null);
  auto empty = fs_context{"tmpfs"}
                   .set("mode", "555")
                   .flag("ro")
                   .mount(inert | MOUNT_ATTR_NODEV);
  if (!empty)
    return pass_on(empty);

  // Attached, although only copies are ever used: Linux 6.1 copies no detached
  // mounts. A copy inherits the attributes.
  auto place = std::string{scratch_place};
  auto done =
      attach_mount(scratch->get(), AT_FDCWD, place, place)
          .and_then([&] {
            return attach_mount(null->get(), scratch->get(), "null", "null");
          })
          .and_then([&] {
            return attach_mount(empty->get(), scratch->get(), "empty", "empty");
          });
  if (!done)
    return done;
  scratch_ = std::move(*scratch);
  if (::fchdir(scratch_.get()) < 0)
    return last_error("fchdir", place);
  return {};
}

result<bool> broker_namespace::shares_cgroups(int pidfd) const {
  auto guest = join(pidfd, CLONE_NEWCGROUP);
  if (!guest)
    return pass_on(guest);
  auto theirs = open_own("/proc/self/ns/cgroup");
  if (!theirs)
    return pass_on(theirs);
  struct stat own = {};
  struct stat other = {};
  if (::fstat(cgroup_ns_.get(), &own) < 0 || ::fstat(theirs->get(), &other) < 0)
    return last_error("fstat", "/proc/self/ns/cgroup");
  return own.st_ino == other.st_ino && own.st_dev == other.st_dev;
}

result<broker_namespace::visit> broker_namespace::join(int pidfd,
                                                       int namespaces) const {
  if (::setns(pidfd, namespaces) < 0) {
    auto code = errno;
    return make_error(code, "join the namespaces of the holder", {},
                      code == ESRCH ? "the holder has ended" : "");
  }
  return visit{*this, namespaces};
}

result<unique_fd> broker_namespace::mask_for(const std::string& path) const {
  struct stat st = {};
  if (::lstat(path.c_str(), &st) < 0)
    return last_error("stat", path);
  return clone_mount(scratch_.get(), S_ISDIR(st.st_mode) ? "empty" : "null");
}

int broker_namespace::scratch() const noexcept {
  return scratch_.get();
}

void broker_namespace::come_home(int namespaces) const noexcept {
  for (auto [type, fd] :
       {std::pair{CLONE_NEWNS, &mount_ns_}, std::pair{CLONE_NEWNET, &net_ns_},
        std::pair{CLONE_NEWIPC, &ipc_ns_},
        std::pair{CLONE_NEWCGROUP, &cgroup_ns_}})
    if ((namespaces & type) != 0 && ::setns(fd->get(), type) < 0)
      std::abort();
  // A mount namespace is entered at its root.
  if (::fchdir(scratch_.get()) < 0)
    std::abort();
}

broker_namespace::visit::visit(const broker_namespace& home,
                               int namespaces) noexcept
    : home_(&home),
      namespaces_(namespaces) {}

broker_namespace::visit::visit(visit&& other) noexcept
    : home_(std::exchange(other.home_, nullptr)),
      namespaces_(other.namespaces_) {}

broker_namespace::visit::~visit() {
  if (home_ != nullptr)
    home_->come_home(namespaces_);
}

} // namespace reeve::kernel
