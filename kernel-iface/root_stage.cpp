// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/root_stage.hpp"

#include "kernel-iface/cgroup_mounts.hpp"
#include "kernel-iface/mount.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/fsuid.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string_view>
#include <utility>

namespace reeve::kernel {

namespace {

constexpr auto no_setuid_exec_dev =
    std::uint64_t{MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC};

/// The group `tty` of Debian and of most images, which owns terminals.
constexpr auto tty_group = 5U;

/// Makes new files belong to the container's root for a while. Only the
/// file-system ids change; with them go the capabilities over files, so no
/// device node can be made meanwhile.
class acting_as {
public:
  explicit acting_as(std::uint32_t id) noexcept : id_(id) {
    if (id_ != 0) {
      ::setfsgid(id_);
      ::setfsuid(id_);
    }
  }
  acting_as(const acting_as&) = delete;
  acting_as(acting_as&&) = delete;
  acting_as& operator=(const acting_as&) = delete;
  acting_as& operator=(acting_as&&) = delete;
  ~acting_as() {
    if (id_ != 0) {
      ::setfsuid(0);
      ::setfsgid(0);
    }
  }

private:
  std::uint32_t id_;
};

result<void> make_directory(int dir, const char* name, mode_t mode = 0755) {
  if (::mkdirat(dir, name, mode) < 0)
    return last_error("mkdirat", name);
  return {};
}

/// Attaches a fresh mount below the stage and hands its descriptor on.
result<unique_fd> attach_fresh(result<unique_fd> mounted, int dirfd,
                               const std::string& path) {
  if (!mounted)
    return std::move(mounted).map_error(
        [&](sys_error err) { return std::move(err).with_context(path); });
  if (auto done = attach_mount(mounted->get(), dirfd, path, path); !done)
    return pass_on(done);
  return mounted;
}

/// The work in the holder's namespaces. "/proc/sys" becomes "proc/sys" and
/// relative to the stage, whose descriptor leads through its sub-mounts.
class stage {
public:
  /// `host_cgroup2` is used instead of a fresh mount, if it is one.
  stage(const stage_options& options, unique_fd host_cgroup2, int limits_socket)
      : options_(options),
        host_cgroup2_(std::move(host_cgroup2)),
        limits_socket_(limits_socket) {}

  result<void> make() {
    return attach_fresh(fs_context{"tmpfs"}.set("mode", "700").mount(0),
                        AT_FDCWD, "/stage")
        .and_then([this](unique_fd fresh) {
          fd_ = std::move(fresh);
          return make_proc();
        })
        .and_then([this] { return make_sys(); })
        .and_then([this] { return make_cgroups(); })
        .and_then([this] { return make_dev(); })
        .and_then([this] { return restrict_paths(); });
  }

  [[nodiscard]] result<void> cover(int mask, const std::string& path) const {
    auto done = attach_mount(mask, fd_.get(), path.substr(1), path);
    // The broker's own procfs has the file, this one has not: nothing to hide.
    if (!done && done.error().code == ENOENT)
      return {};
    return done;
  }

  stage_report take_report() {
    return std::move(report_);
  }

private:
  // A copy, so that the holder keeps its procfs until the root is switched.
  result<void> make_proc() {
    if (auto made = make_directory(fd_.get(), "proc"); !made)
      return made;
    auto proc = clone_mount(AT_FDCWD, "/proc");
    if (!proc)
      return pass_on(proc);
    auto change = mount_attr{.attr_set = no_setuid_exec_dev};
    if (auto done = change_mount(proc->get(), change, "/proc"); !done)
      return done;
    return attach_mount(proc->get(), fd_.get(), "proc", "/stage/proc");
  }

  result<void> make_sys() {
    if (auto made = make_directory(fd_.get(), "sys"); !made)
      return made;
    return attach("sysfs", read_only(fs_context{"sysfs"}), "sys");
  }

  result<void> make_cgroups() {
    constexpr auto place = "sys/fs/cgroup";
    if (options_.cgroups == cgroup_view::none)
      return {};
    if (options_.cgroups == cgroup_view::v2)
      return attach("cgroup2", mount_cgroup2(), place);

    auto top = fs_context{"tmpfs"}
                   .set("mode", "755")
                   .set("size", "64k")
                   .mount(no_setuid_exec_dev);
    if (!top)
      return pass_on(top);
    auto hierarchies = options_.v1_hierarchies;
    if (options_.cgroups == cgroup_view::hybrid)
      hierarchies.emplace_back("unified");
    auto mounts = std::vector<std::pair<std::string, unique_fd>>{};
    for (const auto& hierarchy : hierarchies) {
      auto mounted = hierarchy == "unified" ? mount_cgroup2()
                                            : read_only(v1_context(hierarchy));
      if (!mounted) {
        report_.missing_hierarchies.push_back(
            std::move(mounted).error().with_context("hierarchy " + hierarchy));
        continue;
      }
      auto name = hierarchy.substr(hierarchy.find('=') + 1);
      if (auto made = make_directory(top->get(), name.c_str()); !made)
        return made;
      mounts.emplace_back(std::move(name), std::move(*mounted));
    }

    auto change = mount_attr{.attr_set = MOUNT_ATTR_RDONLY};
    auto done = change_mount(top->get(), change, place).and_then([&] {
      return attach_mount(top->get(), fd_.get(), place, place);
    });
    for (auto& [name, fd] : mounts)
      if (done)
        done = attach_mount(fd.get(), top->get(), name,
                            std::string{place} + "/" + name);
    return done;
  }

