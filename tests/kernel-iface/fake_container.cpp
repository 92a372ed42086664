// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "tests/kernel-iface/fake_container.hpp"

#include <fcntl.h>
#include <grp.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>
#include <system_error>
#include <vector>

namespace fs = std::filesystem;

namespace reeve::test {

using kernel::unique_fd;

namespace {

constexpr auto report_limit = std::size_t{128} << 10U;

long must(long returned, const char* what) {
  if (returned < 0)
    throw std::system_error{errno, std::generic_category(), what};
  return returned;
}

void send_text(int socket, const std::string& text) {
  must(::send(socket, text.data(), text.size(), MSG_NOSIGNAL), "send");
}

std::string receive_text(int socket) {
  auto buffer = std::string(report_limit, '\0');
  auto n = must(::recv(socket, buffer.data(), buffer.size(), 0), "recv");
  buffer.resize(static_cast<std::size_t>(n));
  return buffer;
}

void wait_for(pid_t pid) {
  auto status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
}

// Runs a child's whole life; nothing of Catch2 may run in a child.
template <class F>
[[noreturn]] void live(int socket, F body) {
  try {
    body();
  } catch (const std::exception& e) {
    auto text = std::string{"!"} + e.what();
    ::send(socket, text.data(), text.size(), MSG_NOSIGNAL);
    ::_exit(1);
  }
  ::_exit(0);
}

void expect(int socket, const std::string& word) {
  auto got = receive_text(socket);
  if (got != word)
    throw std::runtime_error{"expected " + word + ", got " + got};
}

} // namespace

fake_holder::fake_holder(holder_spec spec) : spec_(std::move(spec)) {
  auto pair = std::array<int, 2>{};
  must(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.data()),
       "socketpair");
  outside_.reset(pair[0]);
  inside_.reset(pair[1]);
  start_by_zygote();
  pidfd_.reset(
      static_cast<int>(must(::syscall(SYS_pidfd_open, pid_, 0), "pidfd_open")));
  expect(outside_.get(), "unshared");
  if (spec_.user_namespace)
    map_ids();
  send_text(outside_.get(), "mapped");
  expect(outside_.get(), "root");
}

fake_holder::~fake_holder() {
  if (pid_ < 0)
    return;
  ::kill(pid_, SIGKILL);
  wait_for(pid_);
}

int fake_holder::pidfd() const {
  return pidfd_.get();
}

int fake_holder::userns() const {
  return userns_.get();
}

findings fake_holder::run_inside() {
  send_text(outside_.get(), "probe");
  auto found = findings{};
  auto lines = std::istringstream{receive_text(outside_.get())};
  for (auto line = std::string{}; std::getline(lines, line);)
    found[line.substr(0, line.find('='))] = line.substr(line.find('=') + 1);
  return found;
}

void fake_holder::start_by_zygote() {
  auto zygote = static_cast<pid_t>(must(::fork(), "fork"));
  if (zygote == 0)
    live(inside_.get(), [this] { be_zygote(); });
  auto answer = receive_text(outside_.get());
  wait_for(zygote);
  if (answer.front() == '!')
    throw std::runtime_error{"zygote: " + answer};
  pid_ = std::stoi(answer);
  send_text(outside_.get(), "start");
  inside_.reset();
}

void fake_holder::map_ids() {
  auto proc = "/proc/" + std::to_string(pid_);
  for (auto* name : {"/uid_map", "/gid_map"}) {
    auto file = std::ofstream{proc + name};
    file << "0 " << spec_.first_id << " 65536" << std::flush;
    if (!file)
      throw std::runtime_error{"cannot write " + proc + name};
  }
  userns_.reset(static_cast<int>(must(
      ::open((proc + "/ns/user").c_str(), O_RDONLY | O_CLOEXEC), "ns/user")));
}

void fake_holder::be_zygote() {
  outside_.reset();
  must(::unshare(CLONE_NEWNS), "unshare");
  must(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "private");
  must(::mount("minimal", "/tmp", "tmpfs", MS_NOSUID, "mode=755"), "tmpfs");
  must(::chdir("/tmp"), "chdir");
  for (auto* name : {"proc", "stage"})
    must(::mkdir(name, 0755), name);
  must(::syscall(SYS_pivot_root, ".", "."), "pivot_root");
  must(::umount2(".", MNT_DETACH), "umount");
  must(
      ::mount(nullptr, "/", nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr),
      "remount");

  // A sibling, so that the test reaps it and the zygote may go at once.
  auto args = clone_args{};
  args.flags = CLONE_NEWPID | CLONE_NEWNS | CLONE_PARENT;
  auto pid = must(::syscall(SYS_clone3, &args, sizeof(args)), "clone3");
  if (pid == 0)
    live(inside_.get(), [this] { be_holder(); });
  send_text(inside_.get(), std::to_string(pid));
  ::_exit(0);
}

void fake_holder::be_holder() {
  expect(inside_.get(), "start"); // not before the zygote told our pid
  must(::mount("proc", "/proc", "proc", 0, nullptr), "mount proc");
  auto spaces = CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWCGROUP;
  must(::unshare(spaces | (spec_.user_namespace ? CLONE_NEWUSER : 0)),
       "unshare");
  send_text(inside_.get(), "unshared");
  expect(inside_.get(), "mapped");
  must(::setgroups(0, nullptr), "setgroups");
  must(::setresgid(0, 0, 0), "setresgid");
  must(::setresuid(0, 0, 0), "setresuid");
  send_text(inside_.get(), "root");
  for (;;)
    serve();
}

