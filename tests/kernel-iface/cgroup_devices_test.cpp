// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/cgroup_devices.hpp"

#include "tests/kernel-iface/cgroup_fixture.hpp"

#include <cerrno>

using namespace reeve::kernel;
using namespace reeve::tests;

namespace {

using kind = device_rule::kind;

constexpr auto devices = "devices/reeve-t/c1/";

struct v1_container : fake_cgroups {
  explicit v1_container(std::string_view list) : fake_cgroups{cgroup_mode::v1} {
    put(std::string{devices} + "devices.list", list);
    put(std::string{devices} + "devices.allow", "");
    put(std::string{devices} + "devices.deny", "");
  }

  [[nodiscard]] std::string allowed() const {
    return get(std::string{devices} + "devices.allow");
  }

  [[nodiscard]] std::string denied() const {
    return get(std::string{devices} + "devices.deny");
  }

  container_cgroup group = must(open().create("c1"));
};

} // namespace

TEST_CASE("device_rule: is read as it is printed", "[kernel-iface][cgroup]") {
  for (const auto* text : {"c 1:3 rwm", "b *:* m", "c 136:* rw", "a *:* rwm",
                           "c 4294967295:0 r"}) {
    auto rule = parse_device_rule(text);
    REQUIRE(rule);
    CHECK(to_string(*rule) == text);
  }
}

TEST_CASE("device_rule: nonsense is refused", "[kernel-iface][cgroup]") {
  for (const auto* text :
       {"", "c", "x 1:3 r", "c 1 r", "c 1:3", "c 1:3 x", "c 1:-3 r",
        "c 4294967296:0 r", "c 1:3 r w", "char 1:3 r"})
    CHECK_FALSE(parse_device_rule(text));
}

TEST_CASE("set_devices: a fresh v1 group is closed, then opened rule by rule",
          "[kernel-iface][cgroup]") {
  auto c = v1_container{"a *:* rwm\n"};
  must(set_devices(c.group, {{kind::character, 1, 3}, {kind::block, 8, {}}}));
  CHECK(c.denied() == "a");
  CHECK(c.allowed() == "c 1:3 rwmb 8:* rwm"); // two writes
}

TEST_CASE("set_devices: a live change on v1 writes only the difference",
          "[kernel-iface][cgroup]") {
  auto c = v1_container{"c 1:3 rwm\nc 1:5 r\nb 8:0 rwm\n"};
  must(set_devices(c.group, {{kind::character, 1, 3},
                             {kind::character, 1, 5},
                             {kind::block, 8, 0, device_rule::read}}));
  CHECK(c.allowed() == "c 1:5 wm");
  CHECK(c.denied() == "b 8:0 wm");
}

TEST_CASE("set_devices: what is in force already is not written",
          "[kernel-iface][cgroup]") {
  std::string list;
  for (const auto& rule : default_device_rules())
    list += to_string(rule) + "\n";
  auto c = v1_container{list};
  must(set_devices(c.group, default_device_rules()));
  CHECK(c.allowed().empty());
  CHECK(c.denied().empty());
}

TEST_CASE("set_devices: everything is one write on v1",
          "[kernel-iface][cgroup]") {
  auto c = v1_container{"c 1:3 rwm\n"};
  must(set_devices(c.group, {device_rule{}}));
  CHECK(c.allowed() == "a");
}

TEST_CASE("set_devices: without a devices controller and a cgroup2 it says so",
          "[kernel-iface][cgroup]") {
  auto fake = fake_cgroups{cgroup_mode::v1};
  std::erase_if(fake.mounts.v1, [](const auto& h) {
    return h.controllers.contains(controller::devices);
  });
  auto refused = set_devices(must(fake.open().create("c1")), {});
  REQUIRE(!refused);
  CHECK(refused.error().code == ENODEV);
  CHECK(refused.error().hint.find("cgroup2") != std::string::npos);
}
