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

json to_json(const std::map<std::uint32_t, recorded_end>& ended) {
  auto out = json::array();
  for (const auto& [serial, end] : ended) {
    const auto& how = end.reason;
    out.push_back({{"serial", serial},
                   {"run", end.run},
                   {"kind", how.kind},
                   {"code", how.code},
                   {"signal", how.signal},
                   {"core_dumped", how.core_dumped},
                   {"limit", how.limit},
                   {"step", how.step},
                   {"error", how.error}});
  }
  return out;
}

// Out of range means written by somebody else: the last one that we know.
template <class Enum>
Enum enum_of(const json& in, Enum last) {
  return static_cast<Enum>(
      std::clamp(in.get<int>(), 0, static_cast<int>(last)));
}

std::map<std::uint32_t, recorded_end> ended_from(const json& in) {
  std::map<std::uint32_t, recorded_end> out;
  for (const auto& item : in) {
    auto& [how, run] = out[item.at("serial").get<std::uint32_t>()];
    run = item.value("run", recorded_end::any_run);
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

// A save that appends is short of nothing that a rename would give, and takes
// microseconds: a rename over a file makes ext4 write it out at once.
constexpr off_t rewrite_above = 64 << 10;

kernel::result<std::string> read_file(const std::string& path) {
  auto file = unique_fd::adopt(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file)
    return kernel::last_error("open", path);
  std::string out;
  std::array<char, 16384> block{};
  for (;;) {
    auto got = ::read(file.get(), block.data(), block.size());
    if (got < 0)
      return kernel::last_error("read", path);
    if (got == 0)
      return out;
    out.append(block.data(), static_cast<std::size_t>(got));
  }
}

std::string to_text(const container_record& record) {
  json out;
  // An older daemon would look for its groups elsewhere.
  out["version"] = is_nested(record) ? 2 : 1;
  out["id"] = record.id;
  out["uid_base"] = record.uid_base;
  out["created_ms"] = record.created_ms;
  out["next_serial"] = record.next_serial;
  out["serials"] = record.serials;
  out["ended"] = to_json(record.ended);
  if (!record.commands.empty())
    out["commands"] = record.commands;
  out["durable"] = record.durable;
  out["wanted_up"] = record.wanted_up;
  if (record.gave_up)
    out["gave_up"] = true;
  if (record.down_with_parent)
    out["down_with_parent"] = true;
  if (!record.rebuilds.empty())
    out["rebuilds"] = record.rebuilds;
  if (!record.rlimits.empty())
    out["rlimits"] = record.rlimits;
  if (is_nested(record))
    out["group"] = record.group;
  if (record.command != 0)
    out["command"] = record.command;
  out["holder_pid"] = record.holder_pid;
  out["holder_start_time"] = record.holder_start_time;
  out["boot_id"] = record.boot_id;
  auto text = out.dump();
  text.pop_back(); // the spec has a writer of its own
  text += ",\"spec\":" + config::to_json(record.spec) + "}\n";
  return text;
}

kernel::result<container_record> from_json(const json& in,
                                           const std::string& path) {
  auto bad = [&path](const std::string& why) {
    return kernel::make_error(EPROTO, "read", path, why);
  };
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
    out.commands = in.value("commands", out.commands);
    out.durable = in.value("durable", false);
    in.at("wanted_up").get_to(out.wanted_up);
    out.gave_up = in.value("gave_up", false);
    out.rebuilds = in.value("rebuilds", "");
    out.rlimits = in.value("rlimits", "");
    out.group = in.value("group", "");
    out.down_with_parent = in.value("down_with_parent", false);
    out.command = in.value("command", std::uint64_t{0});
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

// The newest line that is whole counts: what follows it is a save that the
// end of a machine or a full disk cut short.
kernel::result<container_record> from_text(std::string_view text,
                                           const std::string& path) {
  while (!text.empty()) {
    auto at = text.rfind('\n');
    auto line = at == std::string_view::npos ? text : text.substr(at + 1);
    text.remove_suffix(text.size() - (at == std::string_view::npos ? 0 : at));
    if (line.empty())
      continue;
    auto in = json::parse(line, nullptr, false);
    if (in.is_object())
      return from_json(in, path);
  }
  return kernel::make_error(EPROTO, "read", path,
                            "no line of it is a JSON object");
}

kernel::result<void> sync(int fd, const std::string& path) {
  if (::fdatasync(fd) != 0)
    return kernel::last_error("sync", path);
  return {};
}

kernel::result<void> sync_directory(const std::string& path) {
  auto dir = unique_fd::adopt(
      ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!dir)
    return kernel::last_error("open", path);
  if (::fsync(dir.get()) != 0)
    return kernel::last_error("sync", path);
  return {};
}

kernel::result<void> write_all(int fd, const std::string& text,
                               const std::string& path) {
  auto wrote = ::write(fd, text.data(), text.size());
  if (wrote == static_cast<ssize_t>(text.size()))
    return {};
  auto code = wrote < 0 ? errno : ENOSPC;
  return kernel::make_error(code, "write", path);
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
  auto all = ids();
  if (!all)
    return tl::make_unexpected(std::move(all.error()));
  for (const auto& id : *all) {
    auto number = std::strtoull(id.c_str() + 1, nullptr, 36);
    next_id_ = std::max<std::uint64_t>(next_id_, number + 1);
  }
  return {};
}

std::string state_store::directory_of(const std::string& id) const {
  return state_dir_ + "/containers/" + id;
}

std::string state_store::record_of(const std::string& id) const {
  return directory_of(id) + "/record.jsonl";
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
      auto ok = make_directory(layer_of(id), 0711);
      if (ok)
        return id;
      (void)::rmdir(directory_of(id).c_str()); // empty, as it was made
      return tl::make_unexpected(std::move(ok.error()));
    }
    if (errno != EEXIST)
      return kernel::last_error("make directory", directory_of(id));
  }
}

kernel::result<void> state_store::save(const container_record& record) {
  auto path = record_of(record.id);
  auto text = to_text(record) + "\n";
  auto file =
      unique_fd::adopt(::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
  if (!file && errno != ENOENT)
    return kernel::last_error("open", path);
  struct stat info {};
  if (file && ::fstat(file.get(), &info) != 0)
    return kernel::last_error("look at", path);
  if (!file || info.st_size >= rewrite_above)
    return rewrite(record.id, text, file || record.durable);
  // A line feed first: the last line may have been cut short.
  if (auto ok = write_all(file.get(), "\n" + text, path); !ok) {
    if (::ftruncate(file.get(), info.st_size) != 0)
      ok.error().hint = "a part of it stays, which nobody will read";
    return ok;
  }
  if (record.durable)
    return sync(file.get(), path);
  return {};
}

// Renamed, so that it is there as a whole or not at all. A file that replaces
// another is synced first: not every file system does that by itself, and the
// old lines may be on the disk already.
kernel::result<void> state_store::rewrite(const std::string& id,
                                          const std::string& text,
                                          bool to_disk) {
  auto path = record_of(id);
  auto temp = path + ".new";
  auto file = unique_fd::adopt(
      ::open(temp.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file)
    return kernel::last_error("create", temp);
  auto ok = write_all(file.get(), text, temp);
  if (ok && to_disk)
    ok = sync(file.get(), temp);
  if (ok && ::rename(temp.c_str(), path.c_str()) != 0)
    ok = kernel::last_error("rename to", path);
  if (!ok) {
    (void)::unlink(temp.c_str());
    return ok;
  }
  if (!to_disk)
    return {};
  if (auto synced = sync_directory(directory_of(id)); !synced)
    return synced;
  return sync_directory(state_dir_ + "/containers");
}

kernel::result<std::vector<container_record>>
state_store::load(std::vector<broken_record>& broken) const {
  auto all = ids();
  if (!all)
    return tl::make_unexpected(std::move(all.error()));
  std::vector<container_record> out;
  constexpr auto tries = 3; // what was short for a moment costs no container
  for (const auto& id : *all) {
    auto record = load(id);
    for (auto n = 1; n < tries && !record && record.error().code != ENOENT; ++n)
      record = load(id);
    if (record)
      out.push_back(std::move(*record));
    else if (record.error().code != ENOENT)
      broken.push_back({id, to_string(record.error())});
    // else made in advance for a pool, or half removed
  }
  return out;
}

kernel::result<container_record>
state_store::load(const std::string& id) const {
  auto path = record_of(id);
  auto record = read_file(path).and_then(
      [&path](const std::string& found) { return from_text(found, path); });
  if (record && record->id != id)
    return kernel::make_error(EPROTO, "read", path,
                              "it belongs to '" + record->id + "'");
  return record;
}

kernel::result<std::vector<std::string>> state_store::ids() const {
  std::vector<std::string> out;
  auto path = state_dir_ + "/containers";
  std::error_code err;
  for (fs::directory_iterator at{path, err}, end; !err && at != end;
       at.increment(err)) {
    auto name = at->path().filename().string();
    if (name.size() > 1 && name.front() == 'c')
      out.push_back(std::move(name));
  }
  if (err)
    return kernel::make_error(err.value(), "list", path);
  std::sort(out.begin(), out.end());
  return out;
}

kernel::result<void> state_store::drop_record(const std::string& id) {
  auto path = record_of(id);
  if (::unlink(path.c_str()) != 0 && errno != ENOENT)
    return kernel::last_error("remove", path);
  return {};
}

} // namespace reeve::supervisor
