// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// Containers in containers: whose groups are below whose, and what follows.

#include "tests/integration/limit_requests.hpp"
#include "tests/integration/probe_image.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/cgroup_view.hpp"
#include "tests/support/instance.hpp"
#include "tests/support/kernel_view.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

using namespace reeve;
using namespace reeve::supervisor;
using namespace reeve::tests;
using Catch::Matchers::ContainsSubstring;

namespace {

constexpr const char* tags = "[integration][nested]";

/// Of the group that limits it.
std::string memory_file(pid_t pid) {
  return limits_file(pid, "memory", "memory.limit_in_bytes", "memory.max");
}

std::string directory_of(const std::string& file) {
  return std::filesystem::path{file}.parent_path().string();
}

container_phase phase_of(instance& reeve, const std::string& name) {
  return reeve.details_of(name).info.phase;
}

std::string lines_so_far(instance& reeve, const std::string& name) {
  return output_so_far(reeve, name, "app");
}

/// A process that does nothing, and is reaped as soon as it ends.
class orphan {
public:
  orphan() {
    auto ends = std::array<int, 2>{};
    REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
    parent_ = ::fork();
    REQUIRE(parent_ >= 0);
    if (parent_ == 0) {
      std::signal(SIGCHLD, SIG_IGN);
      auto pid = ::fork();
      if (pid != 0 && ::write(ends[1], &pid, sizeof(pid)) != sizeof(pid))
        ::_exit(1);
      for (;;)
        ::pause();
    }
    CHECK(::read(ends[0], &pid_, sizeof(pid_)) == sizeof(pid_));
    for (auto fd : ends)
      ::close(fd);
  }

  orphan(const orphan&) = delete;
  orphan& operator=(const orphan&) = delete;

  ~orphan() {
    if (is_alive(pid_))
      ::kill(pid_, SIGKILL);
    ::kill(parent_, SIGKILL);
    ::waitpid(parent_, nullptr, 0);
  }

  [[nodiscard]] pid_t pid() const {
    return pid_;
  }

private:
  pid_t parent_ = -1;
  pid_t pid_ = 0;
};

/// Writes a line to /lives again and again, and to its output when it is asked
/// to end.
config::process_spec lively() {
  return instance::process(
      "app", {"sh", "-c",
              "trap 'echo asked; exit 7' TERM; while true; do echo . > /lives; "
              "sleep 0.02 & wait $!; done"});
}

/// What its process "app" may really have.
kernel::effective_limit memory_for(instance& reeve, const std::string& name) {
  auto all = reeve.ask<effective_limits>(get_effective_limits{name, "app"});
  for (auto& item : all.limits)
    if (item.resource == "memory" && item.is_hard)
      return std::move(item);
  FAIL("nothing is known of memory");
  return {};
}

config::container_spec rebuilt(const std::string& name) {
  auto out = instance::spec(name);
  out.on_holder_death = config::holder_death::rebuild;
  return out;
}

} // namespace

