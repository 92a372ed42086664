// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "supervisor/process_streams.hpp"

#include "tests/support/catch.hpp"
#include "tests/support/temp_directory.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <limits>
#include <mutex>
#include <set>

using namespace reeve;
using namespace reeve::supervisor;
using namespace std::chrono_literals;

namespace fs = std::filesystem;

namespace {

using kernel::unique_fd;
using reply = std::vector<kernel::result<void>>;

struct pipe_ends {
  actors::shared_fd read;
  actors::shared_fd write;

  pipe_ends() {
    std::array<int, 2> raw{};
    REQUIRE(::pipe2(raw.data(), O_CLOEXEC) == 0);
    read = std::make_shared<unique_fd>(unique_fd::adopt(raw[0]));
    write = std::make_shared<unique_fd>(unique_fd::adopt(raw[1]));
  }
};

// Byte n of a program's output: then what is lost shows.
char letter(std::uint64_t offset) {
  return static_cast<char>('a' + offset % 23);
}

/// A process as its streams see it: this test holds the other ends.
class streams_fixture {
protected:
  static constexpr auto window = process_streams::window;

  streams_fixture() : poller_(actors::poller::make("test-poller").value()) {}

  void start(config::log_spec log = {}, const std::string& prefix = "web.1") {
    process_streams::options how;
    how.directory = dir_.path() + "/log";
    how.prefix = prefix;
    how.log = log;
    how.poller = poller_.get();
    how.on_output = [this] {
      std::lock_guard guard{mutex_};
      ++news_;
      changed_.notify_all();
    };
    how.on_writable = [] {};
    streams_ = std::make_unique<process_streams>(std::move(how));
    actors::process_spawned handles;
    handles.stdin_end = in_.write;
    handles.stdout_end = out_.read;
    REQUIRE(streams_->connect(handles).has_value());
    handles = {};
    REQUIRE(::fcntl(out_.write->get(), F_SETFL, O_NONBLOCK) == 0);
  }

