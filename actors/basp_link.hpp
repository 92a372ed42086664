// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/unix_transport.hpp"

#include <caf/io/basp_broker.hpp>
#include <caf/io/doorman.hpp>
#include <caf/io/middleman.hpp>
#include <caf/io/network/acceptor_impl.hpp>
#include <caf/io/network/default_multiplexer.hpp>
#include <caf/io/network/scribe_impl.hpp>

#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <unordered_map>

/// The CAF side of unix_transport: everything here depends on the inside of
/// CAF 0.17's I/O module, and nothing else in Reeve does.
namespace reeve::actors {

/// The open connections of one endpoint. Shared by the endpoint, its doorman
/// and its scribes; any thread.
class connection_table {
public:
  connection_table(filter_rules rules, endpoint_options options)
      : rules_(std::move(rules)),
        options_(std::move(options)) {}

  [[nodiscard]] const filter_rules& rules() const {
    return rules_;
  }

  [[nodiscard]] const endpoint_options& options() const {
    return options_;
  }

  /// Decides on a peer that just connected and enters it under `id`.
  std::optional<refusal> enter(int64_t id, int fd, const peer_identity& peer);
  void greeted(int64_t id);
  /// To be called while the descriptor is still open.
  void leave(int64_t id);
  /// Refuses whoever comes from now on and hangs up on all others, after what
  /// has already been written for them.
  void close();

  /// Whoever waits to be let in waits for the next one that listens: the socket
  /// is left as it is.
  void hand_over() {
    hands_over_ = true;
  }

  /// Who was let in has a greeting coming. Blocks until all have greeted, too,
  /// but for at most `limit`.
  void wait_for_greetings(std::chrono::milliseconds limit);

  [[nodiscard]] bool hands_over() const {
    return hands_over_;
  }

  /// Counts and reports.
  void refused(refusal reason, const peer_identity& peer);

  [[nodiscard]] endpoint_counters counters() const;

private:
  struct entry {
    int fd = -1;
    peer_identity peer;
    bool has_greeted = false;
    std::chrono::steady_clock::time_point since;
  };

  std::vector<peer_identity> drop_silent();

  const filter_rules rules_;
  const endpoint_options options_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<int64_t, entry> entries_;
  bool closed_ = false;
  std::atomic<bool> hands_over_{false};
  uint64_t accepted_ = 0;
  uint64_t refused_ = 0;
};

/// BASP broker for unix-domain sockets, on either side.
///
/// Where CAF's own broker, on meeting a node, spawns an actor that asks it for
/// its spawn server and keeps that actor for ever, this one does nothing: a
/// daemon meets a new node with every run of the console.
class unix_broker : public caf::io::basp_broker {
public:
  using basp_broker::basp_broker;

  const char* name() const override;

  /// Makes no proxies for third nodes that a message mentions, which would
  /// also add a route to them.
  caf::strong_actor_ptr make_proxy(caf::node_id nid,
                                   caf::actor_id aid) override;
  void finalize_handshake(const caf::node_id& nid, caf::actor_id aid,
                          std::set<std::string>& sigs) override;
  void purge_state(const caf::node_id& nid) override;
  void learned_new_node_directly(const caf::node_id& nid,
                                 bool was_indirectly_before) override;
  void learned_new_node_indirectly(const caf::node_id& nid) override;

  /// Reserves a node id for the process that first used it. CAF lets the last
  /// comer have the traffic of a node, and ids are easily guessed; they also
  /// coincide between pid namespaces. False if another process has it.
  bool claim(const caf::node_id& nid, pid_t pid);

private:
  // Used in the multiplexer's thread only, as all of the above but make_proxy.
  std::unordered_map<caf::node_id, pid_t> owners_;
};

/// One connection. On the side of the daemon it stands behind a filter.
class unix_scribe : public caf::io::network::scribe_impl {
public:
  /// Side of the client.
  unix_scribe(caf::io::network::default_multiplexer& mx, int fd);

  /// Side of the daemon.
  unix_scribe(caf::io::network::default_multiplexer& mx, int fd,
              peer_identity peer, std::shared_ptr<connection_table> table);

  unix_scribe(const unix_scribe&) = delete;
  unix_scribe& operator=(const unix_scribe&) = delete;
  unix_scribe(unix_scribe&&) = delete;
  unix_scribe& operator=(unix_scribe&&) = delete;
  ~unix_scribe() override;

  bool consume(caf::execution_unit* ctx, const void* data,
               size_t size) override;
  void flush() override;
  std::string addr() const override;
  uint16_t port() const override;

  /// Ends the connection from any thread; CAF learns of it by end of file.
  void hang_up() const;

private:
  std::optional<refusal> judge(caf::execution_unit* ctx, const void* data,
                               size_t size);

  const peer_identity peer_;
  const std::shared_ptr<connection_table> table_;
  std::optional<basp_filter> filter_;
};

/// Accepts with all flags set at once, and survives running out of descriptors:
/// CAF's acceptor would be called again at once, for ever.
class unix_accept {
public:
  bool try_accept(caf::io::network::native_socket& accepted,
                  caf::io::network::native_socket listener);

private:
  kernel::unique_fd reserve_;
};

class unix_doorman : public caf::io::doorman {
public:
  unix_doorman(caf::io::network::default_multiplexer& mx, int fd, uint16_t port,
               std::shared_ptr<connection_table> table);

  /// From the return on, no connection is accepted. Blocks for two rounds of
  /// the multiplexer, in any thread but its own.
  void stop_accepting();

  bool new_connection() override;
  void graceful_shutdown() override;
  void launch() override;
  std::string addr() const override;
  uint16_t port() const override;
  void add_to_loop() override;
  void remove_from_loop() override;

private:
  const uint16_t port_;
  const std::shared_ptr<connection_table> table_;
  caf::io::network::acceptor_impl<unix_accept> acceptor_;
};

/// What `publish` and `connect` need of an actor system.
struct unix_link {
  caf::actor broker;
  caf::io::network::default_multiplexer* multiplexer = nullptr;

  /// Starts the broker on first use. `ENOTSUP` without a middleman or with a
  /// multiplexer other than the default, `EINVAL` for a configuration that
  /// would have our broker open a TCP port.
  static kernel::result<unix_link> of(caf::actor_system& sys);
};

} // namespace reeve::actors
