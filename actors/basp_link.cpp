// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/basp_link.hpp"

#include <caf/actor_system_config.hpp>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <future>

namespace reeve::actors {

namespace net = caf::io::network;

using kernel::make_error;
using kernel::result;
using kernel::unique_fd;

namespace {

/// CAF names a connection by its descriptor, and cleans up after it when all
/// its messages have been delivered. By then the descriptor may be that of the
/// next connection, whose state would be wiped. Ours are never used again.
int64_t next_handle() {
  static std::atomic<int64_t> last{0};
  return ++last;
}

} // namespace

// -- connection_table --------------------------------------------------------

std::optional<refusal> connection_table::enter(int64_t id, int fd,
                                               const peer_identity& peer) {
  auto silent = std::vector<peer_identity>{};
  auto verdict = std::optional<refusal>{};
  {
    auto guard = std::lock_guard{mutex_};
    silent = drop_silent();
    if (closed_ || !options_.admitted.admits(peer)) {
      verdict = refusal::not_admitted;
    } else if (entries_.size() >= options_.max_connections) {
      verdict = refusal::too_many_connections;
    } else {
      ++accepted_;
      entries_.emplace(
          id, entry{fd, peer, false, std::chrono::steady_clock::now()});
    }
  }
  for (const auto& dropped : silent)
    refused(refusal::no_greeting, dropped);
  return verdict;
}

std::vector<peer_identity> connection_table::drop_silent() {
  auto limit = std::chrono::steady_clock::now() - options_.greeting_timeout;
  auto dropped = std::vector<peer_identity>{};
  for (auto i = entries_.begin(); i != entries_.end();) {
    if (i->second.has_greeted || i->second.since > limit) {
      ++i;
    } else {
      ::shutdown(i->second.fd, SHUT_RDWR);
      dropped.push_back(std::move(i->second.peer));
      i = entries_.erase(i);
    }
  }
  return dropped;
}

void connection_table::greeted(int64_t id) {
  auto guard = std::lock_guard{mutex_};
  if (auto i = entries_.find(id); i != entries_.end())
    i->second.has_greeted = true;
  changed_.notify_all();
}

void connection_table::leave(int64_t id) {
  auto guard = std::lock_guard{mutex_};
  entries_.erase(id);
  changed_.notify_all();
}

void connection_table::wait_for_greetings(std::chrono::milliseconds limit) {
  auto lock = std::unique_lock{mutex_};
  changed_.wait_for(lock, limit, [this] {
    return std::all_of(entries_.begin(), entries_.end(),
                       [](const auto& one) { return one.second.has_greeted; });
  });
}

void connection_table::close() {
  auto guard = std::lock_guard{mutex_};
  closed_ = true;
  for (auto& [id, open] : entries_)
    ::shutdown(open.fd, SHUT_RD);
}

void connection_table::refused(refusal reason, const peer_identity& peer) {
  {
    auto guard = std::lock_guard{mutex_};
    ++refused_;
  }
  if (options_.on_refused)
    options_.on_refused({reason, peer.pid, peer.uid});
}

endpoint_counters connection_table::counters() const {
  auto guard = std::lock_guard{mutex_};
  return {entries_.size(), accepted_, refused_};
}

// -- unix_broker -------------------------------------------------------------

const char* unix_broker::name() const {
  return "reeve-unix-broker";
}

caf::strong_actor_ptr unix_broker::make_proxy(caf::node_id nid,
                                              caf::actor_id aid) {
  if (!instance.tbl().lookup_direct(nid))
    return nullptr;
  return basp_broker::make_proxy(std::move(nid), aid);
}

void unix_broker::finalize_handshake(const caf::node_id& nid, caf::actor_id aid,
                                     std::set<std::string>& sigs) {
  // A daemon that we are a client of: no client of ours may pass for it.
  owners_.emplace(nid, ::getpid());
  basp_broker::finalize_handshake(nid, aid, sigs);
}

void unix_broker::purge_state(const caf::node_id& nid) {
  owners_.erase(nid);
  basp_broker::purge_state(nid);
}

void unix_broker::learned_new_node_directly(const caf::node_id&, bool) {}

void unix_broker::learned_new_node_indirectly(const caf::node_id&) {}

bool unix_broker::claim(const caf::node_id& nid, pid_t pid) {
  return owners_.emplace(nid, pid).first->second == pid;
}

// -- unix_scribe -------------------------------------------------------------

unix_scribe::unix_scribe(net::default_multiplexer& mx, int fd)
    : unix_scribe(mx, fd, {}, nullptr) {}

unix_scribe::unix_scribe(net::default_multiplexer& mx, int fd,
                         peer_identity peer,
                         std::shared_ptr<connection_table> table)
    : scribe_impl(mx, fd),
      peer_(std::move(peer)),
      table_(std::move(table)) {
  hdl_ = caf::io::connection_handle::from_int(next_handle());
  msg().handle = hdl_;
  if (table_)
    filter_.emplace(table_->rules());
}

unix_scribe::~unix_scribe() {
  if (table_)
    table_->leave(hdl_.id());
}

bool unix_scribe::consume(caf::execution_unit* ctx, const void* data,
                          size_t size) {
  if (detached())
    return false;
  if (filter_) {
    if (auto reason = judge(ctx, data, size)) {
      table_->refused(*reason, peer_);
      // A peer that does not read would keep the descriptor open until it has
      // taken what is queued for it.
      hang_up();
      io_failure(ctx, net::operation::read);
      return false;
    }
  }
  return scribe_impl::consume(ctx, data, size);
}

std::optional<refusal> unix_scribe::judge(caf::execution_unit* ctx,
                                          const void* data, size_t size) {
  auto had_greeted = static_cast<bool>(filter_->peer_node());
  if (auto reason = filter_->judge(ctx, static_cast<const char*>(data), size))
    return reason;
  if (!had_greeted && filter_->peer_node()) {
    if (!static_cast<unix_broker*>(parent())->claim(filter_->peer_node(),
                                                    peer_.pid))
      return refusal::wrong_node;
    table_->greeted(hdl_.id());
  }
  return std::nullopt;
}

void unix_scribe::flush() {
  if (table_ && wr_buf().size() > table_->options().max_unread) {
    table_->refused(refusal::slow_reader, peer_);
    wr_buf().clear();
    hang_up();
    return;
  }
  scribe_impl::flush();
}

std::string unix_scribe::addr() const {
  return "unix";
}

uint16_t unix_scribe::port() const {
  return 0;
}

void unix_scribe::hang_up() const {
  ::shutdown(stream_.fd(), SHUT_RDWR);
}

// -- unix_accept -------------------------------------------------------------

bool unix_accept::try_accept(net::native_socket& accepted,
                             net::native_socket listener) {
  constexpr auto flags = SOCK_CLOEXEC | SOCK_NONBLOCK;
  if (!reserve_)
    reserve_ = unique_fd::adopt(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  accepted = ::accept4(listener, nullptr, nullptr, flags);
  if (accepted < 0 && (errno == EMFILE || errno == ENFILE) && reserve_) {
    // Turn the peer away, rather than be told about it again and again.
    reserve_.reset();
    auto turned_away =
        unique_fd::adopt(::accept4(listener, nullptr, nullptr, flags));
    return false;
  }
  return accepted >= 0;
}

// -- unix_doorman ------------------------------------------------------------

unix_doorman::unix_doorman(net::default_multiplexer& mx, int fd, uint16_t port,
                           std::shared_ptr<connection_table> table)
    : doorman(caf::io::accept_handle::from_int(next_handle())),
      port_(port),
      table_(std::move(table)),
      acceptor_(mx, fd) {}

void unix_doorman::stop_accepting() {
  // The loop lets go of a socket at the end of the round in which it is told.
  for (auto round = 0; round < 2; ++round) {
    auto done = std::promise<void>{};
    acceptor_.backend().post([&] {
      acceptor_.passivate();
      done.set_value();
    });
    done.get_future().wait();
  }
}

bool unix_doorman::new_connection() {
  auto fd = unique_fd::adopt(acceptor_.accepted_socket());
  if (detached())
    return false;
  auto peer = peer_of(fd.get());
  if (!peer) {
    table_->refused(refusal::not_admitted, {});
    return true;
  }
  auto& mx = acceptor_.backend();
  auto raw_fd = fd.get();
  auto scribe = caf::make_counted<unix_scribe>(mx, fd.release(), *peer, table_);
  auto hdl = scribe->hdl();
  if (auto reason = table_->enter(hdl.id(), raw_fd, *peer)) {
    table_->refused(*reason, *peer);
    return true; // closes with the scribe
  }
  parent()->add_scribe(std::move(scribe));
  return doorman::new_connection(&mx, hdl);
}

void unix_doorman::graceful_shutdown() {
  if (table_->hands_over())
    acceptor_.passivate(); // CAF's own shuts the socket down for everybody
  else
    acceptor_.graceful_shutdown();
  detach(&acceptor_.backend(), false);
}

void unix_doorman::launch() {
  if (!table_->hands_over())
    acceptor_.start(this);
}

std::string unix_doorman::addr() const {
  return "unix";
}

uint16_t unix_doorman::port() const {
  return port_;
}

void unix_doorman::add_to_loop() {
  acceptor_.activate(this);
}

void unix_doorman::remove_from_loop() {
  acceptor_.passivate();
}

// -- unix_link ---------------------------------------------------------------

result<unix_link> unix_link::of(caf::actor_system& sys) {
  if (!sys.has_middleman())
    return make_error(ENOTSUP, "use a unix socket", "",
                      "load caf::io::middleman into the actor system");
  if (caf::get_or(sys.config(), "middleman.enable-automatic-connections",
                  false))
    return make_error(EINVAL, "use a unix socket", "",
                      "switch middleman.enable-automatic-connections off: it "
                      "opens a TCP port that anyone may use");
  auto& middleman = sys.middleman();
  auto* mx = dynamic_cast<net::default_multiplexer*>(&middleman.backend());
  if (mx == nullptr)
    return make_error(ENOTSUP, "use a unix socket", "",
                      "middleman.network-backend must be the default");
  // The middleman's table of brokers has no lock of its own. Named, our broker
  // ends with the middleman.
  static std::mutex mutex;
  auto guard = std::lock_guard{mutex};
  return unix_link{middleman.named_broker<unix_broker>(caf::atom("ReeveUnix")),
                   mx};
}

} // namespace reeve::actors
