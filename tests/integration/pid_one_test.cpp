// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// PID 1 by itself: what it makes of a daemon that dies at the wrong moment, of
// too few descriptors, and of a container that does not let it start anything.

#include "kernel-iface/process_identity.hpp"
#include "tests/integration/bare_holder.hpp"
#include "tests/integration/probe_image.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/instance.hpp"
#include "tests/support/kernel_view.hpp"
#include "tests/support/patience.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <set>

using namespace reeve;
using namespace reeve::tests;
using namespace reeve::kernel::holder;

namespace fs = std::filesystem;

namespace {

/// Holds every start where the user is looked up.
class trap {
public:
  explicit trap(const probe_image& image)
      : passwd_(image.path() / "etc/passwd") {
    fs::remove(passwd_);
    REQUIRE(::mkfifo(passwd_.c_str(), 0644) == 0);
  }

private:
  fs::path passwd_;
};

std::string output_of(const kernel::packet& started, std::size_t index) {
  std::string out;
  char buffer[4096];
  for (;;) {
    auto size = ::read(started.fds.at(index).get(), buffer, sizeof(buffer));
    if (size <= 0)
      return out;
    out.append(buffer, static_cast<std::size_t>(size));
  }
}

/// Runs a program with pipes to its end: what it printed.
std::string print(bare_holder& one, spawn_order order) {
  order.stdio = stdio_mode::pipes;
  one.send(order, order.process);
  kernel::packet in;
  one.next_of<spawned_report>(&in);
  one.send(release_order{order.process, 0xff});
  auto out = output_of(in, 1);
  one.next_of<exited_report>();
  one.send(acknowledge_order{order.process});
  return out;
}

spawn_failed_report refused(bare_holder& one, const spawn_order& order) {
  one.send(order, order.process);
  auto report = one.next_of<spawn_failed_report>();
  one.send(acknowledge_order{order.process});
  return report;
}

} // namespace

TEST_CASE("PID 1: a start that hangs ends at its deadline",
          "[integration][holder]") {
  if (!is_root())
    return;
  probe_image image;
  trap held{image};
  bare_holder one{image.path()};
  auto order = bare_holder::order(7, {"true"});
  order.start_timeout_ms = 50;
  one.send(order, 1);
  auto failed = one.next_of<spawn_failed_report>();
  CHECK(failed.process == 7);
  CHECK(failed.step == spawn_step::execute);
  CHECK(failed.code == ETIMEDOUT);
  eventually("the child is gone",
             [&] { return children_of(one.pid()).empty(); });
  one.send(signal_order{7, SIGTERM, false}, 2);
  CHECK(one.next_of<refused_report>().code == ESRCH);
}

TEST_CASE("PID 1: a failed start is told to the daemon that comes next",
          "[integration][holder]") {
  if (!is_root())
    return;
  probe_image image;
  trap held{image};
  bare_holder one{image.path()};
  auto order = bare_holder::order(7, {"true"});
  order.start_timeout_ms = patiently(50U); // time to see the child
  order.stdio = stdio_mode::pipes;
  one.send(order);
  eventually("the child is there", [&] { return !one.newborns().empty(); });
  one.hang_up();
  eventually("the child is gone",
             [&] { return children_of(one.pid()).empty(); });
  for (auto daemon = 0; daemon < 2; ++daemon) {
    one.reconnect();
    auto known = one.greeting();
    REQUIRE(known.size() == 1);
    CHECK(known[0].process == 7);
    CHECK(known[0].spec == "spec of 7");
    CHECK(known[0].ended);
    CHECK(known[0].carries == 0);
    CHECK(known[0].end.wait_status == 127 << 8);
    CHECK(known[0].failed_step == spawn_step::execute);
    CHECK(known[0].failed_code == ETIMEDOUT);
  }
  one.send(order, 5); // repeated, since it may have been lost
  CHECK(one.next_of<spawn_failed_report>().code == ETIMEDOUT);
  one.send(acknowledge_order{7});
  one.reconnect();
  CHECK(one.greeting().empty());
}

