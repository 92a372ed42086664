// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "console/failure.hpp"

#include "actors/error.hpp"
#include "supervisor/exit_reason.hpp"
#include "tests/support/catch.hpp"

#include <cerrno>
#include <csignal>

using namespace reeve;
using console::failure_of;

TEST_CASE("only a program's own failure to start is 126 or 127",
          "[console][unit]") {
  auto status_of = [](actors::errc code) {
    return failure_of(actors::make_error(code, "x"), "cannot run").status;
  };
  CHECK(status_of(actors::errc::program_not_found) == 127);
  CHECK(status_of(actors::errc::program_not_executable) == 126);
  for (auto code :
       {actors::errc::invalid_argument, actors::errc::not_found,
        actors::errc::already_exists, actors::errc::wrong_state,
        actors::errc::refused_by_kernel, actors::errc::timed_out,
        actors::errc::exhausted, actors::errc::gone, actors::errc::internal})
    CHECK(status_of(code) == 125);
}

TEST_CASE("the end of a program is the console's exit status",
          "[console][unit]") {
  using supervisor::exit_reason;
  CHECK(shell_status(exit_reason::exited(7)) == 7);
  CHECK(shell_status(exit_reason::signaled(SIGSEGV, true)) == 128 + SIGSEGV);
  CHECK(shell_status(exit_reason::lost()) == 125);
}

TEST_CASE("an error says what failed, why, and what to do", "[console][unit]") {
  CHECK(to_string(console::failure{125, "cannot do", "no", "try"})
        == "cannot do: no; try");
  CHECK(to_string(console::failure{125, "", "no", ""}) == "no");
  CHECK(to_string(console::failure{125, "cannot do", "", ""}) == "cannot do");
  auto err = actors::make_error(actors::errc::not_found, "there is none");
  auto got = failure_of(err, "cannot stop 'a'");
  CHECK(to_string(got) == "cannot stop 'a': there is none");
  CHECK(got.is == console::failure::kind::not_found);
}
