// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// What PID 1 is and costs, whom it buries, and how its birth can fail.

#include "kernel-iface/helper_process.hpp"
#include "kernel-iface/packet.hpp"
#include "kernel-iface/zygote_protocol.hpp"
#include "tests/integration/probe_image.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/instance.hpp"
#include "tests/support/kernel_view.hpp"
#include "tests/support/leak_guard.hpp"
#include "tests/support/patience.hpp"

#include <elf.h>
#include <fcntl.h>
#include <poll.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <sstream>

using namespace reeve;
using namespace reeve::supervisor;
using namespace reeve::tests;
using Catch::Matchers::ContainsSubstring;

namespace fs = std::filesystem;

namespace {

long kib(pid_t pid, const std::string& field) {
  auto text = status_of(pid, field);
  INFO(field << " of " << pid << ": " << text);
  REQUIRE_FALSE(text.empty());
  return std::stol(text);
}

void check_small(pid_t pid) {
  CHECK(kib(pid, "VmRSS") < 1024);
  CHECK(kib(pid, "RssShmem") < 1024);
  CHECK(kib(pid, "VmHWM") < 1024);
  CHECK(kib(pid, "Threads") == 1);
}

std::vector<pid_t> zombies_below(pid_t pid) {
  std::vector<pid_t> out;
  for (auto child : all_children_of(pid))
    if (state_of(child) == 'Z')
      out.push_back(child);
  return out;
}

} // namespace

TEST_CASE("PID 1: takes less than a mebibyte, with one process and with two "
          "hundred",
          "[integration][holder]") {
  if (!is_root())
    return;
  instance reeve;
  reeve.create("web");
  auto pid_one = reeve.details_of("web").info.pid;
  check_small(pid_one);
  reeve.run("web", instance::sleeper("p"));
  check_small(pid_one);
  for (auto i = 1; i < 200; ++i) {
    auto spec = instance::sleeper("p" + std::to_string(i));
    spec.stdin_open = true; // as many descriptors as there can be
    spec.env = {"SOME=" + std::string(100, 'x')};
    reeve.run("web", spec);
  }
  CHECK(children_of(pid_one).size() == 200);
  check_small(pid_one);
  for (auto pid : children_of(pid_one))
    ::kill(pid, SIGKILL);
  eventually("they are gone", [&] { return all_children_of(pid_one).empty(); });
  check_small(pid_one);
}

TEST_CASE("PID 1: is a static program", "[integration][holder]") {
  if (!is_root())
    return;
  instance reeve;
  auto program = read_file(reeve.config().holder_path.value());
  REQUIRE(program.size() > sizeof(Elf64_Ehdr));
  Elf64_Ehdr header{};
  std::memcpy(&header, program.data(), sizeof(header));
  REQUIRE(std::memcmp(header.e_ident, ELFMAG, SELFMAG) == 0);
  REQUIRE(header.e_ident[EI_CLASS] == ELFCLASS64);
  auto loaded = 0;
  for (auto i = 0U; i < header.e_phnum; ++i) {
    Elf64_Phdr segment{};
    auto at = header.e_phoff + std::size_t{i} * header.e_phentsize;
    REQUIRE(at + sizeof(segment) <= program.size());
    std::memcpy(&segment, program.data() + at, sizeof(segment));
    CHECK(segment.p_type != PT_INTERP);
    loaded += segment.p_type == PT_LOAD ? 1 : 0;
  }
  CHECK(loaded > 0);
  // And it is this program that runs, not one that loads others.
  reeve.create("web");
  auto maps = read_file(
      "/proc/" + std::to_string(reeve.details_of("web").info.pid) + "/maps");
  CHECK(maps.find("reeve-holder") != std::string::npos);
  CHECK(maps.find(".so") == std::string::npos);
}

