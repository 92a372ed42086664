// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// A holder that was taken over, at the other end of a socket pair.

#include "actors/error.hpp"
#include "actors/namespace_holder.hpp"
#include "actors/poller.hpp"
#include "kernel-iface/packet.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/host_snapshot.hpp"
#include "tests/support/instance.hpp"
#include "tests/support/patience.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/scoped_actor.hpp>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <limits>

using namespace reeve;
using namespace reeve::actors;
using namespace reeve::kernel::holder;
using namespace std::chrono_literals;

namespace {

class hostile_holder {
public:
  /// What ends before the deadline ended for another reason.
  explicit hostile_holder(
      std::chrono::milliseconds deadline = reeve::tests::patiently(30s)) {
    system_config_.set("scheduler.max-threads", 2);
    system_config_.set("logger.console", caf::atom("none"));
    system_ = std::make_unique<caf::actor_system>(system_config_);
    poller_ = poller::make("test-poller").value();
    auto [ours, theirs] = kernel::make_packet_sockets().value();
    socket_ = std::move(ours);
    holder_options how;
    how.control = std::make_shared<kernel::unique_fd>(std::move(theirs));
    how.deadline = deadline;
    actor_ = spawn_namespace_holder(*system_, *poller_, how);
    holder_listener to;
    to.on_ended = [this](std::uint64_t, const end_of_process&) { ++ended_; };
    to.on_lost = [this](const std::string& why) {
      reason_ = why;
      ++lost_;
    };
    caf::anon_send(actor_, listen_to_holder{std::move(to)});
  }

  hostile_holder(const hostile_holder&) = delete;
  hostile_holder& operator=(const hostile_holder&) = delete;

  ~hostile_holder() {
    caf::anon_send_exit(actor_, caf::exit_reason::kill);
    actor_ = nullptr;
    system_.reset();
    poller_.reset();
  }

  template <class Report>
  void say(const Report& what, std::size_t descriptors = 0,
           std::uint64_t id = 0) {
    say_raw(static_cast<std::uint16_t>(Report::type),
            kernel::wire::encode(what), descriptors, id);
  }

  void say_raw(std::uint16_t type, const std::string& body,
               std::size_t descriptors = 0, std::uint64_t id = 0) {
    std::vector<kernel::unique_fd> owned;
    std::vector<int> fds;
    for (std::size_t i = 0; i < descriptors; ++i) {
      owned.push_back(
          kernel::unique_fd::adopt(::open("/dev/null", O_RDONLY | O_CLOEXEC)));
      fds.push_back(owned.back().get());
    }
    // Once we are lost nobody listens; that is what the tests wait for.
    (void)kernel::send_packet(socket_.get(), type, id, body, fds);
  }

  void say_bytes(const std::string& bytes) {
    (void)::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }

  void greet() {
    say(hello_report{});
    say(hello_done_report{});
  }

  void hang_up() {
    socket_.reset();
  }

  /// The next order that the actor sent; its id.
  std::uint64_t next_order() {
    return next_packet().id;
  }

  kernel::packet next_packet() {
    kernel::packet in;
    tests::eventually("an order comes", [&] {
      auto got = kernel::receive_packet(socket_.get(), in);
      return got && *got == kernel::reception::packet;
    });
    return in;
  }

  template <class Reply, class Request>
  bool answers(const Request& what) {
    auto ok = false;
    caf::scoped_actor self{*system_};
    self->request(actor_, 20s, what)
        .receive([&](const Reply&) { ok = true; }, [](const caf::error&) {});
    return ok;
  }

  void expect_lost() {
    tests::eventually("the holder counts as lost", [&] { return lost_ > 0; });
    CHECK_FALSE(answers<holder_done>(signal_holder_process{}));
    CHECK_FALSE(answers<holder_inventory>(get_inventory{}));
    CHECK(lost_ == 1);
    CHECK_FALSE(reason_.empty());
  }

  [[nodiscard]] int lost() const {
    return lost_;
  }

  [[nodiscard]] caf::actor_system& system() {
    return *system_;
  }

