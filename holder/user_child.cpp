// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// The child between fork and exec. Its parent, PID 1, is single-threaded, so
// memory may be allocated here; but every path below is the container's and
// may hang, point anywhere or lie. That harms this child alone: the parent
// waits for nothing, and whatever is resolved here is resolved with the
// container's root as its root.

#include "holder/user_child.hpp"

#include "holder/descriptors.hpp"
#include "holder/privileges.hpp"

#include <fcntl.h>
#include <grp.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <string_view>

namespace reeve::holder {

namespace {

using kernel::unique_fd;
using kernel::holder::spawn_step;
using kernel::holder::stdio_mode;

constexpr const char* default_path =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

constexpr const char* passwd_file = "/etc/passwd";
constexpr const char* group_file = "/etc/group";

/// Means "leave it" to setresuid(2) and its kind: not an id.
constexpr auto no_id = static_cast<std::uint32_t>(-1);

struct identity {
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;
  std::string home = "/";
};

bool parse_number(std::string_view text, std::uint32_t& into) {
  auto [end, err] =
      std::from_chars(text.data(), text.data() + text.size(), into);
  return err == std::errc{} && end == text.data() + text.size()
         && !text.empty();
}

/// Lines of a colon-separated file such as /etc/passwd, which need not be
/// there. Not with stdio, whose pages a child that was just forked would be the
/// first to touch: that took longer than the reading.
class table {
public:
  explicit table(const char* path)
      : file_(unique_fd::adopt(::open(path, O_RDONLY | O_CLOEXEC))) {
    if (!file_)
      note(errno);
  }

  /// Why it may have more lines than were read; 0: it has not.
  [[nodiscard]] int error() const {
    return error_;
  }

  /// The fields are good until the next call.
  bool next(std::vector<std::string_view>& fields) {
    if (!read_line())
      return false;
    std::string_view rest{line_};
    fields.clear();
    for (;;) {
      auto colon = rest.find(':');
      fields.push_back(rest.substr(0, colon));
      if (colon == std::string_view::npos)
        return true;
      rest.remove_prefix(colon + 1);
    }
  }

private:
  /// The last one need not have an end.
  bool read_line() {
    line_.clear();
    while (!rest_.empty() || fill()) {
      auto end = rest_.find('\n');
      line_ += rest_.substr(0, end);
      rest_.remove_prefix(std::min(end, rest_.size() - 1) + 1);
      if (end != std::string_view::npos)
        return true;
    }
    return !line_.empty();
  }

  bool fill() {
    auto size = ssize_t{-1};
    if (file_)
      do {
        size = ::read(file_.get(), chunk_.data(), chunk_.size());
      } while (size < 0 && errno == EINTR);
    if (file_ && size < 0)
      note(errno);
    if (size > 0)
      rest_ = {chunk_.data(), static_cast<std::size_t>(size)};
    return size > 0;
  }

  // What the container has in this place may be no file at all: no table.
  void note(int code) {
    constexpr std::array no_file{ENOENT, ENOTDIR, ELOOP, EACCES, EISDIR, ENXIO};
    if (std::ranges::find(no_file, code) == no_file.end())
      error_ = code;
  }

  unique_fd file_;
  int error_ = 0;
  std::array<char, 1024> chunk_; // the kernel writes first
  std::string_view rest_;        ///< of the chunk
  std::string line_;
};

class child {
public:
  child(child_plan& plan, int parent) : plan_(plan), parent_(parent) {}

  [[noreturn]] void run() {
    join_cgroups();
    unblock_signals();
    connect_stdio();
    connect_ready();
    close_descriptors();
    if (::setsid() < 0)
      fail(spawn_step::session, {});
    // From here on paths are the container's.
    if (plan_.order.stdio == stdio_mode::tty)
      open_terminal();
    auto who = resolve_user();
    set_rlimits();
    give_pipes_to(who);
    drop_privileges(who);
    change_directory();
    prepare_environment(who);
    execute();
  }

private:
  [[noreturn]] void fail(spawn_step step, std::string_view subject) {
    child_note note{child_note::kind::failed, step, errno, {}};
    subject = subject.substr(0, sizeof(note.subject) - 1);
    std::copy(subject.begin(), subject.end(), note.subject);
    (void)::send(parent_, &note, sizeof(note), MSG_NOSIGNAL);
    ::_exit(127);
  }

  void join_cgroups() {
    for (auto& file : plan_.join) {
      if (::write(file.get(), "0", 1) != 1)
        fail(spawn_step::join_cgroup, {});
      file.reset();
    }
  }

