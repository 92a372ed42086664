// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// A state directory on a disk that is full, block by block.

#include "tests/support/catch.hpp"
#include "tests/support/daemon_process.hpp"
#include "tests/support/host_snapshot.hpp"
#include "tests/support/instance.hpp"
#include "tests/support/kernel_view.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <set>
#include <string>
#include <thread>

using namespace reeve;
using namespace reeve::supervisor;
using namespace reeve::tests;
using Catch::Matchers::ContainsSubstring;

namespace fs = std::filesystem;

namespace {

constexpr auto block_size = 4096U;

/// Takes all blocks of a disk but some.
class ballast {
public:
  explicit ballast(std::string disk) : disk_(std::move(disk)) {}

  ~ballast() {
    drop();
  }

  ballast(const ballast&) = delete;
  ballast& operator=(const ballast&) = delete;

  void fill_but(unsigned blocks) {
    drop();
    REQUIRE(append("spare", blocks) == blocks);
    while (append("ballast", 256) > 0) {
    }
    REQUIRE(::unlink((disk_ + "/spare").c_str()) == 0);
  }

  void drop() {
    for (const auto* name : {"/spare", "/ballast"})
      (void)::unlink((disk_ + name).c_str());
  }

private:
  // How many blocks there was room for. Written, for what is only allocated
  // costs other blocks.
  unsigned append(const char* name, unsigned blocks) const {
    auto path = disk_ + "/" + name;
    auto file = kernel::unique_fd::adopt(
        ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
    REQUIRE(file);
    const auto block = std::string(block_size, 'x');
    auto done = 0U;
    while (done < blocks
           && ::write(file.get(), block.data(), block.size())
                  == static_cast<ssize_t>(block.size()))
      ++done;
    REQUIRE(::fsync(file.get()) == 0); // blocks, not promises of blocks
    return done;
  }

  std::string disk_;
};

std::set<std::string> names_in(const std::string& directory) {
  std::set<std::string> out;
  for (const auto& item : fs::directory_iterator{directory})
    out.insert(item.path().filename());
  return out;
}

std::set<std::string> groups() {
  std::set<std::string> out;
  for (const auto& top : noted_groups())
    for (const auto& item : fs::directory_iterator{top})
      if (item.is_directory() && item.path().filename() != "holders")
        out.insert(item.path().filename());
  return out;
}

// Of the containers: on the disk and in the kernel.
void check_only(daemon_process& reeve, const std::set<std::string>& ids) {
  eventually("nothing else is left", [&] {
    return groups() == ids && names_in(reeve.disk() + "/containers") == ids;
  });
  CHECK(is_alive(reeve.pid()));
}

std::string line_count(const std::string& path) {
  auto text = read_file(path);
  return std::to_string(std::count(text.begin(), text.end(), '\n'));
}

std::string pids_limit(daemon_process& reeve) {
  auto got = reeve.ask<limits_in_force>(get_limits{"web", {"pids.limit"}});
  REQUIRE(got.limits.size() == 1);
  return got.limits[0].value;
}

} // namespace

TEST_CASE("full disk: the image busybox is made as a whole or not at all",
          "[integration][disk]") {
  if (!is_root() || !has_loop_devices())
    return;
  daemon_process reeve{{.pool_size = 0, .disk_mib = 24}};
  ballast full{reeve.disk()};
  const auto images = reeve.disk() + "/images";
  const auto program =
      (fs::file_size("/bin/busybox") + block_size - 1) / block_size;
  auto made = false;
  auto refusals = 0;
  for (auto more = 0U; !made; ++more) {
    REQUIRE(more < 200);
    INFO(more << " blocks beside the program");
    full.fill_but(more < 2 ? more : static_cast<unsigned>(program) + more - 2);
    auto why = reeve.complaint<container_created>(
        create_container{0, api_client::spec("web"), false});
    made = !reeve.ask<image_list>(list_images{}).images.empty();
    if (made)
      break;
    ++refusals;
    CHECK_THAT(why, ContainsSubstring("built-in image"));
    CHECK_THAT(why, ContainsSubstring("ENOSPC"));
    CHECK(names_in(images).empty());
  }
  CHECK(refusals > 10);
  full.drop();
  const auto root = images + "/busybox/rootfs";
  CHECK(names_in(images) == std::set<std::string>{"busybox"});
  CHECK(fs::file_size(root + "/bin/busybox") == fs::file_size("/bin/busybox"));
  CHECK(line_count(root + "/etc/passwd") == "3");
  CHECK(line_count(root + "/etc/group") == "4");
  CHECK(line_count(root + "/etc/hosts") == "1");
  if (reeve.container_names().empty())
    reeve.create("web");
  CHECK(reeve.shell("web", "echo works").out == "works\n");
  CHECK(is_alive(reeve.pid()));
}

TEST_CASE("full disk: a create that finds no room says so and leaves nothing",
          "[integration][disk]") {
  if (!is_root() || !has_loop_devices())
    return;
  auto pool = GENERATE(0U, 1U);
  daemon_process reeve{{.pool_size = pool, .disk_mib = 24}};
  reeve.create("web");
  auto web = reeve.details_of("web").info.id;
  reeve.run("web", api_client::sleeper("main"));
  ballast full{reeve.disk()};
  auto refusals = 0;
  auto made = false;
  for (auto blocks = 0U; !made; ++blocks) {
    REQUIRE(blocks < 50);
    INFO(blocks << " blocks free, pool of " << pool);
    eventually("nothing is being deleted any more", [&] {
      return names_in(reeve.disk() + "/containers").size() <= 1 + pool;
    });
    full.fill_but(blocks);
    auto why = reeve.complaint<container_created>(
        create_container{0, api_client::spec("two"), false});
    made = why.empty();
    if (made)
      break;
    ++refusals;
    CHECK_THAT(why, ContainsSubstring("ENOSPC"));
    CHECK(reeve.container_names() == std::vector<std::string>{"web"});
    if (pool == 0)
      check_only(reeve, {web});
  }
  CHECK(refusals > 2);
  reeve.destroy("two"); // needs no room
  full.drop();
  reeve.create("two");
  CHECK(reeve.shell("two", "echo works").out == "works\n");
  CHECK(reeve.process_of("web", "main").phase == process_phase::running);
  reeve.destroy("two");
  if (pool == 0)
    check_only(reeve, {web});
}

TEST_CASE("full disk: what would not be remembered is refused, what needs no "
          "room goes on",
          "[integration][disk]") {
  if (!is_root() || !has_loop_devices())
    return;
  daemon_process reeve{{.pool_size = 0, .disk_mib = 24}};
  reeve.create("web");
  auto info = reeve.details_of("web").info;
  auto main = reeve.run("web", api_client::sleeper("main"));
  ballast full{reeve.disk()};
  full.fill_but(0);

  // A process that is run once leaves no trace on the disk but its output,
  // whose loss is counted.
  reeve.run("web", api_client::process("once", {"sh", "-c", "echo hello"}));
  CHECK(reeve.wait("web", "once").last == exit_reason::exited(0));
  eventually("its output is given up", [&] {
    return reeve.process_of("web", "once").output_dropped == 6;
  });
  reeve.ask<process_is>(remove_process{"web", "once"});

  // The record's last block may have some room.
  std::string why;
  std::string limit = pids_limit(reeve);
  for (auto next = 1000; why.empty(); ++next) {
    REQUIRE(next < 1100);
    auto value = std::to_string(next);
    why = reeve.complaint<limits_in_force>(
        set_limits{"web", {{"cpu.weight", "70"}, {"pids.limit", value}}});
    if (why.empty())
      limit = value;
  }
  CHECK_THAT(why, ContainsSubstring("ENOSPC"));
  CHECK(pids_limit(reeve) == limit);
  CHECK(reeve.details_of("web").spec.limits.pids.value() == std::stoull(limit));

  auto kept = api_client::sleeper("kept");
  kept.restart.type = config::restart_type::permanent;
  why = reeve.refusal<process_started>(run_process{0, "web", kept, false});
  CHECK_THAT(why, ContainsSubstring("ENOSPC"));
  CHECK(reeve.details_of("web").processes.size() == 1);
  CHECK(children_of(info.pid) == std::vector<pid_t>{main.pid});
  CHECK(reeve.details_of("web").spec.processes.empty());
  check_only(reeve, {info.id});

  full.drop();
  reeve.run("web", kept);
  reeve.ask<limits_in_force>(set_limits{"web", {{"pids.limit", "1234"}}});
  CHECK(pids_limit(reeve) == "1234");
  CHECK(reeve.shell("web", "echo works").out == "works\n");

  full.fill_but(0);
  reeve.destroy("web");
  check_only(reeve, {});
}

TEST_CASE("full disk: what found no room is written when there is some",
          "[integration][disk]") {
  if (!is_root() || !has_loop_devices())
    return;
  daemon_process reeve{{.pool_size = 0, .disk_mib = 24}};
  reeve.create("web");
  auto info = reeve.details_of("web").info;
  for (const auto* id : {"kept", "removed"}) {
    auto spec = api_client::sleeper(id);
    spec.restart.type = config::restart_type::permanent;
    reeve.run("web", spec);
  }
  // The newest version of the record is its last.
  auto remembers_both = [path = reeve.disk() + "/containers/" + info.id
                                + "/record.jsonl"] {
    auto text = read_file(path);
    return text.find("removed", text.rfind("boot_id")) != std::string::npos;
  };
  CHECK(remembers_both());
  ballast full{reeve.disk()};
  full.fill_but(0);
  reeve.ask<process_is>(stop_process{"web", "removed", 0});
  reeve.ask<process_is>(remove_process{"web", "removed"});
  reeve.ask<container_is>(stop_container{"web", 0});
  std::this_thread::sleep_for(std::chrono::seconds{2}); // tries that fail
  full.drop();
  eventually("the record is written", [&] { return !remembers_both(); });
  reeve.kill();
  reeve.start();
  CHECK(reeve.phase_of("web") == container_phase::stopped);
  auto now = reeve.details_of("web").processes;
  REQUIRE(now.size() == 1);
  CHECK(now[0].process == "kept");
  CHECK(groups().empty());
}

TEST_CASE("full disk: the next daemon comes up and adopts",
          "[integration][disk]") {
  if (!is_root() || !has_loop_devices())
    return;
  daemon_process reeve{{.pool_size = 1, .disk_mib = 24}};
  reeve.create("web");
  auto info = reeve.details_of("web").info;
  auto spec = api_client::sleeper("main");
  spec.restart.type = config::restart_type::permanent;
  auto pid = reeve.run("web", spec).pid;
  ballast before{reeve.disk()};
  before.fill_but(0);
  reeve.kill();
  reeve.start();
  CHECK(reeve.phase_of("web") == container_phase::running);
  CHECK(reeve.details_of("web").info.pid == info.pid);
  CHECK(reeve.process_of("web", "main").pid == pid);
  REQUIRE(::kill(pid, SIGKILL) == 0); // a restart writes nothing
  eventually("it runs again", [&] {
    auto now = reeve.process_of("web", "main");
    return now.phase == process_phase::running && now.pid != pid;
  });
  reeve.ask<container_is>(stop_container{"web", 0});
  CHECK(reeve.phase_of("web") == container_phase::stopped);
  CHECK_FALSE(is_alive(info.pid));
  ballast{reeve.disk()}.drop();
  reeve.ask<container_is>(start_container{"web"});
  CHECK(reeve.shell("web", "echo works").out == "works\n");
}
