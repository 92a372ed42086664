// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "config/container_spec.hpp"

#include <sys/types.h>

#include <filesystem>
#include <map>
#include <string>

namespace reeve::tests {

/// A directory on the host for `rootfs`: a static busybox and the programs
/// `probe` and `reeve-limits` in /bin, a few users in /etc. Deleted at the end.
class probe_image {
public:
  probe_image();
  probe_image(const probe_image&) = delete;
  probe_image& operator=(const probe_image&) = delete;
  ~probe_image();

  [[nodiscard]] const std::filesystem::path& path() const {
    return path_;
  }

  [[nodiscard]] config::container_spec spec(const std::string& name) const;

private:
  std::filesystem::path path_;
};

/// Type, mode, owner, times and content of one file.
[[nodiscard]] std::string describe_file(const std::filesystem::path& path);

/// Type, mode, owner, group, size, time of change and content of everything
/// below a directory, one line each by path.
[[nodiscard]] std::map<std::string, std::string>
describe_tree(const std::filesystem::path& root);

/// `what: OK` lines of the probe as a map.
[[nodiscard]] std::map<std::string, std::string>
answers(const std::string& output);

[[nodiscard]] std::string read_host_file(const std::string& path);

/// "NAME:\tVALUE" of /proc/PID/status, or of its text.
[[nodiscard]] std::string field_of(const std::string& status,
                                   const std::string& name);
[[nodiscard]] std::string status_of(pid_t pid, const std::string& name);

} // namespace reeve::tests
