// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "config/checks.hpp"
#include "config/fields.hpp"
#include "config/start_order.hpp"
#include "config/validate.hpp"

#include <set>

namespace reeve::config {

namespace {

using namespace std::chrono_literals;

// A holder is told it in milliseconds, in 32 bits.
constexpr auto longest_owner_loss_grace = std::chrono::milliseconds{1000h};

void check_root(findings& out, const key_path& at, const container_spec& spec) {
  if (spec.image.has_value() == spec.rootfs.has_value())
    out.refuse(at,
               spec.image ? "found both image and rootfs"
                          : "found neither image nor rootfs",
               "one of them");
  if (spec.image) {
    out.expect(!spec.image->empty(), at / "image", *spec.image,
               "the name of an image");
    check_text(out, at / "image", *spec.image);
  }
  if (spec.rootfs)
    check_path(out, at / "rootfs", *spec.rootfs);
}

void check_hostname_of(findings& out, const key_path& at,
                       const container_spec& spec) {
  if (!spec.hostname)
    return;
  check_hostname(out, at, *spec.hostname);
  // It would rename the host, or another container.
  if (spec.namespaces.uts.mode != namespace_mode::isolated)
    out.refuse(at, "found a hostname without a uts namespace of its own",
               "namespaces.uts = \"private\" beside it");
}

void check_properties(findings& out, const key_path& at,
                      const std::map<std::string, std::string>& properties) {
  for (const auto& [key, value] : properties) {
    out.expect(!key.empty(), at, key, "keys that are not empty");
    check_text(out, at, key);
    check_text(out, at / key, value);
  }
}

void check_namespaces(findings& out, const key_path& at,
                      const container_spec& spec) {
  auto check_one = [&](const auto& f) {
    const auto& choice = spec.namespaces.*(f.member);
    auto key = at / f.key;
    if (choice.mode != namespace_mode::join) {
      out.expect(choice.container.empty(), key, choice.container,
                 "a container's name only with \"container:NAME\"");
      return;
    }
    check_container_name(out, key, choice.container);
    out.expect(choice.container != spec.name, key, to_text(choice),
               "another container than this one");
  };
  std::apply([&](const auto&... f) { (check_one(f), ...); },
             fields<namespace_choices>);
  const auto& mount = spec.namespaces.mount;
  out.expect(mount.mode == namespace_mode::isolated, at / "mount",
             to_text(mount), "private, which is the only choice");
}

void check_processes(findings& out, const key_path& at,
                     const std::vector<process_spec>& processes) {
  auto ids = std::set<std::string_view>{};
  for (std::size_t i = 0; i < processes.size(); ++i) {
    auto here = at[i];
    check_process(out, here, processes[i]);
    out.expect(ids.insert(processes[i].id).second, here / "id", processes[i].id,
               "an id that no other process has");
  }
  auto needs = std::vector<process_needs>{};
  for (const auto& process : processes)
    needs.push_back({process.id, process.after});
  if (auto order = start_order(needs); !order)
    out.refuse((at[order.error().process] / "after")[order.error().need],
               order.error().message,
               "a process of this container that does not wait for this one");
}

} // namespace

result<void> validate(const container_spec& spec) {
  auto out = findings{};
  auto at = key_path{"container"};
  check_container_name(out, at / "name", spec.name);
  check_root(out, at, spec);
  check_hostname_of(out, at / "hostname", spec);
  check_properties(out, at / "properties", spec.properties);
  if (auto done = check_as_whole(spec.limits); !done)
    out.refuse(at / "limits" / done.error().key, done.error().message,
               done.error().expected);
  check_namespaces(out, at / "namespaces", spec);
  check_capabilities(out, at / "capabilities", spec.capabilities,
                     all_keyword::refused);
  check_capabilities(out, at / "cap_add", spec.cap_add, all_keyword::accepted);
  check_capabilities(out, at / "cap_drop", spec.cap_drop,
                     all_keyword::accepted);
  check_paths(out, at / "masked_paths", spec.masked_paths);
  check_paths(out, at / "readonly_paths", spec.readonly_paths);
  check_duration(out, at / "on_owner_loss" / "grace", spec.on_owner_loss.grace,
                 0ms, longest_owner_loss_grace);
  check_duration(out, at / "supervision" / "window", spec.supervision.window,
                 1ms);
  check_processes(out, at / "processes", spec.processes);
  return std::move(out).verdict();
}

} // namespace reeve::config
