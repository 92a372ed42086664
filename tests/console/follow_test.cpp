// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "console/follow.hpp"

#include "kernel-iface/unique_fd.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/memory_file.hpp"

#include <caf/actor_cast.hpp>
#include <caf/actor_system.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/scoped_actor.hpp>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <functional>
#include <future>
#include <string>
#include <thread>

using namespace reeve::console;
using reeve::tests::contents_of;
using reeve::tests::memory_file;
using namespace reeve::supervisor;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using reeve::kernel::unique_fd;

namespace {

/// One of our own standard streams, put elsewhere for as long as it lives.
class redirected {
public:
  redirected(int stream, int to)
      : stream_{stream},
        before_{unique_fd::adopt(::fcntl(stream, F_DUPFD_CLOEXEC, 3))} {
    ::dup2(to, stream);
  }

  redirected(const redirected&) = delete;
  redirected& operator=(const redirected&) = delete;

  ~redirected() {
    ::dup2(before_.get(), stream_);
  }

private:
  int stream_;
  unique_fd before_;
};

/// A daemon with one process that has ended with status 0, whose output is
/// what the test says.
class fake_host : public host {
public:
  using reader = std::function<output_chunk(const read_output&)>;

  explicit fake_host(reader read)
      : read_{std::move(read)},
        actor_{system_.spawn([this] {
          return caf::behavior{
              [](const wait_process&) {
                auto reply = process_is{};
                reply.info.phase = process_phase::exited;
                reply.info.has_ended = true;
                reply.info.last = exit_reason::exited(0);
                return reply;
              },
              [this](const read_output& query) { return read_(query); }};
        })} {}

  ~fake_host() override {
    caf::anon_send_exit(actor_, caf::exit_reason::user_shutdown);
  }

  caf::actor_system& system() override {
    return system_;
  }

  [[nodiscard]] api_actor api() const override {
    return caf::actor_cast<api_actor>(actor_);
  }

private:
  reader read_;
  system_config config_{system_config::network::off};
  caf::actor_system system_{config_};
  caf::actor actor_;
};

output_chunk chunk(std::uint64_t offset, std::string bytes, bool at_end) {
  auto out = output_chunk{offset, std::move(bytes), at_end, 0};
  out.end = out.offset + out.bytes.size();
  return out;
}

} // namespace

TEST_CASE("follow: output that was lost is told, and counted as a failure",
          "[console][unit]") {
  auto at = fake_host{[](const read_output& query) {
    return query.stream == output_stream_id::out ? chunk(100, "late\n", true)
                                                 : chunk(0, {}, true);
  }};
  auto what = followed{"web", "p"};
  auto is_late = GENERATE(false, true);
  what.late = is_late;
  auto out = memory_file();
  auto err = memory_file();
  auto how = [&] {
    auto gate = signal_gate::close_gate();
    auto first = redirected{STDOUT_FILENO, out.get()};
    auto second = redirected{STDERR_FILENO, err.get()};
    return follow(at, what, *gate);
  }();
  REQUIRE(how);
  CHECK(how->how == farewell::kind::ended);
  CHECK(contents_of(out) == "late\n");
  // Who comes late has lost nothing of what was gone before.
  CHECK(how->lost_output == !is_late);
  if (is_late)
    CHECK(contents_of(err).empty());
  else
    CHECK_THAT(contents_of(err),
               ContainsSubstring("100 bytes of the output of process 'p' of "
                                 "container 'web' were lost\n"));
}

TEST_CASE("follow: a slow reader of ours does not make the daemon forget us",
          "[console][unit]") {
  const auto text = std::string(200 * 1024, 'x'); // more than a pipe takes
  auto first_reader = std::atomic<std::uint64_t>{0};
  auto renewals = std::atomic<int>{0};
  auto renewed_often = std::promise<void>{};
  auto at = fake_host{[&](const read_output& query) {
    if (query.stream == output_stream_id::err)
      return chunk(0, {}, true);
    if (query.offset == 0) {
      first_reader = query.reader;
      return chunk(0, text, false);
    }
    auto renewal = query.follow && query.wait_ms == 0
                   && query.offset == text.size()
                   && query.reader == first_reader;
    if (renewal && ++renewals == 3)
      renewed_often.set_value();
    return chunk(query.offset, {}, query.wait_ms != 0);
  }};
  auto ends = std::array<int, 2>{};
  REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
  auto in = unique_fd::adopt(ends[0]);
  auto out = unique_fd::adopt(ends[1]);
  auto got = std::string{};
  auto slow = std::thread{[&] {
    // Reads nothing before the console has asked for patience three times.
    if (renewed_often.get_future().wait_for(20s) != std::future_status::ready)
      renewals = -1;
    auto buffer = std::array<char, 8192>{};
    while (got.size() < text.size()) {
      auto n = ::read(in.get(), buffer.data(), buffer.size());
      if (n <= 0)
        break;
      got.append(buffer.data(), static_cast<std::size_t>(n));
    }
  }};
  auto how = [&] {
    auto gate = signal_gate::close_gate();
    auto first = redirected{STDOUT_FILENO, out.get()};
    auto what = followed{"web", "p"};
    what.renewal = 5ms;
    return follow(at, what, *gate);
  }();
  slow.join();
  REQUIRE(how);
  CHECK_FALSE(how->lost_output);
  CHECK(renewals >= 3);
  CHECK(first_reader > 1); // not what every other console says
  CHECK(got == text);
}
