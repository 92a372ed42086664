// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// On the real kernel: what the fake tree cannot promise. Needs root.

#include "kernel-iface/cgroup_devices.hpp"
#include "kernel-iface/cgroup_freezer.hpp"
#include "kernel-iface/cgroup_instance.hpp"
#include "kernel-iface/cgroup_limits.hpp"
#include "kernel-iface/cgroup_oom.hpp"
#include "kernel-iface/cgroup_stats.hpp"
#include "tests/kernel-iface/cgroup_fixture.hpp"
#include "tests/support/skip.hpp"

#include <fcntl.h>
#include <grp.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

using namespace reeve::kernel;
using namespace reeve::tests;

namespace {

constexpr std::uint64_t mib = 1024 * 1024;

/// Polls: the kernel tells nobody when a group is empty or frozen on v1.
bool eventually(const std::function<bool()>& fact) {
  auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{10};
  while (!fact()) {
    if (std::chrono::steady_clock::now() > deadline)
      return false;
    ::sched_yield();
  }
  return true;
}

/// One child of the test; killed and reaped at the latest with this.
class child {
public:
  /// `body` runs in the child and must not throw; its result is the exit
  /// status. `into` is for CLONE_INTO_CGROUP, or -1.
  template <class Body>
  explicit child(Body body, int into = -1) {
    clone_args args{};
    args.exit_signal = SIGCHLD;
    if (into >= 0) {
      args.flags = CLONE_INTO_CGROUP;
      args.cgroup = static_cast<std::uint64_t>(into);
    }
    pid_ = static_cast<pid_t>(::syscall(SYS_clone3, &args, sizeof args));
    if (pid_ == 0)
      ::_exit(body());
  }

  child(const child&) = delete;
  child& operator=(const child&) = delete;
  child(child&&) = delete;
  child& operator=(child&&) = delete;

  ~child() {
    if (pid_ <= 0)
      return;
    ::kill(pid_, SIGKILL);
    wait();
  }

  [[nodiscard]] pid_t pid() const {
    return pid_;
  }

  /// The exit status, or minus the signal that ended it.
  int wait() {
    auto status = 0;
    if (::waitpid(std::exchange(pid_, -1), &status, 0) < 0)
      return -1000;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

private:
  pid_t pid_ = -1;
};

bool write_zero(const std::vector<unique_fd>& fds) {
  return std::all_of(fds.begin(), fds.end(), [](const auto& fd) {
    return ::write(fd.get(), "0", 1) == 1;
  });
}

/// Touches anonymous memory; the pages stay until the process ends. By hand and
/// not by MAP_POPULATE: v1 pauses only tasks that fault in user mode.
bool use_memory(std::size_t bytes) {
  auto* at = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED)
    return false;
  for (std::size_t i = 0; i < bytes; i += 4096)
    static_cast<volatile char*>(at)[i] = 1;
  return true;
}

/// A pipe on which one side waits for the other without sleeping.
class gate {
public:
  gate() {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    read_ = unique_fd::adopt(ends[0]);
    write_ = unique_fd::adopt(ends[1]);
  }

  void open() const {
    static_cast<void>(!::write(write_.get(), "", 1));
  }

  void pass() const {
    char byte = 0;
    static_cast<void>(!::read(read_.get(), &byte, 1));
  }

private:
  unique_fd read_;
  unique_fd write_;
};

/// An instance of this test's own, empty before and after.
class real_instance {
public:
  explicit real_instance(cgroup_mounts mounts = must(cgroup_mounts::probe()))
      : mounts_{std::move(mounts)},
        instance_{must(cgroup_instance::open(
            mounts_, "", "test-" + std::to_string(::getpid())))} {}

  real_instance(const real_instance&) = delete;
  real_instance& operator=(const real_instance&) = delete;
  real_instance(real_instance&&) = delete;
  real_instance& operator=(real_instance&&) = delete;

  ~real_instance() {
    for (const auto& id : instance_.list().value_or(std::vector<std::string>{}))
      CHECK(eventually([&] { return sweep(id); }));
    auto gone = instance_.remove();
    CHECK((gone && *gone == removal::removed));
  }

  const cgroup_instance* operator->() const {
    return &instance_;
  }

  [[nodiscard]] const cgroup_mounts& mounts() const {
    return mounts_;
  }

private:
  [[nodiscard]] bool sweep(const std::string& id) const {
    auto group = instance_.leftover(id);
    return group && group->kill_all(members::everybody)
           && group->try_remove() == removal::removed;
  }

