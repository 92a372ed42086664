// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "config/error.hpp"

namespace reeve::config {

std::string to_string(const config_error& err) {
  auto text = err.file;
  if (err.line != 0) {
    if (!text.empty())
      text += ':';
    text += std::to_string(err.line) + ':' + std::to_string(err.column);
  }
  if (!text.empty())
    text += ": ";
  if (!err.key.empty())
    text += err.key + ": ";
  text += err.message;
  if (!err.expected.empty())
    text += "; expected " + err.expected;
  return text;
}

} // namespace reeve::config