  result<unique_fd> mount_cgroup2() {
    if (host_cgroup2_)
      return std::move(host_cgroup2_);
    return read_only(fs_context{"cgroup2"});
  }

  // "cpu,cpuacct" is two flags; "name=systemd" a hierarchy without controllers.
  static fs_context v1_context(std::string_view hierarchy) {
    auto context = fs_context{"cgroup"};
    if (hierarchy.starts_with("name="))
      return std::move(
          context.flag("none").set("name", std::string{hierarchy.substr(5)}));
    while (!hierarchy.empty()) {
      auto end = hierarchy.find(',');
      context.flag(std::string{hierarchy.substr(0, end)});
      hierarchy.remove_prefix(end == std::string_view::npos ? hierarchy.size()
                                                            : end + 1);
    }
    return context;
  }

  result<void> make_dev() {
    if (auto made = make_directory(fd_.get(), "dev"); !made)
      return made;
    auto owner = std::to_string(options_.first_id);
    auto dev = attach_fresh(fs_context{"tmpfs"}
                                .set("mode", "755")
                                .set("size", std::to_string(options_.dev_bytes))
                                .set("nr_inodes", "4096")
                                .set("uid", owner)
                                .set("gid", owner)
                                .mount(MOUNT_ATTR_NOSUID),
                            fd_.get(), "dev");
    if (!dev)
      return pass_on(dev);
    return make_nodes(dev->get())
        .and_then([&] { return make_entries(dev->get()); })
        .and_then([&] { return bind_limits_socket(dev->get()); })
        .and_then([&] { return make_dev_mounts(dev->get()); });
  }

  [[nodiscard]] result<void> make_nodes(int dev) const {
    struct node {
      const char* name;
      unsigned major;
      unsigned minor;
    };
    for (auto [name, major, minor] :
         {node{"null", 1, 3}, node{"zero", 1, 5}, node{"full", 1, 7},
          node{"random", 1, 8}, node{"urandom", 1, 9}, node{"tty", 5, 0}}) {
      if (::mknodat(dev, name, S_IFCHR | 0666, makedev(major, minor)) < 0)
        return last_error("mknodat", std::string{"/dev/"} + name);
      if (options_.first_id != 0
          && ::fchownat(dev, name, options_.first_id, options_.first_id,
                        AT_SYMLINK_NOFOLLOW)
                 < 0)
        return last_error("fchownat", std::string{"/dev/"} + name);
    }
    return {};
  }

  [[nodiscard]] result<void> make_entries(int dev) const {
    auto guard = acting_as{options_.first_id};
    for (auto [target, name] :
         {std::pair{"pts/ptmx", "ptmx"}, std::pair{"/proc/self/fd", "fd"},
          std::pair{"/proc/self/fd/0", "stdin"},
          std::pair{"/proc/self/fd/1", "stdout"},
          std::pair{"/proc/self/fd/2", "stderr"},
          std::pair{"/proc/kcore", "core"}})
      if (::symlinkat(target, dev, name) < 0)
        return last_error("symlinkat", std::string{"/dev/"} + name);
    for (auto* name : {"pts", "shm", "mqueue"})
      if (auto made = make_directory(dev, name); !made)
        return made;
    return {};
  }

  // Before anybody is there who could be in the way.
  [[nodiscard]] result<void> bind_limits_socket(int dev) const {
    if (limits_socket_ < 0)
      return {};
    // More wait there than are answered at a time.
    constexpr auto waiting = 64;
    auto* name = std::strrchr(REEVE_LIMITS_SOCKET, '/') + 1;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::snprintf(address.sun_path, sizeof(address.sun_path), "%s",
                  limits_socket_path);
    auto owner = options_.first_id;
    if (::bind(limits_socket_, reinterpret_cast<sockaddr*>(&address),
               sizeof(address))
            < 0
        || ::fchownat(dev, name, owner, owner, AT_SYMLINK_NOFOLLOW) < 0
        || ::fchmodat(dev, name, 0666, 0) < 0
        || ::listen(limits_socket_, waiting) < 0)
      return last_error("bind the limits socket to", limits_socket_path);
    return {};
  }

