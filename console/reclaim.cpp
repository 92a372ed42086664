// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "config/units.hpp"
#include "console/spec_options.hpp"
#include "console/time_text.hpp"
#include "console/verbs.hpp"

#include <chrono>
#include <memory>
#include <string>

namespace reeve::console {

namespace {

using supervisor::memory_reclaimed;
using supervisor::reclaim_memory;

// Disks are slow.
constexpr auto longest = std::chrono::minutes{10};

std::string change(std::uint64_t before, std::uint64_t after) {
  return human_size(before) + " before, " + human_size(after) + " now";
}

result<int> reclaim(context& ctx, const reclaim_memory& request) {
  auto answer = ctx.ask<memory_reclaimed>(
      request, "cannot reclaim memory of container '" + request.container + "'",
      longest);
  if (!answer)
    return tl::make_unexpected(std::move(answer.error()));
  auto text =
      "memory  " + change(answer->memory_before, answer->memory_after) + "\n";
  if (answer->swap_before + answer->swap_after != 0)
    text += "swap    " + change(answer->swap_before, answer->swap_after) + "\n";
  ctx.report(*answer, text);
  return status_ok;
}

} // namespace

verb::check declare_reclaim(CLI::App& app) {
  struct options {
    std::string name;
    std::string size;
  };
  auto given = std::make_shared<options>();
  app.add_option("NAME", given->name, "name of the container")->required();
  app.add_option("SIZE", given->size,
                 "how much, as 64M; all that can be if it is not given");
  return [given](const program_arguments&) -> result<action> {
    if (auto done = check_container_name(given->name); !done)
      return tl::make_unexpected(std::move(done.error()));
    auto request = reclaim_memory{given->name};
    if (!given->size.empty()) {
      auto size = config::parse_size(given->size);
      if (!size)
        return refuse("SIZE", to_string(size.error()));
      if (*size == 0)
        return refuse("SIZE", "nothing is to be reclaimed");
      request.bytes = *size;
    }
    return [request](context& ctx) { return reclaim(ctx, request); };
  };
}

} // namespace reeve::console
