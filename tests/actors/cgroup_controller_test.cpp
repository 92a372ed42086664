// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/cgroup_controller.hpp"

#include "actors/error.hpp"
#include "kernel-iface/cgroup_instance.hpp"
#include "kernel-iface/cgroup_limits.hpp"
#include "kernel-iface/cgroup_stats.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/skip.hpp"
#include "tests/support/system_config.hpp"

#include <caf/actor_system.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>

#include <linux/sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <memory>
#include <optional>
#include <string>
#include <vector>

using namespace reeve;
using namespace reeve::actors;
using reeve::tests::is_root;
using namespace std::chrono_literals;

namespace {

constexpr auto mib = std::uint64_t{1} << 20;

/// Groups of an instance of its own on the real kernel, and their actor.
class controlled {
public:
  controlled() {
    auto mounts = kernel::cgroup_mounts::probe();
    REQUIRE(mounts);
    auto name = "test-controller-" + std::to_string(::getpid());
    auto opened = kernel::cgroup_instance::open(*mounts, "", name);
    REQUIRE(opened);
    instance_.emplace(std::move(*opened));
    auto made = instance_->create("c1");
    REQUIRE(made);
    group_ = std::make_shared<kernel::container_cgroup>(std::move(*made));
    REQUIRE(group_->finish_placement());
    auto watch = poller::make("test-poller");
    REQUIRE(watch);
    watch_ = std::move(*watch);
    actor_ = spawn_cgroup_controller(system_, {group_, 10'000ms, watch_.get()});
  }

  controlled(const controlled&) = delete;
  controlled& operator=(const controlled&) = delete;

  ~controlled() {
    for (auto pid : children_) {
      ::kill(pid, SIGKILL);
      ::waitpid(pid, nullptr, 0);
    }
    ask<cgroup_done>(remove_cgroup{});
    caf::anon_send_exit(actor_, caf::exit_reason::user_shutdown);
    actor_ = nullptr;
    system_.await_all_actors_done();
    CHECK(instance_->remove().value() == kernel::removal::removed);
  }

  template <class Reply, class Message>
  Reply ask(const Message& what) {
    caf::scoped_actor self{system_};
    std::optional<Reply> out;
    self->request(actor_, 20s, what)
        .receive([&out](Reply& in) { out = std::move(in); },
                 [](const caf::error& err) { FAIL(text_of(err)); });
    return std::move(out.value());
  }

  template <class Message>
  std::string refusal(const Message& what) {
    caf::scoped_actor self{system_};
    std::string out;
    self->request(actor_, 20s, what)
        .receive([](const limit_readings&) { FAIL("it was not refused"); },
                 [&out](const caf::error& err) { out = text_of(err); });
    return out;
  }

  // A member that runs `body` and then waits for its end.
  template <class Body>
  pid_t member(Body body) {
    auto join = group_->join_fds();
    REQUIRE(join);
    std::array<int, 2> ready{};
    REQUIRE(::pipe(ready.data()) == 0);
    // On hybrid into the twin, too, as children of PID 1 are.
    clone_args args{};
    args.exit_signal = SIGCHLD;
    auto into = group_->run_clone_fd();
    if (into && *into) {
      args.flags = CLONE_INTO_CGROUP;
      args.cgroup = static_cast<std::uint64_t>(into->get());
    }
    auto pid = static_cast<pid_t>(::syscall(SYS_clone3, &args, sizeof(args)));
    if (pid == 0) {
      for (const auto& fd : *join)
        if (::write(fd.get(), "0", 1) != 1)
          ::_exit(1);
      body();
      if (::write(ready[1], "", 1) != 1)
        ::_exit(1);
      for (;;)
        ::pause();
    }
    children_.push_back(pid);
    ::close(ready[1]);
    char byte = 0;
    REQUIRE(::read(ready[0], &byte, 1) == 1);
    ::close(ready[0]);
    return pid;
  }

  [[nodiscard]] const kernel::container_cgroup& group() const {
    return *group_;
  }

private:
  tests::system_config config_;
  caf::actor_system system_{config_};
  std::optional<kernel::cgroup_instance> instance_;
  std::shared_ptr<kernel::container_cgroup> group_;
  std::unique_ptr<poller> watch_;
  cgroup_controller_actor actor_;
  std::vector<pid_t> children_;
};

apply_limits memory_of(std::uint64_t bytes) {
  apply_limits out;
  out.change.limits.memory_bytes = bytes;
  return out;
}

} // namespace

TEST_CASE("cgroup_controller: says what is in force of what was set",
          "[actors][kernel]") {
  if (!is_root())
    return;
  controlled it;
  auto wanted = memory_of(64 * mib);
  wanted.change.limits.pids = 17;
  auto now = it.ask<limit_readings>(wanted);
  REQUIRE(now.limits.size() == 2);
  CHECK(now.limits[0].key == "memory.limit");
  CHECK(now.limits[0].value == "64M");
  CHECK(now.limits[1].key == "pids.limit");
  CHECK(now.limits[1].value == "17");
  CHECK(kernel::get_limit(it.group(), kernel::limit_key::pids_max).value()
        == 17);
  auto all = it.ask<limit_readings>(read_limits{}).limits;
  // Without those that this machine lacks, in their order.
  std::vector<std::string> keys;
  for (const auto& name : config::limit_names())
    if (std::ranges::find(all, name.key, &limit_reading::key) != all.end())
      keys.emplace_back(name.key);
  REQUIRE(keys.size() == all.size());
  for (std::size_t i = 0; i < all.size(); ++i)
    CHECK(all[i].key == keys[i]);
  for (const auto* key : {"memory.limit", "cpu.limit", "pids.limit"})
    CHECK(std::ranges::find(keys, key) != keys.end());
}

TEST_CASE("cgroup_controller: limits are set all or none", "[actors][kernel]") {
  if (!is_root())
    return;
  controlled it;
  it.ask<limit_readings>(memory_of(64 * mib));
  auto wanted = memory_of(32 * mib);
  wanted.change.limits.cpus = 1e-9; // no kernel takes so little
  CHECK(it.refusal(wanted).find("0.01 CPU") != std::string::npos);
  CHECK(kernel::get_memory_limits(it.group()).value().memory == 64 * mib);
}

TEST_CASE("cgroup_controller: lowering below what is in use keeps the order "
          "and is refused whole",
          "[actors][kernel]") {
  if (!is_root())
    return;
  controlled it;
  it.ask<limit_readings>(memory_of(256 * mib));
  it.member([] {
    static volatile char held[48 * mib];
    for (std::size_t i = 0; i < sizeof(held); i += 4096)
      held[i] = 1;
  });
  REQUIRE(kernel::memory_in_use(it.group()).value() > 40 * mib);
  // Without swap there is nothing to reclaim it to.
  auto said = it.refusal(memory_of(16 * mib));
  CHECK(said.find("memory") != std::string::npos);
  CHECK(kernel::get_memory_limits(it.group()).value().memory == 256 * mib);
  // And the next one has its turn.
  auto now = it.ask<limit_readings>(memory_of(128 * mib));
  CHECK(now.limits.at(0).value == "128M");
}

TEST_CASE("cgroup_controller: waits for a process that dies before it kills",
          "[actors][kernel]") {
  if (!is_root())
    return;
  controlled it;
  auto pid = it.member([] {});
  auto pidfd = std::make_shared<kernel::unique_fd>(kernel::unique_fd::adopt(
      static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))));
  REQUIRE(*pidfd);
  SECTION("that was told to") {
    REQUIRE(::kill(pid, SIGKILL) == 0);
  }
  SECTION("that was not, but not for ever") {}
  it.ask<cgroup_done>(kill_cgroup{true, pidfd});
  auto status = 0;
  REQUIRE(::waitpid(pid, &status, WNOHANG) == pid);
  CHECK(WTERMSIG(status) == SIGKILL);
}