  // What signals do is PID 1's own from its birth: the default.
  static void unblock_signals() {
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
  }

  // What the order leaves out stays PID 1's own: the /dev/null that it opened
  // before anything of the container ran, whatever the path leads to by now.
  void connect_stdio() {
    unique_fd* ends[] = {&plan_.stdin_end, &plan_.stdout_end,
                         &plan_.stderr_end};
    for (auto fd = 0; fd < 3; ++fd) {
      auto from = ends[fd]->release(); // its number is closed with all others
      if (from < 0)
        continue;
      is_pipe_[static_cast<std::size_t>(fd)] =
          plan_.order.stdio == stdio_mode::pipes;
      if (::dup2(from, fd) < 0)
        fail(spawn_step::stdio, {});
    }
  }

  // Whatever else has that number is closed with all others anyway, but for
  // our way to PID 1.
  void connect_ready() {
    if (!plan_.ready_end)
      return;
    const auto wanted = static_cast<int>(plan_.order.ready_fd);
    if (parent_ == wanted)
      parent_ = ::fcntl(parent_, F_DUPFD_CLOEXEC, wanted + 1);
    auto from = plan_.ready_end.release();
    auto there =
        from == wanted ? ::fcntl(from, F_SETFD, 0) : ::dup2(from, wanted);
    if (parent_ < 0 || there < 0)
      fail(spawn_step::stdio, "descriptor of readiness");
    ready_ = wanted;
  }

  void close_descriptors() {
    if (!close_all_but({0, 1, 2, parent_, ready_}))
      fail(spawn_step::stdio, "close what is PID 1's");
  }

