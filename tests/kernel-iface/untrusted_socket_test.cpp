// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/untrusted_socket.hpp"

#include "tests/support/catch.hpp"
#include "tests/support/lingering_connection.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <string>
#include <thread>
#include <utility>

using namespace reeve::kernel;
using namespace std::chrono_literals;
using reeve::tests::lingering_connection;
using reeve::tests::send_with;

namespace {

std::pair<unique_fd, unique_fd> connected() {
  std::array<int, 2> fds{};
  REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds.data())
          == 0);
  return {unique_fd::adopt(fds[0]), unique_fd::adopt(fds[1])};
}

void say(const unique_fd& to, const std::string& words) {
  REQUIRE(::send(to.get(), words.data(), words.size(), MSG_NOSIGNAL)
          == static_cast<ssize_t>(words.size()));
}

lingering_connection lingering() {
  auto made = lingering_connection::make(60s);
  REQUIRE(made);
  return std::move(*made);
}

/// The only descriptor of it is in the packet from here on.
void say_with(const unique_fd& to, const std::string& words,
              lingering_connection& what) {
  REQUIRE(send_with(to.get(), words, what.closes_slowly.get())
          == static_cast<ssize_t>(words.size()));
  // Not ours any more, and not the last one: this does not block.
  what.closes_slowly.reset();
}

/// Whether its first end is open somewhere, seen from the other one.
bool is_open(const lingering_connection& what) {
  std::array<char, 65536> room{};
  for (;;) {
    auto size = ::recv(what.does_not_read.get(), room.data(), room.size(),
                       MSG_DONTWAIT);
    if (size <= 0)
      return size != 0;
  }
}

bool is_open_soon(const lingering_connection& what) {
  for (auto i = 0; i < 5000 && is_open(what); ++i)
    std::this_thread::sleep_for(1ms);
  return is_open(what);
}

/// Fails the test if it blocks.
class stopwatch {
public:
  ~stopwatch() {
    CHECK(std::chrono::steady_clock::now() - begin_ < 20s);
  }

private:
  std::chrono::steady_clock::time_point begin_ =
      std::chrono::steady_clock::now();
};

} // namespace

TEST_CASE("untrusted socket: words are taken one packet at a time",
          "[kernel][untrusted-socket]") {
  auto [ours, theirs] = connected();
  std::array<char, 4> room{};
  auto none = take_words(ours, room);
  REQUIRE_FALSE(none);
  CHECK(none.error().code == EAGAIN);
  say(theirs, "one");
  say(theirs, "longer");
  CHECK(take_words(ours, room).value() == 3);
  CHECK(std::string(room.data(), 3) == "one");
  CHECK(take_words(ours, room).value() == 6);
  theirs.reset();
  CHECK(take_words(ours, room).value() == 0);
}

TEST_CASE("untrusted socket: a packet with a descriptor stays where it is",
          "[kernel][untrusted-socket]") {
  auto watch = stopwatch{};
  auto [ours, theirs] = connected();
  auto slow = lingering();
  say_with(theirs, "here", slow);
  std::array<char, 4> room{};
  for (auto i = 0; i < 2; ++i) {
    auto got = take_words(ours, room);
    REQUIRE_FALSE(got);
    CHECK(got.error().code == EBADMSG);
  }
  auto left = hang_up(std::move(ours));
  CHECK(left);
  CHECK(is_open(slow));
  CHECK(::send(theirs.get(), "more", 4, MSG_NOSIGNAL) == -1);
  CHECK(errno == EPIPE);
  std::vector<unique_fd> all;
  all.push_back(std::move(left));
  close_aside(std::move(all));
  CHECK_FALSE(is_open_soon(slow));
}

TEST_CASE("untrusted socket: what waits is looked through before it is closed",
          "[kernel][untrusted-socket]") {
  auto watch = stopwatch{};
  auto [ours, theirs] = connected();
  say(theirs, "words");
  say(theirs, "");
  say(theirs, "more words");
  auto is_poisoned = GENERATE(false, true);
  auto slow = lingering();
  if (is_poisoned) {
    say_with(theirs, "", slow);
    theirs.reset();
  }
  auto left = hang_up(std::move(ours));
  CHECK(static_cast<bool>(left) == is_poisoned);
  if (is_poisoned) {
    std::vector<unique_fd> all;
    all.push_back(std::move(left));
    close_aside(std::move(all));
    CHECK_FALSE(is_open_soon(slow));
  } else {
    CHECK(::recv(theirs.get(), nullptr, 0, 0) == 0);
    slow.does_not_read.reset(); // the first end closes at once
  }
}

TEST_CASE("untrusted socket: so are those that wait in the queue",
          "[kernel][untrusted-socket]") {
  auto watch = stopwatch{};
  auto make = [] {
    return unique_fd::adopt(
        ::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  };
  auto listener = make();
  sockaddr_un at{};
  at.sun_family = AF_UNIX; // a name of the kernel's own choice
  auto* generic = reinterpret_cast<sockaddr*>(&at);
  socklen_t size = sizeof(at);
  REQUIRE(::bind(listener.get(), generic, sizeof(at.sun_family)) == 0);
  REQUIRE(::listen(listener.get(), 8) == 0);
  REQUIRE(::getsockname(listener.get(), generic, &size) == 0);
  auto good = make();
  auto bad = make();
  REQUIRE(::connect(good.get(), generic, size) == 0);
  REQUIRE(::connect(bad.get(), generic, size) == 0);
  say(good, "words");
  auto slow = lingering();
  say_with(bad, "words", slow);
  auto first = share_listener(std::move(listener));
  auto second = first;
  first.reset();
  std::array<char, 4> room{};
  CHECK(::recv(good.get(), room.data(), room.size(), 0) == -1);
  CHECK(errno == EAGAIN);
  second.reset();
  CHECK(::recv(good.get(), room.data(), room.size(), 0) == 0);
  CHECK(::recv(bad.get(), room.data(), room.size(), 0) == 0);
  CHECK_FALSE(is_open_soon(slow));
}

TEST_CASE("untrusted socket: nobody can send descriptors where the kernel lets "
          "that be said",
          "[kernel][untrusted-socket]") {
  auto [ours, theirs] = connected();
  refuse_descriptors(ours);
  auto file = unique_fd::adopt(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  auto sent = send_with(theirs.get(), "words", file.get());
  auto code = errno;
  auto none = 0;
  socklen_t size = sizeof(none);
  constexpr auto so_passrights = 83; // Linux 6.16
  if (::getsockopt(ours.get(), SOL_SOCKET, so_passrights, &none, &size) == 0) {
    CHECK(sent == -1);
    CHECK(code == EPERM);
  } else {
    CHECK(sent == 5);
  }
}
