// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "kernel-iface/result.hpp"
#include "kernel-iface/unique_fd.hpp"

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

/// Sockets of whole packets (SOCK_SEQPACKET, unix(7)) at which anybody may say
/// what he likes. A descriptor that comes along (SCM_RIGHTS) has to be closed
/// by who takes the packet or closes the socket, and that may take as long as
/// the sender likes: it may be a connection with SO_LINGER (socket(7)) whose
/// other end does not read. Nothing here blocks but a thread of its own.
namespace reeve::kernel {

/// Nobody can send descriptors to the socket, nor to those accepted from it:
/// SO_PASSRIGHTS, since Linux 6.16. Before, all goes on without.
void refuse_descriptors(const unique_fd& socket);

/// Takes the next packet, of which what is longer than `room` is lost; its
/// whole length, 0 at the end of the connection. EAGAIN if there is none now.
/// EBADMSG if descriptors came with it: it stays where it is.
[[nodiscard]] result<std::size_t> take_words(const unique_fd& from,
                                             std::span<char> room);

/// Ends the connection, and closes the socket unless that might block: then it
/// is returned, for close_aside.
[[nodiscard]] unique_fd hang_up(unique_fd socket);

/// A listener, whose queue is hung up on by the last one who has it, and who
/// then closes it: it goes with the last descriptor of it.
[[nodiscard]] std::shared_ptr<unique_fd> share_listener(unique_fd listener);

/// By a thread of its own, which is not waited for, also at the end of this
/// process. None for no sockets.
void close_aside(std::vector<unique_fd> sockets);

} // namespace reeve::kernel