  cgroup_mounts mounts_;
  cgroup_instance instance_;
};

/// The cgroup2 tree of a hybrid machine lacks the controllers, but placement,
/// freezer, kill, delegation and BPF work as on v2. Nothing where there is
/// none.
std::optional<cgroup_mounts> as_v2() {
  auto mounts = must(cgroup_mounts::probe());
  if (mounts.unified.empty())
    return std::nullopt;
  return cgroup_mounts{cgroup_mode::v2, {}, mounts.unified};
}

constexpr auto no_cgroup2 = "no cgroup2 is mounted here";

/// The machine's own way and, where it is another, cgroup2 alone.
std::vector<cgroup_mounts> both_ways() {
  auto out = std::vector{must(cgroup_mounts::probe())};
  if (auto other = as_v2(); other && out.front().mode != cgroup_mode::v2)
    out.push_back(std::move(*other));
  return out;
}

std::string own_groups_of(pid_t pid) {
  std::ostringstream text;
  text << std::ifstream{"/proc/" + std::to_string(pid) + "/cgroup"}.rdbuf();
  return text.str();
}

constexpr auto tags = "[kernel-iface][cgroup][privileged]";

} // namespace

TEST_CASE("cgroups: a child joins every hierarchy, and a holder goes home",
          tags) {
  if (!is_root())
    return;
  auto instance = real_instance{};
  auto group = must(instance->create("c1"));
  auto join = must(group.join_fds());
  auto home = must(group.holder_home_fds());
  auto into = must(group.holder_clone_fd());
  auto joined = gate{};
  auto go_home = gate{};
  auto at_home = gate{};
  auto holder = child{[&] {
                        auto good = write_zero(join);
                        joined.open();
                        go_home.pass();
                        good = good && write_zero(home);
                        at_home.open();
                        ::pause();
                        return good ? 0 : 1;
                      },
                      into.get()};
  joined.pass();
  auto own = "/reeve-test-" + std::to_string(::getpid());
  auto text = own_groups_of(holder.pid());
  for (const auto& h : instance.mounts().v1) {
    auto name = h.mount.substr(h.mount.rfind('/') + 1);
    auto line = ":" + name;
    line += ":" + own + "/c1\n";
    CHECK(text.find(line) != std::string::npos);
  }
  if (group.mode() != cgroup_mode::v1)
    CHECK(text.find("0::" + own + "/c1\n") != std::string::npos);
  // On v2 those have groups of their own, to which the holder never belongs.
  CHECK(must(group.pids(members::user_processes)).size()
        == (group.mode() == cgroup_mode::v2 ? 0 : 1));

  go_home.open();
  at_home.pass();
  text = own_groups_of(holder.pid());
  if (group.mode() == cgroup_mode::v2)
    CHECK(text == "0::" + own + "/c1/hold\n");
  else
    for (const auto* name : {"cpu", "memory", "pids", "freezer"})
      CHECK(text.find(std::string{":"} + name + ":" + own + "/holders\n")
            != std::string::npos);
  CHECK(must(group.pids(members::user_processes)).empty());
  CHECK(must(group.pids(members::everybody))
        == std::vector<pid_t>{holder.pid()});

  // An early removal must take nothing from a container that lives.
  CHECK(must(group.try_remove()) == removal::busy);
  CHECK(instance->adopt("c1"));
  must(group.kill_all(members::everybody));
  CHECK(holder.wait() == -SIGKILL);
}

TEST_CASE("cgroups: 16 containers in each other, with what counts for the "
          "outermost one",
          tags) {
  if (!is_root())
    return;
  auto instance = real_instance{};
  std::vector<container_cgroup> all;
  std::string path;
  for (auto i = std::size_t{1}; i <= most_nested; ++i) {
    path += (path.empty() ? "c" : "/c") + std::to_string(i);
    all.push_back(must(instance->create(path)));
    must(all.back().finish_placement());
  }
  auto& outer = all.front();
  auto& inner = all.back();
  must(set_limit(outer, limit_key::pids_max, 3));
  // As a child of a nested PID 1 does.
  auto join = must(inner.join_fds());
  if (auto file = must(inner.run_join_fd()))
    join.push_back(std::move(file));
  auto in = gate{};
  auto go = gate{};
  auto member = child{[&] {
    if (!write_zero(join))
      return 1;
    auto forked = 0;
    auto pid = ::fork();
    for (; pid > 0; pid = ::fork())
      ++forked;
    if (pid == 0)
      for (;;)
        ::pause();
    in.open();
    go.pass();
    return forked;
  }};
  in.pass();
  CHECK(must(inner.pids(members::own_processes)).size() == 3);
  CHECK(must(outer.pids(members::user_processes)).size() == 3);
  CHECK(must(outer.pids(members::own_processes)).empty());
  must(request_freeze(outer));
  CHECK(eventually(
      [&] { return must(get_freeze_state(outer)) == freeze_state::frozen; }));
  CHECK(must(get_freeze_state(inner)) == freeze_state::thawed); // by its wish
  go.open();
  CHECK(::waitpid(member.pid(), nullptr, WNOHANG) == 0);
  must(request_thaw(outer));
  CHECK(member.wait() == 2); // the limit is three
  must(outer.kill_all(members::user_processes));
  CHECK(
      eventually([&] { return must(outer.pids(members::everybody)).empty(); }));
  std::ranges::reverse(all);
  for (const auto& group : all)
    CHECK(eventually(
        [&] { return must(group.try_remove()) == removal::removed; }));
}

