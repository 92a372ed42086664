// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "supervisor/images.hpp"

#include "kernel-iface/unique_fd.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

namespace reeve::supervisor {

namespace fs = std::filesystem;
using kernel::unique_fd;

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

// Throw as the rest of std::filesystem does. A stream would keep its mouth
// shut, and std::filesystem::copy_file calls a full disk EIO.
[[noreturn]] void fail(const fs::path& path) {
  throw fs::filesystem_error{"write", path, {errno, std::generic_category()}};
}

unique_fd create(const fs::path& path, mode_t mode) {
  auto file = unique_fd::adopt(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  if (!file || ::fchmod(file.get(), mode) != 0) // whatever the umask
    fail(path);
  return file;
}

void write_all(int file, std::string_view bytes, const fs::path& path) {
  while (!bytes.empty()) {
    auto n = ::write(file, bytes.data(), bytes.size());
    if (n < 0 && errno != EINTR)
      fail(path);
    bytes.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
  }
}

void write_file(const fs::path& path, std::string_view text) {
  write_all(create(path, 0644).get(), text, path);
}

void copy_program(const fs::path& from, const fs::path& to) {
  auto source = unique_fd::adopt(::open(from.c_str(), O_RDONLY | O_CLOEXEC));
  if (!source)
    fail(from);
  auto target = create(to, 0755);
  std::array<char, 65536> buffer{};
  for (;;) {
    auto n = ::read(source.get(), buffer.data(), buffer.size());
    if (n < 0)
      fail(from);
    if (n == 0)
      return;
    write_all(target.get(), {buffer.data(), static_cast<std::size_t>(n)}, to);
  }
}

} // namespace

images::images(std::string directory) : directory_(std::move(directory)) {}

std::string images::path_of(const std::string& name) const {
  return directory_ + "/" + name + "/rootfs";
}

bool images::exists(const std::string& name) const {
  if (name.starts_with('.') || name.find("/.") != std::string::npos)
    return false; // one that is being made, or the way out of here
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
  auto temp = fs::path{directory_} / ".busybox.new"; // one Reeve, one directory
  auto root = temp / "rootfs";
  try {
    fs::remove_all(temp);
    for (const auto* dir :
         {"bin", "dev", "etc", "proc", "root", "sys", "tmp", "usr/bin",
          "usr/sbin", "sbin", "var/log", "run", "home"})
      fs::create_directories(root / dir);
    fs::permissions(root / "tmp", fs::perms::all | fs::perms::sticky_bit);
    fs::permissions(root / "root", fs::perms::owner_all);
    copy_program(host_busybox, root / "bin/busybox");
    for (const auto* name : applets)
      fs::create_symlink("busybox", root / "bin" / name);
    write_file(root / "etc/passwd",
               "root:x:0:0:root:/root:/bin/sh\n"
               "daemon:x:1:1:daemon:/:/bin/false\n"
               "nobody:x:65534:65534:nobody:/:/bin/false\n");
    write_file(root / "etc/group", "root:x:0:\n"
                                   "daemon:x:1:\n"
                                   "tty:x:5:\n"
                                   "nogroup:x:65534:\n");
    write_file(root / "etc/hosts", "127.0.0.1 localhost\n");
    fs::rename(temp, fs::path{directory_} / "busybox");
  } catch (const fs::filesystem_error& err) {
    std::error_code ignored;
    fs::remove_all(temp, ignored);
    const auto& where = err.path2().empty() ? err.path1() : err.path2();
    return kernel::make_error(err.code().value(), "make the built-in image at",
                              where.string());
  }
  return {};
}

} // namespace reeve::supervisor