  /// The program writes as much as the pipe takes, up to `max` bytes in all.
  void print(std::uint64_t max) {
    std::string text;
    while (printed_ < max) {
      text.resize(std::min<std::uint64_t>(max - printed_, 65'536));
      for (std::size_t i = 0; i < text.size(); ++i)
        text[i] = letter(printed_ + i);
      auto n = ::write(out_.write->get(), text.data(), text.size());
      if (n < 0)
        return;
      printed_ += static_cast<std::uint64_t>(n);
    }
  }

  [[nodiscard]] bool can_print() const {
    pollfd wait{out_.write->get(), POLLOUT, 0};
    return ::poll(&wait, 1, 0) == 1;
  }

  output_chunk read(std::uint64_t offset, std::uint64_t reader = 1,
                    bool follow = true) {
    read_output query;
    query.offset = offset;
    query.follow = follow;
    query.reader = reader;
    auto got = streams_->read(query);
    REQUIRE(got.has_value());
    for (std::size_t i = 0; i < got->bytes.size(); ++i)
      if (got->bytes[i] != letter(got->offset + i))
        FAIL("another byte than the program wrote at " << got->offset + i);
    return std::move(*got);
  }

  [[nodiscard]] std::uint64_t end() {
    return read(0, 99, false).end; // one who follows nothing
  }

  /// The program goes on up to byte `max`; each change is looked at by `done`.
  template <class Done>
  bool print_until(std::uint64_t max, Done done) {
    auto deadline = std::chrono::steady_clock::now() + 20s;
    for (;;) {
      unsigned seen = 0;
      {
        std::lock_guard guard{mutex_};
        seen = news_;
      }
      streams_->want_news();
      print(max);
      if (done())
        return true;
      std::unique_lock guard{mutex_};
      if (!changed_.wait_until(guard, deadline, [&] { return news_ != seen; }))
        return false;
    }
  }

  /// Follows the stream from `offset` to `max`; false if it stands still.
  bool follow(std::uint64_t offset, std::uint64_t max) {
    return print_until(max, [&] {
      for (auto got = read(offset); !got.bytes.empty(); got = read(offset)) {
        if (got.offset != offset)
          FAIL("bytes are missing at " << offset);
        offset += got.bytes.size();
        print(max);
      }
      return offset == max;
    });
  }

  void write(const std::string& text, bool end = false) {
    streams_->write(text, end, [this](kernel::result<void> how) {
      replies_.push_back(std::move(how));
    });
  }

  tests::temp_directory dir_;
  pipe_ends in_;
  pipe_ends out_;
  reply replies_;
  std::mutex mutex_;
  std::condition_variable changed_;
  unsigned news_ = 0;
  std::uint64_t printed_ = 0;
  std::unique_ptr<actors::poller> poller_;
  std::unique_ptr<process_streams> streams_; // before the poller
};

config::log_spec log_of(config::log_mode mode, std::uint64_t size,
                        unsigned files) {
  config::log_spec out;
  out.mode = mode;
  out.max_size = size;
  out.max_files = files;
  return out;
}

bool is_pending(int signal) {
  sigset_t set;
  sigpending(&set);
  return sigismember(&set, signal) == 1;
}

bool is_blocked(int signal) {
  sigset_t set;
  ::pthread_sigmask(SIG_BLOCK, nullptr, &set);
  return sigismember(&set, signal) == 1;
}

} // namespace

TEST_CASE_METHOD(streams_fixture,
                 "process streams: a process that closes its input does not "
                 "end us, and whoever writes is told",
                 "[supervisor][unit]") {
  start();
  // More than a pipe takes, so that it waits, and one more behind it.
  write(std::string(1'000'000, 'x'));
  write("more");
  CHECK(replies_.empty());
  in_.read.reset();
  streams_->continue_input();
  REQUIRE(replies_.size() == 2);
  write("late");
  REQUIRE(replies_.size() == 3);
  for (const auto& how : replies_) {
    REQUIRE_FALSE(how.has_value());
    CHECK(how.error().code == EPIPE);
    CHECK(how.error().hint == "the process has closed it");
  }
  CHECK_FALSE(is_pending(SIGPIPE));
  CHECK_FALSE(is_blocked(SIGPIPE));
}

TEST_CASE_METHOD(streams_fixture,
                 "process streams: a SIGPIPE of the host program stays its own",
                 "[supervisor][unit]") {
  start();
  sigset_t pipe;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  ::pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
  ::raise(SIGPIPE);
  in_.read.reset();
  write("x");
  auto kept = is_pending(SIGPIPE) && is_blocked(SIGPIPE);
  timespec now{};
  auto taken = ::sigtimedwait(&pipe, nullptr, &now);
  ::pthread_sigmask(SIG_UNBLOCK, &pipe, nullptr);
  CHECK(kept);
  CHECK(taken == SIGPIPE);
  REQUIRE(replies_.size() == 1);
  CHECK_FALSE(replies_[0].has_value());
}

TEST_CASE_METHOD(
    streams_fixture,
    "process streams: what comes after the end of input is told so",
    "[supervisor][unit]") {
  start();
  write("last", true);
  write("late");
  REQUIRE(replies_.size() == 2);
  CHECK(replies_[0].has_value());
  REQUIRE_FALSE(replies_[1].has_value());
  CHECK(replies_[1].error().hint == "its end was written before");
  in_.write.reset();
  std::array<char, 16> got{};
  CHECK(::read(in_.read->get(), got.data(), got.size()) == 4);
  CHECK(::read(in_.read->get(), got.data(), got.size()) == 0);
}

TEST_CASE_METHOD(streams_fixture,
                 "process streams: an offset beyond the end counts as the end",
                 "[supervisor][unit]") {
  auto mode = GENERATE(config::log_mode::none, config::log_mode::file);
  start(log_of(mode, 1 << 20, 2));
  constexpr auto beyond = std::numeric_limits<std::uint64_t>::max();
  REQUIRE(follow(0, 1000));
  auto got = read(beyond);
  CHECK(got.offset == 1000);
  CHECK(got.end == 1000);
  CHECK(got.bytes.empty());
  // And the program is not held for ever by one who asked for that.
  CHECK(follow(1000, 4 * window));
}

TEST_CASE_METHOD(streams_fixture,
                 "process streams: the slower of two readers holds the program",
                 "[supervisor][unit]") {
  start(log_of(config::log_mode::file, 4096, 2));
  read(0, 1);
  std::uint64_t fast = 0;
  constexpr auto all = 8 * window;
  auto run_ahead = [&] {
    for (auto got = read(fast, 2); !got.bytes.empty(); got = read(fast, 2))
      fast += got.bytes.size();
    return fast >= window;
  };
  REQUIRE(print_until(all, run_ahead));
  CHECK(fast == window); // no byte more than the slow one may lag behind
  CHECK(end() == window);
  print(all);
  CHECK_FALSE(can_print());
  // As the slow one goes on, so does the program, and nobody loses a byte.
  std::uint64_t slow = 0;
  auto both_at_end = print_until(all, [&] {
    for (auto got = read(slow, 1); !got.bytes.empty(); got = read(slow, 1)) {
      REQUIRE(got.offset == slow);
      slow += got.bytes.size();
      run_ahead();
      REQUIRE(fast <= slow + window);
    }
    return slow == all && fast == all;
  });
  CHECK(both_at_end);
}

TEST_CASE_METHOD(streams_fixture,
                 "process streams: a reader whose lease is over sees how much "
                 "it has lost",
                 "[supervisor][unit]") {
  start(log_of(config::log_mode::file, 4096, 2));
  auto reads = GENERATE(std::uint64_t{0}, std::uint64_t{1000});
  read(reads, 1);
  CHECK_FALSE(streams_->expire_followers(std::chrono::steady_clock::now()
                                         + process_streams::lease + 1s));
  constexpr auto all = 6 * window;
  REQUIRE(print_until(all, [&] { return end() == all; }));
  auto got = read(0, 1);
  CHECK(got.offset > 0);
  CHECK(got.offset >= all - 2 * window);
  CHECK_FALSE(got.bytes.empty());
  CHECK(got.end == all);
  // From there on it holds the program again.
  CHECK(follow(got.offset, all + 4 * window));
}

TEST_CASE_METHOD(streams_fixture,
                 "process streams: removing takes what an earlier daemon kept, "
                 "and nothing of a process of a similar name",
                 "[supervisor][unit]") {
  start({}, "a.1");
  REQUIRE(follow(0, 5000));
  streams_.reset();
  auto log = dir_.path() + "/log/";
  REQUIRE(fs::exists(log + "a.1.out.0"));
  std::ofstream{log + "a.1.err.0"} << "kept";
  const std::set<std::string> others{"a.1.5.out.0", "a.10.out.0",
                                     "a.1.out.7.out.0", "a.1.out.x"};
  for (const auto& name : others)
    std::ofstream{log + name} << "theirs";
  process_streams::options how;
  how.directory = dir_.path() + "/log";
  how.prefix = "a.1";
  how.poller = poller_.get();
  process_streams next{std::move(how)};
  next.remove_files();
  std::set<std::string> left;
  for (const auto& item : fs::directory_iterator{log})
    left.insert(item.path().filename());
  CHECK(left == others);
}
