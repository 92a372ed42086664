// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// The places where a daemon may die between two steps that belong together, as
// docs/hand-over.md has them: each was once a defect that the model found. A
// record that was not written in time is put back as it was.

#include "tests/support/catch.hpp"
#include "tests/support/daemon_process.hpp"
#include "tests/support/host_snapshot.hpp"
#include "tests/support/instance.hpp"
#include "tests/support/kernel_view.hpp"

#include <nlohmann/json.hpp>

#include <chrono>
#include <csignal>
#include <fstream>
#include <sstream>
#include <thread>

using namespace reeve;
using namespace reeve::supervisor;
using namespace reeve::tests;
using namespace std::chrono_literals;

namespace {

/// The record of a container's, as it is on the disk at some time.
class kept_record {
public:
  kept_record(const daemon_process& of, const std::string& id)
      : path_(of.root() + "/state/containers/" + id + "/record.jsonl"),
        text_(read_file(path_)) {
    REQUIRE_FALSE(text_.empty());
  }

  /// While there is no daemon.
  void put_back() const {
    std::ofstream{path_} << text_;
  }

  [[nodiscard]] nlohmann::json newest() const {
    std::istringstream lines{text_};
    std::string line;
    std::string last;
    while (std::getline(lines, line))
      if (!line.empty())
        last = line;
    return nlohmann::json::parse(last);
  }

private:
  std::string path_;
  std::string text_;
};

config::process_spec permanent(const std::string& id) {
  auto out = api_client::sleeper(id);
  out.restart.type = config::restart_type::permanent;
  return out;
}

run_process numbered(std::uint64_t command, const config::process_spec& spec) {
  return {command, "web", spec, false};
}

} // namespace

TEST_CASE("hand-over: an end that the record has is not that of a later run",
          "[integration][hand_over]") {
  if (!is_root())
    return;
  daemon_process reeve;
  reeve.create("web");
  auto id = reeve.details_of("web").info.id;
  reeve.run("web", permanent("app"));
  reeve.ask<process_is>(stop_process{"web", "app", 0});
  kept_record before{reeve, id};
  auto again = reeve.ask<process_started>(start_process{"web", "app"});
  reeve.kill();
  before.put_back(); // it was not told of the start in time
  ::kill(again.pid, SIGKILL);
  eventually("it is dead", [&] { return !is_alive(again.pid); });
  reeve.start();
  eventually("it runs again", [&] {
    return reeve.process_of("web", "app").phase == process_phase::running;
  });
  CHECK(reeve.process_of("web", "app").restarts == 1);
  CHECK(is_alive(reeve.process_of("web", "app").pid));
}

TEST_CASE("hand-over: a process that was run and is to come back is declared, "
          "whether its daemon lived to write that or not",
          "[integration][hand_over]") {
  if (!is_root())
    return;
  daemon_process reeve;
  reeve.create("web");
  kept_record before{reeve, reeve.details_of("web").info.id};
  auto first = reeve.ask<process_started>(numbered(4711, permanent("app")));
  reeve.kill();
  before.put_back();
  reeve.start();
  // The client asks again: it is the one that there is.
  auto repeated = reeve.ask<process_started>(numbered(4711, permanent("app")));
  CHECK(repeated.pid == first.pid);
  CHECK(reeve.details_of("web").spec.processes.size() == 1);
  reeve.ask<container_is>(stop_container{"web"});
  reeve.ask<container_is>(start_container{"web"});
  eventually("it runs with its container", [&] {
    return reeve.process_of("web", "app").phase == process_phase::running;
  });
}

TEST_CASE("hand-over: a command that was carried out is not refused after a "
          "crash, also when its process is over",
          "[integration][hand_over]") {
  if (!is_root())
    return;
  daemon_process reeve;
  reeve.create("web");
  auto spec = api_client::process("job", {"sh", "-c", "echo done >>/done"});
  spec.restart.type = config::restart_type::transient;
  reeve.ask<process_started>(numbered(4711, spec));
  CHECK(reeve.wait("web", "job").last == exit_reason::exited(0));
  reeve.kill();
  reeve.start();
  auto again = reeve.ask<process_started>(numbered(4711, spec));
  CHECK(again.process == "job");
  CHECK(reeve.process_of("web", "job").phase == process_phase::exited);
  CHECK(reeve.shell("web", "cat /done").out == "done\n");
  // Another command is another matter.
  CHECK_FALSE(reeve.refusal<process_started>(numbered(4712, spec)).empty());
}

