// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "tests/support/api_client.hpp"

#include <string>

namespace reeve::tests {

/// What a process has printed, without waiting for more or for its end.
inline std::string output_so_far(api_client& reeve,
                                 const std::string& container,
                                 const std::string& process) {
  supervisor::read_output query;
  query.container = container;
  query.process = process;
  return reeve.ask<supervisor::output_chunk>(query).bytes;
}

} // namespace reeve::tests
