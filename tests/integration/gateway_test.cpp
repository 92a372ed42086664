// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// What can be reached through the socket of a real `reeved`: its gateway, by
// messages of api.hpp, and nothing else.

#include "actors/basp_filter.hpp"
#include "supervisor/runtime.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/daemon_process.hpp"
#include "tests/support/instance.hpp"
#include "tests/support/kernel_view.hpp"
#include "tests/support/raw_basp_client.hpp"
#include "tests/support/temp_directory.hpp"

#include <caf/io/middleman.hpp>

#include <unistd.h>

using namespace reeve::supervisor;
using namespace reeve::tests;
using reeve::actors::refusal;
using reeve::test::raw_basp_client;

namespace basp = reeve::test::basp;

namespace {

constexpr std::uint64_t async = caf::message_id::default_async_value;

/// Lends its type information and its node.
class client_node {
public:
  client_node() {
    add_message_types(config_);
    config_.load<caf::io::middleman>();
    config_.set("scheduler.max-threads", std::size_t{1});
    config_.set("logger.console", caf::atom("none"));
    system_ = std::make_unique<caf::actor_system>(config_);
  }

  caf::actor_system& system() {
    return *system_;
  }

private:
  caf::actor_system_config config_;
  std::unique_ptr<caf::actor_system> system_;
};

/// A daemon with a container that runs, and somebody who means harm.
class attacked_daemon {
public:
  attacked_daemon() {
    daemon.create("web");
    process = daemon.run("web", daemon.sleeper("p")).pid;
    started = start_time();
  }

  raw_basp_client greeted() {
    raw_basp_client out{node.system(), daemon.root() + "/run/reeved.sock"};
    out.read_greeting();
    out.send(out.greeting(node.system().node()));
    return out;
  }

  /// Builds a frame for a fresh connection, sends it, and expects the daemon to
  /// hang up for that reason.
  template <class MakeFrame>
  void expect_refusal(refusal why, const MakeFrame& make) {
    auto before = refusals(why);
    auto raw = greeted();
    raw.send(make(raw));
    CHECK(raw.is_hung_up_on());
    eventually("the refusal is logged as '" + to_string(why) + "'",
               [&] { return refusals(why) == before + 1; });
  }

  /// A message to the gateway's id, or to another.
  void expect_refusal_of(refusal why, const caf::message& content,
                         caf::actor_id to, std::uint8_t flags = 0) {
    expect_refusal(why, [&](raw_basp_client& raw) {
      return raw.message(to, async | 1, content, flags);
    });
  }

  caf::actor_id gateway() {
    return greeted().receiver;
  }

  /// Neither the daemon nor what it looks after has noticed anything.
  void check_unharmed() {
    CHECK(is_alive(daemon.pid()));
    CHECK(is_alive(process));
    CHECK(start_time() == started);
    CHECK(daemon.container_names() == std::vector<std::string>{"web"});
    CHECK(daemon.process_of("web", "p").pid == process);
    CHECK(daemon.shell("web", "echo on").out == "on\n");
  }

  temp_directory dir;
  std::string log = dir.path() + "/log";
  daemon_process daemon{options()};
  client_node node;
  pid_t process = 0;
  std::string started;

private:
  daemon_options options() {
    daemon_options out;
    out.log = "sink = \"file\"\npath = \"" + log + "\"\nlevel = \"warning\"";
    return out;
  }

  [[nodiscard]] std::ptrdiff_t refusals(refusal why) const {
    auto line = "closed a connection of uid 0, pid "
                + std::to_string(::getpid()) + ": " + to_string(why) + "\n";
    auto text = read_file(log);
    std::ptrdiff_t out = 0;
    for (auto at = text.find(line); at != std::string::npos;
         at = text.find(line, at + 1))
      ++out;
    return out;
  }

  /// With the pid, who a process is.
  [[nodiscard]] std::string start_time() const {
    auto stat = read_file("/proc/" + std::to_string(process) + "/stat");
    auto at = stat.rfind(')');
    for (auto field = 2; field < 22 && at != std::string::npos; ++field)
      at = stat.find(' ', at + 1);
    return at == std::string::npos
               ? ""
               : stat.substr(at, stat.find(' ', at + 1) - at);
  }
};

caf::message a_destruction() {
  return caf::make_message(destroy_container{"web", true, 0});
}

} // namespace

TEST_CASE("gateway: a hand-made request of the interface is answered",
          "[integration][gateway]") {
  if (!is_root())
    return;
  attacked_daemon uut;
  uut.daemon.create("victim");
  auto raw = uut.greeted();
  // So what the others are refused is not refused for a mistake of theirs.
  raw.send(
      raw.message(raw.receiver, async | 1,
                  caf::make_message(destroy_container{"victim", true, 0})));
  auto hdr = raw.read_header();
  while (hdr.operation != basp::message_type::direct_message) {
    raw.read_exactly(hdr.payload_len);
    hdr = raw.read_header();
  }
  CHECK(caf::message_id{hdr.operation_data}.is_response());
  uut.check_unharmed();
}

