// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "benchmarks/oci_bundle.hpp"

#include <nlohmann/json.hpp>

#include <cerrno>
#include <fstream>

namespace reeve::bench {

namespace {

using json = nlohmann::json;

json mount(const char* type, const char* target, std::vector<const char*> how) {
  return {{"destination", target},
          {"type", type},
          {"source", type},
          {"options", std::move(how)}};
}

json namespaces() {
  auto out = json::array();
  for (const auto* type : {"pid", "network", "ipc", "uts", "mount", "cgroup"})
    out.push_back({{"type", type}});
  return out;
}

} // namespace

kernel::result<void> write_oci_bundle(const std::filesystem::path& directory,
                                      const std::filesystem::path& root,
                                      const std::string& id,
                                      const std::vector<std::string>& command) {
  const auto config = json{
      {"ociVersion", "1.0.0"},
      {"hostname", id},
      {"root", {{"path", root.string()}, {"readonly", false}}},
      {"process",
       {{"terminal", false},
        {"user", {{"uid", 0}, {"gid", 0}}},
        {"args", command},
        {"env", {"PATH=/bin"}},
        {"cwd", "/"},
        {"noNewPrivileges", true}}},
      {"mounts",
       {mount("proc", "/proc", {"nosuid", "nodev", "noexec"}),
        mount("tmpfs", "/dev", {"nosuid", "mode=755", "size=64k"}),
        mount("sysfs", "/sys", {"nosuid", "nodev", "noexec", "ro"})}},
      {"linux", {{"cgroupsPath", "/" + id}, {"namespaces", namespaces()}}}};
  const auto path = directory / "config.json";
  auto failure = std::error_code{};
  std::filesystem::create_directories(directory, failure);
  if (failure)
    return kernel::make_error(failure.value(), "make directory",
                              directory.string());
  auto out = std::ofstream{path};
  out << config.dump(2) << '\n';
  out.close();
  if (!out)
    return kernel::make_error(EIO, "write", path.string());
  return {};
}

} // namespace reeve::bench
