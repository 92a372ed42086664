// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/unix_socket.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace reeve::actors {

using kernel::last_error;
using kernel::make_error;
using kernel::result;
using kernel::unique_fd;

namespace {

using std::chrono::steady_clock;

struct split_path {
  std::string directory;
  std::string name;
};

split_path split(const std::string& path) {
  auto slash = path.rfind('/');
  if (slash == std::string::npos)
    return {".", path};
  return {slash == 0 ? "/" : path.substr(0, slash), path.substr(slash + 1)};
}

/// Fills in an address; false if the path does not fit.
bool set_address(sockaddr_un& addr, const std::string& path) {
  addr = {};
  addr.sun_family = AF_UNIX;
  if (path.size() >= sizeof(addr.sun_path))
    return false;
  std::memcpy(addr.sun_path, path.data(), path.size());
  return true;
}

/// Short name for an entry of an open directory, however long its path is.
std::string through(const unique_fd& directory, const std::string& name) {
  return "/proc/self/fd/" + std::to_string(directory.get()) + "/" + name;
}

auto too_long(std::string operation, const std::string& path) {
  return make_error(ENAMETOOLONG, std::move(operation), path,
                    "choose a shorter name for the socket");
}

unique_fd new_socket(int flags = 0) {
  return unique_fd::adopt(
      ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0));
}

int connect_once(const unique_fd& fd, const sockaddr_un& addr) {
  // The generic address type is what the system call wants.
  auto* generic = reinterpret_cast<const sockaddr*>(&addr);
  return ::connect(fd.get(), generic, sizeof(addr)) == 0 ? 0 : errno;
}

/// Refuses a name that must not be replaced; all is well if it is free or
/// belongs to a socket whose listener has gone.
result<void> check_replaceable(const unique_fd& directory,
                               const std::string& name,
                               const std::string& path) {
  struct stat st = {};
  if (::fstatat(directory.get(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT)
      return {};
    return last_error("look up socket", path);
  }
  // connect(2) answers ECONNREFUSED for a regular file too: ask first.
  if (!S_ISSOCK(st.st_mode))
    return make_error(EEXIST, "publish at", path,
                      "it is not a socket; remove it or choose another path");
  sockaddr_un addr;
  if (!set_address(addr, through(directory, name)))
    return too_long("publish at", path);
  auto probe = new_socket(SOCK_NONBLOCK);
  if (!probe)
    return last_error("create socket");
  switch (auto code = connect_once(probe, addr)) {
  case ECONNREFUSED:
  case ENOENT:
    return {};
  case 0:
  case EAGAIN:     // alive, with a full queue
  case EPROTOTYPE: // alive, but not a stream socket
    return make_error(EADDRINUSE, "publish at", path,
                      "another process listens there");
  default:
    return make_error(code, "probe socket", path);
  }
}

/// Removes the temporary name unless it was renamed into place.
class temporary_name {
public:
  temporary_name(int directory, std::string name)
      : directory_(directory),
        name_(std::move(name)) {}
  temporary_name(const temporary_name&) = delete;
  temporary_name& operator=(const temporary_name&) = delete;
  temporary_name(temporary_name&&) = delete;
  temporary_name& operator=(temporary_name&&) = delete;

  ~temporary_name() {
    auto saved = errno;
    remove();
    errno = saved;
  }

  [[nodiscard]] const char* get() const {
    return name_.c_str();
  }

  void remove() {
    if (!name_.empty())
      ::unlinkat(directory_, name_.c_str(), 0);
  }

  void release() {
    name_.clear();
  }

private:
  int directory_;
  std::string name_;
};

} // namespace

result<peer_identity> peer_of(int fd) {
  ucred cred = {};
  socklen_t len = sizeof(cred);
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) != 0)
    return last_error("read peer credentials of socket");
  auto peer = peer_identity{cred.pid, cred.uid, cred.gid, {}};
  len = 0;
  // The groups of a peer are fixed at its connect, so the length that the
  // first call reports by ERANGE still holds for the second.
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, nullptr, &len) != 0
      && errno == ERANGE) {
    peer.groups.resize(len / sizeof(gid_t));
    if (::getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, peer.groups.data(), &len)
        != 0)
      return last_error("read peer groups of socket");
  }
  return peer;
}

bool admission::admits(const peer_identity& peer) const {
  return uids.contains(peer.uid) || gids.contains(peer.gid)
         || std::any_of(peer.groups.begin(), peer.groups.end(),
                        [&](gid_t gid) { return gids.contains(gid); });
}

socket_file::socket_file(socket_file&& other) noexcept
    : directory_(std::move(other.directory_)),
      name_(std::exchange(other.name_, {})),
      device_(other.device_),
      inode_(other.inode_) {}

socket_file& socket_file::operator=(socket_file&& other) noexcept {
  if (this != &other) {
    remove();
    directory_ = std::move(other.directory_);
    name_ = std::exchange(other.name_, {});
    device_ = other.device_;
    inode_ = other.inode_;
  }
  return *this;
}

socket_file::~socket_file() {
  remove();
}

