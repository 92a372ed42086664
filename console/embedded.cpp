// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "console/embedded.hpp"

#include "actors/error.hpp"
#include "supervisor/runtime.hpp"

#include <caf/scoped_actor.hpp>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <system_error>

namespace reeve::console {

namespace {

namespace fs = std::filesystem;

/// Where the private roots are: on a disk, since a one-shot may write much.
constexpr auto usual_home = "/var/lib/reeve";

constexpr auto prefix = "embedded-";

/// A name may be taken by what a console with our pid has left.
constexpr auto name_tries = 1000;

config::daemon_config config_for(const fs::path& root) {
  auto cfg = config::with_root({}, root.string());
  cfg.pool_size = 0; // there will be one container
  cfg.log.level = config::log_level::error;
  return cfg;
}

/// Locks a private root: empty if somebody lives there, or if it is not ours to
/// begin with. The lock is on the directory itself and ends with its owner,
/// however that ends, so no pid has to be trusted.
kernel::unique_fd lock_root(const fs::path& path) {
  auto fd = kernel::unique_fd::adopt(
      ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat opened {};
  struct stat named {};
  if (!fd || ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0
      || ::fstat(fd.get(), &opened) != 0 || ::lstat(path.c_str(), &named) != 0)
    return {};
  // Who had the lock before may have removed the directory.
  auto is_there =
      opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
  auto is_ours = opened.st_uid == 0 && (opened.st_mode & 077U) == 0;
  return is_there && is_ours ? std::move(fd) : kernel::unique_fd{};
}

/// A new directory that only we can enter, removed with all that is in it.
class private_root {
public:
  static kernel::result<private_root> make() {
    auto err = std::error_code{};
    fs::create_directories(usual_home, err);
    auto made = make_in(usual_home);
    if (made)
      return made;
    const char* other = std::getenv("TMPDIR");
    return make_in(other != nullptr && *other == '/' ? other : "/tmp");
  }

  private_root(private_root&& other) noexcept
      : path_{std::exchange(other.path_, fs::path{})},
        lock_{std::move(other.lock_)} {}
  private_root& operator=(private_root&&) = delete;

  ~private_root() {
    auto err = std::error_code{};
    if (!path_.empty() && fs::remove_all(path_, err) && err)
      std::fprintf(stderr, "reeve: cannot remove %s: %s\n", path_.c_str(),
                   err.message().c_str());
  }

  [[nodiscard]] const fs::path& path() const {
    return path_;
  }

private:
  private_root(fs::path path, kernel::unique_fd lock)
      : path_{std::move(path)},
        lock_{std::move(lock)} {}

  static kernel::result<private_root> make_in(const fs::path& where) {
    for (auto n = 0; n < name_tries; ++n) {
      auto path =
          where
          / (prefix + std::to_string(::getpid()) + "-" + std::to_string(n));
      if (::mkdir(path.c_str(), 0700) != 0) {
        if (errno == EEXIST)
          continue;
        return kernel::last_error("make directory", path.string());
      }
      // Before we have the lock, another console may take it for a dead one's.
      if (auto lock = lock_root(path))
        return private_root{std::move(path), std::move(lock)};
    }
    return kernel::make_error(EEXIST, "make directory",
                              (where / prefix).string() + "*");
  }

  fs::path path_;
  kernel::unique_fd lock_;
};

// Ends what a one-shot has left whose console was killed: its container has
// stopped by itself by then, its groups and files have not gone.
void clear_remains(caf::actor_system& sys, const fs::path& root) {
  auto lock = lock_root(root); // held until all is gone
  if (!lock)
    return;
  auto rt = supervisor::runtime::start(sys, config_for(root));
  if (!rt)
    return; // the next console tries again
  caf::scoped_actor self{sys};
  auto all = supervisor::container_list{};
  auto failed = false;
  // One that is not there any more has gone by itself, as it was to.
  auto fails = [&failed](const caf::error& err) {
    failed = failed || actors::code_of(err) != actors::errc::not_found;
  };
  self->request((*rt)->api(), request_limit, supervisor::list_containers{})
      .receive([&](supervisor::container_list& list) { all = std::move(list); },
               fails);
  for (const auto& item : all.containers)
    self->request((*rt)->api(), request_limit,
                  supervisor::destroy_container{item.container, true, 0})
        .receive([](const supervisor::container_is&) {}, fails);
  (*rt)->stop(supervisor::farewell::stop);
  auto err = std::error_code{};
  if (!failed)
    fs::remove_all(root, err);
}

class embedded_host : public host {
public:
  explicit embedded_host(private_root root) : root_{std::move(root)} {}

  embedded_host(const embedded_host&) = delete;
  embedded_host& operator=(const embedded_host&) = delete;

  ~embedded_host() override {
    if (runtime_)
      runtime_->stop(supervisor::farewell::stop);
  }

  kernel::result<void> start() {
    clear_all_remains();
    auto started =
        supervisor::runtime::start(system_, config_for(root_.path()));
    if (!started)
      return tl::make_unexpected(std::move(started.error()));
    runtime_ = std::move(*started);
    return {};
  }

  caf::actor_system& system() override {
    return system_;
  }

  [[nodiscard]] supervisor::api_actor api() const override {
    return runtime_->api();
  }

  [[nodiscard]] const supervisor::local_api_actor* local() const override {
    return &runtime_->api();
  }

private:
  void clear_all_remains() {
    // Elsewhere, others could put their directories among ours.
    if (root_.path().parent_path() != usual_home)
      return;
    auto err = std::error_code{};
    for (const auto& item :
         fs::directory_iterator{root_.path().parent_path(), err})
      if (item.path() != root_.path()
          && item.path().filename().string().starts_with(prefix))
        clear_remains(system_, item.path());
  }

  private_root root_; // outlives everything that writes to it
  system_config config_{system_config::network::off};
  caf::actor_system system_{config_};
  std::unique_ptr<supervisor::runtime> runtime_;
};

} // namespace

result<std::unique_ptr<host>> embed() {
  if (::geteuid() != 0)
    return refuse("",
                  "no daemon runs, and only root can run containers "
                  "without one",
                  "start reeved, or become root");
  auto root = private_root::make();
  if (!root)
    return refuse("", to_string(root.error()));
  auto out = std::make_unique<embedded_host>(std::move(*root));
  if (auto done = out->start(); !done)
    return refuse("", to_string(done.error()));
  return out;
}

} // namespace reeve::console
