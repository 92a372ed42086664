// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "console/line_times.hpp"

#include "tests/support/catch.hpp"

using namespace reeve::console;
using reeve::supervisor::output_chunk;

namespace {

output_chunk chunk(std::uint64_t offset, std::string bytes,
                   std::vector<reeve::supervisor::output_time> times) {
  output_chunk out;
  out.offset = offset;
  out.bytes = std::move(bytes);
  out.times = std::move(times);
  return out;
}

} // namespace

TEST_CASE("line_times: each line has the time of its first byte",
          "[console][unit]") {
  line_times uut;
  CHECK(uut.put_before(chunk(10, "a\nbb\nc", {{8, 0}, {12, 1000}, {15, 2000}}))
        == "1970-01-01T00:00:00.000Z a\n"
           "1970-01-01T00:00:01.000Z bb\n"
           "1970-01-01T00:00:02.000Z c");
  CHECK(uut.put_before(chunk(16, "cc\nd", {{16, 3000}})) // the same line
        == "cc\n1970-01-01T00:00:03.000Z d");
}

TEST_CASE("line_times: what is not known is a dash", "[console][unit]") {
  line_times uut;
  CHECK(uut.put_before(chunk(0, "a\nb\n", {{2, 1000}}))
        == "- a\n1970-01-01T00:00:01.000Z b\n");
  CHECK(uut.put_before(chunk(4, "\n\n", {})) == "- \n- \n");
  CHECK(uut.put_before(chunk(6, "", {})).empty());
}
