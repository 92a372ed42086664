// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "config/serialize.hpp"
#include "console/json.hpp"

#include <nlohmann/json.hpp>

namespace reeve::console {

namespace {

json or_null(const std::string& text) {
  return text.empty() ? json{} : json(text);
}

} // namespace

json json_of(const supervisor::container_info& info) {
  return {
      {"name", info.container},
      {"state", name_of(info.phase)},
      {"image", info.image},
      {"processes", info.live_processes},
      {"created", json_of_time(info.created_ms)},
      {"id", info.id},
      {"pid", info.pid != 0 ? json(info.pid) : json{}},
      {"uid_base", info.uid_base},
      {"properties", json(info.properties)},
      {"problems", info.problems},
  };
}

json json_of(const std::vector<supervisor::container_info>& all) {
  auto out = json::array();
  for (const auto& info : all)
    out.push_back(json_of(info));
  return out;
}

json json_of(const supervisor::container_details& details) {
  auto out = json_of(details.info);
  // The processes themselves, where a listing has their number.
  out["processes"] = json_of(details.processes);
  out["limits"] = json_of(details.limits);
  out["cgroup"] = or_null(details.cgroup);
  out["spec"] = json::parse(config::to_json(details.spec), nullptr, false);
  return out;
}

json json_of(const supervisor::container_is& answer) {
  return {{"name", answer.container},
          {"state", name_of(answer.phase)},
          {"problems", answer.problems}};
}

json json_of(const supervisor::container_created& answer) {
  return {{"name", answer.container}, {"id", answer.id}};
}

json json_of(const supervisor::limit_in_force& limit) {
  return {{"key", limit.key},
          {"value", limit.value},
          {"source", or_null(limit.source)}};
}

json json_of(const std::vector<supervisor::limit_in_force>& all) {
  auto out = json::array();
  for (const auto& limit : all)
    out.push_back(json_of(limit));
  return out;
}

// Processors are told as one has them, anything else as a whole number.
json json_of(const kernel::effective_limit& limit) {
  json value;
  if (limit.value != kernel::no_limit && limit.resource == "cpu")
    value = static_cast<double>(limit.value) / 1000;
  else if (limit.value != kernel::no_limit)
    value = limit.value;
  return {{"resource", limit.resource},
          {"kind", limit.is_hard ? "hard" : "soft"},
          {"value", value},
          {"source", or_null(limit.source)},
          {"exact", limit.is_exact}};
}

json json_of(const std::vector<kernel::effective_limit>& all) {
  auto out = json::array();
  for (const auto& limit : all)
    out.push_back(json_of(limit));
  return out;
}

json json_of(const supervisor::limits_change& change) {
  return {{"container", change.container},
          {"error", or_null(change.error)},
          {"killed", change.killed}};
}

json json_of(const std::vector<supervisor::limits_change>& all) {
  auto out = json::array();
  for (const auto& change : all)
    out.push_back(json_of(change));
  return out;
}

} // namespace reeve::console
