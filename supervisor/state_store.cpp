// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "supervisor/state_store.hpp"

#include "config/parse.hpp"
#include "config/serialize.hpp"

#include <nlohmann/json.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>

namespace reeve::supervisor {

namespace fs = std::filesystem;
using kernel::unique_fd;
using nlohmann::json;

namespace {

kernel::result<void> make_directory(const std::string& path, mode_t mode) {
  if (::mkdir(path.c_str(), mode) != 0 && errno != EEXIST)
    return kernel::last_error("make directory", path);
  return {};
}

json to_json(const std::map<std::uint32_t, exit_reason>& ended) {
  auto out = json::array();
  for (const auto& [serial, how] : ended)
    out.push_back({{"serial", serial},
                   {"kind", how.kind},
                   {"code", how.code},
                   {"signal", how.signal},
                   {"core_dumped", how.core_dumped},
                   {"limit", how.limit},
                   {"step", how.step},
                   {"error", how.error}});
  return out;
}

// Out of range means written by somebody else: the last one that we know.
template <class Enum>
Enum enum_of(const json& in, Enum last) {
  return static_cast<Enum>(
      std::clamp(in.get<int>(), 0, static_cast<int>(last)));
}

std::map<std::uint32_t, exit_reason> ended_from(const json& in) {
  std::map<std::uint32_t, exit_reason> out;
  for (const auto& item : in) {
    auto& how = out[item.at("serial").get<std::uint32_t>()];
    how.kind = enum_of(item.at("kind"), exit_kind::lost);
    item.at("code").get_to(how.code);
    item.at("signal").get_to(how.signal);
    item.at("core_dumped").get_to(how.core_dumped);
    how.limit = enum_of(item.at("limit"), oom_limit::unknown);
    how.step = enum_of(item.at("step"), start_step::exec);
    item.at("error").get_to(how.error);
  }
  return out;
}

std::string to_text(const container_record& record) {
  json out;
  out["version"] = state_store::version;
  out["id"] = record.id;
  out["uid_base"] = record.uid_base;
  out["created_ms"] = record.created_ms;
  out["next_serial"] = record.next_serial;
  out["serials"] = record.serials;
  out["ended"] = to_json(record.ended);
  out["wanted_up"] = record.wanted_up;
  out["holder_pid"] = record.holder_pid;
  out["holder_start_time"] = record.holder_start_time;
  out["boot_id"] = record.boot_id;
  auto text = out.dump();
  text.pop_back(); // the spec has a writer of its own
  text += ",\"spec\":" + config::to_json(record.spec) + "}\n";
  return text;
}

kernel::result<container_record> from_text(const std::string& text,
                                           const std::string& path) {
  auto bad = [&path](const std::string& why) {
    return kernel::make_error(EPROTO, "read", path, why);
  };
  auto in = json::parse(text, nullptr, false);
  if (in.is_discarded() || !in.is_object())
    return bad("it is not a JSON object");
  container_record out;
  try {
    auto version = in.at("version").get<int>();
    if (version > state_store::version)
      return bad("it has version " + std::to_string(version)
                 + "; this Reeve knows up to "
                 + std::to_string(state_store::version));
    in.at("id").get_to(out.id);
    in.at("uid_base").get_to(out.uid_base);
    in.at("created_ms").get_to(out.created_ms);
    in.at("next_serial").get_to(out.next_serial);
    in.at("serials").get_to(out.serials);
    out.ended = ended_from(in.value("ended", json::array()));
    in.at("wanted_up").get_to(out.wanted_up);
    in.at("holder_pid").get_to(out.holder_pid);
    in.at("holder_start_time").get_to(out.holder_start_time);
    in.at("boot_id").get_to(out.boot_id);
    auto spec = config::parse_container_spec(in.at("spec").dump(), path,
                                             config::format::json);
    if (!spec)
      return bad(to_string(spec.error()));
    out.spec = std::move(*spec);
  } catch (const json::exception& err) {
    return bad(err.what());
  }
  if (out.serials.size() != out.spec.processes.size())
    return bad("serials and processes do not match");
  return out;
}

} // namespace

state_store::state_store(std::string state_dir)
    : state_dir_(std::move(state_dir)) {}

kernel::result<void> state_store::open() {
  std::error_code err;
  fs::create_directories(state_dir_, err);
  if (err)
    return kernel::make_error(err.value(), "make directory", state_dir_);
  // Containers' roots walk through here with ids of their own: they may pass,
  // not look.
  for (const auto& dir : {state_dir_ + "/containers", image_directory()})
    if (auto ok = make_directory(dir, 0711); !ok)
      return ok;
  for (const auto& id : ids()) {
    auto number = std::strtoull(id.c_str() + 1, nullptr, 36);
    next_id_ = std::max<std::uint64_t>(next_id_, number + 1);
  }
  return {};
}

std::string state_store::directory_of(const std::string& id) const {
  return state_dir_ + "/containers/" + id;
}

std::string state_store::layer_of(const std::string& id) const {
  return directory_of(id) + "/layer";
}

std::string state_store::log_of(const std::string& id) const {
  return directory_of(id) + "/log";
}

std::string state_store::image_directory() const {
  return state_dir_ + "/images";
}

kernel::result<std::string> state_store::make_id() {
  std::lock_guard guard{mutex_};
  for (;;) {
    constexpr const char* digits = "0123456789abcdefghijklmnopqrstuvwxyz";
    std::string id;
    for (auto rest = next_id_++; rest != 0 || id.size() < 5; rest /= 36)
      id.insert(id.begin(), digits[rest % 36]);
    id.insert(id.begin(), 'c');
    if (::mkdir(directory_of(id).c_str(), 0711) == 0) {
      if (auto ok = make_directory(layer_of(id), 0711); !ok)
        return tl::make_unexpected(std::move(ok.error()));
      return id;
    }
    if (errno != EEXIST)
      return kernel::last_error("make directory", directory_of(id));
  }
}

kernel::result<void> state_store::save(const container_record& record,
                                       sync when) {
  auto dir = directory_of(record.id);
  auto path = dir + "/record.json";
  auto temp = path + ".new";
  auto text = to_text(record);
  auto file = unique_fd::adopt(
      ::open(temp.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file)
    return kernel::last_error("create", temp);
  auto wrote = ::write(file.get(), text.data(), text.size());
  if (wrote != static_cast<ssize_t>(text.size())) {
    auto code = wrote < 0 ? errno : ENOSPC;
    (void)::unlink(temp.c_str());
    return kernel::make_error(code, "write", temp);
  }
  if (when == sync::now && ::fsync(file.get()) != 0)
    return kernel::last_error("sync", temp);
  if (::rename(temp.c_str(), path.c_str()) != 0)
    return kernel::last_error("rename to", path);
  if (when == sync::now) {
    auto parent = unique_fd::adopt(
        ::open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!parent || ::fsync(parent.get()) != 0)
      return kernel::last_error("sync", dir);
  }
  return {};
}

kernel::result<std::vector<container_record>>
state_store::load(std::vector<std::string>& broken) const {
  std::vector<container_record> out;
  for (const auto& id : ids()) {
    auto path = directory_of(id) + "/record.json";
    std::ifstream in{path};
    if (!in)
      continue; // made in advance for a pool, or half removed
    std::string text{std::istreambuf_iterator<char>{in}, {}};
    auto record = from_text(text, path);
    if (!record)
      broken.push_back(to_string(record.error()));
    else if (record->id != id)
      broken.push_back(path + " belongs to '" + record->id + "'");
    else
      out.push_back(std::move(*record));
  }
  return out;
}

std::vector<std::string> state_store::ids() const {
  std::vector<std::string> out;
  std::error_code err;
  for (const auto& item :
       fs::directory_iterator{state_dir_ + "/containers", err}) {
    auto name = item.path().filename().string();
    if (name.size() > 1 && name.front() == 'c')
      out.push_back(std::move(name));
  }
  std::sort(out.begin(), out.end());
  return out;
}

kernel::result<void> state_store::drop_record(const std::string& id) {
  auto path = directory_of(id) + "/record.json";
  if (::unlink(path.c_str()) != 0 && errno != ENOENT)
    return kernel::last_error("remove", path);
  return {};
}

} // namespace reeve::supervisor
