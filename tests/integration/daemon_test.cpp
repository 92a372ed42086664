// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// What `reeved` promises to those around it: service manager, log, signals.

#include "actors/unix_socket.hpp"
#include "supervisor/version.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/daemon_process.hpp"
#include "tests/support/instance.hpp"
#include "tests/support/kernel_view.hpp"
#include "tests/support/memory_file.hpp"
#include "tests/support/patience.hpp"
#include "tests/support/temp_directory.hpp"

#include <nlohmann/json.hpp>

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

using namespace reeve::tests;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::StartsWith;
using nlohmann::json;
using reeve::kernel::unique_fd;

namespace fs = std::filesystem;

namespace {

std::string socket_of(const daemon_process& daemon) {
  return daemon.root() + "/run/reeved.sock";
}

daemon_options logging_to(const std::string& path, const std::string& more) {
  daemon_options out;
  out.log = "sink = \"file\"\npath = \"" + path + "\"\n" + more;
  return out;
}

/// Has the daemon hang up on us, which it logs as a warning.
void provoke_a_warning(const daemon_process& daemon) {
  auto fd =
      reeve::actors::connect_to(socket_of(daemon), std::chrono::seconds{5});
  REQUIRE(fd);
  auto nonsense = std::string(64, '\xa5');
  REQUIRE(::send(fd->get(), nonsense.data(), nonsense.size(), MSG_NOSIGNAL)
          == static_cast<ssize_t>(nonsense.size()));
  // It greets first, and then hangs up.
  std::array<char, 4096> buffer{};
  while (::recv(fd->get(), buffer.data(), buffer.size(), 0) > 0)
    ;
}

std::ptrdiff_t count(const std::string& text, const std::string& part) {
  std::ptrdiff_t out = 0;
  for (auto at = text.find(part); at != std::string::npos;
       at = text.find(part, at + part.size()))
    ++out;
  return out;
}

/// How often a process has the file open, as the kernel has it.
std::ptrdiff_t times_open(pid_t pid, const std::string& path) {
  std::ptrdiff_t out = 0;
  std::error_code err;
  for (const auto& item :
       fs::directory_iterator{"/proc/" + std::to_string(pid) + "/fd", err})
    if (fs::read_symlink(item.path(), err) == path)
      ++out;
  return out;
}

/// What a service manager offers in $NOTIFY_SOCKET.
class notify_socket {
public:
  /// An absolute path, or a name after `@`.
  explicit notify_socket(const std::string& name)
      : fd_(unique_fd::adopt(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0))) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    REQUIRE(name.size() < sizeof(address.sun_path));
    std::memcpy(address.sun_path, name.data(), name.size());
    if (name.front() == '@')
      address.sun_path[0] = '\0';
    REQUIRE(::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address),
                   static_cast<socklen_t>(offsetof(sockaddr_un, sun_path)
                                          + name.size()))
            == 0);
  }

  /// The next message; empty if none comes.
  std::string next() {
    auto ready = pollfd{fd_.get(), POLLIN, 0};
    if (::poll(&ready, 1, patiently(10'000)) != 1)
      return {};
    std::array<char, 512> text{};
    auto n = ::recv(fd_.get(), text.data(), text.size(), 0);
    return {text.data(), static_cast<std::size_t>(std::max<ssize_t>(n, 0))};
  }

  [[nodiscard]] bool is_silent() const {
    auto ready = pollfd{fd_.get(), POLLIN, 0};
    return ::poll(&ready, 1, 0) == 0;
  }

private:
  unique_fd fd_;
};

} // namespace

TEST_CASE("reeved: after SIGHUP the log goes on in a new file",
          "[integration][daemon]") {
  if (!is_root())
    return;
  temp_directory dir;
  auto log = dir.path() + "/reeved.log";
  auto rotated = log + ".1";
  daemon_process daemon{logging_to(log, "level = \"info\"")};
  CHECK_THAT(read_file(log), ContainsSubstring(" info adopted 0 containers\n"));

  fs::rename(log, rotated);
  provoke_a_warning(daemon);
  eventually("the rotated file is still in use", [&] {
    return count(read_file(rotated), "closed a connection") == 1;
  });
  CHECK_FALSE(fs::exists(log));

  REQUIRE(::kill(daemon.pid(), SIGHUP) == 0);
  // The runtime has a logger of its own beside the endpoint's.
  eventually("the daemon has let go of the rotated file", [&] {
    return times_open(daemon.pid(), rotated) == 0
           && times_open(daemon.pid(), log) == 2;
  });
  provoke_a_warning(daemon);
  eventually("the new file is used",
             [&] { return count(read_file(log), "closed a connection") == 1; });
  CHECK(count(read_file(rotated), "closed a connection") == 1);
  CHECK(daemon.container_names().empty()); // it goes on
}

TEST_CASE("reeved: a log that cannot be opened anew goes on in the old file",
          "[integration][daemon]") {
  if (!is_root())
    return;
  temp_directory dir;
  auto log = dir.path() + "/reeved.log";
  daemon_process daemon{logging_to(log, "level = \"info\"")};
  fs::rename(log, log + ".1");
  fs::create_directory(log);
  REQUIRE(::kill(daemon.pid(), SIGHUP) == 0);
  eventually("both loggers complain", [&] {
    return count(read_file(log + ".1"), "cannot reopen the log") == 2;
  });
  provoke_a_warning(daemon);
  eventually("the old file is used", [&] {
    return count(read_file(log + ".1"), "closed a connection") == 1;
  });
}

TEST_CASE("reeved: a service manager hears when it is ready and when it stops",
          "[integration][daemon]") {
  if (!is_root())
    return;
  temp_directory dir;
  std::string name;
  SECTION("at a socket with a path") {
    name = dir.path() + "/notify";
  }
  SECTION("at a socket with an abstract name") {
    name = "@reeve-test-notify-" + std::to_string(::getpid());
  }
  notify_socket manager{name};
  daemon_options options;
  options.environment = {"NOTIFY_SOCKET=" + name};
  daemon_process daemon{options};
  CHECK(manager.next() == "READY=1");
  CHECK(manager.is_silent());
  CHECK(WEXITSTATUS(daemon.stop(SIGTERM)) == 0);
  CHECK(manager.next() == "STOPPING=1");
  CHECK(manager.is_silent());
}

TEST_CASE("reeved: a lock that a dead one has left to a child is waited for",
          "[integration][daemon]") {
  if (!is_root())
    return;
  daemon_process reeve;
  auto lock = unique_fd::adopt(
      ::open((reeve.root() + "/state/lock").c_str(), O_RDWR | O_CLOEXEC));
  reeve.kill();
  REQUIRE(::flock(lock.get(), LOCK_EX | LOCK_NB) == 0);
  std::thread child{[&] {
    std::this_thread::sleep_for(std::chrono::milliseconds{200});
    lock.reset();
  }};
  auto is_up = reeve.try_start();
  child.join();
  CHECK(is_up);
  auto second = reeve.try_another();
  CHECK(second.status != 0);
  CHECK(second.text.find("another Reeve runs there, pid "
                         + std::to_string(reeve.pid()))
        != std::string::npos);
}

TEST_CASE("reeved: it is ready when it says so", "[integration][daemon]") {
  if (!is_root())
    return;
  temp_directory dir;
  auto name = dir.path() + "/notify";
  notify_socket manager{name};
  daemon_options options;
  options.environment = {"NOTIFY_SOCKET=" + name};
  daemon_process daemon{options};
  CHECK(manager.next() == "READY=1");
  daemon.kill();
  std::string said;
  auto listens = false;
  auto listener = std::thread{[&] {
    said = manager.next();
    listens =
        reeve::actors::connect_to(socket_of(daemon), std::chrono::seconds{5})
            .has_value();
  }};
  daemon.start();
  listener.join();
  CHECK(said == "READY=1");
  CHECK(listens);
}

TEST_CASE("reeved: a manager that has gone away does not hold it up",
          "[integration][daemon]") {
  if (!is_root())
    return;
  daemon_options options;
  options.environment = {"NOTIFY_SOCKET=/nowhere/notify"};
  daemon_process daemon{options};
  CHECK(WEXITSTATUS(daemon.stop(SIGTERM)) == 0);
}

TEST_CASE("reeved: every line of a JSON log is an object, whatever it tells of",
          "[integration][daemon]") {
  if (!is_root())
    return;
  temp_directory dir;
  auto log = dir.path() + "/reeved.log";
  daemon_process daemon{logging_to(log, "level = \"trace\"\njson = true")};
  provoke_a_warning(daemon);
  daemon.create("web");
  daemon.destroy("web");
  CHECK(WIFEXITED(daemon.stop(SIGTERM)));
  // A directory whose name and record are no text at all.
  auto broken = daemon.root() + "/state/containers/c\"\\\x01\xff";
  fs::create_directories(broken);
  std::ofstream{broken + "/record.jsonl"} << "{\"\xff\xfe";
  daemon.start();
  fs::remove_all(broken);
  CHECK(WEXITSTATUS(daemon.stop(SIGTERM)) == 0);

  std::istringstream lines{read_file(log)};
  std::string line;
  std::string messages;
  while (std::getline(lines, line)) {
    INFO(line);
    auto got = json::parse(line, nullptr, false);
    REQUIRE(got.is_object());
    CHECK(got["time"].get<std::string>().size() == 24);
    CHECK(got["level"].is_string());
    CHECK(got.size() == 3);
    messages += got["level"].get<std::string>() + " "
                + got["message"].get<std::string>() + "\n";
  }
  CHECK_THAT(messages, ContainsSubstring("info adopted 0 containers"));
  CHECK_THAT(messages, ContainsSubstring("warning closed a connection of uid"));
  CHECK_THAT(messages,
             ContainsSubstring("error container c\"\\\x01\xef\xbf\xbd is left "
                               "alone"));
}

TEST_CASE("reeved: what is below the level is not logged",
          "[integration][daemon]") {
  if (!is_root())
    return;
  temp_directory dir;
  auto log = dir.path() + "/reeved.log";
  SECTION("warning") {
    daemon_process daemon{logging_to(log, "level = \"warning\"")};
    provoke_a_warning(daemon);
    eventually("the warning is logged", [&] {
      return count(read_file(log), " warning closed a connection of uid 0")
             == 1;
    });
    CHECK(count(read_file(log), "\n") == 1);
  }
  SECTION("off") {
    daemon_process daemon{logging_to(log, "level = \"off\"")};
    provoke_a_warning(daemon);
    CHECK(WEXITSTATUS(daemon.stop(SIGTERM)) == 0);
    CHECK(fs::exists(log));
    CHECK(read_file(log).empty());
  }
}

TEST_CASE("reeved: standard error has the priorities of the journal where that "
          "is asked for",
          "[integration][daemon]") {
  if (!is_root())
    return;
  auto err = memory_file();
  daemon_options options;
  options.standard_error = err.get();
  SECTION("journald") {
    options.log = "sink = \"journald\"";
    daemon_process daemon{options};
    provoke_a_warning(daemon);
    CHECK(WEXITSTATUS(daemon.stop(SIGTERM)) == 0);
    CHECK_THAT(contents_of(err),
               StartsWith("<6>adopted 0 containers\n<4>closed "
                          "a connection of uid 0, pid "));
  }
  SECTION("journald, as JSON") {
    options.log = "sink = \"journald\"\njson = true";
    daemon_process daemon{options};
    CHECK(WEXITSTATUS(daemon.stop(SIGTERM)) == 0);
    auto text = contents_of(err);
    REQUIRE_THAT(text, StartsWith("<6>{"));
    CHECK(json::parse(text.substr(3))["message"] == "adopted 0 containers");
  }
  SECTION("console") {
    options.log = "sink = \"console\"";
    daemon_process daemon{options};
    CHECK(WEXITSTATUS(daemon.stop(SIGTERM)) == 0);
    auto text = contents_of(err);
    CHECK(text.find('<') == std::string::npos);
    CHECK_THAT(text, ContainsSubstring("Z info adopted 0 containers\n"));
  }
}

TEST_CASE("reeved: its socket is for root and its group alone",
          "[integration][daemon]") {
  if (!is_root())
    return;
  daemon_options options;
  gid_t group = 0;
  SECTION("root's") {}
  SECTION("that of socket_group") {
    const auto* other = ::getgrnam("daemon");
    REQUIRE(other != nullptr);
    group = other->gr_gid;
    options.keys = "socket_group = \"daemon\"";
  }
  daemon_process daemon{options};
  struct stat info {};
  REQUIRE(::lstat(socket_of(daemon).c_str(), &info) == 0);
  CHECK(S_ISSOCK(info.st_mode));
  CHECK((info.st_mode & 07777U) == 0660);
  CHECK(info.st_uid == 0);
  CHECK(info.st_gid == group);
}

TEST_CASE("reeved: SIGTERM and SIGINT end it with status 0, and containers go "
          "on",
          "[integration][daemon]") {
  if (!is_root())
    return;
  daemon_process daemon;
  daemon.create("web");
  auto pid = daemon.run("web", daemon_process::sleeper("p")).pid;
  for (auto signo : {SIGTERM, SIGINT}) {
    auto status = daemon.stop(signo);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
    CHECK_FALSE(fs::exists(socket_of(daemon)));
    CHECK(is_alive(pid));
    daemon.start();
    CHECK(daemon.process_of("web", "p").pid == pid);
  }
}

TEST_CASE("reeved: without --config, /etc/reeve/reeved.toml is read if it "
          "exists, but not for a root of its own",
          "[integration][daemon]") {
  if (!is_root())
    return;
  temp_directory dir;
  // Another /etc, for one process alone.
  auto check = [&](const std::string& options) {
    auto command = "unshare --mount sh -c 'mount --bind " + dir.path()
                   + " /etc && exec " REEVE_TEST_DAEMON " --check " + options
                   + "' >" + dir.path() + "/said 2>&1";
    auto status = std::system(command.c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  };
  CHECK(check("") == 0);
  CHECK(read_file(dir.path() + "/said")
        == std::string{"reeved "} + reeve::supervisor::version
               + ": the configuration is good\n");
  fs::create_directory(dir.path() + "/reeve");
  std::ofstream{dir.path() + "/reeve/reeved.toml"} << "frob = 1\n";
  CHECK(check("") == 1);
  CHECK_THAT(read_file(dir.path() + "/said"),
             StartsWith("reeved: /etc/reeve/reeved.toml:1"));
  CHECK(check("--root /nowhere") == 0);
  std::ofstream{dir.path() + "/other.toml"} << "pool_size = 1\n";
  CHECK(check("--config /etc/other.toml") == 0);
  std::ofstream{dir.path() + "/other.toml"} << "socket_group = \"absent\"\n";
  CHECK(check("--config /etc/other.toml") == 1);
  CHECK_THAT(read_file(dir.path() + "/said"),
             ContainsSubstring("there is no group 'absent'"));
}
