// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "tests/support/loop_disk.hpp"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>

namespace reeve::tests {

using kernel::unique_fd;

namespace {

void must(bool ok, const char* what) {
  if (!ok)
    throw std::system_error(errno, std::generic_category(), what);
}

unique_fd open_or_throw(const std::string& path, int flags) {
  auto fd = unique_fd::adopt(::open(path.c_str(), flags | O_CLOEXEC));
  must(static_cast<bool>(fd), path.c_str());
  return fd;
}

} // namespace

loop_disk::loop_disk(unsigned mib) {
  auto path = where_.path() + "/disk.img";
  auto make = "exec mkfs.ext4 -q -F " + path + " " + std::to_string(mib) + "M";
  must(std::system(make.c_str()) == 0, "mkfs.ext4");
  auto file = open_or_throw(path, O_RDWR);
  auto control = open_or_throw("/dev/loop-control", O_RDWR);
  for (;;) {
    auto number = ::ioctl(control.get(), LOOP_CTL_GET_FREE);
    must(number >= 0, "LOOP_CTL_GET_FREE");
    device_ = open_or_throw("/dev/loop" + std::to_string(number), O_RDWR);
    minor_ = static_cast<unsigned>(number);
    loop_config how{};
    how.fd = static_cast<unsigned>(file.get());
    how.info.lo_flags = LO_FLAGS_AUTOCLEAR;
    if (::ioctl(device_.get(), LOOP_CONFIGURE, &how) == 0)
      return;
    must(errno == EBUSY, "LOOP_CONFIGURE"); // somebody was faster
  }
}

frozen::frozen(const std::string& path)
    : on_(open_or_throw(path, O_RDONLY | O_DIRECTORY)) {
  must(::ioctl(on_.get(), FIFREEZE, 0) == 0, "FIFREEZE");
}

frozen::~frozen() {
  thaw();
}

void frozen::thaw() {
  if (on_)
    (void)::ioctl(on_.get(), FITHAW, 0); // there is nothing else to try
  on_.reset();
}

} // namespace reeve::tests
