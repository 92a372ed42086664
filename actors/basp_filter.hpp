// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <caf/actor_addr.hpp>
#include <caf/node_id.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>

namespace caf {
class execution_unit;
} // namespace caf

namespace reeve::actors {

/// Why a connection was closed by us.
enum class refusal : uint8_t {
  /// The uid and groups of the peer are not among those admitted.
  not_admitted,
  /// As many connections as allowed are open.
  too_many_connections,
  /// The peer connected and did not finish its greeting in time.
  no_greeting,
  /// More replies wait for the peer than it may leave unread.
  slow_reader,
  /// Not a frame of the protocol.
  malformed,
  /// A frame longer than allowed.
  too_large,
  /// An operation that a client has no business with: a greeting of a server,
  /// a message to be routed to a third node, a message ahead of the greeting.
  wrong_operation,
  /// A receiver other than the published actor, or one addressed by name.
  wrong_receiver,
  /// A node that is not the peer's own, or that another process has taken.
  wrong_node,
  /// A message that is not part of the published actor's interface, such as an
  /// exit, down or link message, a response, or one with a forwarding stack.
  wrong_message,
};

[[nodiscard]] std::string to_string(refusal reason);

/// What may pass from a client to the published actor.
struct filter_rules {
  caf::actor_id receiver = 0;
  caf::node_id this_node;
  uint32_t max_payload = 0;
  /// Type names as they stand at the head of a serialised message, one for
  /// each input of the published interface.
  std::set<std::string> messages;
};

/// Judges what one client sends, frame by frame, before CAF sees it.
///
/// CAF 0.17's protocol (BASP) trusts its peers: a client may address any
/// actor in the registry by id or by name, have messages forwarded to other
/// nodes, speak for other nodes, answer requests it was never asked, link
/// actors to each other, and crash the server with an empty greeting or with
/// a stream message of the wrong type. So this is a list of what is allowed;
/// everything else closes the connection:
///
///   client_handshake  with the same node id every time, and not ours
///   direct_message    to the published actor by its id: an ordinary request
///                     or asynchronous message out of its interface, without
///                     a forwarding stack
///   monitor_message   of that actor, by the peer's node
///   down_message      about an actor of the peer's node
///   heartbeat
///
/// What it does not judge is the content of an allowed message. A
/// `caf::error`, `caf::message` or actor handle inside one would let the
/// client recurse without bound or name any local actor: keep to plain data.
class basp_filter {
public:
  explicit basp_filter(const filter_rules& rules) : rules_(&rules) {}

  /// Judges the next piece of input, which must be exactly one header or the
  /// payload that the last header announced: the units in which the broker
  /// reads. Not to be called again after a refusal.
  [[nodiscard]] std::optional<refusal> judge(caf::execution_unit* ctx,
                                             const char* data, size_t size);

  /// Node of the peer; invalid until its greeting has passed.
  [[nodiscard]] const caf::node_id& peer_node() const {
    return peer_;
  }

private:
  using verdict = std::optional<refusal>;

  verdict judge_header(caf::execution_unit* ctx, const char* data, size_t size);
  verdict judge_greeting(caf::execution_unit* ctx, const char* data,
                         size_t size);
  [[nodiscard]] verdict judge_message(caf::execution_unit* ctx,
                                      const char* data, size_t size) const;
  [[nodiscard]] verdict judge_nodes(caf::execution_unit* ctx, const char* data,
                                    size_t size) const;

  const filter_rules* rules_;
  caf::node_id peer_;
  uint8_t operation_ = 0;
  uint32_t awaited_ = 0;
};

} // namespace reeve::actors
