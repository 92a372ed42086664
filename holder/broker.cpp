// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "holder/broker.hpp"

#include "holder/daemon_link.hpp"
#include "kernel-iface/broker_namespace.hpp"
#include "kernel-iface/broker_protocol.hpp"
#include "kernel-iface/packet.hpp"
#include "kernel-iface/root_attach.hpp"
#include "kernel-iface/root_stage.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>

#include <cerrno>
#include <string>
#include <utility>

namespace reeve::holder {

namespace {

using namespace kernel::broker;
using kernel::packet;
using kernel::sys_error;
using kernel::unique_fd;

class broker {
public:
  broker(kernel::broker_namespace home, int socket)
      : home_(std::move(home)),
        daemon_(socket) {}

  int run() {
    return daemon_.serve(
        [this](packet& in) { serve(in); },
        [this](const sys_error& err) { report_failure(0, err); });
  }

private:
  void serve(packet& in) {
    switch (static_cast<message>(in.type)) {
    case message::prepare:
      if (prepare_order order; decode(in, order, 2))
        prepare(in, order);
      return;
    case message::attach:
      if (attach_order order; decode(in, order, 1))
        attach(in, order);
      return;
    case message::prepared:
    case message::attached:
    case message::failed:
      break;
    }
    report_failure(in.id, {ENOSYS, "carry out an unknown mount order", {}, {}});
  }

  template <class Order>
  bool decode(const packet& in, Order& order, std::size_t descriptors) {
    if (in.fds.size() == descriptors && kernel::wire::decode(in.body, order))
      return true;
    report_failure(in.id, {EPROTO, "decode a mount order", {}, {}});
    return false;
  }

  template <class Report>
  void answer(std::uint64_t id, const Report& what) {
    daemon_.answer(static_cast<std::uint16_t>(Report::type), id,
                   kernel::wire::encode(what));
  }

  void report_failure(std::uint64_t id, const sys_error& err) {
    answer(id, failed_report{err.code, err.operation, err.subject, err.hint});
  }

  void prepare(const packet& in, const prepare_order& order) {
    auto done = kernel::prepare_stage(home_, in.fds[0].get(), order.stage,
                                      in.fds[1].get());
    if (!done)
      return report_failure(in.id, done.error());
    prepared_report out;
    for (const auto& missing : done->missing_hierarchies)
      out.warnings.push_back(to_string(missing));
    answer(in.id, out);
  }

  void attach(const packet& in, const attach_order& order) {
    unique_fd userns;
    if (order.has_user_namespace) {
      auto path = "/proc/" + std::to_string(order.pid) + "/ns/user";
      userns = unique_fd::adopt(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
      auto code = errno;
      pollfd alive{in.fds.front().get(), POLLIN, 0};
      if (!userns || ::poll(&alive, 1, 0) != 0)
        return report_failure(
            in.id,
            {userns ? ESRCH : code, "open the user namespace", path, {}});
    }
    kernel::root_options options;
    options.overlay.layers = order.layers;
    options.overlay.upper_parent = order.upper_parent;
    options.overlay.first_id = order.first_id;
    options.overlay.writes = order.writes;
    options.access = order.access;
    for (const auto& bind : order.binds)
      options.binds.push_back({bind.source, bind.target, bind.access});
    auto done =
        kernel::attach_root(home_, in.fds.front().get(), userns.get(), options);
    if (!done)
      return report_failure(in.id, done.error());
    answer(in.id, attached_report{});
  }

  kernel::broker_namespace home_;
  daemon_link daemon_;
};

} // namespace

int run_broker(int socket) {
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  auto home = kernel::broker_namespace::enter();
  if (!home) {
    const auto& err = home.error();
    daemon_link{socket}.answer(
        static_cast<std::uint16_t>(message::failed), 0,
        kernel::wire::encode(
            failed_report{err.code, err.operation, err.subject, err.hint}));
    return 1;
  }
  return broker{std::move(*home), socket}.run();
}

} // namespace reeve::holder
