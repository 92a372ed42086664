// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/unix_transport.hpp"

#include "tests/support/catch.hpp"
#include "tests/support/raw_basp_client.hpp"
#include "tests/support/skip.hpp"
#include "tests/support/transport_fixture.hpp"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <iostream>
#include <list>
#include <mutex>
#include <thread>

using namespace reeve::actors;
using namespace reeve::test;
using namespace std::chrono_literals;

namespace {

constexpr auto patience = 20s;
constexpr uint64_t async = caf::message_id::default_async_value;

/// Collects what the endpoint reports; `next` waits for a report.
class refusal_log {
public:
  void operator()(const refused_peer& peer) {
    auto guard = std::lock_guard{mutex_};
    peers_.push_back(peer);
    arrived_.notify_all();
  }

  refused_peer next() {
    auto guard = std::unique_lock{mutex_};
    if (!arrived_.wait_for(guard, patience, [&] { return !peers_.empty(); }))
      throw std::runtime_error("no refusal was reported");
    auto peer = peers_.front();
    peers_.pop_front();
    return peer;
  }

private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<refused_peer> peers_;
};

/// A daemon that publishes its echo service, open to our own uid.
class published_daemon {
public:
  explicit published_daemon(endpoint_options options = {}, mode_t mode = 0660) {
    options.mode = mode;
    options.admitted.uids.insert(::geteuid());
    options.on_refused = [this](const refused_peer& peer) { refusals(peer); };
    auto published = unix_endpoint::publish(service.sys, service.service, path,
                                            std::move(options));
    if (!published)
      throw std::runtime_error(to_string(published.error()));
    endpoint.emplace(std::move(*published));
  }

  temporary_directory dir;
  std::string path = dir / "gateway";
  refusal_log refusals;
  echo_daemon service;
  std::optional<unix_endpoint> endpoint;
};

template <class Handle>
caf::expected<echoed> ask(caf::actor_system& sys, const Handle& whom,
                          const echo& what) {
  auto self = caf::scoped_actor{sys};
  auto out = caf::expected<echoed>{caf::sec::runtime_error};
  self->request(whom, std::chrono::milliseconds{patience}, what)
      .receive([&](echoed& x) { out = std::move(x); },
               [&](caf::error& err) { out = std::move(err); });
  return out;
}

/// For children, which must make system calls only.
sockaddr_un address_of(const std::string& path) {
  auto addr = sockaddr_un{};
  addr.sun_family = AF_UNIX;
  REQUIRE(path.size() < sizeof(addr.sun_path));
  std::memcpy(addr.sun_path, path.data(), path.size());
  return addr;
}

/// A client of its own still gets its answer.
void check_serves(const std::string& path) {
  auto client = node{};
  auto remote = connect<echo_actor>(client.sys, path, patience);
  REQUIRE(remote);
  CHECK(ask(client.sys, *remote, {"alive?", {}, {}}));
}

bool goes_down(caf::scoped_actor& self) {
  auto is_down = false;
  self->receive([&](caf::down_msg&) { is_down = true; },
                caf::after(patience) >> [] {});
  return is_down;
}

/// Greets as a made-up node of this process.
raw_basp_client greeted_client(node& types, const std::string& path) {
  auto raw = raw_basp_client{types.sys, path};
  raw.read_greeting();
  raw.send(raw.greeting(types.sys.node()));
  return raw;
}

/// A daemon in a process of its own; killed at the end.
class daemon_process {
public:
  explicit daemon_process(const std::string& path) {
    int in[2] = {-1, -1};
    int out[2] = {-1, -1};
    REQUIRE(::pipe2(in, O_CLOEXEC) == 0);
    REQUIRE(::pipe2(out, O_CLOEXEC) == 0);
    auto actions = posix_spawn_file_actions_t{};
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    auto program = std::string{REEVE_TEST_TRANSPORT_DAEMON};
    auto argument = path;
    char* argv[] = {program.data(), argument.data(), nullptr};
    auto code =
        ::posix_spawn(&pid_, program.c_str(), &actions, nullptr, argv, environ);
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(in[0]);
    ::close(out[1]);
    stdin_.reset(in[1]);
    auto ready = reeve::kernel::unique_fd::adopt(out[0]);
    REQUIRE(code == 0);
    char line[6] = {};
    REQUIRE(::read(ready.get(), line, sizeof(line)) == sizeof(line));
  }

