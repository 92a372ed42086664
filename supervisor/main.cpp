// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// reeved: hosts the runtime and offers it at a unix-domain socket.

#include "actors/handoff_scheduler.hpp"
#include "actors/unix_transport.hpp"
#include "config/parse.hpp"
#include "config/validate.hpp"
#include "kernel-iface/helper_process.hpp"
#include "supervisor/delegated_group.hpp"
#include "supervisor/gateway.hpp"
#include "supervisor/logging.hpp"
#include "supervisor/runtime.hpp"
#include "supervisor/signals.hpp"
#include "supervisor/standard_streams.hpp"
#include "supervisor/upgrade.hpp"
#include "supervisor/version.hpp"

#include <CLI/CLI.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/io/middleman.hpp>
#include <caf/send.hpp>
#include <spdlog/logger.h>

#include <grp.h>
#include <sys/resource.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace {

using namespace reeve;

/// Read if it is there and nothing else is asked for.
constexpr auto usual_config_file = "/etc/reeve/reeved.toml";

struct options {
  std::string config_file;
  std::string root;
  bool check = false;
};

std::string contents(const std::string& path) {
  // A directory can be opened as well, and reads as nothing.
  std::ifstream in{path};
  if (!in || std::filesystem::is_directory(path))
    throw std::runtime_error(
        "cannot read " + path + ": "
        + std::generic_category().message(in ? EISDIR : errno));
  return std::string{std::istreambuf_iterator<char>{in}, {}};
}

config::daemon_config load(const options& opts) {
  config::daemon_config out;
  auto file = opts.config_file;
  // An instance on a root of its own is none of the host's business.
  if (file.empty() && opts.root.empty()
      && std::filesystem::exists(usual_config_file))
    file = usual_config_file;
  if (!file.empty()) {
    auto parsed = config::parse_daemon_config(contents(file), file);
    if (!parsed)
      throw std::runtime_error(to_string(parsed.error()));
    out = std::move(*parsed);
  }
  if (!opts.root.empty())
    out = config::with_root(std::move(out), opts.root);
  if (out.cgroup_parent.empty() && std::getenv("INVOCATION_ID") != nullptr)
    out.cgroup_parent =
        supervisor::delegated_group(contents("/proc/self/cgroup"));
  if (auto ok = config::validate(out); !ok)
    throw std::runtime_error(to_string(ok.error()));
  return out;
}

std::optional<gid_t> group_of_socket(const config::daemon_config& cfg) {
  if (!cfg.socket_group)
    return std::nullopt;
  const auto* group = ::getgrnam(cfg.socket_group->c_str());
  if (group == nullptr)
    throw std::runtime_error("socket_group: there is no group '"
                             + *cfg.socket_group + "'");
  return group->gr_gid;
}

actors::endpoint_options endpoint_of(const config::daemon_config& cfg,
                                     std::shared_ptr<spdlog::logger> log) {
  actors::endpoint_options out;
  out.admitted.uids.insert(cfg.admit_uids.begin(), cfg.admit_uids.end());
  out.admitted.gids.insert(cfg.admit_gids.begin(), cfg.admit_gids.end());
  out.group = group_of_socket(cfg);
  out.on_refused = [log = std::move(log)](const actors::refused_peer& peer) {
    log->warn("closed a connection of uid {}, pid {}: {}", peer.uid, peer.pid,
              actors::to_string(peer.reason));
  };
  return out;
}

// A descriptor for each container and some for each process: more than the
// usual soft limit. Processes of containers start with the usual one.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0)
    return;
  limit.rlim_cur = limit.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &limit); // up to what it may be, always can
}

/// What follows when a daemon has ended: nothing, or another program.
struct succession {
  std::string program;
  kernel::unique_fd socket;
};

