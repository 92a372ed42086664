// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "kernel-iface/result.hpp"
#include "kernel-iface/unique_fd.hpp"

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace reeve::actors {

/// Who sits at the other end of a unix-domain stream socket, as the kernel
/// recorded it when that process called connect(2) or listen(2). The pid is
/// for messages to people: the process may be gone and its number reused.
struct peer_identity {
  pid_t pid = 0;
  uid_t uid = 0;
  gid_t gid = 0;
  /// Supplementary groups (`SO_PEERGROUPS`, Linux 4.13).
  std::vector<gid_t> groups;
};

[[nodiscard]] kernel::result<peer_identity> peer_of(int fd);

/// Who may connect: a peer with any of these uids, or in any of these groups.
/// Nobody is admitted implicitly, not even root.
struct admission {
  std::set<uid_t> uids;
  std::set<gid_t> gids;

  [[nodiscard]] bool admits(const peer_identity& peer) const;
};

/// Owns the name of a listening socket. Destruction removes the name unless it
/// has meanwhile become the name of something else.
class socket_file {
public:
  socket_file() noexcept = default;
  socket_file(socket_file&& other) noexcept;
  socket_file& operator=(socket_file&& other) noexcept;
  socket_file(const socket_file&) = delete;
  socket_file& operator=(const socket_file&) = delete;
  ~socket_file();

  void remove() noexcept;

  /// The name stays, for whoever goes on with the socket.
  void keep() noexcept;

private:
  friend struct listening_socket;

  // Removal goes through the directory that was opened, so that it does not
  // depend on the working directory or on a directory renamed since.
  kernel::unique_fd directory_;
  std::string name_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

struct listening_socket {
  kernel::unique_fd fd;
  socket_file file;

  /// Listens at `path` with the given mode and group. The socket never exists
  /// with wider access: it is bound to a temporary name, gets owner and mode
  /// before it listens, and is renamed into place last, which also replaces a
  /// socket that nobody listens on in one step. `EADDRINUSE` if somebody does,
  /// `EEXIST` if the name is something other than a socket. Any length of path
  /// will do, since only the last component has to fit into a `sockaddr_un`.
  [[nodiscard]] static kernel::result<listening_socket>
  open(const std::string& path, mode_t mode, std::optional<gid_t> group);

  /// Goes on with a socket that an earlier program of this process listened on
  /// at `path`. EINVAL if it does not listen, ENOENT if the name has gone.
  [[nodiscard]] static kernel::result<listening_socket>
  go_on(kernel::unique_fd socket, const std::string& path);
};

/// Connects to the socket at `path`. The error code is that of connect(2), so
/// `ENOENT` (no such name), `ECONNREFUSED` (a name that nobody listens on) and
/// `EACCES` (not ours to use) can be told apart; `ETIMEDOUT` if the queue of
/// the listener stays full. Blocks for at most `timeout`.
[[nodiscard]] kernel::result<kernel::unique_fd>
connect_to(const std::string& path, std::chrono::milliseconds timeout);

} // namespace reeve::actors
