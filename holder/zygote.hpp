// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

namespace reeve::holder {

/// Serves start orders from the daemon at the other end of `socket` until it
/// goes away. Runs in a session and a mount namespace of its own. Returns the
/// exit status of the process. In a freshly cloned holder it does not return.
int run_zygote(int socket);

} // namespace reeve::holder