  [[nodiscard]] result<void> make_dev_mounts(int dev) const {
    auto owner = std::to_string(options_.first_id);
    auto pts = fs_context{"devpts"}
                   .flag("newinstance")
                   .set("ptmxmode", "0666")
                   .set("mode", "0620")
                   .set("gid", std::to_string(options_.first_id + tty_group))
                   .mount(MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
    auto shm = fs_context{"tmpfs"}
                   .set("mode", "1777")
                   .set("size", std::to_string(options_.shm_bytes))
                   .set("uid", owner)
                   .set("gid", owner)
                   .mount(no_setuid_exec_dev);
    auto mqueue = fs_context{"mqueue"}.mount(no_setuid_exec_dev);
    for (auto [mounted, name] : {std::pair{&pts, "pts"}, std::pair{&shm, "shm"},
                                 std::pair{&mqueue, "mqueue"}})
      if (auto done = attach_fresh(std::move(*mounted), dev, name); !done)
        return pass_on(done);
    return {};
  }

  // Last, since a copy shows nothing of the mounts below it.
  [[nodiscard]] result<void> restrict_paths() const {
    for (const auto& path : options_.read_only_paths) {
      auto copy = clone_mount(fd_.get(), path.substr(1));
      if (!copy && copy.error().code == ENOENT)
        continue;
      if (!copy)
        return pass_on(copy);
      auto change = mount_attr{.attr_set = MOUNT_ATTR_RDONLY};
      auto done = change_mount(copy->get(), change, path).and_then([&] {
        return attach_mount(copy->get(), fd_.get(), path.substr(1), path);
      });
      if (!done)
        return done;
    }
    return {};
  }

  static result<unique_fd> read_only(fs_context context) {
    return context.mount(no_setuid_exec_dev | MOUNT_ATTR_RDONLY);
  }

  result<void> attach(const char* what, result<unique_fd> mounted,
                      const char* place) const {
    auto done = attach_fresh(std::move(mounted), fd_.get(), place);
    if (!done)
      return tl::make_unexpected(std::move(done).error().with_context(what));
    return {};
  }

  const stage_options& options_;
  unique_fd host_cgroup2_;
  int limits_socket_;
  stage_report report_;
  unique_fd fd_;
};

/// In the host's cgroup namespace a new mount of cgroup2 would set the options
/// of the one and only hierarchy: nsdelegate, memory_recursiveprot and others
/// would be gone for the whole host. So there it is a copy of the host's mount,
/// made in our own mount namespace; elsewhere it is nothing.
result<unique_fd> copy_host_cgroup2(const broker_namespace& home,
                                    int holder_pidfd,
                                    const stage_options& options) {
  if (options.cgroups != cgroup_view::v2
      && options.cgroups != cgroup_view::hybrid)
    return unique_fd{};
  auto shared = home.shares_cgroups(holder_pidfd);
  if (!shared)
    return pass_on(shared);
  if (!*shared)
    return unique_fd{};
  auto mounts = cgroup_mounts::probe();
  if (!mounts)
    return pass_on(mounts);
  auto copy = clone_mount(AT_FDCWD, mounts->unified);
  if (!copy)
    return copy;
  auto change = mount_attr{.attr_set = no_setuid_exec_dev | MOUNT_ATTR_RDONLY,
                           .propagation = MS_PRIVATE};
  if (auto done = change_mount(copy->get(), change, mounts->unified); !done)
    return pass_on(done);
  return copy;
}

result<void> check_paths(const stage_options& options) {
  for (const auto* list : {&options.read_only_paths, &options.masked_paths})
    for (const auto& path : *list)
      if (!path.starts_with("/proc/") && !path.starts_with("/sys/"))
        return make_error(EINVAL, "restrict", path,
                          "only paths below /proc and /sys can be");
  return {};
}

} // namespace

result<stage_report> prepare_stage(const broker_namespace& home,
                                   int holder_pidfd,
                                   const stage_options& options,
                                   int limits_socket) {
  if (auto checked = check_paths(options); !checked)
    return pass_on(checked);
  // Copied here, for a mount can be copied only from one's own namespace.
  auto masks = std::vector<std::pair<std::string, unique_fd>>{};
  for (const auto& path : options.masked_paths) {
    auto mask = home.mask_for(path);
    if (mask)
      masks.emplace_back(path, std::move(*mask));
    else if (mask.error().code != ENOENT)
      return pass_on(mask);
  }

  auto host_cgroup2 = copy_host_cgroup2(home, holder_pidfd, options);
  if (!host_cgroup2)
    return pass_on(host_cgroup2);
  auto guest = home.join(holder_pidfd, CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC
                                           | CLONE_NEWCGROUP);
  if (!guest)
    return pass_on(guest);
  auto work = stage{options, std::move(*host_cgroup2), limits_socket};
  auto done = work.make();
  for (auto& [path, mask] : masks)
    if (done)
      done = work.cover(mask.get(), path);
  if (!done)
    return tl::make_unexpected(
        std::move(done).error().with_context("preparing a root"));
  return work.take_report();
}

} // namespace reeve::kernel
