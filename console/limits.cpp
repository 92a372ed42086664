// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "config/limits.hpp"

#include "config/text.hpp"
#include "config/units.hpp"
#include "console/key_value.hpp"
#include "console/spec_options.hpp"
#include "console/time_text.hpp"
#include "console/verbs.hpp"

#include <set>

namespace reeve::console {

namespace {

using supervisor::limits_in_force;

/// Sizes with their meaning beside the exact value, for people.
std::string value_text(const supervisor::limit_in_force& limit) {
  auto bytes = limit.key.starts_with("memory.")
                   ? config::parse_size(limit.value)
                   : tl::make_unexpected(config::config_error{});
  return bytes && *bytes >= 1024 ? human_size(*bytes) : limit.value;
}

result<int> finish(context& ctx, result<limits_in_force> answer) {
  if (!answer)
    return tl::make_unexpected(std::move(answer.error()));
  auto rows = table{{"KEY", "VALUE", "SOURCE"}};
  for (const auto& limit : answer->limits)
    rows.add({{limit.key}, {value_text(limit)}, {limit.source}});
  ctx.report(answer->limits, rows.text(ctx.style));
  return status_ok;
}

std::string count_of(std::size_t killed) {
  return std::to_string(killed) + (killed == 1 ? " process" : " processes");
}

// Silence is consent, as with other changes; but not of what had to go.
void tell_killed(context& ctx, const std::string& container,
                 const std::vector<std::int32_t>& killed) {
  if (killed.empty() || ctx.options.quiet)
    return;
  auto text = "killed " + count_of(killed.size()) + " of container '"
              + container + "' to make room:";
  for (auto pid : killed)
    text += " " + std::to_string(pid);
  if (ctx.options.json)
    ctx.warn({text}); // the records are those of the limits
  else
    ctx.out << printable(text) << '\n';
}

result<int> set_one(context& ctx, const supervisor::set_limits& request) {
  auto answer = ctx.ask<limits_in_force>(
      request, "cannot set limits of container '" + request.container + "'");
  if (answer)
    tell_killed(ctx, request.container, answer->killed);
  if (answer && !ctx.options.json)
    return status_ok;
  return finish(ctx, std::move(answer));
}

result<int> set_all(context& ctx,
                    const supervisor::set_limits_of_all& request) {
  auto answer =
      ctx.ask<supervisor::limits_changes>(request, "cannot set limits");
  if (!answer)
    return tl::make_unexpected(std::move(answer.error()));
  const auto& all = answer->containers;
  if (all.empty())
    return tl::make_unexpected(failure{status_own_error, "cannot set limits",
                                       "there is no container that "
                                           + config::in_quotes(request.pattern)
                                           + " and the properties given match",
                                       "see `reeve ls`"});
  auto failed = false;
  for (const auto& one : all)
    failed = failed || !one.error.empty();
  if (ctx.options.json) {
    ctx.out << line_of(json_of(all));
    return failed ? status_own_error : status_ok;
  }
  for (const auto& one : all) {
    tell_killed(ctx, one.container, one.killed);
    if (!one.error.empty())
      ctx.warn({"cannot set limits of container '" + one.container
                + "': " + one.error});
  }
  return failed ? status_own_error : status_ok;
}

bool is_pattern(const std::string& name) {
  return name.find_first_of("*?[") != std::string::npos;
}

result<void> check_key(const std::string& key) {
  auto unused = config::limits{};
  if (auto done = config::clear_key(unused, key); !done)
    return refuse("", to_string(done.error()));
  return {};
}

/// Each key once, and known, with a value in its range.
result<std::vector<std::pair<std::string, std::string>>>
parse_values(const std::vector<std::string>& texts) {
  auto out = std::vector<std::pair<std::string, std::string>>{};
  auto seen = std::set<std::string>{};
  auto checked = config::limits{};
  for (const auto& text : texts) {
    auto pair = parse_key_value("KEY=VALUE", text);
    if (!pair)
      return tl::make_unexpected(std::move(pair.error()));
    if (!seen.insert(pair->first).second)
      return refuse("KEY=VALUE",
                    config::in_quotes(pair->first) + " is given twice");
    auto done = pair->second.empty()
                    ? config::clear_key(checked, pair->first)
                    : config::set_key(checked, pair->first, pair->second);
    if (!done)
      return refuse("", to_string(done.error()));
    out.push_back(std::move(*pair));
  }
  return out;
}

} // namespace

verb::check declare_set(CLI::App& app) {
  struct options {
    std::string name;
    std::vector<std::string> values;
    std::vector<std::string> properties;
    bool force = false;
  };
  auto given = std::make_shared<options>();
  app.add_option("NAME", given->name,
                 "name of the container, or a pattern as of `reeve ls`: "
                 "all that match")
      ->required();
  // Newer CLI11 allows no "=" in a name.
  app.add_option("KEY_VALUE", given->values,
                 "KEY=VALUE: a limit, as memory.limit=64M; KEY= forgets one of "
                 "a container that is stopped");
  add_repeatable(app, "--prop", given->properties,
                 "only containers with this property, repeatable", "KEY=VALUE");
  app.add_flag("-f,--force", given->force,
               "memory below what is in use: kill the largest processes until "
               "it fits");
  return [given](const program_arguments&) -> result<action> {
    auto is_many = is_pattern(given->name) || !given->properties.empty();
    if (auto done = check_container_name(given->name); !is_many && !done)
      return tl::make_unexpected(std::move(done.error()));
    if (given->values.empty())
      return refuse("KEY=VALUE", "it is missing", "see `reeve set --help`");
    auto values = parse_values(given->values);
    if (!values)
      return tl::make_unexpected(std::move(values.error()));
    auto properties = parse_properties("--prop", given->properties);
    if (!properties)
      return tl::make_unexpected(std::move(properties.error()));
    if (is_many)
      return
          [request = supervisor::set_limits_of_all{
               given->name, std::move(*properties), std::move(*values),
               given->force}](context& ctx) { return set_all(ctx, request); };
    return [request = supervisor::set_limits{given->name, std::move(*values),
                                             given->force}](context& ctx) {
      return set_one(ctx, request);
    };
  };
}

verb::check declare_get(CLI::App& app) {
  auto request = std::make_shared<supervisor::get_limits>();
  app.add_option("NAME", request->container, "name of the container")
      ->required();
  app.add_option("KEY", request->keys, "only these limits");
  return [request](const program_arguments&) -> result<action> {
    if (auto done = check_container_name(request->container); !done)
      return tl::make_unexpected(std::move(done.error()));
    for (const auto& key : request->keys)
      if (auto done = check_key(key); !done)
        return tl::make_unexpected(std::move(done.error()));
    return [request](context& ctx) {
      return finish(ctx, ctx.ask<limits_in_force>(
                             *request, "cannot get limits of container '"
                                           + request->container + "'"));
    };
  };
}

} // namespace reeve::console
