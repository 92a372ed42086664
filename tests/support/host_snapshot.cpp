// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "tests/support/host_snapshot.hpp"

#include "tests/support/kernel_view.hpp"
#include "tests/support/patience.hpp"

#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <thread>

namespace reeve::tests {

namespace fs = std::filesystem;

namespace {

std::set<std::string>& noted() {
  static std::set<std::string> out;
  return out;
}

void find_cgroups(const fs::path& dir, int depth, std::set<std::string>& out) {
  std::error_code err;
  for (const auto& item : fs::directory_iterator{dir, err}) {
    if (!item.is_directory(err) || item.is_symlink(err))
      continue;
    if (item.path().filename().string().starts_with("reeve-"))
      out.insert(item.path());
    else if (depth > 0)
      find_cgroups(item.path(), depth - 1, out);
  }
}

// Helpers have the environment of what started them. Others' tests may run at
// the same time.
const std::string& mark_of_this_run() {
  static const auto mark = [] {
    auto pid = std::to_string(::getpid());
    ::setenv("REEVE_TEST_RUN", pid.c_str(), 1);
    return "REEVE_TEST_RUN=" + pid;
  }();
  return mark;
}

// PID 1 and the zygote run a sealed copy, the mount broker the file.
bool is_ours(const fs::path& process) {
  std::error_code err;
  auto program = fs::read_symlink(process / "exe", err).string();
  if (err
      || (!program.starts_with("/memfd:reeve-holder")
          && !program.starts_with(fs::canonical(REEVE_TEST_HOLDER).string())))
    return false;
  auto environment = std::string{'\0'} + read_file(process / "environ");
  return environment.find('\0' + mark_of_this_run() + '\0')
         != std::string::npos;
}

// Zombies do not count: they hold nothing and wait for the host's init.
void find_processes(std::set<std::string>& out) {
  std::error_code err;
  for (const auto& item : fs::directory_iterator{"/proc", err}) {
    auto name = item.path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos)
      continue;
    if (!is_ours(item.path()))
      continue;
    auto comm = read_file(item.path() / "comm");
    auto stat = read_file(item.path() / "stat");
    auto end = stat.rfind(')');
    if (end != std::string::npos && end + 2 < stat.size()
        && stat[end + 2] != 'Z')
      out.insert(name + " " + comm);
  }
}

std::string difference(const host_snapshot& before, const host_snapshot& now) {
  std::string out;
  auto compare = [&out](const char* kind, const auto& old,
                        const auto& current) {
    for (const auto& item : current)
      if (old.count(item) == 0)
        out += std::string{kind} + ": " + item + "\n";
  };
  for (const auto& item : now.cgroups)
    if (before.cgroups.count(item) == 0 && noted().count(item) != 0)
      out += "cgroup: " + item + "\n";
  compare("mount", before.mounts, now.mounts);
  compare("process", before.processes, now.processes);
  compare("descriptor", before.descriptors, now.descriptors);
  return out;
}

} // namespace

host_snapshot host_snapshot::take() {
  host_snapshot out;
  (void)mark_of_this_run();
  find_cgroups("/sys/fs/cgroup", 2, out.cgroups);
  std::ifstream mounts{"/proc/self/mountinfo"};
  for (std::string line; std::getline(mounts, line);)
    out.mounts.insert(line);
  find_processes(out.processes);
  std::error_code err;
  for (const auto& item : fs::directory_iterator{"/proc/self/fd", err}) {
    auto target = fs::read_symlink(item.path(), err);
    if (!err && !target.string().ends_with("/fd"))
      out.descriptors.insert(item.path().filename().string() + " -> "
                             + target.string());
  }
  return out;
}

std::string leaked_since(const host_snapshot& before) {
  using clock = std::chrono::steady_clock;
  auto deadline = clock::now() + patiently(std::chrono::seconds{10});
  for (;;) {
    auto out = difference(before, host_snapshot::take());
    if (out.empty() || clock::now() > deadline)
      return out;
    std::this_thread::sleep_for(std::chrono::milliseconds{20});
  }
}

void note_groups_of(pid_t reeve) {
  std::error_code err;
  auto dir = fs::path{"/proc"} / std::to_string(reeve) / "fd";
  for (const auto& item : fs::directory_iterator{dir, err}) {
    auto target = fs::read_symlink(item.path(), err);
    if (!err && target.string().starts_with("/sys/fs/cgroup/")
        && target.filename().string().starts_with("reeve-"))
      noted().insert(target);
  }
}

void forget_noted_groups() {
  noted().clear();
}

std::vector<std::string> noted_groups() {
  return {noted().begin(), noted().end()};
}

} // namespace reeve::tests
