// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/basp_filter.hpp"

#include "tests/support/catch.hpp"
#include "tests/support/raw_basp_client.hpp"
#include "tests/support/transport_fixture.hpp"

using namespace reeve::actors;
using namespace reeve::test;

using caf::make_message;

namespace {

constexpr caf::actor_id gateway = 42;
constexpr uint64_t async = caf::message_id::default_async_value;

caf::node_id node_number(uint32_t pid) {
  auto host = caf::node_id::default_data::host_id_type{};
  host.fill(7);
  return caf::make_node_id(pid, host);
}

/// A filter and a way to build frames for it; nobody listens.
struct filter_fixture {
  temporary_directory dir;
  node client;
  reeve::kernel::result<listening_socket> listener =
      listening_socket::open(dir / "s", 0600, std::nullopt);
  raw_basp_client frames{client.sys, dir / "s"};
  caf::node_id here = node_number(1);
  caf::node_id peer = node_number(2);
  caf::node_id third = node_number(3);
  filter_rules rules{gateway, here, 1000, {"@<>+reeve::test::echo"}};
  basp_filter uut{rules};

  /// Feeds a frame as the broker would read it.
  std::optional<refusal> feed(const std::vector<char>& frame) {
    auto* ctx = client.sys.dummy_execution_unit();
    auto header = uut.judge(ctx, frame.data(), basp::header_size);
    if (header || frame.size() == basp::header_size)
      return header;
    return uut.judge(ctx, frame.data() + basp::header_size,
                     frame.size() - basp::header_size);
  }

  std::optional<refusal> feed_greeted(const std::vector<char>& frame) {
    REQUIRE(feed(frames.greeting(peer)) == std::nullopt);
    return feed(frame);
  }
};

caf::message an_echo() {
  return make_message(echo{"hello", {1, 2}, {"a"}});
}

} // namespace

TEST_CASE_METHOD(filter_fixture, "basp_filter: what a client needs passes",
                 "[actors][basp_filter]") {
  using basp::message_type;
  CHECK(feed_greeted(frames.greeting(peer)) == std::nullopt);
  CHECK(uut.peer_node() == peer);
  CHECK(feed(frames.message(gateway, async, an_echo())) == std::nullopt);
  CHECK(feed(frames.message(gateway, async | 9, an_echo())) == std::nullopt);
  CHECK(feed(frames.frame({message_type::monitor_message, 0, 0, 0, 0, gateway},
                          peer, here))
        == std::nullopt);
  auto reason = caf::error{caf::exit_reason::kill};
  CHECK(feed(frames.frame({message_type::down_message, 0, 0, 0, 5, 0}, peer,
                          here, reason))
        == std::nullopt);
  CHECK(feed(frames.frame({message_type::heartbeat, 0, 0, 0, 0, 0}))
        == std::nullopt);
}

TEST_CASE_METHOD(filter_fixture, "basp_filter: the greeting comes first",
                 "[actors][basp_filter]") {
  CHECK(feed(frames.message(gateway, async, an_echo()))
        == refusal::wrong_operation);
}

TEST_CASE_METHOD(filter_fixture,
                 "basp_filter: a client cannot pass for another node",
                 "[actors][basp_filter]") {
  SECTION("for ours") {
    CHECK(feed(frames.greeting(here)) == refusal::wrong_node);
  }
  SECTION("for none") {
    CHECK(feed(frames.greeting(caf::node_id{})) == refusal::wrong_node);
  }
  SECTION("for a second one") {
    CHECK(feed_greeted(frames.greeting(third)) == refusal::wrong_node);
  }
  SECTION("in a monitor message") {
    auto hdr =
        basp::header{basp::message_type::monitor_message, 0, 0, 0, 0, gateway};
    CHECK(feed_greeted(frames.frame(hdr, third, here)) == refusal::wrong_node);
  }
  SECTION("in a down message") {
    auto hdr = basp::header{basp::message_type::down_message, 0, 0, 0, 5, 0};
    auto reason = caf::error{};
    CHECK(feed_greeted(frames.frame(hdr, third, here, reason))
          == refusal::wrong_node);
  }
}

TEST_CASE_METHOD(filter_fixture, "basp_filter: only the gateway is reachable",
                 "[actors][basp_filter]") {
  SECTION("not another actor by id") {
    CHECK(feed_greeted(frames.message(gateway + 1, async, an_echo()))
          == refusal::wrong_receiver);
  }
  SECTION("no actor by name, not even one named like the id") {
    auto flag = basp::header::named_receiver_flag;
    CHECK(feed_greeted(frames.message(gateway, async, an_echo(), flag))
          == refusal::wrong_receiver);
  }
  SECTION("not another actor to monitor") {
    auto hdr = basp::header{
        basp::message_type::monitor_message, 0, 0, 0, 0, gateway + 1};
    CHECK(feed_greeted(frames.frame(hdr, peer, here))
          == refusal::wrong_receiver);
  }
  SECTION("no other node by way of a monitor message") {
    auto hdr =
        basp::header{basp::message_type::monitor_message, 0, 0, 0, 0, gateway};
    CHECK(feed_greeted(frames.frame(hdr, peer, third)) == refusal::wrong_node);
  }
  SECTION("no other node by way of a routed message") {
    auto hdr = basp::header{
        basp::message_type::routed_message, 0, 0, async, 5, gateway};
    auto no_stack = std::vector<caf::strong_actor_ptr>{};
    CHECK(feed_greeted(frames.frame(hdr, peer, third, no_stack, an_echo()))
          == refusal::wrong_operation);
  }
  SECTION("no greeting of a server") {
    auto hdr = basp::header{
        basp::message_type::server_handshake, 0, 0, basp::version, 0, 0};
    CHECK(feed_greeted(frames.frame(hdr, third)) == refusal::wrong_operation);
  }
}

