// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/basp_filter.hpp"

#include <caf/binary_deserializer.hpp>
#include <caf/io/basp/header.hpp>
#include <caf/message_id.hpp>

namespace reeve::actors {

namespace basp = caf::io::basp;

namespace {

/// Greetings, monitor and down messages carry node ids and an exit reason. The
/// reason may nest messages in messages, which CAF reads recursively: the
/// length is what bounds the depth.
constexpr uint32_t max_control_payload = 4096;

/// Requests and plain messages only. A response would be matched to requests
/// of the actor by number alone, whoever was asked; the stream categories are
/// cast to stream messages unchecked; urgent ones would overtake.
bool is_ordinary(caf::message_id mid) {
  return mid.is_normal_message() && !mid.is_response() && !mid.is_answered();
}

} // namespace

std::string to_string(refusal reason) {
  switch (reason) {
  case refusal::not_admitted:
    return "not admitted";
  case refusal::too_many_connections:
    return "too many connections";
  case refusal::no_greeting:
    return "no greeting in time";
  case refusal::slow_reader:
    return "too many unread replies";
  case refusal::malformed:
    return "malformed frame";
  case refusal::too_large:
    return "frame too large";
  case refusal::wrong_operation:
    return "operation not allowed";
  case refusal::wrong_receiver:
    return "receiver not published";
  case refusal::wrong_node:
    return "node of somebody else";
  case refusal::wrong_message:
    return "message not part of the interface";
  }
  return "unknown refusal";
}

std::optional<refusal> basp_filter::judge(caf::execution_unit* ctx,
                                          const char* data, size_t size) {
  if (awaited_ == 0)
    return judge_header(ctx, data, size);
  if (size != awaited_)
    return refusal::malformed;
  awaited_ = 0;
  switch (static_cast<basp::message_type>(operation_)) {
  case basp::message_type::client_handshake:
    return judge_greeting(ctx, data, size);
  case basp::message_type::direct_message:
    return judge_message(ctx, data, size);
  default:
    return judge_nodes(ctx, data, size);
  }
}

basp_filter::verdict basp_filter::judge_header(caf::execution_unit* ctx,
                                               const char* data, size_t size) {
  auto source = caf::binary_deserializer{ctx, data, size};
  auto hdr = basp::header{};
  if (size != basp::header_size || source(hdr) || !basp::valid(hdr))
    return refusal::malformed;
  auto is_greeting = hdr.operation == basp::message_type::client_handshake;
  if (!peer_ && !is_greeting)
    return refusal::wrong_operation;
  auto limit = max_control_payload;
  switch (hdr.operation) {
  case basp::message_type::client_handshake:
    // CAF checks the others, but takes this payload without looking.
    if (hdr.payload_len == 0)
      return refusal::malformed;
    break;
  case basp::message_type::direct_message:
    if (hdr.flags != 0 || hdr.dest_actor != rules_->receiver)
      return refusal::wrong_receiver;
    if (!is_ordinary(caf::message_id{hdr.operation_data}))
      return refusal::wrong_message;
    limit = rules_->max_payload;
    break;
  case basp::message_type::monitor_message:
    if (hdr.dest_actor != rules_->receiver)
      return refusal::wrong_receiver;
    break;
  case basp::message_type::down_message:
  case basp::message_type::heartbeat:
    break;
  default:
    return refusal::wrong_operation;
  }
  if (hdr.payload_len > limit)
    return refusal::too_large;
  operation_ = static_cast<uint8_t>(hdr.operation);
  awaited_ = hdr.payload_len;
  return std::nullopt;
}

basp_filter::verdict basp_filter::judge_greeting(caf::execution_unit* ctx,
                                                 const char* data,
                                                 size_t size) {
  auto source = caf::binary_deserializer{ctx, data, size};
  auto node = caf::node_id{};
  if (source(node))
    return refusal::malformed;
  if (!node || node == rules_->this_node || (peer_ && node != peer_))
    return refusal::wrong_node;
  peer_ = std::move(node);
  return std::nullopt;
}

basp_filter::verdict basp_filter::judge_message(caf::execution_unit* ctx,
                                                const char* data,
                                                size_t size) const {
  // On the wire: the forwarding stack (a sequence of actor handles), then the
  // message as an object whose name lists the types of its elements.
  auto source = caf::binary_deserializer{ctx, data, size};
  size_t stack_size = 0;
  if (source.begin_sequence(stack_size))
    return refusal::malformed;
  if (stack_size != 0)
    return refusal::wrong_message;
  uint16_t type_number = 0;
  std::string type_name;
  if (source.begin_object(type_number, type_name))
    return refusal::malformed;
  if (type_number != 0 || !rules_->messages.contains(type_name))
    return refusal::wrong_message;
  return std::nullopt;
}

basp_filter::verdict basp_filter::judge_nodes(caf::execution_unit* ctx,
                                              const char* data,
                                              size_t size) const {
  auto source = caf::binary_deserializer{ctx, data, size};
  auto from = caf::node_id{};
  auto to = caf::node_id{};
  if (source(from, to))
    return refusal::malformed;
  // Another origin would speak for a third node, another destination would
  // have us forward.
  if (from != peer_ || to != rules_->this_node)
    return refusal::wrong_node;
  return std::nullopt;
}

} // namespace reeve::actors