void fake_holder::serve() {
  expect(inside_.get(), "probe");
  auto child = static_cast<pid_t>(must(::fork(), "fork"));
  if (child == 0)
    live(inside_.get(), [this] {
      // As after an exec: the child's /proc/self is its own.
      must(::prctl(PR_SET_DUMPABLE, 1), "dumpable");
      auto out = std::ostringstream{};
      spec_.inside(out);
      out << "end=reached\n";
      send_text(inside_.get(), out.str());
    });
  wait_for(child);
}

std::string in_broker(
    const std::function<std::string(const kernel::broker_namespace&)>& work) {
  auto pair = std::array<int, 2>{};
  must(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.data()),
       "socketpair");
  auto ours = unique_fd::adopt(pair[0]);
  auto theirs = unique_fd::adopt(pair[1]);
  auto pid = static_cast<pid_t>(must(::fork(), "fork"));
  if (pid == 0)
    live(theirs.get(), [&] {
      auto home = kernel::broker_namespace::enter();
      if (!home)
        throw std::runtime_error{to_string(home.error())};
      auto before = read_file("/proc/self/mountinfo");
      auto answer = work(*home);
      if (read_file("/proc/self/mountinfo") != before)
        answer += " and left mounts: " + read_file("/proc/self/mountinfo");
      send_text(theirs.get(), "=" + answer);
    });
  theirs.reset();
  auto answer = receive_text(ours.get());
  wait_for(pid);
  if (answer.empty())
    return "the broker died";
  return answer.front() == '=' ? answer.substr(1) : answer;
}

temp_image::temp_image() {
  auto name = (fs::temp_directory_path() / "reeve-image-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr)
    must(-1, "mkdtemp");
  top_ = name;
  fs::permissions(top_, fs::perms{0755});
  for (auto* dir : {"bin", "etc", "tmp", "var", "proc", "lib/deep"})
    fs::create_directories(layer() / dir);
  fs::copy_file("/bin/busybox", layer() / "bin/busybox");
  fs::create_symlink("busybox", layer() / "bin/sh");
  fs::create_directory_symlink("/tmp", layer() / "var/tmp");
  for (auto* file : {"etc/motd", "etc/passwd", "etc/user", "lib/deep/file"})
    std::ofstream{layer() / file} << file << '\n';
  must(::lchown((layer() / "etc/user").c_str(), 1000, 1000), "chown");
  fs::permissions(layer() / "etc/motd", fs::perms{0640});
}

temp_image::~temp_image() {
  auto error = std::error_code{};
  fs::remove_all(top_, error);
}

fs::path temp_image::layer() const {
  return top_ / "layer";
}

fs::path temp_image::new_upper(const std::string& name) const {
  fs::create_directory(top_ / name);
  return top_ / name;
}

std::string temp_image::snapshot() const {
  auto entries = std::vector<fs::path>{layer()};
  for (const auto& entry : fs::recursive_directory_iterator{layer()})
    entries.push_back(entry.path());
  auto out = std::ostringstream{};
  for (const auto& path : entries) {
    struct stat st = {};
    must(::lstat(path.c_str(), &st), path.c_str());
    out << path << ' ' << std::oct << st.st_mode << std::dec << ' ' << st.st_uid
        << ' ' << st.st_gid << ' ' << st.st_size << ' ' << st.st_mtim.tv_sec
        << '.' << st.st_mtim.tv_nsec << ' ' << st.st_ctim.tv_sec << '.'
        << st.st_ctim.tv_nsec << ' '
        << (S_ISREG(st.st_mode) && st.st_size < 4096 ? read_file(path) : "")
        << '\n';
  }
  return out.str();
}

std::string read_file(const std::string& path) {
  auto in = std::ifstream{path};
  return {std::istreambuf_iterator<char>{in}, {}};
}

std::string outcome(long returned) {
  return returned >= 0 ? "ok" : kernel::errno_name(errno);
}

kernel::stage_options stage_with(std::uint32_t id) {
  auto stage = kernel::stage_options{};
  stage.first_id = id;
  return stage;
}

kernel::root_options root_of(const temp_image& image, const std::string& upper,
                             std::uint32_t id) {
  auto root = kernel::root_options{};
  root.overlay.layers = {image.layer()};
  root.overlay.upper_parent = upper;
  root.overlay.first_id = id;
  root.overlay.writes = kernel::durability::throw_away;
  return root;
}

std::string set_up(const fake_holder& holder,
                   const kernel::stage_options& stage,
                   const kernel::root_options& root) {
  return in_broker([&](const kernel::broker_namespace& home) -> std::string {
    auto staged = kernel::prepare_stage(home, holder.pidfd(), stage);
    if (!staged)
      return to_string(staged.error());
    for (const auto& missing : staged->missing_hierarchies)
      return to_string(missing);
    auto attached =
        kernel::attach_root(home, holder.pidfd(), holder.userns(), root);
    return attached ? "" : to_string(attached.error());
  });
}

long try_open(const char* path, int flags) {
  auto fd = unique_fd::adopt(::open(path, flags | O_CLOEXEC, 0644));
  return fd.get();
}

std::string owner_of(const char* path) {
  struct stat st = {};
  if (::lstat(path, &st) < 0)
    return outcome(-1);
  return std::to_string(st.st_uid) + ":" + std::to_string(st.st_gid);
}

} // namespace reeve::test
