// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// probe: what busybox cannot try from inside a container. Static, so that it
// runs in any root. Each attempt prints one line, `what: OK` or `what: ERRNO`;
// the exit status is 0 if the probe itself worked, whatever the kernel said.

#include "tests/support/lingering_connection.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <vector>

namespace {

void say(const std::string& what, long answer) {
  auto code = errno;
  std::printf("%s: %s\n", what.c_str(),
              answer >= 0 ? "OK" : ::strerrorname_np(code));
  std::fflush(stdout);
}

void try_open(const std::string& path, int flags, const std::string& as = {}) {
  auto fd = ::open(path.c_str(), flags | O_CLOEXEC | O_NONBLOCK);
  say(as.empty() ? "open " + path : as, fd);
  if (fd >= 0)
    ::close(fd);
}

std::string read_file(const std::string& path) {
  std::ifstream in{path};
  return {std::istreambuf_iterator<char>{in}, {}};
}

// -- on another process -------------------------------------------------------

void try_memory(pid_t pid) {
  char byte = 0;
  iovec here{&byte, 1};
  iovec there{reinterpret_cast<void*>(0x400000), 1};
  say("process_vm_readv", ::process_vm_readv(pid, &here, 1, &there, 1, 0));
  say("process_vm_writev", ::process_vm_writev(pid, &here, 1, &there, 1, 0));
  say("ptrace seize", ::ptrace(PTRACE_SEIZE, pid, nullptr, nullptr));
}

void try_descriptors(pid_t pid) {
  auto pidfd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  if (pidfd < 0) {
    say("pidfd_open", pidfd);
    return;
  }
  auto got = 0;
  auto last = 0;
  for (auto fd = 0; fd < 64; ++fd) {
    auto mine = ::syscall(SYS_pidfd_getfd, pidfd, fd, 0);
    last = errno;
    if (mine >= 0 || last == EBADF)
      ++got;
  }
  errno = last;
  say("pidfd_getfd", got != 0 ? 0 : -1);
  ::close(pidfd);
}

// Everything that would give a process's inside away.
void attack(pid_t pid) {
  auto dir = "/proc/" + std::to_string(pid) + "/";
  for (const auto* name : {"mem", "environ", "maps", "auxv", "syscall", "stack",
                           "pagemap", "personality"})
    try_open(dir + name, O_RDONLY, std::string{"read "} + name);
  try_open(dir + "mem", O_RDWR, "write mem");
  try_open(dir + "exe", O_RDONLY, "open exe");
  try_open(dir + "root", O_PATH | O_DIRECTORY, "open root");
  try_open(dir + "cwd", O_PATH | O_DIRECTORY, "open cwd");
  try_open(dir + "fd", O_RDONLY | O_DIRECTORY, "open fd");
  for (auto fd : {0, 1, 2, 3, 4, 5, 9})
    try_open(dir + "fd/" + std::to_string(fd), O_PATH,
             "open fd/" + std::to_string(fd));
  try_open(dir + "map_files", O_RDONLY | O_DIRECTORY, "open map_files");
  for (const auto* name : {"mnt", "user", "pid", "time", "cgroup"})
    try_open(dir + "ns/" + name, O_RDONLY, std::string{"open ns/"} + name);
  try_memory(pid);
  try_descriptors(pid);
  say("kcmp", ::syscall(SYS_kcmp, ::getpid(), pid, KCMP_FILES, 0, 0));
}

// The child of PID 1 between fork and exec, which still bears its name.
int attack_newborn() {
  auto own = ::getpid();
  auto* dir = ::opendir("/proc");
  if (dir == nullptr)
    return 1;
  pid_t found = 0;
  while (auto* item = ::readdir(dir)) {
    auto pid = std::atoi(item->d_name);
    if (pid > 1 && pid != own
        && read_file("/proc/" + std::to_string(pid) + "/comm")
               == "reeve-holder\n")
      found = pid;
  }
  ::closedir(dir);
  if (found == 0) {
    std::puts("no newborn");
    return 1;
  }
  std::printf("newborn: found\n");
  attack(found);
  return 0;
}

// -- system calls -------------------------------------------------------------

void try_system_calls() {
  say("mount tmpfs", ::mount("x", "/tmp", "tmpfs", 0, nullptr));
  say("mount proc", ::mount("x", "/tmp", "proc", 0, nullptr));
  say("mount bind", ::mount("/bin", "/tmp", nullptr, MS_BIND, nullptr));
  say("remount /",
      ::mount(nullptr, "/", nullptr, MS_REMOUNT | MS_BIND, nullptr));
  say("umount /proc", ::umount2("/proc", MNT_DETACH));
  say("umount /proc/keys", ::umount2("/proc/keys", MNT_DETACH));
  say("open_tree", ::syscall(SYS_open_tree, AT_FDCWD, "/", OPEN_TREE_CLONE));
  say("fsopen", ::syscall(SYS_fsopen, "tmpfs", 0));
  say("pivot_root", ::syscall(SYS_pivot_root, "/tmp", "/tmp"));
  say("unshare mount", ::unshare(CLONE_NEWNS));
  say("unshare user", ::unshare(CLONE_NEWUSER));
  say("unshare net", ::unshare(CLONE_NEWNET));
  say("setns", ::setns(-1, 0));
  say("keyctl", ::syscall(SYS_keyctl, 0 /* GET_KEYRING_ID */, -3, 0, 0, 0));
  say("add_key", ::syscall(SYS_add_key, "user", "a", "b", 1, -3));
  say("bpf", ::syscall(SYS_bpf, 0, nullptr, 0));
  say("perf_event_open", ::syscall(SYS_perf_event_open, nullptr, 0, -1, -1, 0));
  say("userfaultfd", ::syscall(SYS_userfaultfd, 0));
  say("kexec_load", ::syscall(SYS_kexec_load, 0, 0, nullptr, 0));
  say("init_module", ::syscall(SYS_init_module, nullptr, 0, ""));
  say("open_by_handle_at",
      ::syscall(SYS_open_by_handle_at, AT_FDCWD, nullptr, 0));
  say("reboot", ::syscall(SYS_reboot, 0xfee1dead, 672274793, 0, nullptr));
  say("swapoff", ::syscall(SYS_swapoff, "/none"));
  timespec now{0, 0};
  say("clock_settime", ::syscall(SYS_clock_settime, 0, &now));
  say("sethostname", ::sethostname("x", 1));
}

void try_nodes() {
  auto make = [](const char* name, mode_t kind, unsigned major,
                 unsigned minor) {
    ::unlink("/tmp/node");
    auto made = ::mknod("/tmp/node", kind | 0666U, makedev(major, minor));
    if (made == 0)
      made = ::open("/tmp/node", O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    say(name, made);
    ::unlink("/tmp/node");
  };
  make("block 7:0", S_IFBLK, 7, 0);
  make("block 8:0", S_IFBLK, 8, 0);
  make("block 254:0", S_IFBLK, 254, 0);
  make("char 1:1 mem", S_IFCHR, 1, 1);
  make("char 1:11 kmsg", S_IFCHR, 1, 11);
  make("char 10:200 tun", S_IFCHR, 10, 200);
  make("char 10:229 fuse", S_IFCHR, 10, 229);
}

// -- a mount namespace of one's own -------------------------------------------

// Only with CAP_SYS_ADMIN and without a filter: what then still holds.
int lift(const std::vector<std::string>& masked,
         const std::vector<std::string>& read_only) {
  if (::unshare(CLONE_NEWNS) != 0) {
    say("unshare mount", -1);
    return 0;
  }
  say("unshare mount", 0);
  for (const auto& path : masked)
    say("umount " + path, ::umount2(path.c_str(), MNT_DETACH));
  for (const auto& path : read_only) {
    say("umount " + path, ::umount2(path.c_str(), MNT_DETACH));
    say("remount " + path,
        ::mount(nullptr, path.c_str(), nullptr, MS_REMOUNT | MS_BIND, nullptr));
    struct {
      std::uint64_t set = 0;
      std::uint64_t clear = 1; // MOUNT_ATTR_RDONLY
      std::uint64_t propagation = 0;
      std::uint64_t userns = 0;
    } attr;
    say("mount_setattr " + path,
        ::syscall(SYS_mount_setattr, AT_FDCWD, path.c_str(), 0, &attr,
                  sizeof(attr)));
    // A copy is as read-only, and stays so.
    if (::mount(path.c_str(), "/tmp", nullptr, MS_BIND, nullptr) == 0) {
      say("remount copy of " + path,
          ::mount(nullptr, "/tmp", nullptr, MS_REMOUNT | MS_BIND, nullptr));
      ::umount2("/tmp", MNT_DETACH);
    }
  }
  // Without what is mounted below, it would show what that hides.
  say("bind /proc", ::mount("/proc", "/tmp", nullptr, MS_BIND, nullptr));
  say("mount proc", ::mount("proc", "/tmp", "proc", 0, nullptr));
  say("mount sysfs", ::mount("sysfs", "/tmp", "sysfs", 0, nullptr));
  return 0;
}

// -- the rest -----------------------------------------------------------------

int connect_to(const char* path) {
  auto fd = ::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  std::snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
  say(std::string{"connect "} + path,
      ::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof(to)));
  ::close(fd);
  return 0;
}

int connect_to_limits() {
  auto fd = ::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  std::strcpy(to.sun_path, "/dev/reeve-limits");
  if (::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof(to)) != 0)
    say("connect", -1);
  return fd;
}

