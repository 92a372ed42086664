// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "supervisor/images.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

namespace reeve::supervisor {

namespace fs = std::filesystem;

namespace {

constexpr const char* host_busybox = "/bin/busybox";

// The applets that people type; all others are there as `busybox NAME`.
constexpr const char* applets[] = {
    "sh",       "ls",     "cat",   "echo",     "true",   "false", "sleep",
    "id",       "ps",     "top",   "mount",    "umount", "touch", "rm",
    "mkdir",    "rmdir",  "mv",    "cp",       "ln",     "chmod", "chown",
    "grep",     "sed",    "awk",   "head",     "tail",   "wc",    "sort",
    "uniq",     "cut",    "tr",    "dd",       "df",     "du",    "free",
    "uname",    "uptime", "nproc", "hostname", "kill",   "env",   "printf",
    "test",     "[",      "seq",   "date",     "stat",   "find",  "xargs",
    "tee",      "yes",    "tty",   "stty",     "vi",     "less",  "ip",
    "ping",     "nc",     "wget",  "tar",      "gzip",   "mknod", "mkfifo",
    "readlink", "ipcs",   "su",    "timeout",  "usleep", "which", "pwd"};

} // namespace

images::images(std::string directory) : directory_(std::move(directory)) {}

std::string images::path_of(const std::string& name) const {
  return directory_ + "/" + name + "/rootfs";
}

bool images::exists(const std::string& name) const {
  std::error_code err;
  return fs::is_directory(path_of(name), err);
}

std::vector<std::string> images::names() const {
  std::vector<std::string> out;
  std::error_code err;
  for (const auto& item : fs::directory_iterator{directory_, err}) {
    auto name = item.path().filename().string();
    if (name.front() != '.' && exists(name))
      out.push_back(std::move(name));
  }
  std::sort(out.begin(), out.end());
  return out;
}

// Under a hidden name first, then by rename: half an image is never seen.
kernel::result<void> images::make_busybox() const {
  if (exists("busybox"))
    return {};
  if (::access(host_busybox, X_OK) != 0)
    return kernel::make_error(errno, "make the built-in image from",
                              host_busybox,
                              "install a static busybox (busybox-static)");
  auto temp = fs::path{directory_} / (".busybox." + std::to_string(::getpid()));
  auto root = temp / "rootfs";
  try {
    fs::remove_all(temp);
    for (const auto* dir :
         {"bin", "dev", "etc", "proc", "root", "sys", "tmp", "usr/bin",
          "usr/sbin", "sbin", "var/log", "run", "home"})
      fs::create_directories(root / dir);
    fs::permissions(root / "tmp", fs::perms::all | fs::perms::sticky_bit);
    fs::permissions(root / "root", fs::perms::owner_all);
    fs::copy_file(host_busybox, root / "bin/busybox");
    for (const auto* name : applets)
      fs::create_symlink("busybox", root / "bin" / name);
    std::ofstream{root / "etc/passwd"}
        << "root:x:0:0:root:/root:/bin/sh\n"
           "daemon:x:1:1:daemon:/:/bin/false\n"
           "nobody:x:65534:65534:nobody:/:/bin/false\n";
    std::ofstream{root / "etc/group"} << "root:x:0:\n"
                                         "daemon:x:1:\n"
                                         "tty:x:5:\n"
                                         "nogroup:x:65534:\n";
    std::ofstream{root / "etc/hosts"} << "127.0.0.1 localhost\n";
    fs::rename(temp, fs::path{directory_} / "busybox");
  } catch (const fs::filesystem_error& err) {
    std::error_code ignored;
    fs::remove_all(temp, ignored);
    return kernel::make_error(err.code().value(), "make the built-in image at",
                              temp.string());
  }
  return {};
}

} // namespace reeve::supervisor
