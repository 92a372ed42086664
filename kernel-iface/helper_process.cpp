// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/helper_process.hpp"

#include "kernel-iface/packet.hpp"

#include <boost/process/args.hpp>
#include <boost/process/child.hpp>
#include <boost/process/exe.hpp>
#include <boost/process/io.hpp>
#include <boost/process/posix.hpp>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <system_error>
#include <vector>

namespace reeve::kernel {

namespace bp = boost::process;

namespace {

using clock = std::chrono::steady_clock;

constexpr auto introduction_timeout = std::chrono::seconds{5};

bool wait_for_word(int socket) {
  auto until = clock::now() + introduction_timeout;
  for (;;) {
    auto left =
        std::chrono::ceil<std::chrono::milliseconds>(until - clock::now());
    pollfd wait{socket, POLLIN, 0};
    auto ready = ::poll(&wait, 1, std::max(0, static_cast<int>(left.count())));
    if (ready >= 0 || errno != EINTR)
      return ready == 1;
  }
}

result<helper_process> meet(unique_fd ours, const std::string& program) {
  if (!wait_for_word(ours.get()))
    return make_error(ETIMEDOUT, "wait for the introduction of", program);
  packet in;
  auto got = receive_packet(ours.get(), in);
  if (!got)
    return tl::make_unexpected(std::move(got.error()));
  if (*got != reception::packet || in.type != helper_hello_type
      || in.fds.size() != 1)
    return make_error(ECHILD, "start", program,
                      "it ended before it introduced itself");
  return helper_process{std::move(ours), std::move(in.fds.front())};
}

} // namespace

result<helper_process> start_helper(const std::string& program,
                                    helper_role role) {
  auto pair = make_packet_sockets();
  if (!pair)
    return tl::make_unexpected(std::move(pair.error()));
  auto& [ours, theirs] = *pair;
  // A number that the launcher's dup2 cannot collide with: dup2 onto the same
  // number would keep close-on-exec.
  auto high = unique_fd::adopt(::fcntl(theirs.get(), F_DUPFD_CLOEXEC, 10));
  if (!high)
    return last_error("duplicate the helper's socket");
  std::error_code err;
  bp::child child(
      bp::exe = program,
      bp::args = {role == helper_role::zygote ? "--zygote" : "--broker", "3"},
      bp::std_in<bp::null, bp::std_out> bp::null,
      bp::posix::fd.bind(3, high.get()), err);
  if (err)
    return make_error(err.value(), "start", program);
  child.wait(err);
  // ECHILD: our host ignores SIGCHLD, so nobody knows the status. If it was a
  // failure, there will be no introduction.
  auto unknown = err.value() == ECHILD;
  if (err && !unknown)
    return make_error(err.value(), "wait for", program);
  if (!unknown && child.exit_code() != 0)
    return make_error(ECHILD, "start", program,
                      "it exited with status "
                          + std::to_string(child.exit_code()));
  theirs.reset();
  high.reset();
  return meet(std::move(ours), program);
}

result<std::string> find_helper(const std::string& configured) {
  namespace fs = std::filesystem;
  std::vector<std::string> places;
  if (!configured.empty()) {
    places.push_back(configured);
  } else {
    std::array<char, 4096> self{};
    auto size = ::readlink("/proc/self/exe", self.data(), self.size() - 1);
    if (size > 0) {
      auto dir =
          fs::path{std::string{self.data(), static_cast<std::size_t>(size)}}
              .parent_path();
      places.push_back((dir / "reeve-holder").string());
      places.push_back(
          (dir.parent_path() / "libexec" / "reeve" / "reeve-holder").string());
    }
    places.emplace_back(REEVE_LIBEXEC_DIR "/reeve-holder");
  }
  std::string looked;
  for (const auto& place : places) {
    if (::access(place.c_str(), X_OK) == 0)
      return place;
    looked += (looked.empty() ? "" : ", ") + place;
  }
  return make_error(ENOENT, "find reeve-holder in", looked,
                    "set `holder_path` in the configuration");
}

} // namespace reeve::kernel
