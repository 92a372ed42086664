// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/namespace_holder.hpp"

#include "actors/error.hpp"
#include "actors/poller.hpp"
#include "kernel-iface/packet.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/system_config.hpp"

#include <caf/actor_system.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>

#include <poll.h>

#include <future>

using namespace reeve;
using namespace reeve::actors;
using namespace std::chrono_literals;

namespace {

/// The actor, and the holder's end of its socket.
class holder_fixture {
protected:
  holder_fixture() {
    config_.set("scheduler.max-threads", 2);
    config_.set("logger.console", caf::atom("none"));
    system_ = std::make_unique<caf::actor_system>(config_);
    poller_ = poller::make("test-poller").value();
    auto pair = kernel::make_packet_sockets().value();
    holder_ = std::move(pair.second);
    holder_options how;
    how.control = std::make_shared<kernel::unique_fd>(std::move(pair.first));
    how.deadline = 30s;
    how.keep_alive =
        std::shared_ptr<const void>{new int, [this](const int* which) {
                                      delete which;
                                      ended_.set_value();
                                    }};
    actor_ = spawn_namespace_holder(*system_, *poller_, how);
  }

  ~holder_fixture() {
    caf::anon_send_exit(actor_, caf::exit_reason::kill);
    actor_ = nullptr;
    system_.reset();
  }

  void listen() {
    holder_listener to;
    to.on_lost = [this](const std::string& why) { lost_.set_value(why); };
    caf::anon_send(actor_, listen_to_holder{std::move(to)});
  }

  [[nodiscard]] bool is_told() {
    return lost_.get_future().wait_for(10s) == std::future_status::ready;
  }

  [[nodiscard]] bool has_ended() {
    return ended_.get_future().wait_for(10s) == std::future_status::ready;
  }

  /// Sends an order from a thread of its own and returns once PID 1 has it.
  std::future<errc> order_under_way() {
    auto out = std::async(std::launch::async,
                          [this, to = actor_] { return code_after_order(to); });
    pollfd wait{holder_.get(), POLLIN, 0};
    REQUIRE(::poll(&wait, 1, 10'000) == 1);
    return out;
  }

  errc code_after_order(const namespace_holder_actor& to) {
    auto out = errc::invalid_argument; // stands for success
    caf::scoped_actor self{*system_};
    self->request(to, 20s, signal_holder_process{})
        .receive([](holder_done) {},
                 [&](const caf::error& err) { out = code_of(err); });
    return out;
  }

  tests::system_config config_;
  std::promise<void> ended_;
  std::promise<std::string> lost_;
  std::unique_ptr<poller> poller_;
  std::unique_ptr<caf::actor_system> system_;
  kernel::unique_fd holder_;
  namespace_holder_actor actor_;
};

} // namespace

TEST_CASE_METHOD(holder_fixture,
                 "namespace holder: it ends when its socket closes, and late "
                 "requests are answered",
                 "[actors][holder]") {
  listen();
  auto order = order_under_way();
  holder_.reset();
  CHECK(is_told());
  CHECK(has_ended());
  CHECK(order.get() == errc::gone);
  CHECK(code_after_order(actor_) == errc::gone);
}

TEST_CASE_METHOD(holder_fixture,
                 "namespace holder: who takes over one that is lost is told, "
                 "and then it ends",
                 "[actors][holder]") {
  auto order = order_under_way();
  holder_.reset();
  CHECK(order.get() == errc::gone);
  listen();
  CHECK(is_told());
  CHECK(has_ended());
}

TEST_CASE_METHOD(holder_fixture,
                 "namespace holder: one that nobody knows any more ends",
                 "[actors][holder]") {
  SECTION("while its PID 1 lives") {
    actor_ = nullptr;
  }
  SECTION("after its PID 1 has gone") {
    holder_.reset();
    actor_ = nullptr;
  }
  CHECK(has_ended());
}

TEST_CASE_METHOD(
    holder_fixture,
    "namespace holder: ended from outside it answers whoever waits",
    "[actors][holder]") {
  auto order = order_under_way();
  caf::anon_send_exit(actor_, caf::exit_reason::user_shutdown);
  REQUIRE(order.wait_for(10s) == std::future_status::ready);
  CHECK(order.get() == errc::gone);
  CHECK(has_ended());
}

// It comes by itself, and may be here before whoever adopts has asked.
TEST_CASE_METHOD(holder_fixture,
                 "namespace holder: a greeting waits for who asks for it",
                 "[actors][holder]") {
  using namespace kernel::holder;
  auto order = order_under_way();
  auto say = [this](std::uint64_t id, const auto& what) {
    auto type =
        static_cast<std::uint16_t>(std::remove_cvref_t<decltype(what)>::type);
    REQUIRE(kernel::send_packet(holder_.get(), type, id,
                                kernel::wire::encode(what)));
  };
  process_state_report known;
  known.process = 7;
  say(0, hello_report{1, true});
  say(0, known);
  say(0, hello_done_report{});
  say(1, done_report{});
  REQUIRE(order.get() == errc::invalid_argument); // done, and so is all before
  caf::scoped_actor self{*system_};
  self->request(actor_, 20s, get_inventory{})
      .receive(
          [](const holder_inventory& in) {
            CHECK(in.configured);
            REQUIRE(in.processes.size() == 1);
            CHECK(in.processes[0].state.process == 7);
          },
          [](const caf::error& err) { FAIL(text_of(err)); });
}
