// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace reeve::test {

struct example {
  std::string name;
  std::string text;
};

/// All of config/examples, in the order of their names.
inline std::vector<example> examples() {
  auto out = std::vector<example>{};
  for (const auto& entry :
       std::filesystem::directory_iterator{REEVE_EXAMPLES_DIR}) {
    auto file = std::ifstream{entry.path()};
    out.push_back({entry.path().filename().string(),
                   {std::istreambuf_iterator<char>{file}, {}}});
  }
  std::sort(out.begin(), out.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  return out;
}

inline bool is_daemon_config(const example& ex) {
  return ex.name == "reeved.toml";
}

} // namespace reeve::test