TEST_CASE("cgroups: limits read back as they were set", tags) {
  if (!is_root())
    return;
  auto instance = real_instance{};
  auto group = must(instance->create("c1"));
  must(group.finish_placement());
  auto check = [&group](limit_key key, std::uint64_t value) {
    must(set_limit(group, key, value));
    CHECK(must(get_limit(group, key)) == value);
  };
  CHECK(must(get_memory_limits(group)).memory == no_limit);
  CHECK(must(get_limit(group, limit_key::cpu_weight)) == 100);
  for (auto value : {64 * mib, 16 * mib, 128 * mib, no_limit, 32 * mib}) {
    must(set_memory_limits(group, {.memory = value}));
    CHECK(must(get_memory_limits(group)).memory == value);
  }
  for (auto value :
       {std::uint64_t{500}, std::uint64_t{10}, std::uint64_t{64'000}, no_limit})
    check(limit_key::cpu_max, value);
  for (std::uint64_t value : {1, 100, 333, 10'000})
    check(limit_key::cpu_weight, value);
  for (auto value : {std::uint64_t{5}, no_limit})
    check(limit_key::pids_max, value);
}

TEST_CASE("cgroups: a process above the memory limit is killed and counted",
          tags) {
  if (!is_root())
    return;
  auto instance = real_instance{};
  auto group = must(instance->create("c1"));
  must(group.finish_placement());
  must(set_memory_limits(group, {.memory = 16 * mib}));
  auto before = must(oom_kill_count(group));
  auto join = must(group.join_fds());
  auto into = must(group.run_clone_fd());
  auto hog = child{[&] { return write_zero(join) && use_memory(64 * mib); },
                   into.get()};
  CHECK(hog.wait() == -SIGKILL);
  CHECK(must(oom_kill_count(group)) == before + 1);
  auto stats = must(stats_reader{group}.read());
  REQUIRE((stats.cpu && stats.memory && stats.pids));
  CHECK(stats.memory->peak > 8 * mib);
  CHECK(stats.memory->limit == 16 * mib);
  CHECK(stats.cpu->usage.count() > 0);
  CHECK(stats.pids->current == 0);
}

TEST_CASE("cgroups: a memory limit below what is in use says how much that is",
          tags) {
  if (!is_root())
    return;
  auto instance = real_instance{};
  auto group = must(instance->create("c1"));
  must(group.finish_placement());
  auto join = must(group.join_fds());
  auto into = must(group.run_clone_fd());
  auto ready = gate{};
  auto user = child{[&] {
                      auto good = write_zero(join) && use_memory(8 * mib);
                      ready.open();
                      ::pause();
                      return good ? 0 : 1;
                    },
                    into.get()};
  ready.pass();
  must(set_memory_limits(group, {.memory = 64 * mib}));
  auto refused = set_memory_limits(group, {.memory = mib});
  REQUIRE(!refused);
  CHECK(refused.error().code == EBUSY);
  CHECK(refused.error().hint.starts_with("in use: "));
  CHECK(must(get_memory_limits(group)).memory == 64 * mib);
}

TEST_CASE("cgroups: while a container is paused for memory its holder is not",
          tags) {
  if (!is_root())
    return;
  auto instance = real_instance{};
  auto group = must(instance->create("c1"));
  if (group.mode() == cgroup_mode::v2)
    return skip("cgroup2 pauses nobody who is out of memory, it kills");
  must(set_memory_limits(group, {.memory = 16 * mib}));
  must(set_oom_pause(group, oom_pause::on));
  auto join = must(group.join_fds());
  auto home = must(group.holder_home_fds());
  auto hog = child{[&] { return write_zero(join) && use_memory(64 * mib); }};
  REQUIRE(eventually([&] { return must(is_out_of_memory(group)); }));
  auto holder = child{[&] {
    return write_zero(join) && write_zero(home) && use_memory(32 * mib) ? 7 : 1;
  }};
  CHECK(holder.wait() == 7);
  CHECK(must(oom_kill_count(group)) == 0);
  must(group.kill_all(members::user_processes));
  CHECK(hog.wait() == -SIGKILL);
}

TEST_CASE("cgroups: a fork above the pids limit is refused with EAGAIN", tags) {
  if (!is_root())
    return;
  auto instance = real_instance{};
  auto group = must(instance->create("c1"));
  must(group.finish_placement());
  must(set_limit(group, limit_key::pids_max, 1));
  auto join = must(group.join_fds());
  auto into = must(group.run_clone_fd());
  auto forker = child{[&] {
                        if (!write_zero(join))
                          return 1;
                        auto pid = ::fork();
                        if (pid == 0)
                          ::_exit(0);
                        return pid < 0 ? errno : 0;
                      },
                      into.get()};
  CHECK(forker.wait() == EAGAIN);
}

TEST_CASE("cgroups: a frozen container is seen frozen, and thaws", tags) {
  if (!is_root())
    return;
  for (const auto& mounts : both_ways()) {
    auto instance = real_instance{mounts};
    auto group = must(instance->create("c1"));
    auto join = must(group.join_fds());
    auto into = must(group.run_clone_fd());
    auto in = gate{};
    auto go = gate{};
    auto user = child{[&] {
                        auto good = write_zero(join);
                        in.open();
                        go.pass();
                        return good ? 0 : 1;
                      },
                      into.get()};
    in.pass();
    CHECK(must(get_freeze_state(group)) == freeze_state::thawed);
    must(request_freeze(group));
    CHECK(eventually(
        [&] { return must(get_freeze_state(group)) == freeze_state::frozen; }));
    go.open();
    CHECK(::waitpid(user.pid(), nullptr, WNOHANG) == 0);
    must(request_thaw(group));
    CHECK(user.wait() == 0);
  }
}

TEST_CASE("cgroups: kill_all ends a fork bomb, frozen or not, and spares the "
          "holder",
          tags) {
  if (!is_root())
    return;
  for (const auto& mounts : both_ways()) {
    auto instance = real_instance{mounts};
    auto group = must(instance->create("c1"));
    if (group.mode() != cgroup_mode::v2)
      must(set_limit(group, limit_key::pids_max, 40));
    auto join = must(group.join_fds());
    auto home = must(group.holder_home_fds());
    auto top = must(group.holder_clone_fd());
    auto run = must(group.run_clone_fd());
    auto at_home = gate{};
    auto holder = child{[&] {
                          auto good = write_zero(join) && write_zero(home);
                          at_home.open();
                          ::pause();
                          return good ? 0 : 1;
                        },
                        top.get()};
    at_home.pass();
    auto bomb = child{[&] {
                        if (!write_zero(join))
                          return 1;
                        ::signal(SIGCHLD, SIG_IGN);
                        for (auto i = 0; i < 5; ++i) // 32 processes at most
                          static_cast<void>(::fork());
                        for (;;) {
                          auto pid = ::fork();
                          if (pid == 0)
                            ::_exit(0);
                        }
                      },
                      run.get()};
    REQUIRE(eventually(
        [&] { return must(group.pids(members::user_processes)).size() > 5; }));
    must(request_freeze(group));
    CHECK(eventually([&] {
      must(group.kill_all(members::user_processes, holder.pid()));
      return must(group.pids(members::user_processes)).empty();
    }));
    CHECK(bomb.wait() == -SIGKILL);
    CHECK(::waitpid(holder.pid(), nullptr, WNOHANG) == 0);
    must(request_thaw(group));
  }
}

TEST_CASE("cgroups: on v2 container root may clone into run, and cannot leave "
          "its limits by way of hold",
          tags) {
  if (!is_root())
    return;
  constexpr uid_t container_root = 123456;
  auto mounts = as_v2();
  if (!mounts)
    return skip(no_cgroup2);
  auto instance = real_instance{*mounts};
  auto group = must(instance->create("c1"));
  auto home = must(group.holder_home_fds());
  auto top = must(group.holder_clone_fd());
  auto run = must(group.run_clone_fd());
  auto escape_file = instance.mounts().unified + "/reeve-test-"
                     + std::to_string(::getpid()) + "/c1/hold/cgroup.procs";
  auto try_both = [&] {
    auto holder = child{
        [&] {
          if (!write_zero(home) || ::setgroups(0, nullptr) != 0
              || ::setresgid(container_root, container_root, container_root)
                     != 0
              || ::setresuid(container_root, container_root, container_root)
                     != 0)
            return 1;
          auto escape = ::open(escape_file.c_str(), O_WRONLY | O_CLOEXEC);
          if (escape >= 0)
            return 2;
          auto user = child{[] { return 0; }, run.get()};
          if (user.pid() < 0)
            return errno == EACCES ? 3 : 4;
          return user.wait() == 0 ? 0 : 5;
        },
        top.get()};
    return holder.wait();
  };
  CHECK(try_both() == 3);
  must(group.delegate_to(container_root, container_root));
  CHECK(try_both() == 0);
}

TEST_CASE("cgroups: devices that are not allowed are refused, on v1 and by BPF",
          tags) {
  if (!is_root())
    return;
  auto scratch = temp_dir{};
  auto make = [&scratch](const char* name, unsigned minor) {
    auto path = (scratch.path() / name).string();
    REQUIRE(::mknod(path.c_str(), S_IFCHR | 0666, ::makedev(1, minor)) == 0);
    return path;
  };
  auto null = make("null", 3);
  auto kmsg = make("kmsg", 11);
  for (const auto& mounts : both_ways()) {
    auto instance = real_instance{mounts};
    auto group = must(instance->create("c1"));
    auto join = must(group.join_fds());
    auto into = must(group.run_clone_fd());
    /// 0 or errno of an open in a new process of the container.
    auto attempt = [&](const std::string& path, int flags) {
      auto user = child{[&] {
                          if (!write_zero(join))
                            return 255;
                          auto fd = ::open(path.c_str(), flags | O_CLOEXEC);
                          return fd < 0 ? errno : 0;
                        },
                        into.get()};
      return user.wait();
    };
    CHECK(attempt(kmsg, O_RDONLY) == 0);
    auto rules = default_device_rules();
    must(set_devices(group, rules));
    CHECK(attempt(null, O_RDWR) == 0);
    CHECK(attempt(kmsg, O_RDONLY) == EPERM);

    // A live change replaces the rules and leaves one program, not two.
    rules.push_back({device_rule::kind::character, 1, 11, device_rule::read});
    must(set_devices(group, rules));
    CHECK(attempt(kmsg, O_RDONLY) == 0);
    CHECK(attempt(kmsg, O_WRONLY) == EPERM);
    must(set_devices(group, {}));
    CHECK(attempt(null, O_RDONLY) == EPERM);
    must(set_devices(group, {device_rule{}}));
    CHECK(attempt(kmsg, O_RDWR) == 0);
  }
}

TEST_CASE("cgroups: the device program understands each kind of rule", tags) {
  if (!is_root())
    return;
  auto mounts = as_v2();
  if (!mounts)
    return skip(no_cgroup2);
  auto instance = real_instance{*mounts};
  auto group = must(instance->create("c1"));
  auto run = must(group.run_clone_fd());
  auto scratch = temp_dir{};
  /// mknod only: it asks for `m` and no more.
  auto may_make = [&](mode_t type, unsigned major, unsigned minor) {
    auto path = (scratch.path() / "node").string();
    auto user = child{[&] {
                        auto dev = ::makedev(major, minor);
                        if (::mknod(path.c_str(), type | 0600, dev) != 0)
                          return errno;
                        return ::unlink(path.c_str());
                      },
                      run.get()};
    return user.wait() == 0;
  };
  using kind = device_rule::kind;
  must(set_devices(group, {{kind::block, 7, {}},
                           {kind::any, 200, 1},
                           {kind::character, {}, 77, device_rule::make},
                           {kind::character, 9, 9, device_rule::read}}));
  CHECK(may_make(S_IFBLK, 7, 200));
  CHECK_FALSE(may_make(S_IFCHR, 7, 200));
  CHECK(may_make(S_IFBLK, 200, 1));
  CHECK(may_make(S_IFCHR, 200, 1));
  CHECK_FALSE(may_make(S_IFCHR, 200, 2));
  CHECK(may_make(S_IFCHR, 33, 77));
  CHECK_FALSE(may_make(S_IFBLK, 33, 77));
  CHECK_FALSE(may_make(S_IFCHR, 9, 9));
  std::vector<device_rule> many(1000, {kind::character, 50, 1});
  many.push_back({kind::character, 51, 1});
  must(set_devices(group, many));
  CHECK(may_make(S_IFCHR, 51, 1));
}