  // The container may have replaced anything under /dev: take only a real
  // ptmx of a devpts, reached without a symlink.
  void open_terminal() {
    auto master = unique_fd::adopt(
        ::open("/dev/pts/ptmx",
               O_RDWR | O_NOCTTY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    struct statfs fs {};
    if (!master || ::fstatfs(master.get(), &fs) != 0)
      fail(spawn_step::terminal, "/dev/pts/ptmx");
    if (fs.f_type != DEVPTS_SUPER_MAGIC) {
      errno = ENODEV;
      fail(spawn_step::terminal, "/dev/pts/ptmx");
    }
    auto unlock = 0;
    if (::ioctl(master.get(), TIOCSPTLCK, &unlock) != 0)
      fail(spawn_step::terminal, "TIOCSPTLCK");
    winsize size{plan_.order.rows, plan_.order.cols, 0, 0};
    (void)::ioctl(master.get(), TIOCSWINSZ, &size);
    slave_ = unique_fd::adopt(
        ::ioctl(master.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
    if (!slave_)
      fail(spawn_step::terminal, "TIOCGPTPEER");
    hand_over(master.get());
    if (::ioctl(slave_.get(), TIOCSCTTY, 0) != 0)
      fail(spawn_step::terminal, "TIOCSCTTY");
    for (auto fd = 0; fd < 3; ++fd)
      if (::dup2(slave_.get(), fd) < 0)
        fail(spawn_step::stdio, {});
  }

  void hand_over(int master) {
    child_note note{child_note::kind::terminal, spawn_step::terminal, 0, {}};
    iovec part{&note, sizeof(note)};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
    msghdr msg{};
    msg.msg_iov = &part;
    msg.msg_iovlen = 1;
    msg.msg_control = control.data();
    msg.msg_controllen = control.size();
    auto* c = CMSG_FIRSTHDR(&msg);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(c), &master, sizeof(int));
    if (::sendmsg(parent_, &msg, MSG_NOSIGNAL) < 0)
      fail(spawn_step::terminal, "hand over the master");
  }

  identity resolve_user() {
    identity who;
    std::string_view text = plan_.order.user;
    auto colon = text.find(':');
    auto user = text.substr(0, colon);
    auto group = colon == std::string_view::npos ? std::string_view{}
                                                 : text.substr(colon + 1);
    std::string name;
    auto known = find_user(user.empty() ? "0" : user, who, name);
    // An image need not have a passwd file for root to be root.
    if (!known && user != "root" && !parse_number(user, who.uid)) {
      errno = ENOENT;
      fail(spawn_step::resolve_user, user);
    }
    if (!group.empty() && !find_group(group, who.gid)) {
      errno = ENOENT;
      fail(spawn_step::resolve_user, group);
    }
    if (who.uid == no_id || who.gid == no_id) {
      errno = EINVAL;
      fail(spawn_step::resolve_user, text);
    }
    if (!name.empty())
      add_member_groups(name, who);
    for (const auto& extra : plan_.order.groups) {
      gid_t gid = 0;
      if (!find_group(extra, gid)) {
        errno = ENOENT;
        fail(spawn_step::resolve_user, extra);
      }
      who.groups.push_back(gid);
    }
    return who;
  }

  bool find_user(std::string_view wanted, identity& who, std::string& name) {
    table passwd{passwd_file};
    std::vector<std::string_view> row;
    std::uint32_t number = 0;
    auto by_number = parse_number(wanted, number);
    while (passwd.next(row)) {
      std::uint32_t uid = 0;
      std::uint32_t gid = 0;
      if (row.size() < 6 || !parse_number(row[2], uid)
          || !parse_number(row[3], gid))
        continue;
      // A number is never a name, whatever the image's file says.
      if (by_number ? uid != number : row[0] != wanted)
        continue;
      who.uid = uid;
      who.gid = gid;
      name = row[0];
      if (!row[5].empty())
        who.home = row[5];
      return true;
    }
    check(passwd, passwd_file);
    return false;
  }

  bool find_group(std::string_view wanted, gid_t& gid) {
    std::uint32_t number = 0;
    if (parse_number(wanted, number)) {
      gid = number;
      return true;
    }
    table group{group_file};
    std::vector<std::string_view> row;
    while (group.next(row))
      if (row.size() >= 3 && row[0] == wanted && parse_number(row[2], gid))
        return true;
    check(group, group_file);
    return false;
  }

  void add_member_groups(std::string_view name, identity& who) {
    table group{group_file};
    std::vector<std::string_view> row;
    while (group.next(row)) {
      std::uint32_t gid = 0;
      if (row.size() < 4 || !parse_number(row[2], gid))
        continue;
      auto members = row[3];
      while (!members.empty()) {
        auto comma = members.find(',');
        if (members.substr(0, comma) == name)
          who.groups.push_back(gid);
        if (comma == std::string_view::npos)
          break;
        members.remove_prefix(comma + 1);
      }
    }
    check(group, group_file);
  }

  // Else he would run as somebody else, or without his groups.
  void check(const table& read, const char* path) {
    if (read.error() == 0)
      return;
    errno = read.error();
    fail(spawn_step::resolve_user, path);
  }

  // Those that PID 1 has are higher, for the sake of who asks for such.
  void set_rlimits() {
    auto wanted = plan_.rlimits;
    for (const auto& entry : plan_.order.rlimits)
      if (entry.resource < wanted.size())
        wanted[entry.resource] = {entry.soft, entry.hard};
    for (auto i = 0U; i < wanted.size(); ++i)
      if (!set_rlimit(i, wanted[i]))
        fail(spawn_step::set_rlimit, kernel::rlimit_name(i)
                                         + std::string{" to "}
                                         + kernel::to_string(wanted[i]));
  }

  // As a member of the container it may have been given a lower one meanwhile,
  // from outside: that one holds.
  bool set_rlimit(unsigned number, rlimit wanted) {
    auto resource = static_cast<__rlimit_resource>(number);
    for (;;) {
      if (::prlimit(0, resource, &wanted, nullptr) == 0)
        return true;
      auto code = errno;
      rlimit now{};
      if (code != EPERM || ::prlimit(0, resource, nullptr, &now) != 0
          || now.rlim_max >= plan_.inherited[number].rlim_max
          || now.rlim_max >= wanted.rlim_max) {
        errno = code;
        return false;
      }
      wanted.rlim_max = now.rlim_max;
      wanted.rlim_cur = std::min(wanted.rlim_cur, wanted.rlim_max);
    }
  }

  // A pipe belongs to whoever made it: without the chown a program of another
  // user could not re-open /dev/stdout.
  void give_pipes_to(const identity& who) {
    for (auto fd = 0; fd < 3; ++fd)
      if (is_pipe_[static_cast<std::size_t>(fd)]
          && ::fchown(fd, who.uid, who.gid) != 0)
        fail(spawn_step::stdio, "chown to " + std::to_string(who.uid) + ":"
                                    + std::to_string(who.gid));
  }

  void drop_privileges(const identity& who) {
    if (plan_.order.umask != kernel::holder::no_umask)
      ::umask(plan_.order.umask);
    else
      ::umask(022);
    if (slave_ && ::fchown(slave_.get(), who.uid, static_cast<gid_t>(-1)) != 0)
      fail(spawn_step::terminal, "chown");
    slave_.reset();
    const auto wanted = plan_.order.capabilities;
    if (!drop_from_bounding_set(plan_.bounding_set, wanted))
      fail(spawn_step::set_capabilities, "bounding set");
    if (::setgroups(who.groups.size(), who.groups.data()) != 0)
      fail(spawn_step::set_groups, {});
    if (plan_.order.no_new_privs
        && ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
      fail(spawn_step::set_seccomp, "no_new_privs");
    // Before the ids: without no_new_privs it needs rights.
    if (!plan_.clone3_guard.empty() && !install_filter(plan_.clone3_guard))
      fail(spawn_step::set_seccomp, "clone3 guard");
    if (::setresgid(who.gid, who.gid, who.gid) != 0)
      fail(spawn_step::set_user, std::to_string(who.gid));
    stay_closed();
    if (::setresuid(who.uid, who.uid, who.uid) != 0)
      fail(spawn_step::set_user, std::to_string(who.uid));
    stay_closed();
    if (!keep_capabilities(who.uid == 0 ? wanted : 0))
      fail(spawn_step::set_capabilities, {});
  }

  // A change of ids sets what fs.suid_dumpable says, which may be 1: then
  // others of this user could read PID 1's memory out of us until exec.
  void stay_closed() {
    if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
      fail(spawn_step::set_user, "stay undumpable");
  }

  // As the user, so that a directory he may not enter is refused. getcwd
  // proves that the place is inside the container's root.
  void change_directory() {
    const auto& cwd =
        plan_.order.cwd.empty() ? std::string{"/"} : plan_.order.cwd;
    if (::chdir(cwd.c_str()) != 0)
      fail(spawn_step::change_directory, cwd);
    std::array<char, 4096> seen{};
    if (::syscall(SYS_getcwd, seen.data(), seen.size()) < 0 || seen[0] != '/') {
      errno = ENOENT;
      fail(spawn_step::change_directory, cwd);
    }
  }

  void prepare_environment(const identity& who) {
    auto has = [this](std::string_view key) {
      return std::any_of(plan_.order.env.begin(), plan_.order.env.end(),
                         [key](const std::string& item) {
                           return item.size() > key.size()
                                  && item.starts_with(key)
                                  && item[key.size()] == '=';
                         });
    };
    auto& env = plan_.order.env;
    if (!has("PATH"))
      env.push_back(std::string{"PATH="} + default_path);
    if (!has("HOME"))
      env.push_back("HOME=" + who.home);
    if (plan_.order.stdio == stdio_mode::tty && !has("TERM"))
      env.emplace_back("TERM=xterm");
  }

  static std::vector<char*> pointers(std::vector<std::string>& list) {
    std::vector<char*> out;
    out.reserve(list.size() + 1);
    for (auto& item : list)
      out.push_back(item.data());
    out.push_back(nullptr);
    return out;
  }

  [[noreturn]] void execute() {
    auto argv = pointers(plan_.order.argv);
    auto envp = pointers(plan_.order.env);
    const auto& name = plan_.order.argv.front();
    if (name.find('/') != std::string::npos) {
      ::execve(name.c_str(), argv.data(), envp.data());
      fail(spawn_step::execute, name);
    }
    search_path(name, argv, envp);
  }

  // As execvp(3), but with the container's PATH and no fall-back to a shell:
  // a file that exists but cannot run wins over one that is missing.
  [[noreturn]] void search_path(const std::string& name,
                                std::vector<char*>& argv,
                                std::vector<char*>& envp) {
    std::string_view path;
    for (const auto& item : plan_.order.env)
      if (item.starts_with("PATH="))
        path = std::string_view{item}.substr(5);
    auto worst = ENOENT;
    while (!path.empty()) {
      auto colon = path.find(':');
      auto dir = std::string{path.substr(0, colon)};
      auto candidate = (dir.empty() ? "." : dir) + "/" + name;
      ::execve(candidate.c_str(), argv.data(), envp.data());
      if (errno != ENOENT && errno != ENOTDIR)
        worst = errno;
      if (errno != ENOENT && errno != ENOTDIR && errno != EACCES)
        break;
      if (colon == std::string_view::npos)
        break;
      path.remove_prefix(colon + 1);
    }
    errno = worst;
    fail(spawn_step::execute, name);
  }

  child_plan& plan_;
  int parent_;
  int ready_ = -1;
  unique_fd slave_;
  std::array<bool, 3> is_pipe_{};
};

} // namespace

void become_program(child_plan& plan, int parent) {
  child{plan, parent}.run();
}

} // namespace reeve::holder
