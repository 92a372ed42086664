// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/mount.hpp"

#include "kernel-iface/root_stage.hpp"
#include "tests/kernel-iface/fake_container.hpp"
#include "tests/support/catch.hpp"

#include <fcntl.h>

#include <cerrno>

using namespace reeve::kernel;
using namespace reeve::test;

TEST_CASE("broker_namespace: a holder that has ended is an error, and the "
          "broker goes on",
          "[kernel-iface][privileged]") {
  auto image = temp_image{};
  auto dead = unique_fd{};
  {
    auto holder = fake_holder{{}};
    dead.reset(::fcntl(holder.pidfd(), F_DUPFD_CLOEXEC, 0));
  }
  auto holder = fake_holder{{}};
  auto answer = in_broker([&](const broker_namespace& home) -> std::string {
    auto refused = prepare_stage(home, dead.get(), stage_with(first_id));
    auto staged = prepare_stage(home, holder.pidfd(), stage_with(first_id));
    return refused ? "accepted"
                   : to_string(refused.error()) + (staged ? " / ok" : " / no");
  });
  CHECK_THAT(answer, Catch::Matchers::ContainsSubstring("the holder has ended")
                         && Catch::Matchers::EndsWith("/ ok"));
}

TEST_CASE("fs_context: an error carries what the file system wrote to its log",
          "[kernel-iface][privileged]") {
  auto refused =
      fs_context{"tmpfs"}.set("size", "plenty").set("mode", "700").mount(0);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().operation == "fsconfig size=plenty of");
  CHECK(refused.error().subject == "tmpfs");
  CHECK_THAT(refused.error().hint,
             Catch::Matchers::StartsWith("the kernel says: "));

  auto unknown = fs_context{"reeve-no-such-fs"}.mount(0);
  REQUIRE_FALSE(unknown);
  CHECK(unknown.error().code == ENODEV);
}
