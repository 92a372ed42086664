// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "benchmarks/straight_container.hpp"

#include "benchmarks/straight_init.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <initializer_list>
#include <utility>

namespace reeve::bench {

using kernel::last_error;
using kernel::result;
using kernel::unique_fd;

namespace {

using options = std::initializer_list<std::pair<const char*, std::string>>;

/// A detached mount of a new file system; an option without value is a flag.
result<unique_fd> make_mount(const char* type, const options& settings,
                             unsigned attributes) {
  auto context = unique_fd::adopt(::fsopen(type, FSOPEN_CLOEXEC));
  if (!context)
    return last_error("open file system", type);
  for (const auto& [key, value] : settings) {
    const bool flag = value.empty();
    if (::fsconfig(context.get(),
                   flag ? FSCONFIG_SET_FLAG : FSCONFIG_SET_STRING, key,
                   flag ? nullptr : value.c_str(), 0)
        != 0)
      return last_error("set option", std::string{type} + " " + key);
  }
  if (::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0)
    return last_error("create file system", type);
  auto mount =
      unique_fd::adopt(::fsmount(context.get(), FSMOUNT_CLOEXEC, attributes));
  if (!mount)
    return last_error("mount", type);
  return mount;
}

result<void> attach(int mount, int to, const char* path) {
  if (::move_mount(mount, "", to, path, MOVE_MOUNT_F_EMPTY_PATH) != 0)
    return last_error("attach mount to", path);
  return {};
}

std::string layer_path(const std::string& name) {
  return "/work/" + name;
}

} // namespace

result<straight_container> straight_container::prepare(workshop& shop) {
  auto name = shop.next_name();
  auto group = scratch_group::make(shop.trees, name);
  if (!group)
    return tl::make_unexpected(std::move(group.error()));
  auto out = straight_container{shop, std::move(name), std::move(*group)};
  if (auto ok = out.start(); !ok)
    return tl::make_unexpected(std::move(ok.error()));
  return out;
}

result<void> straight_container::start() {
  auto ends = std::array<int, 2>{-1, -1};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return last_error("make", "a socket pair");
  socket_.reset(ends[0]);
  auto inner = unique_fd::adopt(ends[1]);
  auto pid =
      clone_process(CLONE_NEWPID | CLONE_NEWNS, pidfd_, group_.clone_target());
  if (!pid)
    return tl::make_unexpected(std::move(pid.error()));
  if (*pid == 0) {
    socket_.reset(); // or the end of the peer would never be seen
    run_straight_init(inner.get(), group_);
  }
  inner.reset();
  auto proc = await_report(socket_.get());
  if (!proc)
    return tl::make_unexpected(std::move(proc.error()));
  proc_ = std::move(*proc);
  auto ok = map_ids(*pid);
  if (ok)
    ok = make_sys();
  if (ok)
    ok = make_dev();
  return ok;
}

result<void> straight_container::map_ids(int pid) const {
  const auto proc = "/proc/" + std::to_string(pid);
  auto ok = write_file(AT_FDCWD, proc + "/uid_map", container_id_map);
  if (ok)
    ok = write_file(AT_FDCWD, proc + "/gid_map", container_id_map);
  return ok;
}

/// sysfs shows the network namespace of the process that makes it.
result<void> straight_container::make_sys() {
  if (::setns(pidfd_.get(), CLONE_NEWNET) != 0)
    return last_error("enter", "a network namespace");
  auto sys = make_mount("sysfs", {},
                        MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV
                            | MOUNT_ATTR_NOEXEC);
  if (::setns(shop_->network_namespace.get(), CLONE_NEWNET) != 0)
    return last_error("leave", "a network namespace");
  if (!sys)
    return tl::make_unexpected(std::move(sys.error()));
  sys_ = std::move(*sys);
  return {};
}

result<void> straight_container::make_dev() {
  struct node {
    const char* name;
    unsigned minor;
  };
  const auto root = std::to_string(container_root);
  auto dev = make_mount(
      "tmpfs", {{"size", "64k"}, {"mode", "755"}, {"uid", root}, {"gid", root}},
      MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
  if (!dev)
    return tl::make_unexpected(std::move(dev.error()));
  for (const auto& [name, minor] :
       {node{"null", 3}, node{"zero", 5}, node{"full", 7}, node{"random", 8},
        node{"urandom", 9}})
    if (::mknodat(dev->get(), name, S_IFCHR | 0666, ::makedev(1, minor)) != 0
        || ::fchownat(dev->get(), name, container_root, container_root, 0) != 0)
      return last_error("make device", name);
  dev_ = std::move(*dev);
  return {};
}

result<unique_fd> straight_container::make_layer() const {
  const auto layer = layer_path(name_);
  const auto upper = layer + "/upper";
  const auto work = layer + "/work";
  for (const auto* dir : {&layer, &upper, &work})
    if (::mkdir(dir->c_str(), 0755) != 0)
      return last_error("make directory", *dir);
  // The owner of the upper directory becomes the owner of "/".
  if (::chown(upper.c_str(), container_root, container_root) != 0)
    return last_error("change owner of", upper);
  // Volatile: else the end of the container syncs the upper file system, and
  // the floor would measure what others have written to the disk.
  return make_mount("overlay",
                    {{"lowerdir", "/lower"},
                     {"upperdir", upper},
                     {"workdir", work},
                     {"volatile", ""}},
                    MOUNT_ATTR_NODEV);
}

/// Inside the container's mount namespace. pivot_root moves the root and the
/// working directory of its PID 1 along.
result<void> straight_container::switch_root(int layer) const {
  auto ok = attach(layer, AT_FDCWD, "/");
  if (ok)
    ok = attach(proc_.get(), layer, "proc");
  if (ok)
    ok = attach(sys_.get(), layer, "sys");
  if (ok)
    ok = attach(dev_.get(), layer, "dev");
  if (!ok)
    return ok;
  if (::fchdir(layer) != 0 || ::syscall(SYS_pivot_root, ".", ".") != 0)
    return last_error("switch root of", name_);
  if (::umount2(".", MNT_DETACH) != 0)
    return last_error("detach the old root of", name_);
  return {};
}

result<void> straight_container::complete() {
  auto layer = make_layer();
  if (!layer)
    return tl::make_unexpected(std::move(layer.error()));
  if (::setns(pidfd_.get(), CLONE_NEWNS) != 0)
    return last_error("enter the mount namespace of", name_);
  auto ok = switch_root(layer->get());
  if (::setns(shop_->mount_namespace.get(), CLONE_NEWNS) != 0)
    return last_error("leave the mount namespace of", name_);
  if (ok)
    ok = send_go(socket_.get());
  if (!ok)
    return ok;
  auto report = await_report(socket_.get());
  if (!report)
    return tl::make_unexpected(std::move(report.error()));
  return {};
}

result<void> straight_container::destroy() {
  if (pidfd_) {
    if (auto ok = kill_and_reap(pidfd_.get()); !ok)
      return ok;
    pidfd_.reset();
  }
  return group_.remove();
}

straight_container::straight_container(straight_container&& other) noexcept
    : shop_(other.shop_),
      name_(std::exchange(other.name_, {})),
      group_(std::move(other.group_)),
      pidfd_(std::move(other.pidfd_)),
      socket_(std::move(other.socket_)),
      proc_(std::move(other.proc_)),
      sys_(std::move(other.sys_)),
      dev_(std::move(other.dev_)) {}

straight_container::~straight_container() {
  if (name_.empty())
    return; // moved from
  // After a failed floor there is nobody to report a second error to.
  (void)destroy().has_value();
  auto ignored = std::error_code{};
  std::filesystem::remove_all(layer_path(name_), ignored);
}

} // namespace reeve::bench
