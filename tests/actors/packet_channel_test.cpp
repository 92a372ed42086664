// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/packet_channel.hpp"

#include "tests/support/catch.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <future>
#include <mutex>
#include <utility>
#include <vector>

using namespace reeve;
using namespace reeve::actors;
using namespace std::chrono_literals;

namespace {

struct note {
  static constexpr std::uint16_t type = 7;
  std::string text;

  static void fields(auto& ar, auto& self) {
    ar(self.text);
  }
};

class channel_fixture {
protected:
  channel_fixture() {
    auto pair = kernel::make_packet_sockets().value();
    peer_ = std::move(pair.second);
    poller_ = poller::make("test-poller").value();
    channel_ = packet_channel::make(*poller_, std::move(pair.first));
    packet_channel::handlers to;
    to.on_packet = [](const std::shared_ptr<kernel::packet>&) {};
    to.on_closed = [this](const kernel::sys_error& err) {
      closed_.set_value(err.code);
    };
    to.on_unsent = [this](std::uint64_t id, const kernel::sys_error& err) {
      unsent_.set_value({id, err.code});
    };
    REQUIRE(channel_->start(std::move(to)).has_value());
  }

  // More than any socket takes: the rest waits in the channel.
  void fill() {
    note big{std::string(100'000, 'x')};
    for (std::uint64_t id = 1; id <= 64; ++id)
      REQUIRE(channel_->send(id, big).has_value());
  }

  /// Reads at the peer until the packet `id` has come.
  bool read_until(std::uint64_t id) {
    for (;;) {
      pollfd wait{peer_.get(), POLLIN, 0};
      if (::poll(&wait, 1, 10'000) != 1)
        return false;
      kernel::packet in;
      auto got = kernel::receive_packet(peer_.get(), in);
      if (!got || *got == kernel::reception::closed)
        return false;
      if (*got == kernel::reception::packet && in.id == id)
        return true;
    }
  }

  kernel::unique_fd peer_;
  std::unique_ptr<poller> poller_;
  std::shared_ptr<packet_channel> channel_;
  std::promise<int> closed_;
  std::promise<std::pair<std::uint64_t, int>> unsent_;
};

} // namespace

TEST_CASE_METHOD(channel_fixture,
                 "packet channel: without descriptors to keep a packet is "
                 "refused, and those behind it are sent",
                 "[actors][channel]") {
  fill();
  auto passed = kernel::unique_fd::adopt(::open("/", O_PATH | O_CLOEXEC));
  auto fd = passed.get();
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  rlimit none{1, before.rlim_max}; // standard input has it
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  auto sent = channel_->send(100, note{"with a descriptor"}, {&fd, 1});
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  REQUIRE_FALSE(sent.has_value());
  CHECK(sent.error().code == EMFILE);
  REQUIRE(channel_->send(101, note{"without"}).has_value());
  CHECK(read_until(101));
}

TEST_CASE_METHOD(channel_fixture,
                 "packet channel: what cannot be sent when its turn comes "
                 "fails alone",
                 "[actors][channel]") {
  fill();
  note huge{std::string(kernel::max_packet_body + 1, 'x')};
  REQUIRE(channel_->send(100, huge).has_value()); // it waits
  REQUIRE(channel_->send(101, note{"small"}).has_value());
  CHECK(read_until(101));
  auto refused = unsent_.get_future();
  REQUIRE(refused.wait_for(10s) == std::future_status::ready);
  CHECK(refused.get() == std::pair{std::uint64_t{100}, EMSGSIZE});
}

TEST_CASE_METHOD(channel_fixture,
                 "packet channel: the end of the peer is told, also to one "
                 "who has packets waiting",
                 "[actors][channel]") {
  fill();
  peer_.reset();
  auto closed = closed_.get_future();
  REQUIRE(closed.wait_for(10s) == std::future_status::ready);
  CHECK(closed.get() == EPIPE);
  auto sent = channel_->send(100, note{"late"});
  REQUIRE_FALSE(sent.has_value());
  CHECK(is_gone(sent.error()));
}

TEST_CASE("packet channel: closing drops the handlers", "[actors][channel]") {
  auto watch = poller::make("test-poller").value();
  auto pair = kernel::make_packet_sockets().value();
  auto channel = packet_channel::make(*watch, std::move(pair.first));
  auto held = std::make_shared<int>();
  packet_channel::handlers to;
  to.on_packet = [held](const std::shared_ptr<kernel::packet>&) {};
  to.on_closed = [held](const kernel::sys_error&) {};
  REQUIRE(channel->start(std::move(to)).has_value());
  CHECK(held.use_count() > 1);
  channel->close();
  CHECK(held.use_count() == 1);
}

TEST_CASE("packet channel: a callback may let go of the last owner of all",
          "[actors][channel]") {
  auto pair = kernel::make_packet_sockets().value();
  std::promise<void> gone;
  {
    struct owner {
      std::unique_ptr<poller> watch;
      std::shared_ptr<packet_channel> channel; // goes first
    };
    auto all = std::make_shared<owner>();
    all->watch = poller::make("test-poller").value();
    all->channel = packet_channel::make(*all->watch, std::move(pair.first));
    packet_channel::handlers to;
    to.on_packet = [](const std::shared_ptr<kernel::packet>&) {};
    auto last = std::make_shared<std::shared_ptr<owner>>(all);
    to.on_closed = [last, &gone](const kernel::sys_error&) {
      last->reset();
      gone.set_value();
    };
    REQUIRE(all->channel->start(std::move(to)).has_value());
  }
  pair.second.reset();
  CHECK(gone.get_future().wait_for(10s) == std::future_status::ready);
}

TEST_CASE("packet channel: a peer that floods fills its own socket",
          "[actors][channel]") {
  auto watch = poller::make("test-poller").value();
  auto pair = kernel::make_packet_sockets().value();
  auto channel = packet_channel::make(*watch, std::move(pair.first));
  std::mutex mutex;
  std::condition_variable news;
  std::deque<std::shared_ptr<kernel::packet>> in_hand;
  std::vector<std::uint64_t> seen;
  std::promise<int> closed;
  packet_channel::handlers to;
  to.on_packet = [&](std::shared_ptr<kernel::packet> in) {
    std::lock_guard guard{mutex};
    seen.push_back(in->id);
    in_hand.push_back(std::move(in));
    news.notify_all();
  };
  to.on_closed = [&](const kernel::sys_error& err) {
    closed.set_value(err.code);
  };
  REQUIRE(channel->start(std::move(to)).has_value());
  // Until the peer's own socket is full and nothing more is taken from it.
  std::uint64_t sent = 0;
  auto is_full = [&] {
    pollfd room{pair.second.get(), POLLOUT, 0};
    return ::poll(&room, 1, 200) == 0;
  };
  while (!is_full())
    if (kernel::send_packet(pair.second.get(), note::type, sent + 1,
                            kernel::wire::encode(note{"flood"})))
      ++sent;
  REQUIRE(sent > packet_channel::max_in_hand);
  pair.second.reset();
  {
    std::lock_guard guard{mutex};
    CHECK(in_hand.size() == packet_channel::max_in_hand);
  }
  // Let go of, the others come, in order, and then the end of the peer.
  std::unique_lock lock{mutex};
  while (seen.size() < sent) {
    auto handled = std::exchange(in_hand, {});
    lock.unlock();
    handled.clear();
    lock.lock();
    REQUIRE(news.wait_for(
        lock, 10s, [&] { return !in_hand.empty() || seen.size() == sent; }));
    CHECK(in_hand.size() <= packet_channel::max_in_hand);
  }
  for (std::uint64_t i = 0; i < sent; ++i)
    REQUIRE(seen[i] == i + 1);
  auto handled = std::exchange(in_hand, {});
  lock.unlock();
  handled.clear();
  auto end = closed.get_future();
  REQUIRE(end.wait_for(10s) == std::future_status::ready);
  CHECK(end.get() == EPIPE);
}
