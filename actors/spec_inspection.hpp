// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/inspection.hpp"
#include "config/container_spec.hpp"
#include "config/process_spec.hpp"

/// Specs travel between processes in their on-disk form, so a client and a
/// daemon of different versions agree on defaults, and what a hostile client
/// sends goes through the parser. In process they are copied as they are.
namespace reeve::config {

REEVE_DECLARE_INSPECTION(container_spec)
REEVE_DECLARE_INSPECTION(process_spec)

} // namespace reeve::config
