// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/features.hpp"

#include "tests/support/catch.hpp"

#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>

using namespace reeve::kernel;

namespace {

features everything() {
  return {.release = "6.18.0",
          .version = {6, 18},
          .clone3_into_cgroup = true,
          .pidfd_open = true,
          .openat2 = true,
          .idmapped_mounts = true,
          .move_mount_beneath = true,
          .seccomp_filter = true,
          .overlay = true,
          .overlay_on_detached_layers = true,
          .user_namespaces = true,
          .time_namespaces = true,
          .psi = true,
          .sys_resource = true,
          .cgroup_kill = true};
}

std::string mounts() {
  auto file = std::ifstream("/proc/self/mountinfo");
  return {std::istreambuf_iterator<char>(file), {}};
}

std::ptrdiff_t open_descriptors() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/fd"),
                       {});
}

} // namespace

TEST_CASE("features: versions are read from release names and compare",
          "[kernel-iface][features]") {
  CHECK(parse_kernel_version("6.1.0-18-amd64") == kernel_version{6, 1});
  CHECK(parse_kernel_version("6.18.44-fc") == kernel_version{6, 18});
  CHECK(parse_kernel_version("7.0-rc1") == kernel_version{7, 0});
  CHECK_FALSE(parse_kernel_version(""));
  CHECK_FALSE(parse_kernel_version("6"));
  CHECK_FALSE(parse_kernel_version("6."));
  CHECK_FALSE(parse_kernel_version("six.one"));
  CHECK(kernel_version{6, 1} < kernel_version{6, 18});
  CHECK(kernel_version{5, 19} < kernel_version{6, 1});
}

TEST_CASE("features: settings of the host decide about user namespaces",
          "[kernel-iface][features]") {
  CHECK(allows_user_namespaces({.max = 100}));
  CHECK_FALSE(allows_user_namespaces({}));
  CHECK_FALSE(allows_user_namespaces({.max = 0, .privileged = true}));
  CHECK_FALSE(allows_user_namespaces({.max = 9, .unprivileged_clone = 0}));
  CHECK_FALSE(allows_user_namespaces({.max = 9, .apparmor_restricts = 1}));
  CHECK(allows_user_namespaces({.max = 9,
                                .unprivileged_clone = 0,
                                .apparmor_restricts = 1,
                                .privileged = true}));
}

TEST_CASE("features: a complete kernel misses nothing",
          "[kernel-iface][features]") {
  CHECK(missing_for_containers(everything()).empty());
}

TEST_CASE("features: what is only nice to have is not missed",
          "[kernel-iface][features]") {
  auto kernel = everything();
  kernel.version = {6, 1};
  kernel.overlay_on_detached_layers = false;
  kernel.move_mount_beneath = false;
  kernel.psi = false;
  kernel.sys_resource = false;
  kernel.time_namespaces = false;
  CHECK(missing_for_containers(kernel).empty());
}

TEST_CASE("features: what is missing is told with its meaning and a remedy",
          "[kernel-iface][features]") {
  auto kernel = everything();
  kernel.overlay = false;
  auto missing = missing_for_containers(kernel);
  REQUIRE(missing.size() == 1);
  CHECK(to_string(missing[0])
        == "overlay: containers have no private layer over their image; run "
           "as root and load the module: modprobe overlay");
  CHECK(missing_for_containers({}).size() == 7);
}

TEST_CASE("features: the description has a line for each",
          "[kernel-iface][features]") {
  auto text = describe(everything());
  CHECK(text.starts_with("kernel: 6.18.0\n"));
  CHECK(std::count(text.begin(), text.end(), '\n') == 14);
  CHECK(text.find(": no") == std::string::npos);
  CHECK(describe({}).find(": yes") == std::string::npos);
}

TEST_CASE("features: probing leaves no mount, descriptor or child behind",
          "[kernel-iface][features]") {
  // In a mount namespace of its own: others mount and unmount on this machine
  // meanwhile.
  auto pid = ::fork();
  REQUIRE(pid >= 0);
  if (pid == 0) {
    if (::unshare(CLONE_NEWNS) != 0
        || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
      ::_exit(1);
    auto mounts_before = mounts();
    auto descriptors_before = open_descriptors();
    static_cast<void>(probe_features());
    if (mounts() != mounts_before)
      ::_exit(2);
    if (open_descriptors() != descriptors_before)
      ::_exit(3);
    auto no_child = ::waitpid(-1, nullptr, WNOHANG) == -1 && errno == ECHILD;
    ::_exit(no_child ? 0 : 4);
  }
  auto status = -1;
  REQUIRE(::waitpid(pid, &status, 0) == pid);
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("features: the probes agree with what each release brought",
          "[kernel-iface][features]") {
  auto kernel = probe_features();
  auto since = [&](int major, int minor) {
    return kernel.version >= kernel_version{major, minor};
  };
  CHECK(kernel.pidfd_open == since(5, 3));
  CHECK(kernel.openat2 == since(5, 6));
  CHECK(kernel.clone3_into_cgroup == since(5, 7));
  // These are for root; a probe without it says no.
  auto root = ::geteuid() == 0;
  CHECK(kernel.idmapped_mounts == (root && since(5, 12)));
  CHECK(kernel.move_mount_beneath == (root && since(6, 5)));
  CHECK(kernel.seccomp_filter);
  CHECK((kernel.overlay || !kernel.overlay_on_detached_layers));
}