/// Until it is to end. Returns the program that it is to become, if any.
std::optional<std::string> attend(supervisor::runtime& rt,
                                  supervisor::upgrade_desk& desk,
                                  spdlog::logger& log,
                                  const config::daemon_config& cfg) {
  for (;;) {
    auto signo = supervisor::wait_for_signal();
    if (signo == SIGHUP) {
      rt.reopen_log();
      supervisor::reopen(log, cfg.log);
    } else if (signo != supervisor::upgrade_signal) {
      return std::nullopt;
    } else if (auto program = desk.take()) {
      return program;
    }
  }
}

std::optional<succession>
serve(const config::daemon_config& cfg,
      const std::shared_ptr<supervisor::upgrade_desk>& desk,
      kernel::unique_fd socket) {
  caf::actor_system_config system_cfg;
  supervisor::add_message_types(system_cfg);
  system_cfg.load<caf::io::middleman>();
  actors::use_handoff_scheduler(system_cfg);
  system_cfg.set("logger.console", caf::atom("none"));
  caf::actor_system sys{system_cfg};
  actors::remove_remote_services(sys);
  auto rt = supervisor::runtime::start(sys, cfg);
  if (!rt)
    throw std::runtime_error(to_string(rt.error()));
  auto log = supervisor::make_logger(cfg.log);
  if (!log)
    throw std::runtime_error(to_string(log.error()));
  std::optional<succession> next;
  {
    auto gateway = supervisor::spawn_gateway(sys, (*rt)->api(), desk);
    auto endpoint = actors::unix_endpoint::publish(
        sys, gateway, config::socket_of(cfg), endpoint_of(cfg, *log),
        std::move(socket));
    if (!endpoint)
      throw std::runtime_error(to_string(endpoint.error()));
    supervisor::notify_service_manager("READY=1");
    if (auto program = attend(**rt, *desk, **log, cfg)) {
      (*log)->info("upgrades to {}", *program);
      next = succession{std::move(*program), endpoint->hand_over()};
    } else {
      supervisor::notify_service_manager("STOPPING=1");
    }
    caf::anon_send_exit(gateway, caf::exit_reason::user_shutdown);
  }
  (*rt)->stop(supervisor::farewell::keep);
  return next;
}

/// A daemon after the other in this process: who cannot become another program
/// goes on.
void serve_on(const config::daemon_config& cfg,
              std::vector<std::string> arguments) {
  raise_descriptor_limit();
  supervisor::block_daemon_signals();
  std::signal(SIGPIPE, SIG_IGN); // of a log that nobody reads any more
  auto desk = std::make_shared<supervisor::upgrade_desk>(std::move(arguments));
  auto socket = supervisor::inherited_socket();
  while (auto next = serve(cfg, desk, std::move(socket))) {
    auto why = desk->become(next->program, next->socket);
    std::fprintf(stderr, "reeved: goes on as it was: %s\n",
                 to_string(why).c_str());
    socket = std::move(next->socket);
  }
}

} // namespace

int main(int argc, char** argv) {
  supervisor::open_missing_standard_streams();
  options opts;
  CLI::App app{"reeved - the daemon of Reeve, an actor-based supervision "
               "runtime for Linux containers"};
  app.add_option("--config", opts.config_file, "TOML or JSON file");
  app.add_option("--root", opts.root,
                 "directory for state and sockets, instead of /var/lib/reeve "
                 "and /run/reeve")
      ->envname("REEVE_ROOT");
  app.add_flag("--check", opts.check, "read the configuration and exit");
  app.set_version_flag("--version", supervisor::version);
  try {
    app.parse(argc, argv);
    auto cfg = load(opts);
    (void)group_of_socket(cfg); // a name that is wrong is told by --check, too
    // Without its other half it would not come up.
    if (auto helper = kernel::find_helper(cfg.holder_path.value_or(""));
        !helper)
      throw std::runtime_error(to_string(helper.error()));
    if (opts.check)
      std::printf("%s %s: the configuration is good\n", supervisor::daemon_name,
                  supervisor::version);
    else
      serve_on(cfg, {argv + 1, argv + argc});
    return 0;
  } catch (const CLI::ParseError& err) {
    return app.exit(err);
  } catch (const std::exception& err) {
    std::fprintf(stderr, "reeved: %s\n", err.what());
    return 1;
  }
}
