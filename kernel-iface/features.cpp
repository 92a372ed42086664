// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/features.hpp"

#include "kernel-iface/capabilities.hpp"
#include "kernel-iface/unique_fd.hpp"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <climits>
#include <cstdint>

namespace reeve::kernel {

namespace {

constexpr auto oldest_supported = kernel_version{6, 1};

// Linux 6.5; newer than the headers of Debian 12.
constexpr unsigned beneath = 0x200;

std::string read_start(const char* path) {
  auto fd = unique_fd::adopt(::open(path, O_RDONLY | O_CLOEXEC));
  auto text = std::array<char, 64>{};
  auto size = fd ? ::read(fd.get(), text.data(), text.size()) : -1;
  return size > 0 ? std::string(text.data(), static_cast<std::size_t>(size))
                  : std::string{};
}

std::optional<long> read_number(const char* path) {
  auto text = read_start(path);
  auto value = 0L;
  auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{})
    return std::nullopt;
  return value;
}

bool exists(const char* path) {
  return ::access(path, F_OK) == 0;
}

// A kernel that knows the flag looks at the descriptor, which cannot be open:
// EBADF, and no child. Others refuse the flag or the call.
bool probe_clone3_into_cgroup() {
  auto args = clone_args{};
  args.flags = CLONE_INTO_CGROUP;
  args.cgroup = INT_MAX;
  return ::syscall(SYS_clone3, &args, sizeof args) < 0 && errno == EBADF;
}

bool probe_idmapped_mounts() {
  struct mount_attr attributes = {};
  attributes.attr_set = MOUNT_ATTR_IDMAP;
  attributes.userns_fd = INT_MAX;
  return ::syscall(SYS_mount_setattr, -1, "", AT_EMPTY_PATH, &attributes,
                   sizeof attributes)
             < 0
         && errno == EBADF;
}

bool probe_move_mount_beneath() {
  return ::syscall(SYS_move_mount, -1, "", -1, "",
                   beneath | MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH)
             < 0
         && errno == EBADF;
}

bool probe_pidfd_open() {
  auto fd = unique_fd::adopt(
      static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0)));
  return static_cast<bool>(fd);
}

bool probe_openat2() {
  auto how = open_how{};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  auto fd = unique_fd::adopt(static_cast<int>(
      ::syscall(SYS_openat2, AT_FDCWD, "/", &how, sizeof how)));
  return static_cast<bool>(fd);
}

bool probe_seccomp_filter() {
  auto action = std::uint32_t{SECCOMP_RET_ERRNO};
  return ::syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

unique_fd open_file_system(const char* type) {
  return unique_fd::adopt(
      static_cast<int>(::syscall(SYS_fsopen, type, FSOPEN_CLOEXEC)));
}

bool configure(const unique_fd& fs, unsigned command, const char* key,
               const char* value) {
  return ::syscall(SYS_fsconfig, fs.get(), command, key, value, 0) == 0;
}

unique_fd detached_mount(const unique_fd& fs) {
  if (!fs || !configure(fs, FSCONFIG_CMD_CREATE, nullptr, nullptr))
    return {};
  return unique_fd::adopt(
      static_cast<int>(::syscall(SYS_fsmount, fs.get(), FSMOUNT_CLOEXEC, 0)));
}

bool probe_overlay_on_detached_layers() {
  auto layers = detached_mount(open_file_system("tmpfs"));
  // Two lower directories: an overlay without an upper one wants as many.
  if (!layers || ::mkdirat(layers.get(), "a", 0700) != 0
      || ::mkdirat(layers.get(), "b", 0700) != 0)
    return false;
  auto base = "/proc/self/fd/" + std::to_string(layers.get());
  auto lower = base + "/a:" + base + "/b";
  auto overlay = open_file_system("overlay");
  return overlay
         && configure(overlay, FSCONFIG_SET_STRING, "lowerdir", lower.c_str())
         && detached_mount(overlay);
}

} // namespace

std::optional<kernel_version> parse_kernel_version(std::string_view release) {
  auto out = kernel_version{};
  const auto* end = release.data() + release.size();
  auto major = std::from_chars(release.data(), end, out.major);
  if (major.ec != std::errc{} || major.ptr == end || *major.ptr != '.')
    return std::nullopt;
  auto minor = std::from_chars(major.ptr + 1, end, out.minor);
  if (minor.ec != std::errc{} || out < kernel_version{})
    return std::nullopt;
  return out;
}

