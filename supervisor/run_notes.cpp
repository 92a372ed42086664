// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "supervisor/run_notes.hpp"

#include "config/parse.hpp"
#include "config/serialize.hpp"
#include "config/validate.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <utility>

namespace reeve::supervisor {

using json = nlohmann::json;
using std::chrono::duration_cast;
using std::chrono::milliseconds;

namespace {

// Since the boot of the host, as steady_clock has it; PID 1 lives no longer.
std::int64_t to_ms(time_point at) {
  return duration_cast<milliseconds>(at.time_since_epoch()).count();
}

json to_json(const restart_snapshot& tracker) {
  auto out = json::object();
  if (tracker.failures != 0)
    out["failures"] = tracker.failures;
  const auto& all = tracker.restarts;
  auto past = json::array();
  for (auto i = all.size() - std::min(all.size(), most_restarts_noted);
       i < all.size(); ++i) {
    auto one = json::array({to_ms(all[i].at)});
    if (all[i].rule)
      one.push_back(*all[i].rule);
    past.push_back(std::move(one));
  }
  if (!past.empty())
    out["past"] = std::move(past);
  return out;
}

restart_snapshot tracker_from(const json& in) {
  restart_snapshot out;
  out.failures = in.value("failures", 0U);
  for (const auto& item : in.value("past", json::array())) {
    past_restart one{time_point{milliseconds{item.at(0).get<std::int64_t>()}},
                     std::nullopt};
    if (item.size() > 1)
      one.rule = item.at(1).get<std::size_t>();
    out.restarts.push_back(one);
  }
  return out;
}

json to_json(const run_notes& notes) {
  auto out = to_json(notes.tracker);
  if (notes.command != 0)
    out["command"] = notes.command;
  if (notes.restarts != 0)
    out["restarts"] = notes.restarts;
  if (notes.ready)
    out["ready"] = true;
  if (notes.stands_by)
    out["stands_by"] = true;
  return out;
}

run_notes notes_from(const json& in) {
  return {in.value("command", std::uint64_t{0}),
          in.value("restarts", std::uint32_t{0}), tracker_from(in),
          in.value("ready", false), in.value("stands_by", false)};
}

} // namespace

std::string to_text(const config::process_spec& spec, const run_notes& notes) {
  return R"({"notes":)" + to_json(notes).dump() + R"(,"spec":)"
         + config::to_json(spec) + "}";
}

std::string to_text(const restart_snapshot& tracker) {
  return to_json(tracker).dump();
}

restart_snapshot parse_restart_snapshot(const std::string& text) {
  try {
    return tracker_from(json::parse(text));
  } catch (const json::exception&) {
    return {};
  }
}

std::optional<noted_run> parse_noted_run(const std::string& text) {
  auto in = json::parse(text, nullptr, false);
  if (!in.is_object())
    return std::nullopt;
  noted_run out;
  auto is_bare = !in.contains("notes"); // of an older daemon
  try {
    if (!is_bare)
      out.notes = notes_from(in.at("notes"));
    auto spec = config::parse_process_spec(
        is_bare ? text : in.at("spec").dump(), "PID 1", config::format::json);
    if (!spec || !config::validate(*spec))
      return std::nullopt;
    out.spec = std::move(*spec);
  } catch (const json::exception&) {
    return std::nullopt;
  }
  return out;
}

} // namespace reeve::supervisor