TEST_CASE_METHOD(filter_fixture,
                 "basp_filter: only messages of the interface pass",
                 "[actors][basp_filter]") {
  auto refused = [&](const caf::message& msg) {
    return feed_greeted(frames.message(gateway, async, msg))
           == refusal::wrong_message;
  };
  SECTION("no message of another type") {
    CHECK(refused(make_message(unrelated{1})));
  }
  SECTION("no more elements than asked for") {
    CHECK(refused(make_message(echo{}, echo{})));
  }
  SECTION("no empty message") {
    CHECK(refused(make_message()));
  }
  SECTION("no exit message") {
    CHECK(refused(make_message(
        caf::exit_msg{caf::actor_addr{}, caf::exit_reason::kill})));
  }
  SECTION("no down message") {
    CHECK(refused(make_message(
        caf::down_msg{caf::actor_addr{}, caf::exit_reason::kill})));
  }
  SECTION("no link") {
    CHECK(refused(make_message(caf::link_atom_v, caf::strong_actor_ptr{})));
  }
}

TEST_CASE_METHOD(filter_fixture,
                 "basp_filter: only requests and plain messages pass",
                 "[actors][basp_filter]") {
  using caf::message_id;
  auto refused = [&](message_id mid) {
    return feed_greeted(frames.message(gateway, mid.integer_value(), an_echo()))
           == refusal::wrong_message;
  };
  SECTION("no response") {
    CHECK(refused(message_id{async | 1}.response_id()));
  }
  SECTION("nothing urgent") {
    CHECK(refused(message_id{1}));
  }
  SECTION("nothing upstream") {
    CHECK(refused(
        message_id{}.with_category(message_id::upstream_message_category)));
  }
  SECTION("nothing downstream") {
    CHECK(refused(
        message_id{}.with_category(message_id::downstream_message_category)));
  }
}

TEST_CASE_METHOD(filter_fixture, "basp_filter: broken frames are refused",
                 "[actors][basp_filter]") {
  auto* ctx = client.sys.dummy_execution_unit();
  SECTION("garbage") {
    CHECK(feed(std::vector<char>(basp::header_size, '\xff'))
          == refusal::malformed);
  }
  SECTION("an empty greeting") {
    CHECK(feed(frames.frame(
              {basp::message_type::client_handshake, 0, 0, 0, 0, 0}))
          == refusal::malformed);
  }
  SECTION("a greeting that ends early") {
    auto frame = frames.frame(
        {basp::message_type::client_handshake, 0, 0, 0, 0, 0}, uint8_t{1});
    CHECK(feed(frame) == refusal::malformed);
  }
  SECTION("a message that ends early") {
    auto frame = frames.frame(
        {basp::message_type::direct_message, 0, 0, async, 5, gateway},
        uint8_t{0});
    CHECK(feed_greeted(frame) == refusal::malformed);
  }
  SECTION("a message longer than allowed, by its header alone") {
    auto msg = make_message(echo{std::string(2000, 'x'), {}, {}});
    auto frame = frames.message(gateway, async, msg);
    frame.resize(basp::header_size);
    CHECK(feed_greeted(frame) == refusal::too_large);
  }
  SECTION("a greeting longer than any") {
    auto frame =
        frames.frame({basp::message_type::client_handshake, 0, 0, 0, 0, 0},
                     std::string(5000, 'x'));
    CHECK(feed(frame) == refusal::too_large);
  }
  SECTION("a forwarding stack") {
    auto frame = frames.frame(
        {basp::message_type::direct_message, 0, 0, async, 5, gateway},
        uint8_t{1});
    CHECK(feed_greeted(frame) == refusal::wrong_message);
  }
  SECTION("half a header") {
    CHECK(uut.judge(ctx, "half", 4) == refusal::malformed);
  }
}

TEST_CASE("basp_filter: every refusal has a sentence of its own",
          "[actors][basp_filter]") {
  auto seen = std::set<std::string>{};
  for (auto i = 0; i <= static_cast<int>(refusal::wrong_message); ++i)
    seen.insert(to_string(static_cast<refusal>(i)));
  CHECK(seen.size() == static_cast<size_t>(refusal::wrong_message) + 1);
  CHECK_FALSE(seen.contains("unknown refusal"));
}
