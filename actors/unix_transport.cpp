// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/unix_transport.hpp"

#include "actors/basp_link.hpp"

#include <caf/actor_registry.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>

#include <fcntl.h>

#include <algorithm>
#include <cerrno>

namespace reeve::actors {

using kernel::make_error;
using kernel::result;

namespace {

/// The broker finds the actor for a connection by the doorman's port number.
/// Ours are invented, unique in this process, and not 0, with which BASP's
/// handshake would name no actor.
uint16_t next_port() {
  static std::atomic<uint16_t> last{0};
  auto port = ++last;
  return port != 0 ? port : ++last;
}

kernel::sys_error handshake_error(const caf::error& reason,
                                  const std::string& path) {
  auto failed = [&](int code, std::string hint) {
    return kernel::sys_error{code, "greet daemon at", path, std::move(hint)};
  };
  if (reason == caf::sec::request_timeout)
    return failed(ETIMEDOUT, "the daemon does not answer");
  if (reason == caf::sec::disconnect_during_handshake)
    return failed(ECONNRESET, "the daemon hung up: you are not admitted, it "
                              "has too many connections, or it just ended");
  return failed(EPROTO, "what listens there is not a daemon of this version");
}

} // namespace

// -- publishing --------------------------------------------------------------

result<unix_endpoint>
unix_endpoint::publish(caf::actor_system& sys, caf::strong_actor_ptr whom,
                       wire_interface interface, const std::string& path,
                       endpoint_options options, kernel::unique_fd passed) {
  if (!whom)
    return make_error(EINVAL, "publish at", path, "the actor handle is empty");
  for (const auto& input : interface.inputs)
    if (input.find(sys.types().default_type_name()) != std::string::npos)
      return make_error(EINVAL, "publish at", path,
                        "add the message types of the actor to the "
                        "configuration of the actor system");
  auto link = unix_link::of(sys);
  if (!link)
    return tl::make_unexpected(std::move(link.error()));
  auto socket = passed
                    ? listening_socket::go_on(std::move(passed), path)
                    : listening_socket::open(path, options.mode, options.group);
  if (!socket)
    return tl::make_unexpected(std::move(socket.error()));
  auto copy =
      kernel::unique_fd::adopt(::fcntl(socket->fd.get(), F_DUPFD_CLOEXEC, 0));
  if (!copy)
    return kernel::last_error("duplicate the socket at", path);

  auto rules = filter_rules{whom->id(), sys.node(), options.max_payload,
                            std::move(interface.inputs)};
  auto out = unix_endpoint{};
  out.file_ = std::move(socket->file);
  out.listener_ = std::move(copy);
  out.table_ =
      std::make_shared<connection_table>(std::move(rules), std::move(options));
  auto port = next_port();
  auto doorman = caf::make_counted<unix_doorman>(
      *link->multiplexer, socket->fd.release(), port, out.table_);
  out.stop_accepting_ = [doorman] { doorman->stop_accepting(); };
  out.withdraw_ = [broker = link->broker, address = whom->address(), port] {
    caf::anon_send(broker, caf::unpublish_atom_v, address, port);
  };
  caf::anon_send(link->broker, caf::publish_atom_v,
                 caf::io::doorman_ptr{std::move(doorman)}, port,
                 std::move(whom), std::move(interface.signatures));
  return out;
}

unix_endpoint::unix_endpoint(unix_endpoint&& other) noexcept
    : file_(std::move(other.file_)),
      listener_(std::move(other.listener_)),
      table_(std::move(other.table_)),
      stop_accepting_(std::exchange(other.stop_accepting_, nullptr)),
      withdraw_(std::exchange(other.withdraw_, nullptr)) {}

unix_endpoint& unix_endpoint::operator=(unix_endpoint&& other) noexcept {
  if (this != &other) {
    unpublish();
    file_ = std::move(other.file_);
    listener_ = std::move(other.listener_);
    table_ = std::move(other.table_);
    stop_accepting_ = std::exchange(other.stop_accepting_, nullptr);
    withdraw_ = std::exchange(other.withdraw_, nullptr);
  }
  return *this;
}

unix_endpoint::~unix_endpoint() {
  unpublish();
}

void unix_endpoint::unpublish() noexcept {
  file_.remove();
  listener_.reset();
  if (table_)
    table_->close();
  stop_accepting_ = nullptr; // owns the socket, too
  if (withdraw_)
    std::exchange(withdraw_, nullptr)();
}

kernel::unique_fd unix_endpoint::hand_over() noexcept {
  file_.keep();
  table_->hand_over();
  // A client that was accepted and not greeted could not tell an upgrade from
  // being turned away.
  std::exchange(stop_accepting_, nullptr)();
  table_->wait_for_greetings(std::chrono::seconds{1});
  if (withdraw_)
    std::exchange(withdraw_, nullptr)();
  return std::move(listener_);
}

endpoint_counters unix_endpoint::counters() const {
  return table_->counters();
}

void remove_remote_services(caf::actor_system& sys) {
  sys.registry().erase(caf::atom("SpawnServ"));
  sys.registry().erase(caf::atom("ConfigServ"));
}

// -- connecting --------------------------------------------------------------

result<caf::strong_actor_ptr>
detail::connect(caf::actor_system& sys, const std::set<std::string>& signatures,
                const std::string& path, std::chrono::milliseconds timeout) {
  using std::chrono::steady_clock;
  auto deadline = steady_clock::now() + timeout;
  auto link = unix_link::of(sys);
  if (!link)
    return tl::make_unexpected(std::move(link.error()));
  auto fd = connect_to(path, timeout);
  if (!fd)
    return tl::make_unexpected(std::move(fd.error()));
  auto scribe =
      caf::make_counted<unix_scribe>(*link->multiplexer, fd->release());
  auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
      deadline - steady_clock::now());

  auto self = caf::scoped_actor{sys};
  auto out = result<caf::strong_actor_ptr>{};
  self->request(link->broker, std::max(left, std::chrono::milliseconds{1}),
                caf::connect_atom_v, caf::io::scribe_ptr{scribe}, uint16_t{1})
      .receive(
          [&](const caf::node_id&, caf::strong_actor_ptr& actor,
              const std::set<std::string>& offered) {
            if (!actor)
              out = make_error(EPROTO, "greet daemon at", path,
                               "nothing is published there");
            else if (!sys.assignable(offered, signatures))
              out = make_error(EPROTO, "greet daemon at", path,
                               "its interface is that of another version");
            else
              out = std::move(actor);
          },
          [&](const caf::error& reason) {
            out = tl::make_unexpected(handshake_error(reason, path));
          });
  if (!out)
    scribe->hang_up();
  return out;
}

} // namespace reeve::actors