TEST_CASE("nested: a container is in the groups of the one that its name says, "
          "and what limits that one limits it",
          tags) {
  if (!is_root())
    return;
  probe_image image;
  instance reeve;
  reeve.create(image.spec("web"));
  reeve.create(image.spec("web/worker"));
  auto outer = reeve.run("web", instance::sleeper("app")).pid;
  auto inner = reeve.run("web/worker", instance::sleeper("app")).pid;
  auto id = reeve.details_of("web/worker").info.id;
  CHECK(directory_of(memory_file(inner))
        == directory_of(memory_file(outer)) + "/sub-" + id);
  CHECK(reeve.shell("web/worker", "hostname").out == "worker\n");
  // Each has its own namespaces and its own root.
  auto pid_namespace = [](pid_t pid) {
    return std::filesystem::read_symlink("/proc/" + std::to_string(pid)
                                         + "/ns/pid");
  };
  CHECK(pid_namespace(inner) != pid_namespace(outer));
  CHECK(reeve.shell("web", "touch /here").err.empty());
  CHECK(reeve.shell("web/worker", "test -e /here").reason
        == exit_reason::exited(1));

  set(reeve, "web", {{"pids.limit", "20"}, {"memory.limit", "64M"}});
  auto crowd =
      reeve.shell("web/worker", "for i in $(seq 40); do sleep 100 & done 2>&1; "
                                "kill $(jobs -p) 2>/dev/null; wait; true");
  CHECK(kernel_limit(inner, "pids.limit") > 20); // its own
  CHECK_THAT(crowd.out + crowd.err, ContainsSubstring("fork"));
  auto hog = reeve.run_to_end(
      "web/worker", instance::process("hog", {"probe", "allocate", "128"}));
  CHECK(hog.reason == exit_reason::oom(oom_limit::ancestor));
  // Whoever asks is told which group has less.
  auto memory = memory_for(reeve, "web/worker");
  CHECK(memory.value == 64 * mib);
  CHECK(memory.source == memory_file(outer));
  // Its own limit counts where that is lower, and its own alone is said to be.
  set(reeve, "web/worker", {{"memory.limit", "32M"}});
  CHECK(limit_of(reeve, "web", "memory.limit") == "64M");
  hog = reeve.run_to_end("web/worker",
                         instance::process("hog", {"probe", "allocate", "48"}));
  CHECK(hog.reason == exit_reason::oom(oom_limit::own));
  CHECK(is_alive(outer));
}

TEST_CASE("nested: limits of processes are of their own container", tags) {
  if (!is_root())
    return;
  instance reeve;
  reeve.create("web");
  reeve.create("web/worker");
  auto outer = reeve.run("web", instance::sleeper("app")).pid;
  auto inner = reeve.run("web/worker", instance::sleeper("app")).pid;
  set(reeve, "web", {{"rlimit.nofile", "100:200"}});
  auto files_of = [](pid_t pid) {
    rlimit out{};
    REQUIRE(::prlimit(pid, RLIMIT_NOFILE, nullptr, &out) == 0);
    return out.rlim_cur;
  };
  CHECK(files_of(outer) == 100);
  CHECK(files_of(inner) != 100);
}

