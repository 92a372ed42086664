// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/output_spool.hpp"

#include "tests/support/catch.hpp"
#include "tests/support/skip.hpp"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <utility>

using namespace reeve::kernel;
namespace fs = std::filesystem;

namespace {

using progress = output_spool::progress;

class spool_fixture {
public:
  spool_fixture() {
    if (::mkdtemp(dir_.data()) == nullptr)
      throw std::runtime_error("mkdtemp");
    open_pipe();
  }

  spool_fixture(const spool_fixture&) = delete;
  spool_fixture& operator=(const spool_fixture&) = delete;

  ~spool_fixture() {
    std::error_code ignored;
    fs::remove_all(dir_, ignored);
  }

protected:
  void open_pipe() {
    std::array<int, 2> fds{};
    if (::pipe2(fds.data(), O_CLOEXEC | O_NONBLOCK) != 0)
      throw std::runtime_error("pipe2");
    source = unique_fd::adopt(fds[0]);
    sink = unique_fd::adopt(fds[1]);
  }

  [[nodiscard]] output_spool open_spool(std::uint64_t segment_size = 10,
                                        unsigned segments = 3) const {
    auto out =
        output_spool::open({dir_ + "/log", "p.out", segment_size, segments});
    REQUIRE(out);
    return std::move(*out);
  }

  // Moves everything that was written, in as many steps as it takes.
  void put(output_spool& spool, const std::string& bytes) const {
    REQUIRE(::write(sink.get(), bytes.data(), bytes.size())
            == static_cast<ssize_t>(bytes.size()));
    auto last = progress::moved;
    while (last == progress::moved)
      last = spool.append_from(source.get(), 1024, now_ms).value();
    REQUIRE(last == progress::empty);
  }

  // All that is kept from `offset` on; segments are read one at a time.
  static std::string text_from(const output_spool& spool,
                               std::uint64_t offset) {
    std::string out;
    for (;;) {
      auto chunk = spool.read(offset, 1024).value();
      if (chunk.bytes.empty())
        return out;
      out += chunk.bytes;
      offset = chunk.offset + chunk.bytes.size();
    }
  }

  [[nodiscard]] std::size_t files() const {
    std::error_code err;
    fs::directory_iterator dir{dir_ + "/log", err};
    return static_cast<std::size_t>(
        std::count_if(begin(dir), end(dir), [](const auto& item) {
          return item.path().extension() != ".times";
        }));
  }

  unique_fd source;
  unique_fd sink;
  std::string dir_ = "/tmp/reeve-spool-XXXXXX";
  std::int64_t now_ms = 1'000'000;
};

} // namespace

TEST_CASE_METHOD(spool_fixture, "output_spool: no byte makes no file",
                 "[kernel-iface][unit]") {
  auto spool = open_spool();
  CHECK(spool.append_from(source.get(), 100, now_ms).value()
        == progress::empty);
  sink.reset();
  CHECK(spool.append_from(source.get(), 100, now_ms).value()
        == progress::ended);
  CHECK_FALSE(fs::exists(dir_ + "/log"));
  CHECK(spool.begin() == 0);
  CHECK(spool.end() == 0);
}

TEST_CASE_METHOD(spool_fixture, "output_spool: bytes can be read at any offset",
                 "[kernel-iface][unit]") {
  auto spool = open_spool(4, 10);
  const std::string text = "0123456789abcdef";
  put(spool, text);
  CHECK(spool.end() == text.size());
  for (std::size_t offset = 0; offset <= text.size(); ++offset)
    CHECK(text_from(spool, offset) == text.substr(offset));
  CHECK(spool.read(5, 2).value().bytes == "56");
  CHECK(spool.read(100, 2).value().bytes.empty());
}

TEST_CASE_METHOD(spool_fixture,
                 "output_spool: what was written before the end is kept",
                 "[kernel-iface][unit]") {
  auto spool = open_spool();
  REQUIRE(::write(sink.get(), "bye", 3) == 3);
  sink.reset();
  CHECK(spool.append_from(source.get(), 100, now_ms).value()
        == progress::moved);
  CHECK(spool.append_from(source.get(), 100, now_ms).value()
        == progress::ended);
  CHECK(text_from(spool, 0) == "bye");
}

TEST_CASE_METHOD(spool_fixture,
                 "output_spool: lines are found by the time they came",
                 "[kernel-iface][unit]") {
  auto since = [](const output_spool& spool, std::int64_t ms) {
    return spool.first_since(ms).value();
  };
  {
    auto spool = open_spool(10, 9);
    CHECK(since(spool, 0) == 0);
    now_ms = 1000;
    put(spool, "one\ntw");
    now_ms = 2000;
    put(spool, "o\nthree\nfour"); // over the end of a file
    now_ms = 3000;
    put(spool, "\nfive\n");
  }
  auto spool = open_spool(10, 9); // of the next daemon
  CHECK(spool.end() == 24);
  CHECK(since(spool, 0) == 0);
  CHECK(since(spool, 1500) == 4);  // the line that ended then
  CHECK(since(spool, 2500) == 14); // "four", whose end came later
  CHECK(since(spool, 3500) == 24);
  auto known = spool.times(5, 7).value();
  CHECK(known == std::vector<time_stamp>{{0, 1000}, {6, 2000}});
  CHECK(spool.times(0, 24).value().back() == time_stamp{20, 3000});
}

TEST_CASE_METHOD(spool_fixture,
                 "output_spool: times go with the files they are of",
                 "[kernel-iface][unit]") {
  auto spool = open_spool(10, 2);
  for (auto i = 0; i < 9; ++i) {
    now_ms += 1000;
    put(spool, "123456789\n");
  }
  auto all = [&] {
    std::error_code err;
    fs::directory_iterator dir{dir_ + "/log", err};
    return std::distance(begin(dir), end(dir));
  };
  CHECK(all() == 4);
  CHECK(spool.first_since(0).value() == spool.begin());
  spool.remove();
  CHECK(all() == 0);
}

