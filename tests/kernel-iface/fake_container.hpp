// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "kernel-iface/broker_namespace.hpp"
#include "kernel-iface/root_attach.hpp"
#include "kernel-iface/root_stage.hpp"
#include "kernel-iface/unique_fd.hpp"

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <ostream>
#include <string>

/// Stand-ins for the processes around the mount broker, for tests on the real
/// kernel: the zygote and the holder that it clones, and the broker itself.
/// Failures of the set-up throw `std::system_error`.
namespace reeve::test {

/// What a probe inside the container found out, as "key=value" lines.
using findings = std::map<std::string, std::string>;
using probe = std::function<void(std::ostream&)>;

struct holder_spec {
  std::uint32_t first_id = 200000;
  bool user_namespace = true;
  /// Runs in a child of the holder: what a user process would see.
  probe inside = [](std::ostream&) {};
};

/// PID 1 of a container without a root, as the zygote leaves it: a minimal
/// tree, its own procfs, then all namespaces and the id map.
class fake_holder {
public:
  explicit fake_holder(holder_spec spec);
  fake_holder(const fake_holder&) = delete;
  fake_holder(fake_holder&&) = delete;
  fake_holder& operator=(const fake_holder&) = delete;
  fake_holder& operator=(fake_holder&&) = delete;
  ~fake_holder();

  [[nodiscard]] int pidfd() const;
  /// -1 without a user namespace.
  [[nodiscard]] int userns() const;

  /// Forks a child in the container and lets it run the probe as root.
  findings run_inside();

private:
  void start_by_zygote();
  void map_ids();
  [[noreturn]] void be_zygote();
  [[noreturn]] void be_holder();
  void serve();

  holder_spec spec_;
  pid_t pid_ = -1;
  kernel::unique_fd outside_;
  kernel::unique_fd inside_;
  kernel::unique_fd pidfd_;
  kernel::unique_fd userns_;
};

/// Runs `work` in a forked broker and returns what it returned, or what went
/// wrong. "" means success; a mount that is left in the broker's namespace
/// counts as a failure.
std::string
in_broker(const std::function<std::string(const kernel::broker_namespace&)>&);

/// A tree with a static shell, as an image layer, in a directory of its own
/// that goes with this object.
class temp_image {
public:
  temp_image();
  temp_image(const temp_image&) = delete;
  temp_image(temp_image&&) = delete;
  temp_image& operator=(const temp_image&) = delete;
  temp_image& operator=(temp_image&&) = delete;
  ~temp_image();

  [[nodiscard]] std::filesystem::path layer() const;

  /// A new directory for an upper layer beside the image.
  [[nodiscard]] std::filesystem::path new_upper(const std::string& name) const;

  /// Names, owners, modes, times and contents of the layer.
  [[nodiscard]] std::string snapshot() const;

private:
  std::filesystem::path top_;
};

/// What `holder_spec` maps to 0 unless told otherwise.
constexpr auto first_id = std::uint32_t{200000};

kernel::stage_options stage_with(std::uint32_t id);

/// A throw-away root of one layer.
kernel::root_options root_of(const temp_image& image, const std::string& upper,
                             std::uint32_t id = first_id);

/// Both steps of the broker; "" or what went wrong.
std::string set_up(const fake_holder& holder,
                   const kernel::stage_options& stage,
                   const kernel::root_options& root);

std::string read_file(const std::string& path);

/// "ok" or the errno name of a call that returns -1 on failure.
std::string outcome(long returned);

/// -1 and errno, or anything else; nothing stays open.
long try_open(const char* path, int flags);

/// "uid:gid"
std::string owner_of(const char* path);

} // namespace reeve::test
