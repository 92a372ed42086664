// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "tests/integration/bare_holder.hpp"

#include "kernel-iface/broker_protocol.hpp"
#include "kernel-iface/zygote_protocol.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <system_error>

namespace reeve::tests {

namespace {

using kernel::packet;
using kernel::unique_fd;

constexpr std::uint32_t first_id = 0x70000000;
constexpr auto patience_ms = 20'000;

void must(bool ok, const char* what) {
  if (!ok)
    throw std::system_error(errno, std::generic_category(), what);
}

template <class T>
T must(kernel::result<T> got) {
  if (!got)
    throw std::runtime_error(to_string(got.error()));
  return std::move(*got);
}

packet receive(int socket) {
  packet in;
  pollfd wait{socket, POLLIN, 0};
  must(::poll(&wait, 1, patience_ms) == 1, "wait for a helper");
  if (must(kernel::receive_packet(socket, in)) != kernel::reception::packet)
    throw std::runtime_error("a helper has gone");
  return in;
}

template <class Order>
packet ask(int socket, const Order& what, std::span<const int> fds) {
  must(bool{kernel::send_packet(socket, static_cast<std::uint16_t>(Order::type),
                                1, kernel::wire::encode(what), fds)},
       "send an order");
  return receive(socket);
}

} // namespace

bare_holder::bare_holder(const std::filesystem::path& image) {
  std::string made = "/tmp/reeve-bare-XXXXXX";
  must(::mkdtemp(made.data()) != nullptr, "mkdtemp");
  upper_ = made;
  auto zygote = must(
      kernel::start_helper(REEVE_TEST_HOLDER, kernel::helper_role::zygote));
  auto pair = must(kernel::make_packet_sockets());
  kernel::zygote::start_holder_order birth;
  birth.modes.resize(kernel::zygote::ns_kinds);
  birth.id_base = first_id;
  birth.id_count = 65536;
  auto limits_socket =
      unique_fd::adopt(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  must(static_cast<bool>(limits_socket), "socket");
  int fds[] = {pair.second.get(), limits_socket.get()};
  auto born = ask(zygote.socket.get(), birth, fds);
  kernel::zygote::holder_started_report started;
  check(kernel::wire::decode(born.body, started) && born.fds.size() == 1);
  pid_ = started.pid;
  pidfd_ = std::move(born.fds.front());
  socket_ = std::move(pair.first);
  pair.second.reset();
  give_root(image, limits_socket.get());
  check(greeting().empty());
  kernel::holder::seal_order seal;
  seal.keep_capabilities = ~std::uint64_t{0};
  send(seal);
  next_of<kernel::holder::done_report>();
  send(
      kernel::holder::configure_order{{}, kernel::holder::owner_loss::keep, 0});
  next_of<kernel::holder::configured_report>();
}

void bare_holder::give_root(const std::filesystem::path& image,
                            int limits_socket) {
  auto broker = must(
      kernel::start_helper(REEVE_TEST_HOLDER, kernel::helper_role::broker));
  auto fd = pidfd_.get();
  kernel::broker::prepare_order prepare;
  prepare.stage.first_id = first_id;
  int fds[] = {fd, limits_socket};
  auto prepared = ask(broker.socket.get(), prepare, fds);
  kernel::broker::attach_order attach;
  attach.pid = pid_;
  attach.layers = {image};
  attach.upper_parent = upper_;
  attach.first_id = first_id;
  attach.writes = kernel::durability::throw_away;
  auto attached = ask(broker.socket.get(), attach, {&fd, 1});
  for (const auto* in : {&prepared, &attached}) {
    kernel::broker::failed_report failed;
    if (in->type == static_cast<std::uint16_t>(failed.type)
        && kernel::wire::decode(in->body, failed))
      throw std::runtime_error(failed.operation + " " + failed.subject);
  }
}

bare_holder::~bare_holder() {
  ::syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0);
  pollfd gone{pidfd_.get(), POLLIN, 0};
  ::poll(&gone, 1, patience_ms);
  socket_.reset();
  pidfd_.reset();
  std::error_code err;
  std::filesystem::remove_all(upper_, err);
}

void bare_holder::check(bool ok) {
  if (!ok)
    throw std::runtime_error("PID 1 said something unexpected");
}

kernel::packet bare_holder::next() {
  return receive(socket_.get());
}

bool bare_holder::has_report() const {
  pollfd wait{socket_.get(), POLLIN, 0};
  return ::poll(&wait, 1, 0) == 1;
}

std::vector<kernel::holder::process_state_report> bare_holder::greeting() {
  auto hello = next_of<kernel::holder::hello_report>();
  std::vector<kernel::holder::process_state_report> out;
  for (std::uint32_t i = 0; i < hello.processes; ++i)
    out.push_back(next_of<kernel::holder::process_state_report>());
  next_of<kernel::holder::hello_done_report>();
  return out;
}

void bare_holder::send_raw(std::uint16_t type, const std::string& body,
                           std::uint64_t id, std::span<const int> fds) {
  auto sent = kernel::send_packet(socket_.get(), type, id, body, fds);
  if (!sent)
    throw std::runtime_error(to_string(sent.error()));
}

void bare_holder::hang_up() {
  socket_.reset();
}

void bare_holder::reconnect() {
  hang_up();
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::snprintf(address.sun_path, sizeof(address.sun_path), "/proc/%d/fd/%d",
                pid_, kernel::holder::listener_path_fd);
  socket_ =
      unique_fd::adopt(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  must(::connect(socket_.get(), reinterpret_cast<sockaddr*>(&address),
                 sizeof(address))
           == 0,
       "connect");
}

std::vector<pid_t> bare_holder::newborns() const {
  std::vector<pid_t> out;
  for (auto child : children_of(pid_))
    if (read_file("/proc/" + std::to_string(child) + "/comm")
        == "reeve-holder\n")
      out.push_back(child);
  return out;
}

kernel::holder::spawn_order bare_holder::order(std::uint64_t process,
                                               std::vector<std::string> argv) {
  kernel::holder::spawn_order out;
  out.process = process;
  out.spec = "spec of " + std::to_string(process);
  out.argv = std::move(argv);
  return out;
}

} // namespace reeve::tests