TEST_CASE("gateway: CAF's own services are out of reach",
          "[integration][gateway]") {
  if (!is_root())
    return;
  attacked_daemon uut;
  auto to = [&](caf::atom_value name, const caf::message& content) {
    uut.expect_refusal_of(refusal::wrong_receiver, content,
                          static_cast<std::uint64_t>(name),
                          basp::header::named_receiver_flag);
  };
  // The configuration server: reads, and writes.
  to(caf::atom("ConfigServ"),
     caf::make_message(caf::get_atom_v, std::string{"*"}));
  to(caf::atom("ConfigServ"),
     caf::make_message(caf::put_atom_v, std::string{"key"},
                       caf::make_message(std::string{"value"})));
  // The spawn server.
  to(caf::atom("SpawnServ"),
     caf::make_message(caf::sys_atom_v, caf::get_atom_v, std::string{"info"}));
  to(caf::atom("SpawnServ"),
     caf::make_message(caf::spawn_atom_v, std::string{"any"},
                       caf::make_message(), std::set<std::string>{}));
  // Nobody has a name, the gateway neither.
  to(caf::atom("warden"), a_destruction());
  uut.expect_refusal_of(refusal::wrong_receiver, a_destruction(), uut.gateway(),
                        basp::header::named_receiver_flag);
  uut.check_unharmed();
}

TEST_CASE("gateway: no other actor can be reached by its number",
          "[integration][gateway]") {
  if (!is_root())
    return;
  attacked_daemon uut;
  const auto gateway = uut.gateway();
  // Numbers are given out in turn, so the warden's, the pool's, those of the
  // brokers and of the container with all its parts are among these. What is
  // sent would end the container, were it the warden's or the container's.
  for (caf::actor_id id = 1; id < gateway + 150; ++id)
    if (id != gateway) {
      INFO("actor " << id);
      uut.expect_refusal_of(refusal::wrong_receiver, a_destruction(), id);
    }
  // Nor watched, which would tell of its end.
  for (auto id : {gateway - 1, gateway + 1})
    uut.expect_refusal(refusal::wrong_receiver, [&](raw_basp_client& raw) {
      return raw.frame({basp::message_type::monitor_message, 0, 0, 0, 0, id},
                       uut.node.system().node(), raw.daemon_node);
    });
  uut.check_unharmed();
}

TEST_CASE("gateway: it cannot be ended, linked to or given answers",
          "[integration][gateway]") {
  if (!is_root())
    return;
  attacked_daemon uut;
  const auto gateway = uut.gateway();
  auto refused = [&](const caf::message& content) {
    uut.expect_refusal_of(refusal::wrong_message, content, gateway);
  };
  refused(caf::make_message(
      caf::exit_msg{caf::actor_addr{}, caf::exit_reason::kill}));
  refused(caf::make_message(
      caf::down_msg{caf::actor_addr{}, caf::exit_reason::kill}));
  refused(
      caf::make_message(caf::sys_atom_v, caf::get_atom_v, std::string{"info"}));
  refused(caf::make_message(caf::link_atom_v));
  refused(caf::make_message(std::string{"destroy"}));
  // Answers to requests that were never asked, and what the interface has for
  // answers only.
  refused(caf::make_message(container_is{"web", container_phase::stopped, {}}));
  uut.expect_refusal(refusal::wrong_message, [&](raw_basp_client& raw) {
    auto answer = caf::message_id{caf::make_message_id(1)}.response_id();
    return raw.message(gateway, answer.integer_value(), a_destruction());
  });
  // Two requests in one.
  refused(caf::make_message(list_containers{}, list_containers{}));
  uut.check_unharmed();
}

TEST_CASE("gateway: nothing is passed on to other nodes, nor taken from them",
          "[integration][gateway]") {
  if (!is_root())
    return;
  attacked_daemon uut;
  const auto gateway = uut.gateway();
  client_node third;
  const auto no_stack = std::vector<caf::strong_actor_ptr>{};
  const auto routed =
      basp::header{basp::message_type::routed_message, 0, 0, async, 5, gateway};
  const auto own = uut.node.system().node();
  uut.expect_refusal(refusal::wrong_operation, [&](raw_basp_client& raw) {
    return raw.frame(routed, own, third.system().node(), no_stack,
                     a_destruction());
  });
  // Not even to the daemon itself, from somebody else.
  uut.expect_refusal(refusal::wrong_operation, [&](raw_basp_client& raw) {
    return raw.frame(routed, third.system().node(), raw.daemon_node, no_stack,
                     a_destruction());
  });
  // Nobody passes for the daemon.
  uut.expect_refusal(refusal::wrong_node, [&](raw_basp_client& raw) {
    return raw.greeting(raw.daemon_node);
  });
  uut.check_unharmed();
}

TEST_CASE("gateway: what is no frame ends that connection alone",
          "[integration][gateway]") {
  if (!is_root())
    return;
  attacked_daemon uut;
  auto half = uut.greeted();
  half.send({'\x02', '\0', '\0'}); // half a header, and silence
  uut.expect_refusal(refusal::malformed, [](raw_basp_client&) {
    return std::vector<char>(100'000, '\xa5');
  });
  uut.expect_refusal(refusal::too_large, [](raw_basp_client& raw) {
    auto frame = raw.message(raw.receiver, async, a_destruction());
    frame.resize(basp::header_size);
    std::fill_n(frame.begin() + 4, 4, '\x7f');
    return frame;
  });
  uut.check_unharmed();
}
