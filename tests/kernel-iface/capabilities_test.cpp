// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/capabilities.hpp"

#include "tests/support/catch.hpp"

#include <linux/capability.h>
#include <sys/capability.h>
#include <sys/prctl.h>

#include <algorithm>
#include <cctype>
#include <cerrno>

using namespace reeve::kernel;

namespace {

std::string libcap_name(int number) {
  auto* text = ::cap_to_name(number);
  REQUIRE(text != nullptr);
  auto out = std::string(text);
  ::cap_free(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return std::toupper(c); });
  return out;
}

} // namespace

TEST_CASE("capabilities: every name and number is that of libcap",
          "[kernel-iface][capabilities]") {
  for (auto number = 0; number < capability_count; ++number) {
    CHECK(capability_name(number) == libcap_name(number));
    CHECK(capability_number(libcap_name(number)) == number);
  }
  CHECK(capability_count == CAP_CHECKPOINT_RESTORE + 1);
}

TEST_CASE("capabilities: a name is found in any case, prefix or not",
          "[kernel-iface][capabilities]") {
  CHECK(capability_number("CAP_SYS_ADMIN") == CAP_SYS_ADMIN);
  CHECK(capability_number("SYS_ADMIN") == CAP_SYS_ADMIN);
  CHECK(capability_number("cap_sys_admin") == CAP_SYS_ADMIN);
  CHECK(capability_number("Sys_Admin") == CAP_SYS_ADMIN);
  CHECK(capability_number("BPF") == CAP_BPF);
  CHECK_FALSE(capability_number(""));
  CHECK_FALSE(capability_number("CAP_"));
  CHECK_FALSE(capability_number("CAP_CAP_CHOWN"));
  CHECK_FALSE(capability_number("SYS_ADMIN "));
}

TEST_CASE("capability_set: parses names and prints them in order",
          "[kernel-iface][capabilities]") {
  auto set = capability_set::parse({"net_raw", "CAP_CHOWN", "NET_RAW"});
  REQUIRE(set);
  CHECK(set->names() == std::vector<std::string>{"CAP_CHOWN", "CAP_NET_RAW"});
  CHECK(set->bits() == (1ULL << CAP_CHOWN | 1ULL << CAP_NET_RAW));
  CHECK(capability_set::parse({})->empty());
}

TEST_CASE("capability_set: an unknown name is told with the nearest one",
          "[kernel-iface][capabilities]") {
  auto set = capability_set::parse({"CHOWN", "cap_net_admn"});
  REQUIRE_FALSE(set);
  CHECK(set.error().code == EINVAL);
  CHECK(to_string(set.error())
        == "parse capability 'cap_net_admn': Invalid argument (EINVAL); no "
           "capability has this name; the nearest is NET_ADMIN");
}

TEST_CASE("capability_set: the container default is the customary fourteen",
          "[kernel-iface][capabilities]") {
  auto set = capability_set::container_default();
  CHECK(set
        == *capability_set::parse(
            {"AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL",
             "MKNOD", "NET_BIND_SERVICE", "NET_RAW", "SETFCAP", "SETGID",
             "SETPCAP", "SETUID", "SYS_CHROOT"}));
  CHECK(set.names().size() == 14);
  // As docker shows it in /proc/1/status.
  CHECK(set.bits() == 0xa80425fb);
}

TEST_CASE("capability_set: behaves as a set", "[kernel-iface][capabilities]") {
  auto a = *capability_set::parse({"CHOWN", "KILL"});
  auto b = *capability_set::parse({"KILL", "BPF"});
  CHECK((a | b) == *capability_set::parse({"CHOWN", "KILL", "BPF"}));
  CHECK((a & b) == *capability_set::parse({"KILL"}));
  CHECK((a - b) == *capability_set::parse({"CHOWN"}));
  CHECK((a | b).contains(a));
  CHECK_FALSE(a.contains(b));
  a.remove(CAP_KILL);
  CHECK_FALSE(a.contains(CAP_KILL));
  a.add(64);
  a.add(-1);
  CHECK(a == *capability_set::parse({"CHOWN"}));
  CHECK_FALSE(a.contains(64));
  CHECK_FALSE(a.contains(-1));
}

TEST_CASE("capability_set: a number newer than the list still prints",
          "[kernel-iface][capabilities]") {
  CHECK(capability_set::from_bits(1ULL << 63).names()
        == std::vector<std::string>{"CAP_63"});
}

TEST_CASE("capability_set: the kernel's set ends where the kernel says",
          "[kernel-iface][capabilities]") {
  auto set = capability_set::known_by_kernel();
  REQUIRE(set);
  auto last = 0;
  while (::prctl(PR_CAPBSET_READ, last, 0, 0, 0) >= 0)
    ++last;
  CHECK(set->contains(last - 1));
  CHECK_FALSE(set->contains(last));
  CHECK(set->contains(capability_set::container_default()));
}
