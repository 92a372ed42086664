// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/helper_client.hpp"

#include "actors/error.hpp"
#include "actors/poller.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/system_config.hpp"

#include <caf/actor_system.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>

#include <fcntl.h>

#include <deque>
#include <future>
#include <string>
#include <vector>

using namespace reeve;
using namespace reeve::actors;
using namespace std::chrono_literals;

namespace {

class broker_fixture {
public:
  explicit broker_fixture(std::chrono::milliseconds deadline) {
    config_.set("scheduler.max-threads", 2);
    config_.set("logger.console", caf::atom("none"));
    system_ = std::make_unique<caf::actor_system>(config_);
    poller_ = poller::make("test-poller").value();
    // Told when the actor has let go of the poller.
    std::shared_ptr<const void> alive{new int, [this](const int* which) {
                                        delete which;
                                        gone_.set_value();
                                      }};
    broker_ = spawn_mount_broker(*system_, *poller_,
                                 {REEVE_TEST_FAKE_HELPER, deadline, alive});
  }

  broker_fixture(const broker_fixture&) = delete;
  broker_fixture& operator=(const broker_fixture&) = delete;

  ~broker_fixture() {
    end();
    CHECK(gone_.get_future().wait_for(10s) == std::future_status::ready);
    system_.reset();
  }

  void end() {
    caf::anon_send_exit(broker_, caf::exit_reason::user_shutdown);
  }

  /// Asks for all at once; an answer is the pid of the helper that carried the
  /// request out, or "!" and the code of the error.
  std::vector<std::string> ask(const std::vector<std::string>& words) {
    caf::scoped_actor self{*system_};
    auto ask_one = [&](const std::string& word) {
      prepare_root msg;
      msg.pidfd = std::make_shared<kernel::unique_fd>(
          kernel::unique_fd::adopt(::open("/dev/null", O_PATH | O_CLOEXEC)));
      msg.limits_socket = msg.pidfd;
      msg.options.masked_paths = {word};
      return self->request(broker_, 60s, msg);
    };
    std::deque<decltype(ask_one({}))> asked;
    for (const auto& word : words)
      asked.push_back(ask_one(word));
    std::vector<std::string> out;
    for (auto& one : asked)
      one.receive(
          [&](const root_prepared& done) {
            out.push_back(done.warnings.at(0));
          },
          [&](const caf::error& err) {
            out.push_back(std::string{"!"} + name_of(code_of(err)));
          });
    return out;
  }

private:
  tests::system_config config_;
  std::promise<void> gone_;
  std::unique_ptr<poller> poller_;
  std::unique_ptr<caf::actor_system> system_;
  mount_broker_actor broker_;
};

} // namespace

TEST_CASE("helper: one that hangs is replaced, and only its request fails",
          "[actors][helper]") {
  broker_fixture fixture{300ms};
  auto got =
      fixture.ask({"who", "hang", "who", "who", "who", "hang", "who", "who"});
  REQUIRE(got.size() == 8);
  CHECK(got[1] == "!timed_out");
  CHECK(got[5] == "!timed_out");
  // The same process for all between two that hang.
  CHECK(got[0].front() != '!');
  CHECK(got[2].front() != '!');
  CHECK(got[2] != got[0]);
  CHECK(got[3] == got[2]);
  CHECK(got[4] == got[2]);
  CHECK(got[6].front() != '!');
  CHECK(got[6] != got[2]);
  CHECK(got[7] == got[6]);
}

TEST_CASE("helper: one that dies is replaced, and only its request fails",
          "[actors][helper]") {
  broker_fixture fixture{30s};
  auto got = fixture.ask({"who", "die", "who", "die", "die", "who"});
  REQUIRE(got.size() == 6);
  CHECK(got[1] == "!gone");
  CHECK(got[3] == "!gone");
  CHECK(got[4] == "!gone");
  CHECK(got[0].front() != '!');
  CHECK(got[2].front() != '!');
  CHECK(got[5].front() != '!');
  CHECK(got[2] != got[0]);
  CHECK(got[5] != got[2]);
}

TEST_CASE("helper: a request's deadline does not run while it waits",
          "[actors][helper]") {
  broker_fixture fixture{1500ms};
  auto got = fixture.ask(std::vector<std::string>(25, "slow")); // 2.5 s
  for (const auto& pid : got)
    CHECK(pid == got[0]);
  CHECK(got[0].front() != '!');
}

TEST_CASE("helper: a request that cannot be sent fails alone",
          "[actors][helper]") {
  broker_fixture fixture{30s};
  auto got = fixture.ask(
      {"who", std::string(kernel::max_packet_body + 1, 'x'), "who"});
  REQUIRE(got.size() == 3);
  CHECK(got[0].front() != '!');
  CHECK(got[1] == "!refused_by_kernel");
  CHECK(got[2] == got[0]);
}

TEST_CASE("helper: whoever waits when the client ends gets an answer",
          "[actors][helper]") {
  broker_fixture fixture{30s};
  std::vector<std::string> got;
  std::thread asks{[&] { got = fixture.ask({"hang", "who", "who"}); }};
  // The first is under way or about to be: no matter which.
  fixture.end();
  asks.join();
  CHECK(got == std::vector<std::string>{"!gone", "!gone", "!gone"});
}