  daemon_process(const daemon_process&) = delete;
  daemon_process& operator=(const daemon_process&) = delete;

  ~daemon_process() {
    kill();
  }

  void kill() {
    if (pid_ <= 0)
      return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

private:
  pid_t pid_ = -1;
  reeve::kernel::unique_fd stdin_;
};

} // namespace

TEST_CASE("unix_transport: a request and its reply keep every field",
          "[actors][unix_transport]") {
  auto uut = published_daemon{};
  auto client = node{};
  auto remote = connect<echo_actor>(client.sys, uut.path, patience);
  REQUIRE(remote);
  auto question = echo{"tëxt\n", {-1, 0, 1 << 30}, {"", "word", "ö"}};
  question.words.emplace_back(100'000, 'x');
  auto answer = ask(client.sys, *remote, question);
  REQUIRE(answer);
  CHECK(answer->text == question.text);
  CHECK(answer->numbers == question.numbers);
  CHECK(answer->words == question.words);
  CHECK(answer->count == 1);
}

TEST_CASE("unix_transport: a second connect by the same system works",
          "[actors][unix_transport]") {
  auto uut = published_daemon{};
  auto client = node{};
  auto first = connect<echo_actor>(client.sys, uut.path, patience);
  auto second = connect<echo_actor>(client.sys, uut.path, patience);
  REQUIRE(first);
  REQUIRE(second);
  CHECK(*first == *second);
  CHECK(ask(client.sys, *second, {"again", {}, {}}));
}

TEST_CASE("unix_transport: a handle of another interface is an error",
          "[actors][unix_transport]") {
  auto uut = published_daemon{};
  auto client = node{};
  auto remote = connect<other_actor>(client.sys, uut.path, patience);
  REQUIRE_FALSE(remote);
  CHECK(remote.error().code == EPROTO);
}

TEST_CASE("unix_transport: fifty clients at once are served",
          "[actors][unix_transport]") {
  auto uut = published_daemon{};
  auto client = node{};
  // Distinct nodes are what the daemon sees; their threads are what is dear,
  // so that all but one are raw.
  auto raws = std::list<raw_basp_client>{};
  auto host = caf::node_id::default_data::host_id_type{};
  host.fill(1);
  for (uint32_t i = 1; i < 50; ++i) {
    auto& raw = raws.emplace_back(client.sys, uut.path);
    raw.read_greeting();
    raw.send(raw.greeting(caf::make_node_id(i, host)));
  }
  for (auto& raw : raws)
    raw.send(raw.message(raw.receiver, async | 1,
                         caf::make_message(echo{"hi", {}, {}})));
  auto remote = connect<echo_actor>(client.sys, uut.path, patience);
  REQUIRE(remote);
  CHECK(ask(client.sys, *remote, {"hi", {}, {}}));
  for (auto& raw : raws) {
    auto hdr = raw.read_header();
    while (hdr.operation != basp::message_type::direct_message) {
      raw.read_exactly(hdr.payload_len);
      hdr = raw.read_header();
    }
    CHECK(caf::message_id{hdr.operation_data}.is_response());
  }
  CHECK(uut.endpoint->counters().open == 50);
  CHECK(uut.endpoint->counters().refused == 0);
}

TEST_CASE("unix_transport: a crowd of whole systems connects concurrently",
          "[actors][unix_transport]") {
  auto uut = published_daemon{};
  auto served = std::atomic<int>{0};
  auto threads = std::vector<std::thread>{};
  for (int i = 0; i < 50; ++i)
    threads.emplace_back([&] {
      auto client = node{};
      auto remote = connect<echo_actor>(client.sys, uut.path, patience);
      if (remote && ask(client.sys, *remote, {"hi", {}, {}}))
        ++served;
    });
  for (auto& thread : threads)
    thread.join();
  CHECK(served == 50);
}

TEST_CASE("unix_transport: an unadmitted user is turned away and reported",
          "[actors][unix_transport]") {
  if (!reeve::tests::is_root())
    return; // who alone can become another user
  auto uut = published_daemon{{}, 0666};
  auto addr = address_of(uut.path);
  auto pid = ::fork();
  REQUIRE(pid >= 0);
  if (pid == 0) {
    // Other threads may have held locks: system calls only.
    if (::setgroups(0, nullptr) != 0 || ::setgid(65534) != 0
        || ::setuid(65534) != 0)
      ::_exit(2);
    auto fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (::connect(fd, reinterpret_cast<sockaddr*>(&addr), sizeof(addr)) != 0)
      ::_exit(3);
    char byte = 0;
    ::_exit(::read(fd, &byte, 1) == 0 ? 0 : 4);
  }
  int status = -1;
  REQUIRE(::waitpid(pid, &status, 0) == pid);
  CHECK(status == 0);
  auto peer = uut.refusals.next();
  CHECK(peer.reason == refusal::not_admitted);
  CHECK(peer.uid == 65534);
  CHECK(peer.pid == pid);
  CHECK(uut.endpoint->counters().refused == 1);
  check_serves(uut.path);
}

TEST_CASE("unix_transport: a refused connect is told apart from no daemon",
          "[actors][unix_transport]") {
  auto dir = temporary_directory{};
  auto service = echo_daemon{};
  auto client = node{};
  auto path = dir / "s";
  CHECK(connect<echo_actor>(client.sys, path, 1s).error().code == ENOENT);
  auto endpoint = unix_endpoint::publish(service.sys, service.service, path,
                                         endpoint_options{});
  REQUIRE(endpoint);
  CHECK(connect<echo_actor>(client.sys, path, patience).error().code
        == ECONNRESET);
}

TEST_CASE("unix_transport: a daemon that says nothing makes connect time out",
          "[actors][unix_transport]") {
  auto dir = temporary_directory{};
  auto client = node{};
  auto mute = listening_socket::open(dir / "s", 0600, std::nullopt);
  REQUIRE(mute);
  auto remote = connect<echo_actor>(client.sys, dir / "s", 50ms);
  REQUIRE_FALSE(remote);
  CHECK(remote.error().code == ETIMEDOUT);
}

TEST_CASE("unix_transport: a peer that talks nonsense is no daemon",
          "[actors][unix_transport]") {
  auto dir = temporary_directory{};
  auto client = node{};
  auto listener = listening_socket::open(dir / "s", 0600, std::nullopt);
  REQUIRE(listener);
  auto nonsense = std::thread{[&] {
    auto fd = reeve::kernel::unique_fd::adopt(
        ::accept4(listener->fd.get(), nullptr, nullptr, SOCK_CLOEXEC));
    auto bytes = std::string(64, '\xff');
    ::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    char buffer[256];
    while (::recv(fd.get(), buffer, sizeof(buffer), 0) > 0) {
    }
  }};
  auto remote = connect<echo_actor>(client.sys, dir / "s", patience);
  nonsense.join();
  REQUIRE_FALSE(remote);
  CHECK(remote.error().code == EPROTO);
}

TEST_CASE("unix_transport: publishing where a daemon listens is EADDRINUSE",
          "[actors][unix_transport]") {
  auto uut = published_daemon{};
  auto second = unix_endpoint::publish(uut.service.sys, uut.service.service,
                                       uut.path, endpoint_options{});
  REQUIRE_FALSE(second);
  CHECK(second.error().code == EADDRINUSE);
  check_serves(uut.path);
}

TEST_CASE("unix_transport: after unpublish nobody gets in and clients go down",
          "[actors][unix_transport]") {
  auto uut = published_daemon{};
  auto client = node{};
  auto remote = connect<echo_actor>(client.sys, uut.path, patience);
  REQUIRE(remote);
  auto self = caf::scoped_actor{client.sys};
  self->monitor(*remote);
  uut.endpoint->unpublish();
  CHECK_FALSE(std::filesystem::exists(uut.path));
  CHECK(goes_down(self));
  CHECK(connect<echo_actor>(client.sys, uut.path, 1s).error().code == ENOENT);

  auto options = endpoint_options{};
  options.admitted.uids = {::geteuid()};
  auto again = unix_endpoint::publish(uut.service.sys, uut.service.service,
                                      uut.path, std::move(options));
  REQUIRE(again);
  check_serves(uut.path);
}

TEST_CASE("unix_transport: while it is handed on, nobody is turned away",
          "[actors][unix_transport]") {
  auto dir = temporary_directory{};
  const auto path = dir / "socket";
  auto daemon = std::make_unique<echo_daemon>();
  auto options = endpoint_options{};
  options.admitted.uids = {::geteuid()};
  auto endpoint =
      unix_endpoint::publish(daemon->sys, daemon->service, path, options);
  REQUIRE(endpoint);
  auto is_over = std::atomic<bool>{false};
  auto served = std::atomic<int>{0};
  auto turned_away = std::atomic<int>{0};
  auto clients = std::vector<std::thread>{};
  for (int i = 0; i < 4; ++i)
    clients.emplace_back([&] {
      while (!is_over) {
        auto client = node{};
        ++(connect<echo_actor>(client.sys, path, patience) ? served
                                                           : turned_away);
      }
    });
  for (auto generation = 0; generation < 30; ++generation) {
    for (auto before = served.load(); served < before + 4 && turned_away == 0;)
      std::this_thread::sleep_for(1ms);
    auto next = std::make_unique<echo_daemon>();
    auto socket = endpoint->hand_over();
    endpoint = tl::make_unexpected(reeve::kernel::sys_error{});
    daemon = std::move(next);
    endpoint = unix_endpoint::publish(daemon->sys, daemon->service, path,
                                      options, std::move(socket));
    if (!endpoint)
      break;
  }
  is_over = true;
  for (auto& thread : clients)
    thread.join();
  CHECK(endpoint);
  CHECK(served >= 120);
  CHECK(turned_away == 0);
}

TEST_CASE("unix_transport: the death of the daemon is noticed",
          "[actors][unix_transport]") {
  auto dir = temporary_directory{};
  auto client = node{};
  auto process = daemon_process{dir / "s"};
  auto remote = connect<echo_actor>(client.sys, dir / "s", patience);
  REQUIRE(remote);
  REQUIRE(ask(client.sys, *remote, {"alive?", {}, {}}));
  auto self = caf::scoped_actor{client.sys};
  self->monitor(*remote);
  process.kill();
  CHECK(goes_down(self));
  CHECK(connect<echo_actor>(client.sys, dir / "s", 1s).error().code
        == ECONNREFUSED);

  // Its successor finds the stale name and takes it over.
  auto successor = daemon_process{dir / "s"};
  auto again = connect<echo_actor>(client.sys, dir / "s", patience);
  REQUIRE(again);
  CHECK(ask(client.sys, *again, {"alive?", {}, {}}));
}

TEST_CASE("unix_transport: the death of the gateway is noticed",
          "[actors][unix_transport]") {
  auto uut = published_daemon{};
  auto client = node{};
  auto remote = connect<echo_actor>(client.sys, uut.path, patience);
  REQUIRE(remote);
  auto self = caf::scoped_actor{client.sys};
  self->monitor(*remote);
  caf::anon_send_exit(uut.service.service, caf::exit_reason::kill);
  CHECK(goes_down(self));
}

TEST_CASE("unix_transport: a forbidden frame ends that connection alone",
          "[actors][unix_transport]") {
  auto uut = published_daemon{};
  auto types = node{};
  auto raw = greeted_client(types, uut.path);
  auto expected = refusal::malformed;
  auto& registry = uut.service.sys.registry();
  SECTION("another actor by its id") {
    auto other = uut.service.sys.spawn(echo_service);
    registry.put(other.id(), caf::actor_cast<caf::strong_actor_ptr>(other));
    raw.send(raw.message(other.id(), async,
                         caf::make_message(echo{"psst", {}, {}})));
    expected = refusal::wrong_receiver;
    CHECK(raw.is_hung_up_on());
    auto answer = ask(uut.service.sys, other, {"first?", {}, {}});
    REQUIRE(answer);
    CHECK(answer->count == 1);
    caf::anon_send_exit(other, caf::exit_reason::user_shutdown);
  }
  SECTION("the configuration server") {
    raw.send(raw.message(static_cast<uint64_t>(caf::atom("ConfigServ")),
                         async | 1,
                         caf::make_message(caf::get_atom_v, std::string{"*"}),
                         basp::header::named_receiver_flag));
    expected = refusal::wrong_receiver;
    CHECK(raw.is_hung_up_on());
  }
  SECTION("the spawn server") {
    raw.send(raw.message(static_cast<uint64_t>(caf::atom("SpawnServ")),
                         async | 1,
                         caf::make_message(caf::sys_atom_v, caf::get_atom_v,
                                           std::string{"info"}),
                         basp::header::named_receiver_flag));
    expected = refusal::wrong_receiver;
    CHECK(raw.is_hung_up_on());
  }
  SECTION("an exit message") {
    raw.send(raw.message(raw.receiver, async,
                         caf::make_message(caf::exit_msg{
                             caf::actor_addr{}, caf::exit_reason::kill})));
    expected = refusal::wrong_message;
    CHECK(raw.is_hung_up_on());
  }
  SECTION("a message for a third node") {
    auto third = node{};
    auto no_stack = std::vector<caf::strong_actor_ptr>{};
    raw.send(raw.frame({basp::message_type::routed_message, 0, 0, async, 5, 9},
                       types.sys.node(), third.sys.node(), no_stack,
                       caf::make_message(echo{})));
    expected = refusal::wrong_operation;
    CHECK(raw.is_hung_up_on());
  }
  SECTION("garbage") {
    raw.send(std::vector<char>(4'000, '\xa5')); // at once: it will hang up
    CHECK(raw.is_hung_up_on());
  }
  SECTION("a payload without end") {
    auto frame = raw.message(raw.receiver, async, caf::make_message(echo{}));
    frame.resize(basp::header_size);
    std::fill_n(frame.begin() + 4, 4, '\x7f');
    raw.send(frame);
    expected = refusal::too_large;
    CHECK(raw.is_hung_up_on());
  }
  CHECK(uut.refusals.next().reason == expected);
  check_serves(uut.path);
}

TEST_CASE("unix_transport: an allowed message with broken content harms nobody",
          "[actors][unix_transport]") {
  auto uut = published_daemon{};
  auto types = node{};
  auto raw = greeted_client(types, uut.path);
  auto frame = raw.message(raw.receiver, async | 1,
                           caf::make_message(echo{"hello", {1}, {"a"}}));
  // The length of the last string.
  frame[frame.size() - 2] = '\x7f';
  raw.send(frame);
  // CAF hands it on as an empty message, which is no echo: an error comes back.
  auto hdr = raw.read_header();
  while (hdr.operation != basp::message_type::direct_message) {
    raw.read_exactly(hdr.payload_len);
    hdr = raw.read_header();
  }
  CHECK(caf::message_id{hdr.operation_data}.is_response());
  check_serves(uut.path);
}

TEST_CASE("unix_transport: an exit sent to the handle does not reach the actor",
          "[actors][unix_transport]") {
  auto uut = published_daemon{};
  auto client = node{};
  auto remote = connect<echo_actor>(client.sys, uut.path, patience);
  REQUIRE(remote);
  caf::anon_send_exit(*remote, caf::exit_reason::kill);
  CHECK(uut.refusals.next().reason == refusal::wrong_message);
  check_serves(uut.path);
}

TEST_CASE("unix_transport: no client can take over the node of another process",
          "[actors][unix_transport]") {
  auto uut = published_daemon{};
  auto client = node{};
  auto remote = connect<echo_actor>(client.sys, uut.path, patience);
  REQUIRE(remote);
  auto types = node{};
  auto mine = raw_basp_client{types.sys, uut.path};
  auto forged = mine.greeting(client.sys.node());
  auto addr = address_of(uut.path);
  auto pid = ::fork();
  REQUIRE(pid >= 0);
  if (pid == 0) {
    auto fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (::connect(fd, reinterpret_cast<sockaddr*>(&addr), sizeof(addr)) != 0
        || ::send(fd, forged.data(), forged.size(), MSG_NOSIGNAL)
               != static_cast<ssize_t>(forged.size()))
      ::_exit(3);
    char bytes[4096];
    while (::read(fd, bytes, sizeof(bytes)) > 0) {
    }
    ::_exit(0);
  }
  int status = -1;
  REQUIRE(::waitpid(pid, &status, 0) == pid);
  CHECK(status == 0);
  CHECK(uut.refusals.next().reason == refusal::wrong_node);
  CHECK(ask(client.sys, *remote, {"still mine?", {}, {}}));
}

TEST_CASE("unix_transport: half a frame and silence hold up nobody",
          "[actors][unix_transport]") {
  auto uut = published_daemon{};
  auto types = node{};
  auto silent = raw_basp_client{types.sys, uut.path};
  auto half_header = greeted_client(types, uut.path);
  half_header.send({'\x02', '\0', '\0'});
  check_serves(uut.path);
}

TEST_CASE("unix_transport: connections beyond the limit are turned away",
          "[actors][unix_transport]") {
  auto options = endpoint_options{};
  options.max_connections = 2;
  auto uut = published_daemon{std::move(options)};
  auto types = node{};
  auto first = greeted_client(types, uut.path);
  auto second = greeted_client(types, uut.path);
  auto third = raw_basp_client{types.sys, uut.path};
  CHECK(third.is_hung_up_on());
  CHECK(uut.refusals.next().reason == refusal::too_many_connections);
  CHECK(uut.endpoint->counters().open == 2);
}

TEST_CASE("unix_transport: silent connections give way to new ones",
          "[actors][unix_transport]") {
  auto options = endpoint_options{};
  options.max_connections = 1;
  options.greeting_timeout = 0s;
  auto uut = published_daemon{std::move(options)};
  auto types = node{};
  auto silent = raw_basp_client{types.sys, uut.path};
  silent.read_greeting();
  check_serves(uut.path);
  CHECK(silent.is_hung_up_on());
  CHECK(uut.refusals.next().reason == refusal::no_greeting);
}

TEST_CASE("unix_transport: a client that does not read is cut off",
          "[actors][unix_transport]") {
  auto options = endpoint_options{};
  options.max_unread = 1 << 20;
  auto uut = published_daemon{std::move(options)};
  auto types = node{};
  auto raw = greeted_client(types, uut.path);
  auto request =
      raw.message(raw.receiver, async | 1,
                  caf::make_message(echo{std::string(1 << 18, 'x'), {}, {}}));
  try {
    for (int i = 0; i < 64; ++i)
      raw.send(request);
  } catch (const std::runtime_error&) {
    // Cut off in the middle of a send: as good.
  }
  CHECK(uut.refusals.next().reason == refusal::slow_reader);
  CHECK(raw.is_hung_up_on());
  check_serves(uut.path);
}

TEST_CASE("unix_transport: the middleman of the host goes on working beside it",
          "[actors][unix_transport]") {
  auto uut = published_daemon{};
  auto& mm = uut.service.sys.middleman();
  auto port = mm.publish(uut.service.service, 0, "127.0.0.1");
  REQUIRE(port);
  auto client = node{};
  auto over_tcp =
      client.sys.middleman().remote_actor<echo_actor>("127.0.0.1", *port);
  auto over_unix = connect<echo_actor>(client.sys, uut.path, patience);
  REQUIRE(over_tcp);
  REQUIRE(over_unix);
  CHECK(ask(client.sys, *over_tcp, {"tcp", {}, {}}));
  CHECK(ask(client.sys, *over_unix, {"unix", {}, {}}));
}

TEST_CASE("unix_transport: the remote services of CAF can be removed",
          "[actors][unix_transport]") {
  auto uut = echo_daemon{};
  remove_remote_services(uut.sys);
  CHECK(uut.sys.registry().get(caf::atom("SpawnServ")) == nullptr);
  CHECK(uut.sys.registry().get(caf::atom("ConfigServ")) == nullptr);
}

TEST_CASE("unix_transport: a configuration that opens TCP ports is refused",
          "[actors][unix_transport]") {
  auto dir = temporary_directory{};
  auto config = transport_config{};
  config.set("middleman.enable-automatic-connections", true);
  auto sys = caf::actor_system{config};
  CHECK(connect<echo_actor>(sys, dir / "s", 1s).error().code == EINVAL);
}

TEST_CASE("unix_transport: without descriptors new peers are turned away",
          "[actors][unix_transport]") {
  auto uut = published_daemon{};
  check_serves(uut.path);
  auto addr = address_of(uut.path);
  auto peer = reeve::kernel::unique_fd::adopt(
      ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  auto before = rlimit{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  auto scarce = rlimit{256, before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &scarce) == 0);
  auto taken = std::vector<reeve::kernel::unique_fd>{};
  for (;;) {
    auto fd = reeve::kernel::unique_fd::adopt(
        ::fcntl(peer.get(), F_DUPFD_CLOEXEC, 0));
    if (!fd)
      break;
    taken.push_back(std::move(fd));
  }
  auto* generic = reinterpret_cast<const sockaddr*>(&addr);
  auto connected = ::connect(peer.get(), generic, sizeof(addr));
  auto p = pollfd{peer.get(), POLLIN, 0};
  auto answered = ::poll(&p, 1, 10'000);
  char byte = 0;
  auto got = answered == 1 ? ::recv(peer.get(), &byte, 1, 0) : -2;
  taken.clear();
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  CHECK(connected == 0);
  CHECK(got == 0);
  check_serves(uut.path);
}

TEST_CASE("unix_transport: time of a request between two processes",
          "[.][actors][unix_transport][benchmark]") {
  auto dir = temporary_directory{};
  auto client = node{};
  auto process = daemon_process{dir / "s"};
  auto remote = connect<echo_actor>(client.sys, dir / "s", patience);
  REQUIRE(remote);
  auto self = caf::scoped_actor{client.sys};
  auto times = std::vector<std::chrono::nanoseconds>{};
  for (int i = 0; i < 5000; ++i) {
    auto start = std::chrono::steady_clock::now();
    self->request(*remote, std::chrono::milliseconds{patience},
                  echo{"ping", {1, 2, 3}, {"a", "b"}})
        .receive([](const echoed&) {},
                 [](const caf::error& err) { FAIL(to_string(err)); });
    times.push_back(std::chrono::steady_clock::now() - start);
  }
  std::sort(times.begin(), times.end());
  auto at = [&](size_t percent) {
    return static_cast<double>(times[times.size() * percent / 100].count())
           / 1000;
  };
  std::cout << "p50 " << at(50) << " us, p90 " << at(90) << " us, p99 "
            << at(99) << " us\n";
}