// Asks so many times over one connection; how long that took, in ms.
int ask_limits(int times) {
  auto fd = connect_to_limits();
  timespec begin{};
  timespec end{};
  ::clock_gettime(CLOCK_MONOTONIC, &begin);
  for (auto i = 0; i < times; ++i) {
    char answer[65536];
    if (::send(fd, "limits", 6, MSG_NOSIGNAL) != 6
        || ::recv(fd, answer, sizeof(answer), 0) <= 0)
      return say("ask", -1), 1;
  }
  ::clock_gettime(CLOCK_MONOTONIC, &end);
  std::printf("%ld\n", (end.tv_sec - begin.tv_sec) * 1000
                           + (end.tv_nsec - begin.tv_nsec) / 1'000'000);
  return 0;
}

// Keeps so many connections: of each kind of those that say nothing, watch and
// do not read, and ask on and on without reading.
int crowd_limits(int count) {
  std::vector<int> asking;
  for (auto i = 0; i < count; ++i) {
    auto fd = connect_to_limits();
    if (i % 3 == 1)
      ::send(fd, "watch", 5, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (i % 3 == 2)
      asking.push_back(fd);
  }
  std::puts("there");
  std::fflush(stdout);
  for (;;) {
    for (auto fd : asking)
      ::send(fd, "limits", 6, MSG_NOSIGNAL | MSG_DONTWAIT);
    ::usleep(1000);
  }
}

// So many watch. How many were told, and of those beyond the first 24 and of
// these how many were hung up on; and stays.
int watch_limits(std::size_t count) {
  constexpr auto most = std::size_t{24};
  std::vector<int> all;
  auto told = 0;
  auto left = 0;
  auto kept = 0;
  char answer[65536];
  for (auto i = std::size_t{0}; i < count; ++i) {
    all.push_back(connect_to_limits());
    ::send(all.back(), "watch", 5, MSG_NOSIGNAL);
    told += ::recv(all.back(), answer, sizeof(answer), 0) > 0 ? 1 : 0;
  }
  for (auto i = most; i < count; ++i)
    left += ::recv(all[i], answer, sizeof(answer), 0) == 0 ? 1 : 0;
  for (auto i = std::size_t{0}; i < most; ++i)
    kept += ::recv(all[i], answer, sizeof(answer), MSG_DONTWAIT) != 0 ? 1 : 0;
  std::printf("told %d, left %d, kept %d\n", told, left, kept);
  std::fflush(stdout);
  for (;;)
    ::pause();
}

// Asks so many times, each with a descriptor that takes long to be closed; and
// stays.
int poison_limits(int count) {
  auto slow = reeve::tests::lingering_connection::make(std::chrono::hours{1});
  if (!slow)
    return say("connect", -1), 1;
  std::vector<int> all;
  auto sent = 0;
  for (auto i = 0; i < count; ++i) {
    all.push_back(connect_to_limits());
    auto fd = slow->closes_slowly.get();
    sent += reeve::tests::send_with(all.back(), "limits", fd) > 0 ? 1 : 0;
  }
  std::printf("sent %d\n", sent);
  std::fflush(stdout);
  if (sent > 0)
    slow->closes_slowly.reset();
  for (;;)
    ::pause();
}

// As `bash -c` sees it: its own descriptors and where they lead.
int list_descriptors() {
  for (auto fd = 0; fd < 1024; ++fd) {
    char target[4096];
    auto path = "/proc/self/fd/" + std::to_string(fd);
    auto size = ::readlink(path.c_str(), target, sizeof(target));
    if (size > 0)
      std::printf("%d %.*s\n", fd, static_cast<int>(size), target);
  }
  return 0;
}

// CVE-2019-5736: a writer of /proc/N/exe that waits for it not to be busy.
int overwrite(const char* exe) {
  auto path = ::open(exe, O_PATH | O_CLOEXEC);
  say("open path", path);
  auto fd = ::open(exe, O_WRONLY | O_TRUNC | O_CLOEXEC);
  say("open for writing", fd);
  if (path >= 0) {
    auto again = "/proc/self/fd/" + std::to_string(path);
    auto second = ::open(again.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC);
    say("reopen for writing", second);
  }
  return 0;
}

// Allocates and touches so many MiB, says so and waits.
int allocate(int mib) {
  for (auto i = 0; i < mib; ++i) {
    auto* block = static_cast<char*>(std::malloc(1U << 20U));
    if (block == nullptr)
      return 1;
    std::memset(block, i + 1, 1U << 20U);
  }
  std::puts("allocated");
  std::fflush(stdout);
  for (;;)
    ::pause();
}

// A fork bomb that stays at its limit until it is killed.
int bomb() {
  std::signal(SIGCHLD, SIG_IGN);
  auto said = false;
  for (;;) {
    auto pid = ::fork();
    if (pid == 0)
      continue; // the child goes on forking
    if (pid < 0 && !said) {
      said = true;
      std::printf("fork: %s\n", ::strerrorname_np(errno));
      std::fflush(stdout);
    }
    if (pid < 0)
      ::sched_yield();
  }
}

// The session keyring: shared with everybody who was born in its session.
int name_keyring() {
  constexpr auto get_keyring_id = 0;
  constexpr auto session_keyring = -3;
  auto id = ::syscall(SYS_keyctl, get_keyring_id, session_keyring, 0);
  if (id < 0)
    say("keyring", id);
  else
    std::printf("keyring: %ld\n", id);
  return 0;
}

// Spends so many milliseconds of processor time, sleeps for 300 ms, and again.
int work(int ms) {
  for (;;) {
    auto until = std::clock() + ms * (CLOCKS_PER_SEC / 1000);
    while (std::clock() < until)
      ;
    ::usleep(300'000);
  }
}

// Takes so many huge pages of 2 MiB, and says so of each.
int take_huge_pages(int count) {
  constexpr auto size = std::size_t{2} << 20U;
  for (auto i = 1; i <= count; ++i) {
    auto* page = ::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
    if (page == MAP_FAILED)
      return say("mmap", -1), 1;
    std::memset(page, i, size);
    std::printf("%d\n", i);
    std::fflush(stdout);
  }
  return 0;
}

// Becomes a real-time task, says so, and works for ever.
int work_in_real_time() {
  sched_param lowest{};
  lowest.sched_priority = 1;
  if (::sched_setscheduler(0, SCHED_FIFO, &lowest) != 0)
    return say("sched_setscheduler", -1), 1;
  std::puts("ready");
  std::fflush(stdout);
  for (;;) {
  }
}

// Makes a file past the page cache, says so, and reads or writes it so for
// ever, a block after the other.
int work_disk(const char* path, bool writes, std::size_t block) {
  constexpr auto size = std::size_t{16} << 20U;
  auto fd = ::open(path, O_RDWR | O_CREAT | O_DIRECT | O_CLOEXEC, 0600);
  auto* buffer = std::aligned_alloc(4096, size);
  if (fd < 0 || buffer == nullptr)
    return say("open", fd), 1;
  std::memset(buffer, 'x', size);
  if (::pwrite(fd, buffer, size, 0) != static_cast<ssize_t>(size))
    return say("write", -1), 1;
  std::puts("ready");
  std::fflush(stdout);
  for (auto at = std::size_t{0};; at = (at + block) % size) {
    auto where = static_cast<off_t>(at);
    auto done = writes ? ::pwrite(fd, buffer, block, where)
                       : ::pread(fd, buffer, block, where);
    if (done != static_cast<ssize_t>(block))
      return say("go on", -1), 1;
  }
}

int usage() {
  std::fputs("probe attack PID | newborn | syscalls | nodes | fds | keyring |\n"
             "      lift MASKED... -- READONLY... | connect PATH |\n"
             "      overwrite EXE | allocate MIB | bomb | open PATH r|w |\n"
             "      kill PID SIGNAL | work MS | disk r|w FILE KIB |\n"
             "      huge PAGES | realtime |\n"
             "      limits ask|crowd|watch|poison COUNT\n",
             stderr);
  return 64;
}

} // namespace

int main(int argc, char** argv) {
  std::vector<std::string> args(argv + 1, argv + argc);
  if (args.empty())
    return usage();
  const auto& verb = args[0];
  if (verb == "newborn")
    return attack_newborn();
  if (verb == "syscalls")
    return try_system_calls(), 0;
  if (verb == "nodes")
    return try_nodes(), 0;
  if (verb == "realtime")
    return work_in_real_time();
  if (verb == "keyring")
    return name_keyring();
  if (verb == "fds")
    return list_descriptors();
  if (verb == "bomb")
    return bomb();
  if (args.size() < 2)
    return usage();
  if (verb == "attack")
    return attack(std::atoi(args[1].c_str())), 0;
  if (verb == "connect")
    return connect_to(args[1].c_str());
  if (verb == "overwrite")
    return overwrite(args[1].c_str());
  if (verb == "work")
    return work(std::atoi(args[1].c_str()));
  if (verb == "huge")
    return take_huge_pages(std::atoi(args[1].c_str()));
  if (verb == "allocate")
    return allocate(std::atoi(args[1].c_str()));
  if (verb == "limits" && args.size() == 3) {
    auto count = std::atoi(args[2].c_str());
    return args[1] == "ask"      ? ask_limits(count)
           : args[1] == "watch"  ? watch_limits(std::size_t(count))
           : args[1] == "poison" ? poison_limits(count)
                                 : crowd_limits(count);
  }
  if (verb == "lift") {
    std::vector<std::string> lists[2];
    auto which = 0;
    for (std::size_t i = 1; i < args.size(); ++i)
      if (args[i] == "--")
        which = 1;
      else
        lists[which].push_back(args[i]);
    return lift(lists[0], lists[1]);
  }
  if (args.size() < 3)
    return usage();
  if (verb == "open")
    return try_open(args[1], args[2] == "w" ? O_WRONLY : O_RDONLY), 0;
  if (verb == "kill")
    return say("kill",
               ::kill(std::atoi(args[1].c_str()), std::atoi(args[2].c_str()))),
           0;
  if (verb == "disk" && args.size() == 4)
    return work_disk(args[2].c_str(), args[1] == "w",
                     std::stoul(args[3]) << 10U);
  return usage();
}
