// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "console/embedded.hpp"

#include "supervisor/runtime.hpp"

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

/// A new directory that only we can enter, removed with all that is in it.
class private_root {
public:
  static kernel::result<private_root> make() {
    auto err = std::error_code{};
    auto usual = fs::path{"/run/reeve"};
    fs::create_directories(usual, err);
    auto made = make_in(usual);
    if (made)
      return made;
    const char* other = std::getenv("TMPDIR");
    return make_in(other != nullptr && *other == '/' ? other : "/tmp");
  }

  private_root(private_root&& other) noexcept
      : path_{std::exchange(other.path_, fs::path{})} {}
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
  explicit private_root(fs::path path) : path_{std::move(path)} {}

  static kernel::result<private_root> make_in(const fs::path& where) {
    for (auto n = 0;; ++n) {
      auto path = where
                  / ("embedded-" + std::to_string(::getpid()) + "-"
                     + std::to_string(n));
      if (::mkdir(path.c_str(), 0700) == 0)
        return private_root{std::move(path)};
      if (errno != EEXIST)
        return kernel::last_error("make directory", path.string());
    }
  }

  fs::path path_;
};

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
    auto cfg = config::with_root({}, root_.path().string());
    cfg.pool_size = 0; // there will be one container
    cfg.log.level = config::log_level::error;
    auto started = supervisor::runtime::start(system_, cfg);
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