TEST_CASE("nested: a container that is paused takes along what is in it, and "
          "what is in it still answers",
          tags) {
  if (!is_root())
    return;
  instance reeve;
  reeve.create("web");
  reeve.create("web/worker");
  auto pid = reeve.run("web/worker", lively()).pid;
  auto lives = "/proc/" + std::to_string(pid) + "/root/lives";
  auto wrote = [&lives] {
    std::filesystem::remove(lives);
    for (auto i = 0; i < 200 && !std::filesystem::exists(lives); ++i)
      ::usleep(5'000);
    return std::filesystem::exists(lives);
  };
  CHECK(wrote());
  reeve.ask<container_is>(pause_container{"web"});
  CHECK_FALSE(wrote());
  CHECK(is_frozen(pid));
  CHECK(phase_of(reeve, "web/worker") == container_phase::running);
  CHECK(reeve.process_of("web/worker", "app").phase == process_phase::running);
  // Its own pause is another one.
  reeve.ask<container_is>(pause_container{"web/worker"});
  reeve.ask<container_is>(resume_container{"web/worker"});
  CHECK_FALSE(wrote());
  auto refused = reeve.refusal<container_created>(
      create_container{0, instance::spec("web/other")});
  CHECK_THAT(refused, ContainsSubstring("'web'"));
  CHECK_THAT(refused, ContainsSubstring("resume it first"));
  refused = reeve.refusal<process_started>(
      run_process{0, "web/worker", instance::process("late", {"true"})});
  CHECK_THAT(refused, ContainsSubstring("resume it first"));
  reeve.ask<container_is>(resume_container{"web"});
  CHECK(wrote());
}

TEST_CASE("nested: what is in a container goes down before it, and comes back "
          "with it",
          tags) {
  if (!is_root())
    return;
  instance reeve;
  reeve.create(rebuilt("web"));
  for (const auto* name : {"web/a", "web/b", "web/a/deep"}) {
    auto spec = instance::spec(name);
    spec.processes.push_back(lively());
    reeve.create(spec);
  }
  reeve.ask<container_is>(stop_container{"web/b"});
  auto pid = reeve.process_of("web/a/deep", "app").pid;
  eventually("it lives", [&] {
    return std::filesystem::exists("/proc/" + std::to_string(pid)
                                   + "/root/lives");
  });
  reeve.ask<container_is>(stop_container{"web"});
  for (const auto* name : {"web", "web/a", "web/b", "web/a/deep"}) {
    INFO(name);
    CHECK(phase_of(reeve, name) == container_phase::stopped);
  }
  // In order, each with its own grace.
  CHECK(lines_so_far(reeve, "web/a/deep") == "asked\n");
  CHECK(lines_so_far(reeve, "web/a") == "asked\n");
  auto refused = reeve.refusal<container_is>(start_container{"web/a"});
  CHECK_THAT(refused, ContainsSubstring("'web'"));
  CHECK_THAT(refused, ContainsSubstring("start it first"));
  CHECK(phase_of(reeve, "web/a") == container_phase::stopped);

  reeve.ask<container_is>(start_container{"web"});
  eventually("what ran is there again", [&] {
    return phase_of(reeve, "web/a/deep") == container_phase::running;
  });
  CHECK(is_alive(reeve.process_of("web/a/deep", "app").pid));
  // That was stopped by hand.
  CHECK(phase_of(reeve, "web/b") == container_phase::stopped);
  // Its death is no other reason than a stop.
  auto holder = reeve.details_of("web").info.pid;
  ::kill(holder, SIGKILL);
  eventually("all is built again", [&] {
    return reeve.details_of("web").info.pid != holder
           && phase_of(reeve, "web/a/deep") == container_phase::running;
  });
  CHECK(lines_so_far(reeve, "web/a/deep") == "asked\nasked\n");

  reeve.destroy("web");
  CHECK(reeve.container_names().empty());
}

TEST_CASE("nested: a container that is down goes with what is in it", tags) {
  if (!is_root())
    return;
  instance reeve;
  for (const auto* name : {"web", "web/a", "web/a/b", "other"})
    reeve.create(name);
  reeve.ask<container_is>(stop_container{"web"});
  reeve.ask<container_is>(destroy_container{"web", false, -1});
  CHECK(reeve.container_names() == std::vector<std::string>{"other"});
}

TEST_CASE("nested: a destroy amid a stop takes all of it", tags) {
  if (!is_root())
    return;
  instance reeve;
  reeve.create("web");
  reeve.create("web/a");
  auto stubborn = instance::process(
      "app",
      {"sh", "-c", "trap '' TERM; echo ready; while true; do sleep 1; done"});
  reeve.run("web/a", stubborn);
  eventually("it is deaf",
             [&] { return lines_so_far(reeve, "web/a") == "ready\n"; });
  caf::scoped_actor self{reeve.system()};
  self->send(reeve.api(), stop_container{"web", 3'600'000});
  eventually("it is on its way down", [&] {
    return phase_of(reeve, "web/a") == container_phase::stopping;
  });
  reeve.destroy("web");
  CHECK(reeve.container_names().empty());
}

TEST_CASE("nested: while a container is paused nothing is started in it, nor "
          "counts as a failure",
          tags) {
  if (!is_root())
    return;
  instance reeve;
  reeve.create("web");
  reeve.create("web/a");
  auto spec = instance::process("app", {"sh", "-c", "sleep 0.3; exit 3"});
  spec.restart.type = config::restart_type::permanent;
  spec.restart.backoff_min = std::chrono::milliseconds{500};
  spec.restart.reset_after = std::chrono::hours{1};
  reeve.run("web/a", spec);
  eventually("it waits for its next start", [&] {
    return reeve.process_of("web/a", "app").phase == process_phase::backing_off;
  });
  reeve.ask<container_is>(pause_container{"web"});
  auto before = reeve.process_of("web/a", "app").restarts;
  ::usleep(1'500'000); // it would have started by now
  CHECK(reeve.process_of("web/a", "app").restarts == before);
  if (!is_cgroup2()) {
    auto refused =
        reeve.refusal<container_is>(destroy_container{"web/a", true, 0});
    CHECK_THAT(refused, ContainsSubstring("resume it first"));
  }
  reeve.ask<container_is>(resume_container{"web"});
  eventually("it is started", [&] {
    return reeve.process_of("web/a", "app").restarts > before;
  });
}

TEST_CASE("nested: the end of a pause within a pause starts nothing", tags) {
  if (!is_root())
    return;
  instance reeve;
  for (const auto* name : {"web", "web/a", "web/a/b"})
    reeve.create(name);
  reeve.ask<container_is>(pause_container{"web"});
  reeve.ask<container_is>(pause_container{"web/a"});
  reeve.ask<container_is>(resume_container{"web/a"});
  auto late = instance::process("late", {"true"});
  auto refused =
      reeve.refusal<process_started>(run_process{0, "web/a/b", late});
  CHECK_THAT(refused, ContainsSubstring("resume it first"));
  reeve.ask<container_is>(resume_container{"web"});
  CHECK(reeve.run_to_end("web/a/b", late).reason == exit_reason::exited(0));
}

TEST_CASE("nested: a later daemon knows what went down with its container, and "
          "what did not",
          "[integration][nested][adoption]") {
  if (!is_root())
    return;
  instance reeve;
  for (const auto* name : {"web", "web/a", "web/b"})
    reeve.create(name);
  reeve.ask<container_is>(stop_container{"web/b"});
  reeve.ask<container_is>(stop_container{"web"});
  reeve.restart();
  CHECK(phase_of(reeve, "web/a") == container_phase::stopped);
  reeve.ask<container_is>(start_container{"web"});
  eventually("what ran is there again", [&] {
    return phase_of(reeve, "web/a") == container_phase::running;
  });
  CHECK(phase_of(reeve, "web/b") == container_phase::stopped);
  // Nor is what has ended for another reason.
  auto holder = reeve.details_of("web/a").info.pid;
  ::kill(holder, SIGKILL);
  eventually("it is down", [&] {
    return phase_of(reeve, "web/a") == container_phase::stopped;
  });
  reeve.restart();
  CHECK(phase_of(reeve, "web") == container_phase::running);
  CHECK(phase_of(reeve, "web/a") == container_phase::stopped);
}

TEST_CASE("nested: what was made when such a name was only a name stays apart",
          "[integration][nested][adoption]") {
  if (!is_root())
    return;
  instance reeve;
  reeve.create("web");
  reeve.create("other");
  auto id = reeve.details_of("other").info.id;
  auto pid = reeve.run("other", instance::sleeper("app")).pid;
  reeve.go_down();
  auto record =
      reeve.config().state_dir + "/containers/" + id + "/record.jsonl";
  auto text = read_file(record);
  for (auto at = text.find("\"other\""); at != std::string::npos;
       at = text.find("\"other\""))
    text.replace(at, 7, "\"web/a\"");
  std::ofstream{record} << text;
  reeve.come_up();
  CHECK(reeve.process_of("web/a", "app").pid == pid);
  reeve.destroy("web");
  CHECK(is_alive(pid));
  CHECK(reeve.container_names() == std::vector<std::string>{"web/a"});
  reeve.ask<container_is>(stop_container{"web/a"});
  reeve.ask<container_is>(start_container{"web/a"});
  reeve.destroy("web/a");
}

TEST_CASE("nested: there are sixteen in each other, under one ceiling", tags) {
  if (!is_root())
    return;
  instance reeve;
  std::string name;
  for (auto depth = 1; depth <= 16; ++depth) {
    name += (depth == 1 ? "c" : "/c") + std::to_string(depth);
    reeve.create(name);
  }
  auto deepest = reeve.run(name, lively()).pid;
  auto first = reeve.run("c1", instance::sleeper("app")).pid;
  set(reeve, "c1", {{"memory.limit", "64M"}});
  auto memory = memory_for(reeve, name);
  CHECK(memory.value == 64 * mib);
  CHECK(memory.source == memory_file(first));
  auto refused = reeve.refusal<container_created>(
      create_container{0, instance::spec(name + "/c")});
  CHECK_THAT(refused, ContainsSubstring("16"));
  reeve.ask<container_is>(pause_container{"c1"});
  CHECK(is_frozen(deepest));
  reeve.ask<container_is>(stop_container{"c1"});
  CHECK(lines_so_far(reeve, name) == "asked\n");
  reeve.destroy("c1");
  CHECK(reeve.container_names().empty());
}

TEST_CASE("nested: a container that is to be in none that is there is refused, "
          "and nothing of it stays",
          tags) {
  if (!is_root())
    return;
  instance reeve;
  auto refused = reeve.refusal<container_created>(
      create_container{0, instance::spec("web/worker")});
  CHECK_THAT(refused, ContainsSubstring("'web'"));
  CHECK_THAT(refused, ContainsSubstring("create that first"));
  reeve.create("web");
  reeve.ask<container_is>(stop_container{"web"});
  refused = reeve.refusal<container_created>(
      create_container{0, instance::spec("web/worker")});
  CHECK_THAT(refused, ContainsSubstring("start it first"));
  CHECK(reeve.container_names() == std::vector<std::string>{"web"});
  // One that is only called alike is another one.
  reeve.create("webmaster");
  reeve.ask<container_is>(start_container{"web"});
  reeve.create("web/worker");
  reeve.destroy("web");
  CHECK(reeve.container_names() == std::vector<std::string>{"webmaster"});
}

TEST_CASE("nested: the next daemon takes over all of them, and what nobody "
          "owns goes",
          "[integration][nested][adoption]") {
  if (!is_root())
    return;
  instance reeve;
  reeve.create(rebuilt("web"));
  reeve.create(rebuilt("web/worker"));
  reeve.create(rebuilt("web/worker/deep"));
  auto pid = reeve.run("web/worker/deep", lively()).pid;
  auto id = reeve.details_of("web").info.id;
  reeve.go_down();
  // As a daemon leaves it that was killed amid a create.
  orphan stray;
  std::vector<std::string> left;
  for (const auto& group : groups_of(id)) {
    left.push_back(group + (is_cgroup2() ? "/box/sub-stray" : "/sub-stray"));
    std::filesystem::create_directory(left.back());
    auto home = left.back() + (is_cgroup2() ? "/run" : "");
    std::filesystem::create_directory(home);
    std::ofstream{home + "/cgroup.procs"} << stray.pid();
  }
  REQUIRE(!left.empty());
  reeve.come_up();
  CHECK(is_alive(pid));
  CHECK(reeve.process_of("web/worker/deep", "app").pid == pid);
  CHECK_FALSE(is_alive(stray.pid()));
  for (const auto& group : left)
    CHECK_FALSE(std::filesystem::exists(group));
  CHECK(reeve.shell("web/worker", "echo well").out == "well\n");
  reeve.create("web/another");
  reeve.ask<container_is>(stop_container{"web"});
  CHECK(lines_so_far(reeve, "web/worker/deep") == "asked\n");

  // One whose PID 1 died meanwhile is built again, with what is in it.
  reeve.ask<container_is>(start_container{"web"});
  eventually("all of it is up", [&] {
    return phase_of(reeve, "web/worker/deep") == container_phase::running;
  });
  pid = reeve.run("web/worker", instance::sleeper("app")).pid;
  auto holder = reeve.details_of("web").info.pid;
  reeve.go_down();
  ::kill(holder, SIGKILL);
  eventually("it is dead", [&] { return !is_alive(holder); });
  reeve.come_up();
  eventually("all of it is up again", [&] {
    return phase_of(reeve, "web") == container_phase::running
           && phase_of(reeve, "web/worker/deep") == container_phase::running;
  });
  CHECK_FALSE(is_alive(pid));
}

TEST_CASE("nested: whoever pauses for memory above does not do so below",
          tags) {
  if (!is_root())
    return;
  probe_image image;
  instance reeve;
  auto spec = image.spec("web");
  spec.limits.memory_bytes = 256 * mib;
  reeve.create(spec);
  set(reeve, "web", {{"oom.policy", "kill_largest"}});
  auto inner = image.spec("web/worker");
  inner.limits.memory_bytes = 32 * mib;
  reeve.create(inner);
  auto hog = reeve.run_to_end(
      "web/worker", instance::process("hog", {"probe", "allocate", "64"}));
  CHECK(hog.reason == exit_reason::oom(oom_limit::own));
}
