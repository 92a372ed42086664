// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/unix_socket.hpp"

#include <caf/all.hpp>
#include <caf/binary_deserializer.hpp>
#include <caf/binary_serializer.hpp>
#include <caf/io/basp/header.hpp>
#include <caf/io/basp/version.hpp>

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace reeve::test {

namespace basp = caf::io::basp;

/// A client that says what it likes: a plain socket and frames made by hand.
class raw_basp_client {
public:
  /// `sys` lends its type information only.
  raw_basp_client(caf::actor_system& sys, const std::string& path) : sys_(sys) {
    auto fd = actors::connect_to(path, std::chrono::seconds{5});
    if (!fd)
      throw std::runtime_error(to_string(fd.error()));
    fd_ = std::move(*fd);
  }

  template <class... Ts>
  std::vector<char> frame(basp::header hdr, const Ts&... payload) {
    auto out = std::vector<char>{};
    auto sink = caf::binary_serializer{sys_.dummy_execution_unit(), out};
    sink.skip(basp::header_size);
    if (sizeof...(payload) > 0)
      require(!sink(const_cast<Ts&>(payload)...));
    hdr.payload_len = static_cast<uint32_t>(out.size() - basp::header_size);
    sink.seek(0);
    require(!sink(hdr));
    return out;
  }

  std::vector<char> greeting(const caf::node_id& as) {
    return frame({basp::message_type::client_handshake, 0, 0, 0, 0, 0}, as);
  }

  std::vector<char> message(caf::actor_id to, uint64_t mid,
                            const caf::message& content, uint8_t flags = 0) {
    auto no_stack = std::vector<caf::strong_actor_ptr>{};
    return frame({basp::message_type::direct_message, flags, 0, mid, 77, to},
                 no_stack, content);
  }

  void send(const std::vector<char>& bytes) {
    auto sent = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    require(sent == static_cast<ssize_t>(bytes.size()));
  }

  /// Reads the greeting of the daemon.
  void read_greeting() {
    auto hdr = read_header();
    require(hdr.operation == basp::message_type::server_handshake);
    auto payload = read_exactly(hdr.payload_len);
    auto source =
        caf::binary_deserializer{sys_.dummy_execution_unit(), payload};
    auto app_ids = std::vector<std::string>{};
    auto signatures = std::set<std::string>{};
    require(!source(daemon_node, app_ids, receiver, signatures));
  }

  basp::header read_header() {
    auto bytes = read_exactly(basp::header_size);
    auto source = caf::binary_deserializer{sys_.dummy_execution_unit(), bytes};
    auto hdr = basp::header{};
    require(!source(hdr));
    return hdr;
  }

  /// Skips what still comes and tells whether the daemon hangs up.
  bool is_hung_up_on() {
    char buffer[4096];
    for (;;) {
      if (!wait_readable())
        return false;
      if (::recv(fd_.get(), buffer, sizeof(buffer), 0) <= 0)
        return true;
    }
  }

  std::vector<char> read_exactly(size_t size) {
    auto out = std::vector<char>(size);
    size_t got = 0;
    while (got < size) {
      require(wait_readable());
      auto n = ::recv(fd_.get(), out.data() + got, size - got, 0);
      require(n > 0);
      got += static_cast<size_t>(n);
    }
    return out;
  }

  caf::node_id daemon_node;
  caf::actor_id receiver = 0;

private:
  static void require(bool holds) {
    if (!holds)
      throw std::runtime_error("raw_basp_client: unexpected answer or none");
  }

  bool wait_readable() const {
    auto p = pollfd{fd_.get(), POLLIN, 0};
    return ::poll(&p, 1, 10'000) == 1;
  }

  caf::actor_system& sys_;
  kernel::unique_fd fd_;
};

} // namespace reeve::test
