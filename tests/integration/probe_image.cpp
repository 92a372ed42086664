// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "tests/integration/probe_image.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <system_error>

namespace reeve::tests {

namespace fs = std::filesystem;

probe_image::probe_image() {
  std::string made = "/tmp/reeve-image-XXXXXX";
  if (::mkdtemp(made.data()) == nullptr)
    throw std::runtime_error("mkdtemp");
  path_ = made;
  fs::permissions(path_, fs::perms{0755});
  for (const auto* dir :
       {"bin", "dev", "etc", "proc", "root", "sys", "tmp", "home/ann"})
    fs::create_directories(path_ / dir);
  fs::permissions(path_ / "tmp", fs::perms{01777});
  fs::copy_file("/bin/busybox", path_ / "bin/busybox");
  fs::copy_file(REEVE_TEST_PROBE, path_ / "bin/probe");
  fs::copy_file(REEVE_TEST_LIMITS, path_ / "bin/reeve-limits");
  for (const auto* name :
       {"sh",    "ls",    "cat",   "echo",     "sleep", "id",    "ps",
        "mount", "touch", "rm",    "mkdir",    "rmdir", "mv",    "cp",
        "ln",    "chmod", "chown", "grep",     "head",  "tail",  "dd",
        "kill",  "env",   "seq",   "stat",     "find",  "mknod", "pwd",
        "true",  "false", "test",  "readlink", "wc",    "sort",  "mkfifo"})
    fs::create_symlink("busybox", path_ / "bin" / name);
  std::ofstream{path_ / "etc/passwd"} << "root:x:0:0:root:/root:/bin/sh\n"
                                         "ann:x:1000:1001:Ann:/home/ann:\n";
  std::ofstream{path_ / "etc/group"} << "root:x:0:\n"
                                        "ann:x:1001:\n"
                                        "audio:x:29:root,ann\n"
                                        "video:x:44:ann\n"
                                        "games:x:60:root\n";
}

probe_image::~probe_image() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

config::container_spec probe_image::spec(const std::string& name) const {
  config::container_spec out;
  out.name = name;
  out.rootfs = path_;
  return out;
}

std::string describe_file(const fs::path& path) {
  struct stat st {};
  if (::lstat(path.c_str(), &st) != 0)
    throw std::system_error(errno, std::generic_category(), path.string());
  std::ostringstream text;
  text << std::oct << st.st_mode << std::dec << ' ' << st.st_uid << ':'
       << st.st_gid << ' ' << st.st_nlink << ' ' << st.st_size << ' '
       << st.st_mtim.tv_sec << '.' << st.st_mtim.tv_nsec << ' '
       << st.st_ctim.tv_sec << '.' << st.st_ctim.tv_nsec << ' ';
  if (S_ISLNK(st.st_mode))
    text << fs::read_symlink(path).string();
  else if (S_ISREG(st.st_mode))
    text << std::hash<std::string>{}(read_host_file(path));
  return text.str();
}

std::map<std::string, std::string> describe_tree(const fs::path& root) {
  std::map<std::string, std::string> out;
  out[root.string()] = describe_file(root);
  for (const auto& item : fs::recursive_directory_iterator{root})
    out[item.path().string()] = describe_file(item.path());
  return out;
}

std::map<std::string, std::string> answers(const std::string& output) {
  std::map<std::string, std::string> out;
  std::istringstream in{output};
  for (std::string line; std::getline(in, line);)
    if (auto colon = line.rfind(": "); colon != std::string::npos)
      out[line.substr(0, colon)] = line.substr(colon + 2);
  return out;
}

std::string read_host_file(const std::string& path) {
  std::ifstream in{path};
  return {std::istreambuf_iterator<char>{in}, {}};
}

std::string field_of(const std::string& status, const std::string& name) {
  std::istringstream in{status};
  for (std::string line; std::getline(in, line);)
    if (line.starts_with(name + ":")) {
      auto start = line.find_first_not_of(" \t", name.size() + 1);
      return start == std::string::npos ? "" : line.substr(start);
    }
  return {};
}

std::string status_of(pid_t pid, const std::string& name) {
  return field_of(read_host_file("/proc/" + std::to_string(pid) + "/status"),
                  name);
}

} // namespace reeve::tests