bool allows_user_namespaces(const user_namespace_settings& settings) noexcept {
  if (settings.max.value_or(0) <= 0)
    return false;
  return settings.privileged
         || (settings.unprivileged_clone.value_or(1) != 0
             && settings.apparmor_restricts.value_or(0) == 0);
}

features probe_features() {
  auto out = features{};
  auto name = utsname{};
  if (::uname(&name) == 0) {
    out.release = name.release;
    out.version = parse_kernel_version(out.release).value_or(kernel_version{});
  }
  out.clone3_into_cgroup = probe_clone3_into_cgroup();
  out.pidfd_open = probe_pidfd_open();
  out.openat2 = probe_openat2();
  out.idmapped_mounts = probe_idmapped_mounts();
  out.move_mount_beneath = probe_move_mount_beneath();
  out.seccomp_filter = probe_seccomp_filter();
  out.overlay = static_cast<bool>(open_file_system("overlay"));
  out.overlay_on_detached_layers = probe_overlay_on_detached_layers();
  out.user_namespaces = allows_user_namespaces(
      {.max = read_number("/proc/sys/user/max_user_namespaces"),
       .unprivileged_clone =
           read_number("/proc/sys/kernel/unprivileged_userns_clone"),
       .apparmor_restricts = read_number(
           "/proc/sys/kernel/apparmor_restrict_unprivileged_userns"),
       .privileged = is_effective(CAP_SYS_ADMIN)});
  out.time_namespaces = exists("/proc/self/ns/time");
  // The file can be there and refuse reads (psi=0 on the command line).
  out.psi = !read_start("/proc/pressure/memory").empty();
  out.sys_resource = is_effective(CAP_SYS_RESOURCE);
  out.cgroup_kill = out.version >= kernel_version{5, 14};
  return out;
}

std::string describe(const features& kernel) {
  auto out = "kernel: " + kernel.release + "\n";
  auto line = [&out](const char* name, bool present) {
    out += name;
    out += present ? ": yes\n" : ": no\n";
  };
  line("clone3 into a cgroup", kernel.clone3_into_cgroup);
  line("pidfd_open", kernel.pidfd_open);
  line("openat2", kernel.openat2);
  line("idmapped mounts", kernel.idmapped_mounts);
  line("mounting beneath a mount", kernel.move_mount_beneath);
  line("seccomp filters", kernel.seccomp_filter);
  line("overlay", kernel.overlay);
  line("overlay on detached layers", kernel.overlay_on_detached_layers);
  line("user namespaces", kernel.user_namespaces);
  line("time namespaces", kernel.time_namespaces);
  line("pressure stall information", kernel.psi);
  line("CAP_SYS_RESOURCE", kernel.sys_resource);
  line("cgroup.kill", kernel.cgroup_kill);
  return out;
}

std::vector<missing_feature> missing_for_containers(const features& kernel) {
  auto out = std::vector<missing_feature>{};
  auto require = [&out](bool present, const char* feature, const char* meaning,
                        const char* remedy) {
    if (!present)
      out.push_back({feature, meaning, remedy});
  };
  require(kernel.version >= oldest_supported, "Linux 6.1",
          "older kernels lack calls that Reeve makes without asking",
          "boot a newer kernel");
  require(kernel.pidfd_open, "pidfd_open",
          "processes cannot be watched or signalled without mistaking pids",
          "check that no seccomp filter around Reeve refuses it");
  require(kernel.openat2, "openat2",
          "paths inside containers cannot be opened safely",
          "check that no seccomp filter around Reeve refuses it");
  require(kernel.idmapped_mounts, "idmapped mounts",
          "files of images and volumes cannot get the container's owners",
          "run as root with CAP_SYS_ADMIN, outside other containers");
  require(kernel.overlay, "overlay",
          "containers have no private layer over their image",
          "run as root and load the module: modprobe overlay");
  require(kernel.seccomp_filter, "seccomp filters",
          "system calls of containers cannot be filtered",
          "use a kernel with CONFIG_SECCOMP_FILTER");
  require(kernel.user_namespaces, "user namespaces",
          "root of a container would be root of the host",
          "set the sysctl user.max_user_namespaces above 0, and run as root "
          "where unprivileged ones are restricted");
  return out;
}

std::string to_string(const missing_feature& missing) {
  return missing.feature + ": " + missing.meaning + "; " + missing.remedy;
}

} // namespace reeve::kernel
