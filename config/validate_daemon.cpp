// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "config/checks.hpp"
#include "config/fields.hpp"
#include "config/validate.hpp"

#include <algorithm>

namespace reeve::config {

namespace {

using namespace std::chrono_literals;

void check_socket_path(findings& out, const key_path& at,
                       const std::string& path) {
  // sun_path of unix(7) holds 108 bytes, the final NUL included.
  constexpr auto longest = std::size_t{107};
  check_path(out, at, path);
  out.expect(path.size() <= longest, at, path,
             "a path of the socket of at most 107 bytes");
}

void check_socket(findings& out, const key_path& at, const daemon_config& cfg) {
  check_socket_path(out, at / (cfg.socket ? "socket" : "run_dir"),
                    socket_of(cfg));
  if (cfg.socket_group)
    check_account(out, at / "socket_group", *cfg.socket_group);
}

void check_ids(findings& out, const key_path& at, const id_config& ids) {
  constexpr auto range = std::uint64_t{65536};
  // The last range of all ends in the id that means "no id".
  constexpr auto end = std::uint64_t{1} << 32U;
  out.expect(ids.first % range == 0 && ids.first != 0, at / "first", ids.first,
             "a multiple of 65536 other than 0");
  auto most =
      (end - range - std::min<std::uint64_t>(ids.first, end - range)) / range;
  out.expect(ids.count >= 1 && ids.count <= most, at / "count", ids.count,
             "1 to " + std::to_string(most)
                 + ", so that all ranges lie below 4294901760");
  check_path(out, at / "registry", ids.registry);
}

void check_admitted(findings& out, const key_path& at,
                    const std::vector<std::uint32_t>& ids) {
  for (std::size_t i = 0; i < ids.size(); ++i)
    out.expect(ids[i] != invalid_id, at[i], ids[i],
               "an id from 0 to 4294967294");
}

void check_cgroup_parent(findings& out, const key_path& at,
                         const std::string& parent) {
  if (parent.empty())
    return;
  if (parent.starts_with('/'))
    out.expect(false, at, parent, "a path relative to the cgroup root");
  else
    check_path(out, at, '/' + parent);
}

void check_log(findings& out, const key_path& at, const daemon_log& log) {
  auto to_file = log.sink == log_sink::file;
  if (to_file != log.path.has_value())
    out.refuse(at / "path",
               to_file ? "found no path beside sink = \"file\""
                       : "found a path without sink = \"file\"",
               "both or neither");
  if (log.path)
    check_path(out, at / "path", *log.path);
  check_socket_path(out, at / "journal", log.journal);
}

} // namespace

result<void> validate(const daemon_config& cfg) {
  auto out = findings{};
  auto at = key_path{"daemon"};
  check_path(out, at / "state_dir", cfg.state_dir);
  check_path(out, at / "run_dir", cfg.run_dir);
  out.expect(cfg.state_dir != cfg.run_dir, at / "run_dir", cfg.run_dir,
             "another directory than state_dir");
  check_socket(out, at, cfg);
  check_admitted(out, at / "admit_uids", cfg.admit_uids);
  check_admitted(out, at / "admit_gids", cfg.admit_gids);
  check_cgroup_parent(out, at / "cgroup_parent", cfg.cgroup_parent);
  out.expect(cfg.pool_size <= 1024, at / "pool_size", cfg.pool_size,
             "0 to 1024");
  check_ids(out, at / "ids", cfg.ids);
  check_log(out, at / "log", cfg.log);
  if (cfg.holder_path)
    check_path(out, at / "holder_path", *cfg.holder_path);
  auto check_deadline = [&](const auto& f) {
    check_duration(out, at / "deadlines" / f.key, cfg.deadlines.*(f.member),
                   1ms);
  };
  std::apply([&](const auto&... f) { (check_deadline(f), ...); },
             fields<deadlines>);
  const auto& revival = cfg.revival;
  check_duration(out, at / "revival" / "window", revival.window, 1ms);
  check_duration(out, at / "revival" / "backoff_min", revival.backoff_min, 0ms);
  check_duration(out, at / "revival" / "backoff_max", revival.backoff_max,
                 revival.backoff_min);
  return std::move(out).verdict();
}

} // namespace reeve::config
