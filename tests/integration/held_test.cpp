// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// A process that the kernel does not let go of.

#include "tests/support/catch.hpp"
#include "tests/support/daemon_process.hpp"
#include "tests/support/instance.hpp"
#include "tests/support/kernel_view.hpp"
#include "tests/support/loop_disk.hpp"
#include "tests/support/patience.hpp"

#include <chrono>
#include <memory>
#include <thread>

using namespace reeve;
using namespace reeve::supervisor;
using namespace reeve::tests;
using namespace std::chrono_literals;

namespace {

using clock_type = std::chrono::steady_clock;

// The deadlines of a teardown are longer than what `eventually` waits.
template <class Holds>
void within(std::chrono::seconds limit, const char* what, Holds holds) {
  auto until = clock_type::now() + patiently(limit);
  while (!holds()) {
    if (clock_type::now() > until)
      FAIL("it did not happen: " << what);
    std::this_thread::sleep_for(10ms);
  }
}

// One that may mount; and in it a writer to a disk of its own.
config::container_spec with_disk(const std::string& name) {
  auto out = api_client::spec(name);
  out.privileged = true;
  return out;
}

std::string id_of(api_client& reeve, const std::string& name) {
  return reeve.details_of(name).info.id;
}

std::vector<container_info> all(api_client& reeve) {
  return reeve.ask<container_list>(list_containers{}).containers;
}

// By its id: the name may be another's.
std::optional<container_phase> phase_by_id(api_client& reeve,
                                           const std::string& id) {
  for (const auto& item : all(reeve))
    if (item.id == id)
      return item.phase;
  return std::nullopt;
}

void check_answers(api_client& reeve, const std::string& name) {
  auto start = clock_type::now();
  CHECK(reeve.shell(name, "echo works").out == "works\n");
  CHECK(reeve.details_of(name).info.phase == container_phase::running);
  CHECK(clock_type::now() - start < patiently(2s));
}

} // namespace

TEST_CASE("held: a container whose process is stuck in the kernel gives its "
          "name away and disturbs nobody",
          "[integration][held]") {
  if (!is_root() || !has_loop_devices())
    return;
  auto disk = std::make_unique<loop_disk>(16U);
  instance reeve;
  reeve.config().deadlines.kill = 500ms;
  reeve.restart();
  reeve.create("other");
  reeve.create(with_disk("box"));
  const auto number = std::to_string(disk->minor());
  REQUIRE(reeve
              .shell("box", "mkdir /disk && mknod /dev/disk b 7 " + number
                                + " && mount -t ext4 /dev/disk /disk")
              .reason
          == exit_reason::exited(0));
  auto info = reeve.details_of("box").info;
  auto spec = instance::process(
      "writer", {"sh", "-c", "echo ready; read x; echo x > /disk/file"});
  spec.stdin_open = true;
  spec.stop_grace = 100ms;
  auto writer = reeve.run("box", spec).pid;
  frozen cold{"/proc/" + std::to_string(info.pid) + "/root/disk"};
  reeve.ask<process_is>(write_input{"box", "writer", "go\n", false});
  eventually("the writer is stuck", [&] { return state_of(writer) == 'D'; });

  // While it is only stuck, all else of the container works.
  check_answers(reeve, "box");
  auto stopped = reeve.ask<process_is>(stop_process{"box", "writer", 100});
  CHECK(stopped.info.phase == process_phase::held);
  check_answers(reeve, "box");

  // The steps of the teardown: processes, files, PID 1, groups.
  auto start = clock_type::now();
  auto why = reeve.refusal<container_is>(destroy_container{"box", true, 100});
  auto took = clock_type::now() - start;
  INFO(why);
  CHECK(why.find("held") != std::string::npos);
  CHECK(took < patiently(40s));
  CHECK(phase_by_id(reeve, info.id) == container_phase::held);
  CHECK(state_of(writer) == 'D');
  CHECK_FALSE(groups_of(info.id).empty());
  check_answers(reeve, "other");

  reeve.create("box");
  CHECK(id_of(reeve, "box") != info.id);
  check_answers(reeve, "box");
  CHECK(all(reeve).size() == 3);
  CHECK(phase_by_id(reeve, info.id) == container_phase::held);

  cold.thaw();
  within(70s, "the held one has gone",
         [&] { return !phase_by_id(reeve, info.id); });
  CHECK(groups_of(info.id).empty());
  CHECK_FALSE(is_alive(writer));
  CHECK_FALSE(is_alive(info.pid));
  check_answers(reeve, "box");
  check_answers(reeve, "other");
  disk.reset();
}
