// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/basp_filter.hpp"
#include "actors/unix_socket.hpp"
#include "kernel-iface/result.hpp"
#include "kernel-iface/unique_fd.hpp"

#include <caf/actor_cast.hpp>
#include <caf/actor_system.hpp>
#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

namespace reeve::actors {

/// A connection that was closed by us, for the log.
struct refused_peer {
  refusal reason = refusal::malformed;
  pid_t pid = 0;
  uid_t uid = 0;
};

struct endpoint_options {
  mode_t mode = 0660;
  std::optional<gid_t> group;
  admission admitted;
  size_t max_connections = 128;
  /// Longest message that a client may send.
  uint32_t max_payload = 16U << 20;
  /// Most bytes that may wait for a client which does not read.
  size_t max_unread = size_t{64} << 20;
  /// After this long, a connection without a greeting gives way to the next
  /// one (nothing happens to it before, so no timer runs).
  std::chrono::milliseconds greeting_timeout = std::chrono::seconds{5};
  /// Called in the thread of the multiplexer: must neither block nor throw.
  std::function<void(const refused_peer&)> on_refused;
};

struct endpoint_counters {
  size_t open = 0;
  uint64_t accepted = 0;
  uint64_t refused = 0;
};

/// Interface of a typed actor in the terms of CAF's wire format.
struct wire_interface {
  /// One entry per signature, compared when a client connects.
  std::set<std::string> signatures;
  /// Heads of the messages that the actor takes.
  std::set<std::string> inputs;
};

class connection_table;

/// Offers one typed actor at a unix-domain socket, over CAF's own network
/// protocol (BASP). It uses the loaded `caf::io::middleman` and a broker of its
/// own: CAF's middleman actor, and what the service around us does with it over
/// TCP, share neither connections nor routes with it.
///
/// Only admitted peers are let in, and through the socket only the published
/// actor can be reached, with messages of its interface (basp_filter.hpp).
/// An admitted peer is trusted with all that the actor can do. What remains
/// for the actor itself:
///   - to keep its messages plain data, without actor handles, `caf::message`
///     or `caf::error`, and to expect any value in them;
///   - to talk to clients by messages and replies, never by requests: their
///     responses are refused;
///   - to monitor clients if it must know of their end, never to link to them;
///   - to set a default handler: a message whose content does not parse arrives
///     as an empty one, which CAF's own default prints to standard error.
///
/// Listens at a new socket, or goes on with one that was handed over.
/// Destruction removes the socket and closes all connections. It must come
/// before that of the actor system. `publish` does not wait for clients.
class unix_endpoint {
public:
  template <class... Sigs>
  [[nodiscard]] static kernel::result<unix_endpoint>
  publish(caf::actor_system& sys, const caf::typed_actor<Sigs...>& whom,
          const std::string& path, endpoint_options options,
          kernel::unique_fd socket = {});

  unix_endpoint(unix_endpoint&& other) noexcept;
  unix_endpoint& operator=(unix_endpoint&& other) noexcept;
  unix_endpoint(const unix_endpoint&) = delete;
  unix_endpoint& operator=(const unix_endpoint&) = delete;
  ~unix_endpoint();

  /// From the return on, nobody new is admitted; connections close soon after.
  void unpublish() noexcept;

  /// Nobody new is let in, but name and socket stay: who connects waits for
  /// whoever publishes it next, with `publish` and this socket. Connections
  /// stay until the actor system ends. Blocks while clients are being greeted,
  /// for at most a second.
  [[nodiscard]] kernel::unique_fd hand_over() noexcept;

  /// Any thread.
  [[nodiscard]] endpoint_counters counters() const;

private:
  unix_endpoint() = default;

  static kernel::result<unix_endpoint>
  publish(caf::actor_system& sys, caf::strong_actor_ptr whom,
          wire_interface interface, const std::string& path,
          endpoint_options options, kernel::unique_fd socket);

  socket_file file_;
  kernel::unique_fd listener_; ///< for whoever goes on with it
  std::shared_ptr<connection_table> table_;
  std::function<void()> stop_accepting_;
  std::function<void()> withdraw_;
};

/// Connects to the actor published at `path`. Blocks for at most `timeout`.
/// When the connection is lost the handle goes down, and monitors fire.
/// Requests are not answered by that: they run into their own time limits, as
/// does one sent later, so monitor the handle. Only ordinary messages of the
/// interface pass: linking to the handle, sending it an exit or a message of
/// high priority ends the connection. Errors, told apart by their codes:
///   ENOENT, ECONNREFUSED  nobody listens there
///   EACCES                the mode of the socket or its directory forbids it
///   ECONNRESET            closed before the greeting was over: not admitted,
///                         too many connections, or the daemon just died
///   ETIMEDOUT             no greeting in time
///   EPROTO                a peer with another interface or protocol
/// Loss of a connection and a new connect by the same actor system: the new
/// one may fail or hand out the dying handle until the loss has been noticed,
/// so wait for the down message first.
template <class Handle>
[[nodiscard]] kernel::result<Handle> connect(caf::actor_system& sys,
                                             const std::string& path,
                                             std::chrono::milliseconds timeout);

/// Takes CAF's remotely reachable services, the spawn server and the
/// configuration server, out of the registry. Our sockets refuse them anyway;
/// this is for a daemon that owns its actor system, should anything else in it
/// ever publish over CAF's own means. Local use of them goes on working.
void remove_remote_services(caf::actor_system& sys);

// -- implementation ----------------------------------------------------------

namespace detail {

template <class Signature>
struct input_of;

template <class... Inputs, class Outputs>
struct input_of<caf::typed_mpi<caf::detail::type_list<Inputs...>, Outputs>> {
  static std::string head(const caf::uniform_type_info_map& types) {
    auto out = std::string{"@<>"};
    ((out += '+',
      out += types.portable_name(caf::type_nr<Inputs>::value, &typeid(Inputs))),
     ...);
    return out;
  }
};

template <class... Sigs>
wire_interface interface_of(const caf::actor_system& sys,
                            caf::detail::type_list<caf::typed_actor<Sigs...>>) {
  return {sys.message_types<caf::typed_actor<Sigs...>>(),
          {input_of<Sigs>::head(sys.types())...}};
}

kernel::result<caf::strong_actor_ptr>
connect(caf::actor_system& sys, const std::set<std::string>& signatures,
        const std::string& path, std::chrono::milliseconds timeout);

} // namespace detail

template <class... Sigs>
kernel::result<unix_endpoint>
unix_endpoint::publish(caf::actor_system& sys,
                       const caf::typed_actor<Sigs...>& whom,
                       const std::string& path, endpoint_options options,
                       kernel::unique_fd socket) {
  using handle = caf::detail::type_list<caf::typed_actor<Sigs...>>;
  return publish(sys, caf::actor_cast<caf::strong_actor_ptr>(whom),
                 detail::interface_of(sys, handle{}), path, std::move(options),
                 std::move(socket));
}

template <class Handle>
kernel::result<Handle> connect(caf::actor_system& sys, const std::string& path,
                               std::chrono::milliseconds timeout) {
  return detail::connect(sys, sys.message_types<Handle>(), path, timeout)
      .map([](caf::strong_actor_ptr ptr) {
        return caf::actor_cast<Handle>(std::move(ptr));
      });
}

} // namespace reeve::actors