TEST_CASE("hand-over: a command whose process was removed is not carried out "
          "again",
          "[integration][hand_over]") {
  if (!is_root())
    return;
  daemon_process reeve;
  reeve.create("web");
  auto spec = api_client::process("job", {"sh", "-c", "echo done >>/done"});
  reeve.ask<process_started>(numbered(4711, spec));
  reeve.wait("web", "job");
  reeve.ask<process_is>(remove_process{"web", "job"});
  CHECK_FALSE(reeve.refusal<process_started>(numbered(4711, spec)).empty());
  // Nor is it taken for another one of that name.
  reeve.ask<process_started>(numbered(4712, spec));
  CHECK_FALSE(reeve.refusal<process_started>(numbered(4711, spec)).empty());
  reeve.wait("web", "job");
  CHECK(reeve.shell("web", "cat /done").out == "done\ndone\n");
}

TEST_CASE("hand-over: a repeated command is answered when its process runs",
          "[integration][hand_over]") {
  if (!is_root())
    return;
  daemon_process reeve;
  reeve.create("web");
  auto db = api_client::process(
      "db", {"sh", "-c",
             "until [ -e /go ]; do sleep 0.05; done; echo >&3; "
             "exec sleep 1000"});
  db.ready.emplace();
  db.ready->fd = 3;
  reeve.run("web", db);
  auto app = api_client::sleeper("app");
  app.after = {"db"};
  reeve.tell(numbered(4711, app));
  std::thread later{[&] {
    std::this_thread::sleep_for(300ms); // the repeat is under way
    reeve.shell("web", "touch /go");
  }};
  auto answer = reeve.ask<process_started>(numbered(4711, app));
  later.join();
  CHECK(is_alive(answer.pid));
  CHECK(reeve.process_of("web", "app").pid == answer.pid);
}

TEST_CASE("hand-over: a stop is answered when the record has it",
          "[integration][hand_over]") {
  if (!is_root())
    return;
  daemon_process reeve;
  reeve.create("web");
  auto id = reeve.details_of("web").info.id;
  reeve.run("web", permanent("app"));
  for (auto i = 0; i < 50; ++i) {
    reeve.ask<process_is>(stop_process{"web", "app", 0});
    auto ended = kept_record{reeve, id}.newest().at("ended");
    REQUIRE(ended.size() == 1);
    reeve.ask<process_started>(start_process{"web", "app"});
  }
}

TEST_CASE("hand-over: starts that fail count on over daemons",
          "[integration][hand_over]") {
  if (!is_root())
    return;
  daemon_process reeve;
  reeve.create("web");
  reeve.shell("web", "cp /bin/busybox /sleep");
  auto spec = permanent("app");
  spec.argv = {"/sleep", "1000"};
  spec.restart.max_restarts = 6;
  spec.restart.backoff_min = spec.restart.backoff_max = 400ms;
  auto first = reeve.run("web", spec);
  reeve.shell("web", "rm /sleep");
  ::kill(first.pid, SIGKILL);
  auto restarts = [&] { return reeve.process_of("web", "app").restarts; };
  eventually("some have failed", [&] { return restarts() >= 2; });
  auto before = restarts();
  for (auto i = 0; i < 2; ++i) {
    reeve.kill();
    reeve.start();
    CHECK(restarts() >= before);
  }
  eventually("it gives up", [&] {
    return reeve.process_of("web", "app").phase == process_phase::gave_up;
  });
  CHECK(restarts() == 6);
}

TEST_CASE("hand-over: a start that failed and was answered is known to nobody",
          "[integration][hand_over]") {
  if (!is_root())
    return;
  daemon_process reeve;
  reeve.create("web");
  auto spec = permanent("app");
  spec.argv = {"/none"};
  for (auto i = 0; i < 3; ++i)
    CHECK_FALSE(
        reeve.refusal<process_started>(run_process{0, "web", spec}).empty());
  reeve.kill();
  reeve.start();
  CHECK(reeve.details_of("web").processes.empty());
  CHECK(reeve.details_of("web").spec.processes.empty());
}
