// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <system_error>

namespace reeve::tests {

/// An empty directory that is gone with everything in it at the end.
class temp_directory {
public:
  temp_directory() {
    if (::mkdtemp(path_.data()) == nullptr)
      throw std::runtime_error("mkdtemp");
  }

  temp_directory(const temp_directory&) = delete;
  temp_directory& operator=(const temp_directory&) = delete;

  ~temp_directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  [[nodiscard]] const std::string& path() const {
    return path_;
  }

private:
  std::string path_ = "/tmp/reeve-test-XXXXXX";
};

} // namespace reeve::tests
