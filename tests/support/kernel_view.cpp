// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "tests/support/kernel_view.hpp"

#include "tests/support/host_snapshot.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <system_error>

namespace reeve::tests {

namespace fs = std::filesystem;

namespace {

struct process_stat {
  char state = 'X';
  pid_t parent = 0;
};

// proc(5): the name may hold anything, so the fields count from its end.
process_stat stat_of(pid_t pid) {
  auto text = read_file("/proc/" + std::to_string(pid) + "/stat");
  process_stat out;
  auto end = text.rfind(')');
  if (end == std::string::npos)
    return out;
  std::istringstream in{text.substr(end + 1)};
  in >> out.state >> out.parent;
  return out;
}

std::vector<pid_t> numbers_in(const std::string& path) {
  std::istringstream in{read_file(path)};
  return {std::istream_iterator<pid_t>{in}, {}};
}

} // namespace

std::string read_file(const std::string& path) {
  // What a file of /proc says of a process that has just gone is an error to
  // the buffer, which throws; the stream swallows it.
  std::ostringstream out;
  out << std::ifstream{path}.rdbuf();
  return out.str();
}

bool is_alive(pid_t pid) {
  auto state = stat_of(pid).state;
  return state != 'X' && state != 'Z';
}

char state_of(pid_t pid) {
  return stat_of(pid).state;
}

pid_t parent_of(pid_t pid) {
  return stat_of(pid).parent;
}

std::vector<pid_t> all_children_of(pid_t pid) {
  auto name = std::to_string(pid);
  return numbers_in("/proc/" + name + "/task/" + name + "/children");
}

std::vector<pid_t> children_of(pid_t pid) {
  auto out = all_children_of(pid);
  out.erase(std::remove_if(out.begin(), out.end(),
                           [](pid_t child) { return !is_alive(child); }),
            out.end());
  return out;
}

std::vector<std::string> open_files_of(pid_t pid) {
  std::vector<std::string> out;
  std::error_code err;
  auto dir = fs::path{"/proc"} / std::to_string(pid) / "fd";
  for (fs::directory_iterator at{dir, err}, end; at != end; at.increment(err)) {
    std::error_code closed;
    auto to = fs::read_symlink(at->path(), closed);
    if (!closed)
      out.push_back(to);
  }
  return out;
}

std::uint64_t first_free_descriptor(pid_t pid) {
  auto dir = fs::path{"/proc"} / std::to_string(pid) / "fd";
  std::uint64_t out = 0;
  while (fs::is_symlink(dir / std::to_string(out)))
    ++out;
  return out;
}

void limit_descriptors(pid_t pid, std::uint64_t limit) {
  rlimit now{};
  if (::prlimit(pid, RLIMIT_NOFILE, nullptr, &now) != 0)
    throw std::system_error(errno, std::generic_category(), "prlimit");
  now.rlim_cur = limit;
  if (::prlimit(pid, RLIMIT_NOFILE, &now, nullptr) != 0)
    throw std::system_error(errno, std::generic_category(), "prlimit");
}

std::vector<pid_t> helpers_called(const std::string& comm) {
  std::vector<pid_t> out;
  for (const auto& item : host_snapshot::take().processes)
    if (item.ends_with(" " + comm + "\n"))
      out.push_back(std::stoi(item));
  return out;
}

std::vector<std::string> groups_of(const std::string& id) {
  std::vector<std::string> out;
  std::error_code err;
  for (const auto& top : noted_groups())
    if (auto dir = top + "/" + id; fs::is_directory(dir, err))
      out.push_back(dir);
  return out;
}

// On v1 PID 1 is in every group but those of cpu, pids, memory and freezer; on
// v2 the processes have a group of their own (ADR 0007).
std::vector<pid_t> members_of(const std::string& id) {
  std::vector<pid_t> out;
  for (const auto& dir : groups_of(id)) {
    auto is_v1 = dir.starts_with("/sys/fs/cgroup/pids/");
    auto found = numbers_in(dir + (is_v1 ? "" : "/box/run") + "/cgroup.procs");
    if (is_v1 || out.empty())
      out.insert(out.end(), found.begin(), found.end());
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

bool is_frozen(const std::string& id) {
  for (const auto& dir : groups_of(id)) {
    if (read_file(dir + "/freezer.state") == "FROZEN\n")
      return true;
    for (const auto* limited : {"", "/box"})
      if (read_file(dir + limited + "/cgroup.events").find("frozen 1")
          != std::string::npos)
        return true;
  }
  return false;
}

long unbroken(const std::string& lines, long first) {
  std::istringstream in{lines};
  long count = 0;
  for (std::string line; std::getline(in, line) && !in.eof(); ++count)
    if (line != std::to_string(first + count))
      return -1;
  return count;
}

} // namespace reeve::tests
