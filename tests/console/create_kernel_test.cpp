// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// What the options of `create` and `run` come to in the kernel.

#include "tests/console/at_daemon.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/instance.hpp"
#include "tests/support/kernel_view.hpp"
#include "tests/support/temp_directory.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <tuple>

using namespace reeve::tests;
using Catch::Matchers::ContainsSubstring;
using nlohmann::json;

namespace fs = std::filesystem;

namespace {

/// The answer of a command with `--json`.
json record_of(const daemon_process& daemon, words line) {
  line.insert(line.begin(), "--json");
  auto out = json::parse(told(daemon, line), nullptr, false);
  REQUIRE_FALSE(out.is_discarded());
  return out;
}

std::string write(const temp_directory& dir, const std::string& name,
                  const std::string& text) {
  auto path = dir.path() + "/" + name;
  std::ofstream{path} << text;
  return path;
}

/// A file of the container's groups, by its name in v1 or in v2.
std::string group_file(const std::string& id, const std::string& v1,
                       const std::string& v2) {
  for (const auto& group : groups_of(id))
    for (const auto& path :
         {fs::path{group} / "box" / v2, fs::path{group} / v1})
      if (fs::exists(path))
        return read_file(path);
  FAIL("no group of " << id << " has " << v1 << " or " << v2);
  return {};
}

/// Processors' worth of time, in thousandths.
long cpu_limit_of(const std::string& id) {
  auto quota = group_file(id, "cpu.cfs_quota_us", "cpu.max");
  auto space = quota.find(' ');
  auto period = space != std::string::npos
                    ? quota.substr(space)
                    : group_file(id, "cpu.cfs_period_us", "cpu.max");
  return std::stol(quota) * 1000 / std::stol(period);
}

std::string command_of(pid_t pid) {
  auto out = read_file("/proc/" + std::to_string(pid) + "/cmdline");
  std::replace(out.begin(), out.end(), '\0', ' ');
  return out;
}

std::string link_of(pid_t pid, const std::string& name) {
  return fs::read_symlink("/proc/" + std::to_string(pid) + "/" + name);
}

/// A root file system with nothing but a shell, and a mark.
void fill_root(const fs::path& dir) {
  fs::create_directories(dir / "bin");
  fs::copy_file("/bin/busybox", dir / "bin/busybox");
  for (const auto* name : {"sh", "cat", "touch", "sleep"})
    fs::create_symlink("busybox", dir / "bin" / name);
  std::ofstream{dir / "mark"} << "of the host\n";
}

} // namespace

TEST_CASE("console: create --spec starts the processes of the file, and ps "
          "shows what the kernel has",
          "[console][kernel][create]") {
  if (!is_root())
    return;
  daemon_process daemon;
  temp_directory dir;
  auto spec = std::string{};
  SECTION("TOML") {
    spec = write(dir, "web.toml", R"(image = "busybox"
hostname = "from-the-file"
limits.pids = 77

[[processes]]
id = "one"
argv = ["sleep", "1001"]
restart.type = "permanent"

[[processes]]
id = "two"
argv = ["sleep", "1002"]
user = "1234:2345"
)");
  }
  SECTION("JSON") {
    spec = write(dir, "web.json", R"({
  "image": "busybox", "hostname": "from-the-file", "limits": {"pids": 77},
  "processes": [
    {"id": "one", "argv": ["sleep", "1001"], "restart": {"type": "permanent"}},
    {"id": "two", "argv": ["sleep", "1002"], "user": "1234:2345"}]})");
  }
  auto created =
      record_of(daemon, {"create", "web", "--spec", spec, "--memory", "64M"});
  const auto id = created["id"].get<std::string>();
  const auto processes = record_of(daemon, {"ps", "web"});
  REQUIRE(processes.size() == 2);
  auto pids = std::vector<pid_t>{};
  for (const auto& [at, name, command] :
       {std::tuple{0, "one", "sleep 1001 "}, {1, "two", "sleep 1002 "}}) {
    CHECK(processes[at]["process"] == name);
    pids.push_back(processes[at]["pid"].get<pid_t>());
    CHECK(command_of(pids.back()) == command);
  }
  auto in_order = pids; // they start at the same time
  std::sort(in_order.begin(), in_order.end());
  CHECK(in_order == members_of(id));
  CHECK(parent_of(pids[0]) == parent_of(pids[1])); // they are peers
  auto base = record_of(daemon, {"info", "web"})["uid_base"].get<long>();
  CHECK_THAT(read_file("/proc/" + std::to_string(pids[1]) + "/status"),
             ContainsSubstring("Uid:\t" + std::to_string(base + 1234) + "\t"));

  const auto table = lines_of(told(daemon, {"ps", "web"}));
  REQUIRE(table.size() == 3);
  CHECK(cells_of(table[0])
        == words{"PROCESS", "PID", "NS PID", "STATE", "RESTART", "RESTARTS",
                 "SINCE", "EXIT"});
  for (std::size_t i = 0; i < 2; ++i) {
    auto row = cells_of(table[i + 1]);
    REQUIRE(row.size() == 8);
    CHECK(row[0] == (i == 0 ? "one" : "two"));
    CHECK(row[1] == std::to_string(pids[i]));
    CHECK_THAT(read_file("/proc/" + row[1] + "/status"),
               ContainsSubstring("NSpid:\t" + row[1] + "\t" + row[2] + "\n"));
    CHECK(row[3] == "running");
    CHECK(row[4] == (i == 0 ? "permanent" : "temporary"));
    CHECK(row[5] == "0");
    CHECK(row[7] == "-");
  }
  // From the file, and from the command line beside it.
  CHECK(told(daemon, {"run", "web", "--", "hostname"}) == "from-the-file\n");
  CHECK(group_file(id, "pids.max", "pids.max") == "77\n");
  CHECK(group_file(id, "memory.limit_in_bytes", "memory.max") == "67108864\n");
}