TEST_CASE_METHOD(spool_fixture,
                 "output_spool: a time that cannot be kept costs no byte",
                 "[kernel-iface][unit]") {
  auto spool = open_spool(100, 2);
  fs::create_directories(dir_ + "/log/p.out.0.times");
  put(spool, "one\n");
  CHECK(text_from(spool, 0) == "one\n");
}

TEST_CASE_METHOD(spool_fixture,
                 "output_spool: the oldest segments go, the numbering stays",
                 "[kernel-iface][unit]") {
  auto spool = open_spool(10, 3);
  put(spool, "aaaaaaaaaabbbbbbbbbbccccccccccdddd");
  CHECK(files() == 3);
  CHECK(spool.begin() == 10);
  CHECK(spool.end() == 34);
  auto first = spool.read(0, 1024).value();
  CHECK(first.offset == 10); // later than asked for: ten bytes are gone
  CHECK(first.bytes == "bbbbbbbbbb");
  CHECK(text_from(spool, 0) == "bbbbbbbbbbccccccccccdddd");
}

TEST_CASE_METHOD(spool_fixture,
                 "output_spool: a new daemon goes on where the last one ended",
                 "[kernel-iface][unit]") {
  {
    auto spool = open_spool();
    put(spool, "aaaaaaaaaabbb");
  }
  auto spool = open_spool();
  CHECK(spool.begin() == 0);
  CHECK(spool.end() == 13);
  put(spool, "BBBBBBBccc");
  CHECK(spool.end() == 23);
  CHECK(text_from(spool, 8) == "aabbbBBBBBBBccc");
}

TEST_CASE_METHOD(spool_fixture,
                 "output_spool: files of other streams are left alone",
                 "[kernel-iface][unit]") {
  auto other = output_spool::open({dir_ + "/log", "p.out2", 10, 2}).value();
  put(other, "other");
  auto spool = open_spool();
  CHECK(spool.end() == 0);
  put(spool, "ours");
  spool.remove();
  CHECK(files() == 1);
  CHECK(text_from(other, 0) == "other");
}

TEST_CASE_METHOD(spool_fixture,
                 "output_spool: a segment is not appended to beyond its size",
                 "[kernel-iface][unit]") {
  auto spool = open_spool(10, 5);
  put(spool, "12345678");
  put(spool, "9abcd");
  CHECK(fs::file_size(dir_ + "/log/p.out.0") == 10);
  CHECK(fs::file_size(dir_ + "/log/p.out.10") == 3);
}

TEST_CASE_METHOD(spool_fixture,
                 "output_spool: a directory that cannot be made is an error",
                 "[kernel-iface][unit]") {
  auto spool =
      output_spool::open({dir_ + "/missing/log", "p.out", 10, 2}).value();
  REQUIRE(::write(sink.get(), "x", 1) == 1);
  auto moved = spool.append_from(source.get(), 10, now_ms);
  REQUIRE_FALSE(moved);
  CHECK(moved.error().code == ENOENT);
  CHECK(to_string(moved.error()).find("/missing/log") != std::string::npos);
}

TEST_CASE_METHOD(spool_fixture,
                 "output_spool: only pipes and terminals are read from",
                 "[kernel-iface][unit]") {
  auto spool = open_spool();
  std::array<int, 2> pair{};
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data())
          == 0);
  auto one = unique_fd::adopt(pair[0]);
  auto other = unique_fd::adopt(pair[1]);
  auto counter = unique_fd::adopt(::eventfd(1, EFD_CLOEXEC));
  auto zero = unique_fd::adopt(::open("/dev/zero", O_RDONLY | O_CLOEXEC));
  auto file = unique_fd::adopt(::open("/etc/passwd", O_RDONLY | O_CLOEXEC));
  for (auto fd : {one.get(), counter.get(), zero.get(), file.get()}) {
    REQUIRE(fd >= 0);
    auto moved = spool.append_from(fd, 10, now_ms);
    REQUIRE_FALSE(moved);
    CHECK(moved.error().code == EPROTO);
  }
  CHECK(spool.end() == 0);
}

TEST_CASE_METHOD(spool_fixture,
                 "output_spool: does not wait, whoever clears O_NONBLOCK",
                 "[kernel-iface][unit]") {
  auto spool = open_spool();
  // As in a container; the host's /dev/ptmx may be a node on another fs.
  auto master =
      unique_fd::adopt(::open("/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!master)
    return reeve::tests::skip("needs root, whom alone the mode of "
                              "/dev/pts/ptmx lets in");
  REQUIRE(::unlockpt(master.get()) == 0);
  std::array<char, 64> name{};
  REQUIRE(::ptsname_r(master.get(), name.data(), name.size()) == 0);
  auto slave =
      unique_fd::adopt(::open(name.data(), O_RDWR | O_NOCTTY | O_CLOEXEC));
  REQUIRE(slave);
  REQUIRE(::fcntl(source.get(), F_SETFL, 0) == 0);
  for (auto [reads, writes] : {std::pair{source.get(), sink.get()},
                               std::pair{master.get(), slave.get()}}) {
    REQUIRE(::write(writes, "abc", 3) == 3);
    CHECK(spool.append_from(reads, 100, now_ms).value() == progress::moved);
    REQUIRE(::fcntl(reads, F_SETFL, 0) == 0);
    CHECK(spool.append_from(reads, 100, now_ms).value() == progress::empty);
  }
  CHECK(text_from(spool, 0) == "abcabc");
}