TEST_CASE("PID 1: what a daemon ordered before it died is done before the next "
          "one is greeted",
          "[integration][holder]") {
  if (!is_root())
    return;
  constexpr auto orders = 150U; // more than are read at once
  probe_image image;
  bare_holder one{image.path()};
  one.send(bare_holder::order(1, {"sleep", "1000"}));
  eventually("there is a report", [&] { return one.has_report(); });
  REQUIRE(::kill(one.pid(), SIGSTOP) == 0);
  for (auto id = 2U; id <= orders; ++id)
    one.send(bare_holder::order(id, {"sleep", "1000"}));
  one.reconnect(); // and nobody has read what was told
  REQUIRE(::kill(one.pid(), SIGCONT) == 0);
  CHECK(one.greeting().size() == orders);
}

TEST_CASE("PID 1: keeps no more failed starts than it must",
          "[integration][holder]") {
  if (!is_root())
    return;
  probe_image image;
  bare_holder one{image.path()};
  for (std::uint64_t i = 1; i <= 100; ++i) {
    one.send(bare_holder::order(i, {"/none"}));
    CHECK(one.next_of<spawn_failed_report>().process == i);
  }
  one.reconnect();
  auto known = one.greeting();
  CHECK(known.size() < 70);
  CHECK(known.back().process == 100);
  CHECK(known.back().failed_step == spawn_step::execute);
  CHECK(known.back().failed_code == ENOENT);
  CHECK(known.back().failed_subject == "/none");
}

// The kernel counts descriptors in flight against the sender's limit.
TEST_CASE("PID 1: descriptors that the kernel will not pass cost no daemon",
          "[integration][holder]") {
  if (!is_root())
    return;
  probe_image image;
  bare_holder one{image.path()};
  one.limit_descriptors(40);
  constexpr std::uint64_t starts = 60;
  for (std::uint64_t i = 1; i <= starts; ++i) {
    one.send(bare_holder::order(i, {"sleep", "1000"}));
    // Not by its report: nobody reads those yet.
    eventually("it runs", [&] {
      return one.newborns().empty() && children_of(one.pid()).size() == i;
    });
  }
  std::uint64_t bare = 0;
  std::set<std::uint64_t> told;
  for (std::uint64_t i = 1; i <= starts; ++i) {
    kernel::packet in;
    auto report = one.next_of<spawned_report>(&in);
    told.insert(report.process);
    if (report.carries == descriptors_withheld)
      ++bare;
    else
      CHECK(report.carries == carries_pidfd);
    CHECK(in.fds.size() == (report.carries == carries_pidfd ? 1 : 0));
  }
  CHECK(told.size() == starts);
  INFO(bare);
  CHECK(bare < starts / 2);
}

TEST_CASE("PID 1: a process that it had no room to tell of is described again",
          "[integration][holder]") {
  if (!is_root())
    return;
  probe_image image;
  bare_holder one{image.path()};
  auto order = bare_holder::order(1, {"sleep", "1000"});
  order.stdio = stdio_mode::pipes;
  one.send(order);
  CHECK(one.next_of<spawned_report>().process == 1);
  auto child = children_of(one.pid()).at(0);
  auto open = open_files_of(one.pid()).size();
  one.hang_up();
  eventually("PID 1 has seen it",
             [&] { return open_files_of(one.pid()).size() < open; });
  one.limit_descriptors(first_free_descriptor(one.pid()) + 1); // to listen with
  one.reconnect();
  constexpr std::uint8_t outputs = carries_stdout | carries_stderr;
  kernel::packet in;
  CHECK(one.next_of<process_state_report>(&in).carries == outputs);
  CHECK(in.fds.size() == 2);
  one.limit_descriptors(100);
  one.send(describe_order{1}, 7);
  CHECK(one.next_of<described_report>(&in).carries
        == (carries_pidfd | outputs));
  CHECK(in.id == 7);
  REQUIRE(in.fds.size() == 3);
  CHECK(kernel::pid_of(in.fds[0].get()).value() == child);
  one.send(describe_order{2}, 8);
  CHECK(one.next_of<refused_report>(&in).code == ESRCH);
  CHECK(in.id == 8);
}