void socket_file::remove() noexcept {
  if (name_.empty())
    return;
  auto saved = errno;
  // A successor may have replaced the name; then it is not ours any more.
  struct stat st = {};
  if (::fstatat(directory_.get(), name_.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0
      && st.st_dev == device_ && st.st_ino == inode_)
    ::unlinkat(directory_.get(), name_.c_str(), 0);
  name_.clear();
  directory_.reset();
  errno = saved;
}

void socket_file::keep() noexcept {
  name_.clear();
  directory_.reset();
}

result<listening_socket> listening_socket::open(const std::string& path,
                                                mode_t mode,
                                                std::optional<gid_t> group) {
  auto [parent, name] = split(path);
  if (name.empty() || name == "." || name == "..")
    return make_error(EINVAL, "publish at", path, "the path names no file");
  auto directory = unique_fd::adopt(
      ::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory)
    return last_error("open directory", parent);
  // Of two publishers that find the same stale name, both would replace it and
  // the first would listen where nobody can find it. Closing `directory` on
  // any return below, or the explicit unlock at the end, frees the lock.
  if (::flock(directory.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK)
      return make_error(EADDRINUSE, "publish at", path,
                        "another process is publishing in this directory");
    return last_error("lock directory", parent);
  }
  if (auto free = check_replaceable(directory, name, path); !free)
    return tl::make_unexpected(std::move(free.error()));

  auto temporary = temporary_name{
      directory.get(), "." + name + "." + std::to_string(::getpid())};
  sockaddr_un addr;
  if (!set_address(addr, through(directory, temporary.get())))
    return too_long("publish at", path);
  auto fd = new_socket();
  if (!fd)
    return last_error("create socket");
  // Left by a process that had this pid before and died half-way.
  temporary.remove();
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&addr), sizeof(addr))
      != 0)
    return last_error("bind socket for", path);
  struct stat st = {};
  if (::fstatat(directory.get(), temporary.get(), &st, AT_SYMLINK_NOFOLLOW)
      != 0)
    return last_error("look up new socket for", path);
  // Until listen(2) every connect is refused, whatever the mode says.
  if (group
      && ::fchownat(directory.get(), temporary.get(), static_cast<uid_t>(-1),
                    *group, AT_SYMLINK_NOFOLLOW)
             != 0)
    return last_error("change group of socket", path);
  if (::fchmodat(directory.get(), temporary.get(), mode, 0) != 0)
    return last_error("change mode of socket", path);
  if (::listen(fd.get(), SOMAXCONN) != 0)
    return last_error("listen at", path);
  if (::renameat(directory.get(), temporary.get(), directory.get(),
                 name.c_str())
      != 0)
    return last_error("rename new socket to", path);
  temporary.release();
  ::flock(directory.get(), LOCK_UN);

  auto out = listening_socket{};
  out.fd = std::move(fd);
  out.file.directory_ = std::move(directory);
  out.file.name_ = std::move(name);
  out.file.device_ = st.st_dev;
  out.file.inode_ = st.st_ino;
  return out;
}

result<listening_socket> listening_socket::go_on(unique_fd socket,
                                                 const std::string& path) {
  auto get = [&socket](int option) {
    auto value = 0;
    socklen_t size = sizeof(value);
    return ::getsockopt(socket.get(), SOL_SOCKET, option, &value, &size) == 0
               ? value
               : -1;
  };
  if (get(SO_DOMAIN) != AF_UNIX || get(SO_ACCEPTCONN) != 1)
    return make_error(EINVAL, "go on listening at", path,
                      "what was passed is no socket that listens");
  auto [parent, name] = split(path);
  auto out = listening_socket{};
  out.file.directory_ = unique_fd::adopt(
      ::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!out.file.directory_)
    return last_error("open directory", parent);
  struct stat st = {};
  if (::fstatat(out.file.directory_.get(), name.c_str(), &st,
                AT_SYMLINK_NOFOLLOW)
      != 0)
    return last_error("find socket", path);
  out.fd = std::move(socket);
  out.file.name_ = std::move(name);
  out.file.device_ = st.st_dev;
  out.file.inode_ = st.st_ino;
  return out;
}

result<unique_fd> connect_to(const std::string& path,
                             std::chrono::milliseconds timeout) {
  auto deadline = steady_clock::now() + timeout;
  auto directory = unique_fd{};
  sockaddr_un addr;
  if (!set_address(addr, path)) {
    auto [parent, name] = split(path);
    directory = unique_fd::adopt(
        ::open(parent.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!directory)
      return last_error("open directory", parent);
    if (!set_address(addr, through(directory, name)))
      return too_long("connect to", path);
  }
  auto fd = new_socket();
  if (!fd)
    return last_error("create socket");
  for (;;) {
    // A full queue makes connect(2) wait, for as long as a send may take.
    auto left = std::chrono::duration_cast<std::chrono::microseconds>(
        deadline - steady_clock::now());
    if (left.count() <= 0)
      return make_error(ETIMEDOUT, "connect to", path);
    auto limit = timeval{left.count() / 1'000'000, left.count() % 1'000'000};
    if (::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit))
        != 0)
      return last_error("set time limit of socket");
    switch (auto code = connect_once(fd, addr)) {
    case 0:
      return fd;
    case EINTR:
      continue;
    case EAGAIN:
      return make_error(ETIMEDOUT, "connect to", path,
                        "the daemon does not accept connections");
    default:
      return make_error(code, "connect to", path);
    }
  }
}

} // namespace reeve::actors
