// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "benchmarks/workshop.hpp"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

namespace reeve::bench {

using kernel::last_error;
using kernel::result;
using kernel::unique_fd;

namespace {

result<unique_fd> open_path(const std::string& path) {
  auto fd = unique_fd::adopt(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd)
    return last_error("open", path);
  return fd;
}

/// A user namespace for idmapped mounts. It lives as long as the descriptor;
/// the process in it was needed only to make it.
result<unique_fd> make_user_namespace() {
  auto pidfd = unique_fd{};
  auto pid = clone_process(CLONE_NEWUSER, pidfd);
  if (!pid)
    return tl::make_unexpected(std::move(pid.error()));
  if (*pid == 0)
    for (;;)
      ::pause();
  auto proc = "/proc/" + std::to_string(*pid);
  auto ns = open_path(proc + "/ns/user");
  for (const auto* map : {"/uid_map", "/gid_map"})
    if (auto ok = write_file(AT_FDCWD, proc + map, container_id_map); !ok && ns)
      ns = tl::make_unexpected(std::move(ok.error()));
  if (auto ok = kill_and_reap(pidfd.get()); !ok && ns)
    ns = tl::make_unexpected(std::move(ok.error()));
  return ns;
}

result<void> bind_mount(const std::string& from, const std::string& to) {
  if (::mkdir(to.c_str(), 0755) != 0)
    return last_error("make directory", to);
  if (::mount(from.c_str(), to.c_str(), nullptr, MS_BIND, nullptr) != 0)
    return last_error("bind mount", to);
  return {};
}

/// The lower layer as the containers see it: owned by their root.
result<void> attach_idmapped(const std::string& from, const std::string& to,
                             int user_namespace) {
  auto tree = unique_fd::adopt(
      ::open_tree(AT_FDCWD, from.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
  if (!tree)
    return last_error("clone mount of", from);
  auto attr = mount_attr{};
  attr.attr_set = MOUNT_ATTR_IDMAP | MOUNT_ATTR_NODEV;
  attr.userns_fd = static_cast<__u64>(user_namespace);
  if (::mount_setattr(tree.get(), "", AT_EMPTY_PATH, &attr, sizeof attr) != 0)
    return last_error("idmap mount of", from);
  if (::mkdir(to.c_str(), 0755) != 0)
    return last_error("make directory", to);
  if (::move_mount(tree.get(), "", AT_FDCWD, to.c_str(),
                   MOVE_MOUNT_F_EMPTY_PATH)
      != 0)
    return last_error("attach mount to", to);
  return {};
}

result<void> leave_host_mounts(const std::string& directory,
                               int user_namespace) {
  if (::unshare(CLONE_NEWNS) != 0)
    return last_error("unshare", "the mount namespace");
  // Private first: whatever is mounted from here on must not reach the host.
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
    return last_error("make private", "/");
  const auto root = directory + "/root";
  if (::mkdir(root.c_str(), 0755) != 0)
    return last_error("make directory", root);
  if (::mount("tmpfs", root.c_str(), "tmpfs", 0, "size=64k,mode=755") != 0)
    return last_error("mount tmpfs on", root);
  auto ok = bind_mount(directory, root + "/work");
  if (ok)
    ok = bind_mount("/proc", root + "/proc");
  if (ok)
    ok = attach_idmapped(directory + "/lower", root + "/lower", user_namespace);
  if (!ok)
    return ok;
  if (::chdir(root.c_str()) != 0 || ::syscall(SYS_pivot_root, ".", ".") != 0)
    return last_error("switch root to", root);
  if (::umount2(".", MNT_DETACH) != 0 || ::chdir("/") != 0)
    return last_error("leave", "the mounts of the host");
  return {};
}

} // namespace

result<int> clone_process(unsigned long long flags, unique_fd& pidfd,
                          int cgroup) {
  int fd = -1;
  auto args = clone_args{};
  args.flags = flags | CLONE_PIDFD;
  args.pidfd = reinterpret_cast<__u64>(&fd);
  args.exit_signal = SIGCHLD;
  if (cgroup >= 0) {
    args.flags |= CLONE_INTO_CGROUP;
    args.cgroup = static_cast<__u64>(cgroup);
  }
  const auto pid = ::syscall(SYS_clone3, &args, sizeof args);
  if (pid < 0)
    return last_error("clone", "a process");
  if (pid > 0)
    pidfd.reset(fd);
  return static_cast<int>(pid);
}

result<void> reap(int pidfd) {
  auto info = siginfo_t{};
  while (::waitid(P_PIDFD, static_cast<id_t>(pidfd), &info, WEXITED) != 0)
    if (errno != EINTR)
      return last_error("wait for", "a child");
  return {};
}

result<void> kill_and_reap(int pidfd) {
  // By number: glibc 2.36 declares the function without extern "C".
  if (::syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, nullptr, 0) != 0
      && errno != ESRCH)
    return last_error("kill", "a child");
  return reap(pidfd);
}

result<workshop> workshop::enter(const std::string& directory) {
  auto out = workshop{};
  auto trees = cgroup_trees::open();
  if (!trees)
    return tl::make_unexpected(std::move(trees.error()));
  out.trees = std::move(*trees);
  auto user_namespace = make_user_namespace();
  if (!user_namespace)
    return tl::make_unexpected(std::move(user_namespace.error()));
  if (auto ok = leave_host_mounts(directory, user_namespace->get()); !ok)
    return tl::make_unexpected(std::move(ok.error()));
  for (auto [path, fd] :
       {std::pair{"/proc/self/ns/mnt", &out.mount_namespace},
        std::pair{"/proc/self/ns/net", &out.network_namespace}}) {
    auto ns = open_path(path);
    if (!ns)
      return tl::make_unexpected(std::move(ns.error()));
    *fd = std::move(*ns);
  }
  return out;
}

std::string workshop::next_name() {
  return "reeve-bench-" + std::to_string(::getpid()) + "-"
         + std::to_string(names_given++);
}

} // namespace reeve::bench
