// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "supervisor/container_kit.hpp"

#include "kernel-iface/packet.hpp"
#include "kernel-iface/process_identity.hpp"
#include "kernel-iface/root_stage.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <fstream>
#include <string_view>
#include <utility>

namespace reeve::supervisor {

using config::namespace_mode;
using kernel::unique_fd;
using kernel::zygote::ns_kind;
using kernel::zygote::ns_mode;

namespace {

struct kind_choice {
  ns_kind kind;
  const char* file; ///< in /proc/PID/ns
  const config::namespace_choice* choice;
};

// A holder's own time namespace is the host's: only its children enter.
std::array<kind_choice, kernel::zygote::ns_kinds>
choices_of(const config::namespace_choices& ns) {
  return {{{ns_kind::pid, "pid", &ns.pid},
           {ns_kind::net, "net", &ns.net},
           {ns_kind::uts, "uts", &ns.uts},
           {ns_kind::ipc, "ipc", &ns.ipc},
           {ns_kind::mount, "mnt", &ns.mount},
           {ns_kind::user, "user", &ns.user},
           {ns_kind::cgroup, "cgroup", &ns.cgroup},
           {ns_kind::time, "time_for_children", &ns.time}}};
}

} // namespace

kernel::result<std::uint32_t> first_id_of(std::int32_t pid) {
  auto path = "/proc/" + std::to_string(pid) + "/uid_map";
  std::uint32_t inside = 0;
  std::uint32_t outside = 0;
  if (std::ifstream in{path}; in >> inside >> outside)
    return outside;
  return kernel::make_error(ESRCH, "read", path);
}

std::vector<std::string> joined_containers(const config::container_spec& spec) {
  std::vector<std::string> out;
  for (const auto& item : choices_of(spec.namespaces))
    if (item.choice->mode == namespace_mode::join
        && std::find(out.begin(), out.end(), item.choice->container)
               == out.end())
      out.push_back(item.choice->container);
  return out;
}

kernel::result<kernel::capability_set>
capabilities_of(const config::container_spec& spec) {
  auto parse = [](const std::vector<std::string>& names)
      -> kernel::result<kernel::capability_set> {
    if (std::find(names.begin(), names.end(), "ALL") != names.end())
      return kernel::capability_set::known_by_kernel();
    return kernel::capability_set::parse(names);
  };
  auto out = spec.privileged ? kernel::capability_set::known_by_kernel()
                             : parse(spec.capabilities);
  if (!out)
    return out;
  auto add = parse(spec.cap_add);
  if (!add)
    return add;
  auto drop = parse(spec.cap_drop);
  if (!drop)
    return drop;
  return (*out | *add) - *drop;
}

kernel::result<kit_request>
make_kit_request(const config::container_spec& spec,
                 const std::map<std::string, holder_resolved>& holders) {
  kit_request out;
  auto caps = capabilities_of(spec);
  if (!caps)
    return tl::make_unexpected(std::move(caps.error()));
  out.capabilities = *caps;
  out.seccomp =
      !spec.privileged && spec.seccomp == config::seccomp_profile::standard;
  out.privileged = spec.privileged;
  if (!spec.privileged) {
    out.masked_paths = spec.masked_paths;
    out.read_only_paths = spec.readonly_paths;
  }
  for (const auto& item : choices_of(spec.namespaces)) {
    auto& mode = out.modes[static_cast<std::size_t>(item.kind)];
    switch (item.choice->mode) {
    case namespace_mode::isolated:
      mode = ns_mode::fresh;
      break;
    case namespace_mode::host:
      mode = ns_mode::host;
      break;
    case namespace_mode::join: {
      mode = ns_mode::joined;
      auto holder = holders.find(item.choice->container);
      auto pid = holder == holders.end() ? 0 : holder->second.pid;
      if (item.kind == ns_kind::user && first_id_of(pid).value_or(1) == 0) {
        mode = ns_mode::host; // which cannot be entered a second time
        break;
      }
      auto path = "/proc/" + std::to_string(pid) + "/ns/" + item.file;
      auto fd = unique_fd::adopt(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
      if (!fd)
        return kernel::last_error("join the namespaces of container",
                                  "'" + item.choice->container + "'");
      out.joined.push_back(std::make_shared<unique_fd>(std::move(fd)));
      break;
    }
    }
  }
  if (spec.privileged)
    out.modes[static_cast<std::size_t>(ns_kind::user)] = ns_mode::host;
  // Looked at last: who has the pid now has had it when it was used above.
  for (const auto& [name, holder] : holders) {
    auto since = kernel::start_time(holder.pid);
    if (!since || !*since || **since != holder.start_time)
      return kernel::make_error(ESRCH, "join the namespaces of container",
                                "'" + name + "'", "its PID 1 has ended");
  }
  return out;
}

kernel::durability writes_of(const config::container_spec& spec) {
  return spec.remove_on_exit ? kernel::durability::throw_away
                             : kernel::durability::durable;
}

actors::shared_fd open_holder(const kit& of) {
  auto fd = unique_fd::adopt(
      static_cast<int>(::syscall(SYS_pidfd_open, of.holder_pid, 0)));
  auto since = kernel::start_time(of.holder_pid);
  if (!fd || !since || !*since || **since != of.holder_start_time)
    return nullptr;
  return std::make_shared<unique_fd>(std::move(fd));
}

kernel::result<unique_fd> limits_socket_of(const kit& which) {
  auto holder = open_holder(which);
  auto what = "take the limits socket from PID 1 of " + which.id;
  if (!holder)
    return kernel::make_error(ESRCH, what);
  auto fd = unique_fd::adopt(static_cast<int>(
      ::syscall(SYS_pidfd_getfd, holder->get(),
                static_cast<long>(kernel::holder::limits_socket_fd), 0UL)));
  if (!fd) // Yama's ptrace_scope 3 refuses it to everybody
    return kernel::last_error(what);
  // What a PID 1 has that was taken over by somebody may be anything.
  auto option = [&fd](int name) {
    auto value = 0;
    socklen_t size = sizeof(value);
    return ::getsockopt(fd.get(), SOL_SOCKET, name, &value, &size) == 0 ? value
                                                                        : -1;
  };
  sockaddr_un address{};
  socklen_t length = sizeof(address);
  if (option(SO_DOMAIN) != AF_UNIX || option(SO_TYPE) != SOCK_SEQPACKET
      || option(SO_ACCEPTCONN) != 1
      || ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &length)
             != 0
      || std::string_view{address.sun_path} != kernel::limits_socket_path
      || ::fcntl(fd.get(), F_SETFL, O_NONBLOCK) != 0)
    return kernel::make_error(EPROTO, what, {}, "it is another's descriptor");
  return fd;
}

actors::attach_root make_attach_order(const config::container_spec& spec,
                                      const kit& with,
                                      const state_store& store) {
  actors::attach_root out;
  out.pid = with.holder_pid;
  out.pidfd = with.holder_pidfd;
  out.has_user_namespace =
      !spec.privileged && spec.namespaces.user.mode != namespace_mode::host;
  auto& overlay = out.root.overlay;
  overlay.layers.push_back(spec.rootfs ? *spec.rootfs
                                       : store.image_directory() + "/"
                                             + *spec.image + "/rootfs");
  overlay.upper_parent = store.layer_of(with.id);
  overlay.first_id = out.has_user_namespace ? with.uid_base : 0;
  if (out.has_user_namespace
      && spec.namespaces.user.mode == namespace_mode::join) {
    overlay.first_id = first_id_of(with.holder_pid).value_or(with.uid_base);
    out.has_user_namespace = overlay.first_id != 0;
  }
  overlay.writes = writes_of(spec);
  out.root.access = spec.readonly_root ? kernel::mount_access::read_only
                                       : kernel::mount_access::read_write;
  return out;
}

kernel::result<unique_fd> connect_to_holder(const container_record& record,
                                            const std::string& boot_id) {
  if (record.holder_pid <= 0 || record.boot_id != boot_id)
    return unique_fd{};
  auto since = kernel::start_time(record.holder_pid);
  if (!since)
    return tl::make_unexpected(std::move(since.error()));
  if (!*since || **since != record.holder_start_time)
    return unique_fd{};
  // Through the descriptor that the holder keeps of its own socket: no path of
  // the container is walked, so nothing in it can lead us astray.
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::snprintf(address.sun_path, sizeof(address.sun_path), "/proc/%d/fd/%d",
                record.holder_pid, kernel::holder::listener_path_fd);
  auto fd =
      unique_fd::adopt(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  // Where root inside is root outside, it may keep the listener's queue full:
  // wait for a place, but not for ever.
  timeval patience{5, 0};
  if (!fd
      || ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &patience,
                      sizeof(patience))
             != 0)
    return kernel::last_error("socket");
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address),
                sizeof(address))
      != 0)
    return kernel::last_error("connect to the PID 1 of container",
                              "'" + record.spec.name + "'");
  // The credentials are those at listen(2), when PID 1 was the host's root
  // still. Its start time once more: the number may have changed hands between
  // the first look and the connection.
  ucred cred{};
  socklen_t size = sizeof(cred);
  since = kernel::start_time(record.holder_pid);
  if (!since)
    return tl::make_unexpected(std::move(since.error()));
  if (::getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &cred, &size) != 0
      || cred.pid != record.holder_pid || cred.uid != 0 || !*since
      || **since != record.holder_start_time)
    return kernel::make_error(EPROTO, "connect to the PID 1 of container",
                              "'" + record.spec.name + "'",
                              "another process answered");
  if (::fcntl(fd.get(), F_SETFL, O_NONBLOCK) != 0)
    return kernel::last_error("make a socket non-blocking");
  return fd;
}

} // namespace reeve::supervisor
