// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "console/spec_options.hpp"
#include "console/verbs.hpp"

namespace reeve::console {

verb::check declare_create(CLI::App& app) {
  struct options {
    std::string name;
    container_options container;
    bool durable = false;
  };
  auto given = std::make_shared<options>();
  app.add_option("NAME", given->name, "name of the container")->required();
  given->container.declare(app);
  app.add_flag("--durable", given->durable,
               "answer only when it would survive a crash of the host");
  return [given](const program_arguments&) -> result<action> {
    auto spec = given->container.to_spec(given->name);
    if (!spec)
      return tl::make_unexpected(std::move(spec.error()));
    auto request = supervisor::create_container{
        generated_command(), std::move(*spec), given->durable};
    return [request](context& ctx) -> result<int> {
      auto answer = ctx.ask<supervisor::container_created>(
          request, "cannot create container '" + request.spec.name + "'");
      if (!answer)
        return tl::make_unexpected(std::move(answer.error()));
      ctx.report(*answer, answer->container + '\n');
      return status_ok;
    };
  };
}

} // namespace reeve::console
