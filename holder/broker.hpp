// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

namespace reeve::holder {

/// Serves mount orders from the daemon at the other end of `socket` until it
/// goes away; see kernel-iface/broker_protocol.hpp. The daemon kills and
/// replaces a broker that hangs in a file system. Returns the exit status.
int run_broker(int socket);

} // namespace reeve::holder
