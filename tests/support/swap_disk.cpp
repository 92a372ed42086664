// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "tests/support/swap_disk.hpp"

#include "tests/support/catch.hpp"
#include "tests/support/kernel_view.hpp"
#include "tests/support/skip.hpp"

#include <sys/swap.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <system_error>

namespace reeve::tests {

namespace {

constexpr auto control = "/sys/class/zram-control/";

bool put(const std::string& path, const std::string& text) {
  std::ofstream out{path};
  out << text;
  return static_cast<bool>(out.flush());
}

} // namespace

bool has_zram() {
  if (!is_root())
    return false;
  if (std::filesystem::exists(control))
    return true;
  skip("the kernel has no zram to make a swap device of");
  return false;
}

swap_disk::swap_disk(unsigned mib) {
  // To read it is to make a device.
  number_ = read_file(std::string{control} + "hot_add");
  number_.erase(number_.find_last_not_of('\n') + 1);
  device_ = "/dev/zram" + number_;
  try {
    use(mib);
  } catch (...) {
    remove();
    throw;
  }
}

void swap_disk::use(unsigned mib) const {
  if (!put("/sys/block/zram" + number_ + "/disksize",
           std::to_string(mib) + "M"))
    throw std::runtime_error("cannot give " + device_ + " a size");
  auto make = "exec mkswap " + device_ + " >/dev/null";
  if (std::system(make.c_str()) != 0)
    throw std::runtime_error("mkswap " + device_);
  constexpr auto first = 1000;
  if (::swapon(device_.c_str(), SWAP_FLAG_PREFER | first) != 0)
    throw std::system_error(errno, std::generic_category(), "swapon");
}

void swap_disk::remove() const {
  (void)put("/sys/block/zram" + number_ + "/reset", "1");
  (void)put(std::string{control} + "hot_remove", number_);
}

swap_disk::~swap_disk() {
  CHECK(::swapoff(device_.c_str()) == 0);
  remove();
  CHECK_FALSE(std::filesystem::exists("/sys/block/zram" + number_));
}

} // namespace reeve::tests