TEST_CASE("PID 1: an order whose descriptors find no room fails by its name",
          "[integration][holder]") {
  if (!is_root())
    return;
  probe_image image;
  bare_holder one{image.path()};
  auto null = kernel::unique_fd::adopt(::open("/dev/null", O_RDWR | O_CLOEXEC));
  std::vector<int> fds(3, null.get());
  auto order = bare_holder::order(7, {"true"});
  order.stdio = stdio_mode::passed;
  one.limit_descriptors(3);
  one.send(order, 1, fds);
  auto failed = one.next_of<spawn_failed_report>();
  CHECK(failed.process == 7);
  CHECK(failed.code == EMFILE);
  one.limit_descriptors(100);
  order.process = 8;
  one.send(order, 2, fds);
  CHECK(one.next_of<exited_report>().process == 8);
}

TEST_CASE("PID 1: without a descriptor for a new daemon it waits, not spins",
          "[integration][holder]") {
  if (!is_root())
    return;
  probe_image image;
  bare_holder one{image.path()};
  one.limit_descriptors(3);
  one.reconnect(); // queued, not yet accepted
  eventually("PID 1 sleeps", [&] {
    auto stat = read_file("/proc/" + std::to_string(one.pid()) + "/stat");
    return stat.find(") S ") != std::string::npos;
  });
  one.limit_descriptors(100);
  CHECK(one.greeting().empty());
}

TEST_CASE("PID 1: programs have the usual limit of descriptors, itself all",
          "[integration][holder]") {
  if (!is_root())
    return;
  rlimit usual{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &usual) == 0);
  rlimit less{usual.rlim_max - 1, usual.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &less) == 0);
  probe_image image;
  bare_holder one{image.path()};
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &usual) == 0);
  rlimit own{};
  REQUIRE(::prlimit(one.pid(), RLIMIT_NOFILE, nullptr, &own) == 0);
  CHECK(own.rlim_cur == usual.rlim_max);
  CHECK(own.rlim_max >= own.rlim_cur); // with CAP_SYS_RESOURCE all there are
  auto order = bare_holder::order(1, {"sh", "-c", "ulimit -n; ulimit -Hn"});
  CHECK(print(one, order) == "1024\n" + std::to_string(usual.rlim_max) + "\n");
  order.process = 2;
  order.rlimits = {{RLIMIT_NOFILE, 50, 60}};
  CHECK(print(one, order) == "50\n60\n");
}

TEST_CASE("PID 1: a user is who it says, and nobody is root by a trick",
          "[integration][holder]") {
  if (!is_root())
    return;
  probe_image image;
  std::ofstream{image.path() / "etc/passwd"}
      << "1000:x:0:0:root by name:/:\n"
         "none:x:4294967295:4294967295::/:\n"
         "group:x:7:4294967295::/:\n"
         "ann:x:1000:1001:Ann:/home/ann:\n";
  std::ofstream{image.path() / "etc/group"} << "none:x:4294967295:\n";
  bare_holder one{image.path()};
  auto order = bare_holder::order(1, {"sh", "-c", "id -u; id -g"});
  order.user = "1000";
  CHECK(print(one, order) == "1000\n1001\n");
  order.process = 2;
  order.user = "ann";
  CHECK(print(one, order) == "1000\n1001\n");
  for (const auto* user : {"4294967295", "none", "group", "ann:4294967295",
                           "1000:4294967295", "1000:none"}) {
    INFO(user);
    ++order.process;
    order.user = user;
    auto why = refused(one, order);
    CHECK(why.step == spawn_step::resolve_user);
    CHECK(why.code == EINVAL);
  }
}

TEST_CASE("PID 1: a child that walks the container's paths has nothing open "
          "but its stdio and the way to tell of its failure",
          "[integration][holder]") {
  if (!is_root())
    return;
  probe_image image;
  trap held{image};
  bare_holder one{image.path()};
  one.send(bare_holder::order(7, {"true"}));
  // On its way to the trap it closes what it has inherited.
  eventually("the child has these and no other", [&] {
    std::vector<std::string> open;
    for (auto child : one.newborns())
      open = open_files_of(child);
    auto is_socket = [](const auto& to) { return to.starts_with("socket:"); };
    return open.size() == 4 && std::ranges::count(open, "/dev/null") == 3
           && std::ranges::count_if(open, is_socket) == 1;
  });
}
