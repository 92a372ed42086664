// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/unix_socket.hpp"

#include "tests/support/catch.hpp"
#include "tests/support/transport_fixture.hpp"

#include <sys/fsuid.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>

using namespace reeve::actors;
using namespace std::chrono_literals;
using reeve::test::temporary_directory;

namespace {

mode_t mode_of(const std::string& path) {
  struct stat st = {};
  REQUIRE(::lstat(path.c_str(), &st) == 0);
  return st.st_mode;
}

/// Makes this thread, and no other, a different user towards the file system.
class as_user {
public:
  explicit as_user(uid_t uid) : before_(static_cast<uid_t>(::setfsuid(uid))) {}
  as_user(const as_user&) = delete;
  as_user& operator=(const as_user&) = delete;
  ~as_user() {
    ::setfsuid(before_);
  }

private:
  uid_t before_;
};

} // namespace

TEST_CASE(
    "unix_socket: a missing, a dead and a forbidden socket are told apart",
    "[actors][unix_socket]") {
  auto dir = temporary_directory{};
  auto path = dir / "s";
  CHECK(connect_to(path, 1s).error().code == ENOENT);

  auto socket = listening_socket::open(path, 0600, std::nullopt);
  REQUIRE(socket);
  CHECK(connect_to(path, 1s));
  if (::geteuid() == 0) {
    auto other = as_user{65534};
    CHECK(connect_to(path, 1s).error().code == EACCES);
  }
  socket->fd.reset();
  CHECK(connect_to(path, 1s).error().code == ECONNREFUSED);
}

TEST_CASE("unix_socket: a listener that never accepts makes connect time out",
          "[actors][unix_socket]") {
  auto dir = temporary_directory{};
  auto path = dir / "s";
  auto socket = listening_socket::open(path, 0600, std::nullopt);
  REQUIRE(socket);
  REQUIRE(::listen(socket->fd.get(), 0) == 0);
  auto first = connect_to(path, 1s);
  REQUIRE(first);
  CHECK(connect_to(path, 20ms).error().code == ETIMEDOUT);
}

TEST_CASE("unix_socket: mode and group are as asked and the name goes away",
          "[actors][unix_socket]") {
  auto dir = temporary_directory{};
  auto path = dir / "s";
  {
    auto socket = listening_socket::open(path, 0660, ::getgid());
    REQUIRE(socket);
    CHECK(mode_of(path) == (S_IFSOCK | 0660));
    auto names = std::distance(std::filesystem::directory_iterator{dir.path()},
                               std::filesystem::directory_iterator{});
    CHECK(names == 1);
  }
  CHECK(std::filesystem::is_empty(dir.path()));
}

TEST_CASE("unix_socket: a live socket is not replaced, a dead one is",
          "[actors][unix_socket]") {
  auto dir = temporary_directory{};
  auto path = dir / "s";
  auto first = listening_socket::open(path, 0600, std::nullopt);
  REQUIRE(first);
  CHECK(listening_socket::open(path, 0600, std::nullopt).error().code
        == EADDRINUSE);
  first->fd.reset();
  auto second = listening_socket::open(path, 0600, std::nullopt);
  REQUIRE(second);
  // The name now belongs to the second: the first must leave it alone.
  first->file.remove();
  CHECK(connect_to(path, 1s));
}

TEST_CASE("unix_socket: what is not a socket is never replaced",
          "[actors][unix_socket]") {
  auto dir = temporary_directory{};
  auto path = dir / "file";
  std::ofstream{path} << "precious";
  CHECK(listening_socket::open(path, 0600, std::nullopt).error().code
        == EEXIST);
  std::filesystem::create_symlink("nowhere", dir / "link");
  CHECK(listening_socket::open(dir / "link", 0600, std::nullopt).error().code
        == EEXIST);
  CHECK(std::filesystem::file_size(path) == 8);
}

TEST_CASE("unix_socket: a path longer than a socket address works",
          "[actors][unix_socket]") {
  auto dir = temporary_directory{};
  auto deep = dir.path() / std::string(120, 'd');
  std::filesystem::create_directory(deep);
  auto path = (deep / "s").string();
  auto socket = listening_socket::open(path, 0600, std::nullopt);
  REQUIRE(socket);
  CHECK(connect_to(path, 1s));
  auto name = (deep / std::string(120, 'n')).string();
  CHECK(listening_socket::open(name, 0600, std::nullopt).error().code
        == ENAMETOOLONG);
  CHECK(connect_to(name, 1s).error().code == ENAMETOOLONG);
}

TEST_CASE("unix_socket: a peer is admitted by uid or by any of its groups",
          "[actors][unix_socket]") {
  auto peer = peer_identity{1, 1000, 100, {200, 300}};
  CHECK_FALSE(admission{}.admits(peer));
  CHECK_FALSE(admission{{0}, {1}}.admits(peer));
  CHECK(admission{{1000}, {}}.admits(peer));
  CHECK(admission{{}, {100}}.admits(peer));
  CHECK(admission{{}, {300}}.admits(peer));
}

TEST_CASE("unix_socket: the kernel names the peer", "[actors][unix_socket]") {
  int fds[2] = {-1, -1};
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
  auto a = reeve::kernel::unique_fd::adopt(fds[0]);
  auto b = reeve::kernel::unique_fd::adopt(fds[1]);
  auto peer = peer_of(a.get());
  REQUIRE(peer);
  CHECK(peer->pid == ::getpid());
  CHECK(peer->uid == ::geteuid());
  CHECK(static_cast<int>(peer->groups.size()) == ::getgroups(0, nullptr));
}