TEST_CASE("console: what create limits, the kernel limits",
          "[console][kernel][create]") {
  if (!is_root())
    return;
  daemon_process daemon;
  auto created = record_of(
      daemon, {"create", "web", "--image", "busybox", "--memory", "48M",
               "--cpus", "0.25", "--pids", "33", "--hostname", "box.example"});
  const auto id = created["id"].get<std::string>();
  CHECK(group_file(id, "memory.limit_in_bytes", "memory.max")
        == std::to_string(48L << 20U) + "\n");
  CHECK(cpu_limit_of(id) == 250);
  CHECK(group_file(id, "pids.max", "pids.max") == "33\n");
  CHECK(told(daemon, {"run", "web", "--", "hostname"}) == "box.example\n");
  // Those of `run` without a name do the same.
  CHECK(told(daemon, {"run", "--image", "busybox", "--hostname", "other",
                      "--pids", "34", "-d", "--", "sleep", "1000"})
            .starts_with("run-"));
  auto other = record_of(daemon, {"ls", "run-*"}).at(0);
  CHECK(group_file(other["id"], "pids.max", "pids.max") == "34\n");
  CHECK(told(daemon, {"run", other["name"], "--", "hostname"}) == "other\n");
}

TEST_CASE("console: run --user, --cwd and --env are what the program has",
          "[console][kernel][create]") {
  if (!is_root())
    return;
  daemon_process daemon;
  auto created = record_of(daemon, {"create", "web", "--image", "busybox"});
  auto how = words{"--user", "1234:2345", "--cwd", "/tmp",
                   "--env",  "A=b",       "--env", "C=d e=f"};
  auto inside = words{"run", "web"};
  inside.insert(inside.end(), how.begin(), how.end());
  auto shell = inside;
  shell.insert(shell.end(),
               {"--", "sh", "-c", "id -u; id -g; id -G; pwd; echo \"$A,$C\""});
  CHECK(told(daemon, shell) == "1234\n2345\n2345\n/tmp\nb,d e=f\n");

  // As the host sees it.
  inside.insert(inside.end(), {"-d", "--", "sleep", "1000"});
  auto started = record_of(daemon, inside);
  auto pid = started["pid"].get<pid_t>();
  auto base = record_of(daemon, {"info", "web"})["uid_base"].get<long>();
  auto status = read_file("/proc/" + std::to_string(pid) + "/status");
  CHECK_THAT(status,
             ContainsSubstring("Uid:\t" + std::to_string(base + 1234) + "\t"));
  CHECK_THAT(status,
             ContainsSubstring("Gid:\t" + std::to_string(base + 2345) + "\t"));
  CHECK(link_of(pid, "cwd") == "/tmp");
  auto environment = std::string(1, '\0')
                     + read_file("/proc/" + std::to_string(pid) + "/environ");
  for (const auto* item : {"A=b", "C=d e=f"})
    CHECK(environment.find('\0' + std::string{item} + '\0')
          != std::string::npos);
  // Nothing of ours or of the daemon's.
  CHECK(environment.find("REEVE_") == std::string::npos);
}

TEST_CASE("console: run --rootfs runs a program over a directory and changes "
          "nothing in it",
          "[console][kernel][create]") {
  if (!is_root())
    return;
  daemon_process daemon;
  temp_directory dir;
  fill_root(dir.path());
  const auto script = std::string{"cat /mark; echo other > /mark; touch /new; "
                                  "cat /mark; exit 5"};
  for (const auto& path : {dir.path(), dir.path() + "/"}) {
    auto got = run_console(
        at(daemon, {"run", "--rootfs", path, "--", "sh", "-c", script}));
    CHECK(got.status == 5);
    CHECK(got.out == "of the host\nother\n");
    CHECK(got.err.empty());
    CHECK(daemon.container_names().empty());
  }
  CHECK(read_file(dir.path() + "/mark") == "of the host\n");
  auto names = std::set<std::string>{};
  for (const auto& item : fs::directory_iterator{dir.path()})
    names.insert(item.path().filename());
  CHECK(names == std::set<std::string>{"bin", "mark"});

  // Detached: it has a name, and goes with its program.
  auto name = told(daemon, {"run", "--rootfs", dir.path(), "-d", "--process",
                            "p", "--", "sleep", "1000"});
  name.pop_back();
  CHECK(daemon.container_names() == words{name});
  CHECK(daemon.details_of(name).info.image == dir.path());
  told(daemon, {"signal", name, "p", "KILL"});
  eventually("the container is gone",
             [&] { return daemon.container_names().empty(); });
}
