// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "holder/sealed_copy.hpp"

#include "kernel-iface/unique_fd.hpp"

#include <fcntl.h>
#include <linux/memfd.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

namespace reeve::holder {

namespace {

using kernel::unique_fd;

constexpr auto all_seals =
    F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;

// Before Linux 6.3 the flag is unknown and every memfd executable.
unique_fd make_memory() {
  auto flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  auto fd = ::memfd_create("reeve-holder", flags | MFD_EXEC);
  if (fd < 0 && errno == EINVAL)
    fd = ::memfd_create("reeve-holder", flags);
  return unique_fd::adopt(fd);
}

bool copy(int from, int to) {
  struct stat st {};
  if (::fstat(from, &st) != 0)
    return false;
  for (auto left = st.st_size; left > 0;) {
    auto done = ::sendfile(to, from, nullptr, static_cast<std::size_t>(left));
    if (done == 0)
      errno = EIO; // cut short under our hands
    if (done <= 0)
      return false;
    left -= done;
  }
  return true;
}

} // namespace

bool continue_as_sealed_copy(char** argv, char** envp) {
  auto self = unique_fd::adopt(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  if (!self)
    return false;
  // No file but such a copy has seals (EINVAL).
  if (::fcntl(self.get(), F_GET_SEALS) == all_seals)
    return true;
  auto memory = make_memory();
  if (!memory || !copy(self.get(), memory.get())
      || ::fcntl(memory.get(), F_ADD_SEALS, all_seals) != 0)
    return false;
  ::fexecve(memory.get(), argv, envp);
  return false;
}

} // namespace reeve::holder
