// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "console/context.hpp"

#include <cerrno>

namespace reeve::console {

namespace {

failure no_daemon(const kernel::sys_error& err, const settings& options,
                  const std::string& what) {
  auto out = failure{status_own_error, what, to_string(err), std::string{}};
  if (err.code == ENOENT || err.code == ECONNREFUSED)
    out = {status_own_error, what,
           "no daemon listens at " + options.socket + " ("
               + kernel::errno_name(err.code) + ")",
           "start reeved, or name its socket with --socket or --root"};
  // Root can name others, by three keys of reeved's configuration.
  if (err.code == EACCES)
    out.hint = "only root and the users that reeved admits may connect: "
               "become root, or have socket_group, and admit_uids or "
               "admit_gids, let you in";
  if (err.code == ECONNRESET) {
    out.why = "reeved at " + options.socket + " hung up";
    out.hint = "its log tells why: if you are not admitted, become root or "
               "have admit_uids or admit_gids name you; otherwise try again";
  }
  return out;
}

} // namespace

result<host*> context::daemon(const std::string& what) {
  if (host_)
    return host_.get();
  auto found = factory_.daemon(options.socket);
  if (!found)
    return tl::make_unexpected(no_daemon(found.error(), options, what));
  return adopt(std::move(*found));
}

result<const signal_gate*> context::take_signals(const std::string& what) {
  auto gate = signal_gate::close_gate();
  if (!gate)
    return refuse(what, to_string(gate.error()));
  return &signals_.emplace(std::move(*gate));
}

result<host*> context::adopt(std::unique_ptr<host> found) {
  host_ = std::move(found);
  host_->signals = signals_ ? &*signals_ : nullptr;
  return host_.get();
}

result<host*> context::daemon_or_embedded(const std::string& what) {
  if (host_)
    return host_.get();
  auto found = factory_.daemon(options.socket);
  if (found)
    return adopt(std::move(*found));
  // Nobody there is not the same as not admitted.
  if (!is_absent(found.error()) || !factory_.embedded)
    return tl::make_unexpected(no_daemon(found.error(), options, what));
  auto own = factory_.embedded();
  if (!own) {
    own.error().what = what;
    return tl::make_unexpected(std::move(own.error()));
  }
  return adopt(std::move(*own));
}

void context::warn(const std::vector<std::string>& problems) {
  for (const auto& problem : problems)
    err << "reeve: " << printable(problem) << '\n';
}

} // namespace reeve::console