TEST_CASE("PID 1: buries whoever has lost his parent",
          "[integration][holder]") {
  if (!is_root())
    return;
  instance reeve;
  reeve.create("web");
  auto pid_one = reeve.details_of("web").info.pid;
  // Each says its pid and dies when it is told, long after its parent.
  auto done = reeve.shell(
      "web", "for i in 1 2 3 4 5 6 7 8 9 10; do "
             "sh -c '(until [ -e /die ]; do sleep 0.01; done) & "
             "busybox setsid sh -c \"until [ -e /die ]; do sleep 0.01; done\" "
             "& exit 0'; done");
  CHECK(done.reason == exit_reason::exited(0));
  eventually("they are PID 1's children",
             [&] { return children_of(pid_one).size() == 20; });
  auto orphans = children_of(pid_one);
  CHECK(zombies_below(pid_one).empty());
  CHECK(reeve.shell("web", "touch /die").reason == exit_reason::exited(0));
  eventually("they are gone, zombies and all",
             [&] { return all_children_of(pid_one).empty(); });
  for (auto pid : orphans)
    CHECK(state_of(pid) == 'X');
  // Many that die at once, too.
  CHECK(
      reeve.shell("web", "for i in $(seq 300); do sh -c 'true &' ; done").reason
      == exit_reason::exited(0));
  eventually("they are gone as well",
             [&] { return all_children_of(pid_one).empty(); });
}

TEST_CASE("PID 1: a birth that fails says at which step, on what, and why",
          "[integration][holder]") {
  if (!is_root())
    return;
  leak_guard guard;
  instance reeve{0}; // for the path of the program
  auto zygote = kernel::start_helper(reeve.config().holder_path.value(),
                                     kernel::helper_role::zygote);
  REQUIRE(zygote);
  auto full =
      kernel::unique_fd::adopt(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  auto null =
      kernel::unique_fd::adopt(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  auto read_only =
      kernel::unique_fd::adopt(::open("/etc/passwd", O_RDONLY | O_CLOEXEC));
  REQUIRE(full);
  REQUIRE(read_only);
  kernel::zygote::start_holder_order sound;
  sound.modes.resize(kernel::zygote::ns_kinds);
  sound.id_base = 0x70000000;
  sound.id_count = 65536;

  auto fail = [&](const kernel::zygote::start_holder_order& order,
                  std::vector<int> more) {
    auto pair = kernel::make_packet_sockets();
    REQUIRE(pair);
    more.insert(more.begin(), {pair->second.get(), null.get()});
    REQUIRE(kernel::send_packet(
        zygote->socket.get(),
        static_cast<std::uint16_t>(kernel::zygote::message::start_holder), 1,
        kernel::wire::encode(order), more));
    pollfd wait{zygote->socket.get(), POLLIN, 0};
    REQUIRE(::poll(&wait, 1, patiently(10'000)) == 1);
    kernel::packet in;
    REQUIRE(kernel::receive_packet(zygote->socket.get(), in));
    kernel::zygote::start_failed_report report;
    REQUIRE(
        in.type
        == static_cast<std::uint16_t>(kernel::zygote::message::start_failed));
    REQUIRE(kernel::wire::decode(in.body, report));
    return report;
  };

  auto order = sound;
  order.join_count = 2;
  auto why = fail(order, {null.get(), full.get()});
  CHECK(why.code == ENOSPC);
  CHECK_THAT(why.step, ContainsSubstring("cgroup"));
  CHECK_THAT(why.step, ContainsSubstring("/dev/full"));

  order = sound;
  order.home_count = 1;
  why = fail(order, {read_only.get()});
  CHECK(why.code == EBADF);
  CHECK_THAT(why.step, ContainsSubstring("holders"));
  CHECK_THAT(why.step, ContainsSubstring("/etc/passwd"));

  order = sound;
  order.id_count = 0; // no map at all
  why = fail(order, {});
  CHECK(why.code == EINVAL);
  CHECK_THAT(why.step, ContainsSubstring("/uid_map"));

  order = sound;
  order.modes[static_cast<std::size_t>(kernel::zygote::ns_kind::net)] =
      kernel::zygote::ns_mode::joined;
  why = fail(order, {null.get()});
  CHECK(why.code == EINVAL);
  CHECK_THAT(why.step, ContainsSubstring("join"));
  CHECK_THAT(why.step, ContainsSubstring("net"));
}
