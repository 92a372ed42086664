// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// Statistics for who asks again and again.

#include "tests/support/catch.hpp"
#include "tests/support/instance.hpp"

#include <caf/scoped_actor.hpp>

#include <chrono>
#include <limits>

using namespace reeve;
using namespace reeve::supervisor;
using namespace reeve::tests;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("statistics: who asks with a period waits for its end, and all that "
          "do have one reading",
          "[integration][stats]") {
  if (!is_root())
    return;
  instance reeve;
  reeve.create("web");
  reeve.run("web", instance::sleeper("main"));
  caf::scoped_actor self{reeve.system()};
  auto ask = [&](std::int64_t period_ms, bool with_processes) {
    return self->request(reeve.api(), std::chrono::seconds{60},
                         get_stats{"web", with_processes, period_ms});
  };
  auto take = [&](auto& request) {
    container_stats out;
    request.receive([&](container_stats& now) { out = std::move(now); },
                    [](const caf::error& err) { FAIL(to_string(err)); });
    return out;
  };
  auto first = ask(1000, false);
  auto second = ask(1000, true);
  auto now = reeve.ask<container_stats>(get_stats{"web"});
  auto one = take(first);
  auto other = take(second);
  auto begin =
      std::chrono::duration_cast<std::chrono::milliseconds>(one.stats.taken)
          .count()
      / 1000 * 1000;
  CHECK(now.stats.taken < std::chrono::milliseconds{begin});
  CHECK(one.stats.taken == other.stats.taken);
  CHECK(one.processes.empty());
  CHECK(other.processes.size() == 1);
  for (auto period :
       {std::int64_t{-1}, std::int64_t{9}, std::int64_t{3'600'001},
        std::numeric_limits<std::int64_t>::max()})
    CHECK_THAT(reeve.refusal<container_stats>(get_stats{"web", false, period}),
               ContainsSubstring("period"));
  // It is gone before the answer comes.
  auto late = ask(3'600'000, false);
  reeve.destroy("web");
  auto refused = false;
  late.receive([](const container_stats&) {},
               [&](const caf::error&) { refused = true; });
  CHECK(refused);
}