  [[nodiscard]] const namespace_holder_actor& actor() const {
    return actor_;
  }

private:
  caf::actor_system_config system_config_;
  std::unique_ptr<caf::actor_system> system_;
  std::unique_ptr<poller> poller_;
  kernel::unique_fd socket_;
  namespace_holder_actor actor_;
  std::string reason_;
  std::atomic<int> lost_{0};
  std::atomic<int> ended_{0};
};

spawned_report started(std::uint64_t process, std::uint8_t carries) {
  return {process, 2, carries};
}

void put(std::string& out, std::uint32_t number) {
  out.append(reinterpret_cast<const char*>(&number), sizeof(number));
}

} // namespace

TEST_CASE("hostile holder: nonsense makes it lost and leaks nothing",
          "[integration][hostile]") {
  auto before = tests::host_snapshot::take();
  {
    hostile_holder them;
    them.greet();
    REQUIRE(them.answers<holder_inventory>(get_inventory{}));
    constexpr auto spawned = static_cast<std::uint16_t>(message::spawned);
    constexpr auto state = static_cast<std::uint16_t>(message::process_state);
    SECTION("bytes that are no packet") {
      them.say_bytes("garbage");
    }
    SECTION("a long packet of them") {
      them.say_bytes(std::string(100'000, '\xff'));
    }
    SECTION("an empty packet") {
      them.say_bytes("");
    }
    SECTION("a header that lies about its length") {
      std::string raw;
      put(raw, kernel::packet_magic);
      put(raw, kernel::packet_version | spawned << 16U);
      put(raw, std::numeric_limits<std::uint32_t>::max());
      put(raw, 0);
      raw.append(8, '\0');
      them.say_bytes(raw + "body");
    }
    SECTION("a header that promises descriptors") {
      std::string raw;
      put(raw, kernel::packet_magic);
      put(raw, kernel::packet_version | spawned << 16U);
      put(raw, 0);
      put(raw, 3);
      raw.append(8, '\0');
      them.say_bytes(raw);
    }
    SECTION("a type that does not exist") {
      them.say_raw(4711, "");
    }
    SECTION("an order instead of a report") {
      them.say(quit_order{});
    }
    SECTION("a body that ends early") {
      them.say_raw(spawned, "123", 2);
    }
    SECTION("a body that goes on too long") {
      them.say_raw(spawned, kernel::wire::encode(started(1, 1)) + "more", 1);
    }
    SECTION("a text of four gigabytes") {
      std::string body(8, '\1');
      put(body, std::numeric_limits<std::uint32_t>::max());
      them.say_raw(state, body + "spec", 1);
    }
    SECTION("fewer descriptors than it says") {
      them.say(started(1, carries_pidfd | carries_stdout), 1);
    }
    SECTION("more descriptors than it says") {
      them.say(started(1, carries_pidfd), 5);
    }
    SECTION("as many descriptors as fit") {
      them.say(started(1, 0), kernel::max_packet_fds);
    }
    SECTION("a second greeting") {
      them.say(hello_report{});
    }
    SECTION("nothing at all any more") {
      them.hang_up();
    }
    them.expect_lost();
  }
  CHECK(tests::leaked_since(before).empty());
}

TEST_CASE("hostile holder: it cannot fill the daemon with what it never "
          "announced",
          "[integration][hostile]") {
  auto before = tests::host_snapshot::take();
  {
    hostile_holder them;
    process_state_report state;
    state.carries = carries_pidfd | carries_stdin | carries_stdout
                    | carries_stderr | carries_master;
    SECTION("more processes than it announced") {
      them.say(hello_report{1, true});
      for (auto i = 0U; i < 100; ++i) {
        state.process = i;
        them.say(state, 5);
      }
    }
    SECTION("more processes than a holder can have") {
      them.say(hello_report{std::numeric_limits<std::uint32_t>::max(), true});
    }
    SECTION("processes before any greeting") {
      them.say(state, 5);
    }
    SECTION("fewer processes than it announced") {
      them.say(hello_report{2, true});
      them.say(state, 5);
      them.say(hello_done_report{});
    }
    them.expect_lost();
  }
  CHECK(tests::leaked_since(before).empty());
}

TEST_CASE("hostile holder: answers that nobody asked for are dropped",
          "[integration][hostile]") {
  auto before = tests::host_snapshot::take();
  {
    hostile_holder them;
    them.greet();
    for (std::uint64_t i = 0; i < 200; ++i) {
      them.say(done_report{}, 0, i * 1'000'003);
      them.say(refused_report{ESRCH, "nothing"}, 0, ~i);
      them.say(started(i, carries_pidfd), 1);
      them.say(spawn_failed_report{i, static_cast<spawn_step>(999), -5, "x"});
      them.say(exited_report{i, {}});
    }
    CHECK(them.answers<holder_inventory>(get_inventory{}));
    CHECK(them.lost() == 0);
    them.hang_up();
    them.expect_lost();
  }
  CHECK(tests::leaked_since(before).empty());
}

TEST_CASE("hostile holder: a wrong answer fails the request and no other",
          "[integration][hostile]") {
  hostile_holder them;
  them.greet();
  caf::scoped_actor self{them.system()};
  auto first = self->request(them.actor(), 20s, signal_holder_process{});
  auto one = them.next_order();
  auto second = self->request(them.actor(), 20s, resize_holder_terminal{});
  auto two = them.next_order();
  them.say(configured_report{}, 0, one);
  auto failed = false;
  first.receive([](const holder_done&) {},
                [&](const caf::error&) { failed = true; });
  CHECK(failed);
  them.say(done_report{}, 0, two);
  auto done = false;
  second.receive([&](const holder_done&) { done = true; },
                 [](const caf::error&) {});
  CHECK(done);
  CHECK(them.lost() == 0);
}

TEST_CASE("hostile holder: a description is taken when it was asked for",
          "[integration][hostile]") {
  hostile_holder them;
  them.greet();
  caf::scoped_actor self{them.system()};
  auto asked = [&](std::uint64_t& id) {
    auto out = self->request(them.actor(), 20s, describe_process{{7}});
    id = them.next_order();
    return out;
  };
  described_report state;
  state.process = 7;
  state.ns_pid = 3;
  state.carries = carries_pidfd | carries_stdout;
  std::uint64_t id = 0;
  auto request = asked(id);
  SECTION("whole") {
    them.say(state, 2, id);
    request.receive(
        [](const known_process& known) {
          CHECK(known.state.process == 7);
          CHECK(known.handles.ns_pid == 3);
          CHECK(known.handles.pidfd);
          CHECK(known.handles.stdout_end);
          CHECK_FALSE(known.handles.stderr_end);
          CHECK_FALSE(known.handles.is_bare);
        },
        [](const caf::error& err) { FAIL_CHECK(text_of(err)); });
    them.say(state, 2, id); // and again, which nobody asked for
    CHECK(them.answers<holder_inventory>(get_inventory{}));
    CHECK(them.lost() == 0);
  }
  SECTION("again without descriptors") {
    state.carries = descriptors_withheld;
    them.say(state, 0, id);
    request.receive(
        [](const known_process& known) { CHECK(known.handles.is_bare); },
        [](const caf::error& err) { FAIL_CHECK(text_of(err)); });
    CHECK(them.lost() == 0);
  }
  SECTION("of nobody") {
    them.say(refused_report{ESRCH, "describe"}, 0, id);
    request.receive(
        [](const known_process&) { FAIL_CHECK(); },
        [](const caf::error& err) { CHECK(code_of(err) == errc::not_found); });
    CHECK(them.lost() == 0);
  }
  SECTION("with another answer") {
    them.say(done_report{}, 0, id);
    auto failed = false;
    request.receive([](const known_process&) {},
                    [&](const caf::error&) { failed = true; });
    CHECK(failed);
    CHECK(them.lost() == 0);
  }
  SECTION("with fewer descriptors than it says") {
    them.say(state, 1, id);
    auto failed = false;
    request.receive([](const known_process&) {},
                    [&](const caf::error&) { failed = true; });
    CHECK(failed);
    them.expect_lost();
  }
}

TEST_CASE("hostile holder: silence costs each order its deadline, nothing more",
          "[integration][hostile]") {
  auto before = tests::host_snapshot::take();
  {
    hostile_holder them{50ms};
    CHECK_FALSE(them.answers<holder_inventory>(get_inventory{})); // no greeting
    them.greet();
    CHECK_FALSE(them.answers<holder_done>(signal_holder_process{}));
    auto late = them.next_order();
    spawn_process start;
    start.order.process = 7;
    start.order.argv = {"true"};
    CHECK_FALSE(them.answers<process_spawned>(start));
    // Its answers come after all; nobody waits for them any more.
    them.say(done_report{}, 0, late);
    them.say(started(7, carries_pidfd), 1);
    CHECK(them.answers<holder_inventory>(get_inventory{}));
    CHECK(them.lost() == 0);
  }
  CHECK(tests::leaked_since(before).empty());
}
