// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "console/output_pump.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

namespace reeve::console {

void output_pump::put(std::string_view bytes) {
  if (bytes.empty() || state_ == state::closed || state_ == state::failed)
    return;
  pending_.append(bytes);
  state_ = state::waiting;
}

void output_pump::write() {
  if (state_ != state::waiting)
    return;
  // A writable pipe has room for PIPE_BUF bytes; more might block.
  auto size = std::min<std::size_t>(pending_.size() - written_, PIPE_BUF);
  auto done = ::write(fd_, pending_.data() + written_, size);
  if (done >= 0) {
    written_ += static_cast<std::size_t>(done);
    if (written_ < pending_.size())
      return;
    pending_.clear();
    written_ = 0;
    state_ = state::idle;
    return;
  }
  if (errno == EINTR || errno == EAGAIN)
    return;
  error_ = errno;
  // A closed descriptor and a hung-up terminal are nobody reading as well.
  auto nobody = error_ == EPIPE || error_ == EBADF || error_ == EIO;
  state_ = nobody ? state::closed : state::failed;
  pending_.clear();
  written_ = 0;
}

} // namespace reeve::console
