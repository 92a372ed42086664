// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "config/container_spec.hpp"
#include "config/daemon_config.hpp"
#include "config/process_spec.hpp"

#include <string_view>
#include <tuple>
#include <type_traits>

// Private to the library: the one list of what each struct consists of.
// Reader and writer both walk it, so what is written can always be read.
namespace reeve::config {

// How a member is spelled where its type does not say it.
struct plain {};
/// Bytes: "10M" or a whole number.
struct as_size {};
/// File mode bits: an octal string such as "022".
struct as_octal {};
/// A duration, or "infinity".
struct as_grace {};
/// A string, or a number that is kept as a string.
struct as_word {};

template <class Struct, class T, class Codec = plain>
struct field {
  constexpr field(std::string_view name, T Struct::*where, Codec = {})
      : key{name},
        member{where} {}

  std::string_view key;
  T Struct::*member;
};

template <class T>
inline constexpr auto fields = nullptr;

/// A struct that is a table in a document.
template <class T>
concept described =
    !std::is_same_v<std::remove_cv_t<decltype(fields<T>)>, std::nullptr_t>;

template <>
inline constexpr auto fields<terminal_size> =
    std::tuple{field{"rows", &terminal_size::rows},
               field{"columns", &terminal_size::columns}};

template <>
inline constexpr auto fields<log_spec> =
    std::tuple{field{"mode", &log_spec::mode},
               field{"max_size", &log_spec::max_size, as_size{}},
               field{"max_files", &log_spec::max_files},
               field{"overflow", &log_spec::overflow},
               field{"forward", &log_spec::forward}};

template <>
inline constexpr auto fields<restart_rule> =
    std::tuple{field{"on", &restart_rule::on},
               field{"restart", &restart_rule::restart},
               field{"max_restarts", &restart_rule::max_restarts}};

template <>
inline constexpr auto fields<restart_policy> =
    std::tuple{field{"type", &restart_policy::type},
               field{"max_restarts", &restart_policy::max_restarts},
               field{"window", &restart_policy::window},
               field{"backoff_min", &restart_policy::backoff_min},
               field{"backoff_max", &restart_policy::backoff_max},
               field{"backoff_factor", &restart_policy::backoff_factor},
               field{"jitter", &restart_policy::jitter},
               field{"reset_after", &restart_policy::reset_after},
               field{"rules", &restart_policy::rules}};

template <>
inline constexpr auto fields<readiness> =
    std::tuple{field{"fd", &readiness::fd},
               field{"port", &readiness::port},
               field{"command", &readiness::command},
               field{"exit", &readiness::exit},
               field{"timeout", &readiness::timeout},
               field{"interval", &readiness::interval}};

template <>
inline constexpr auto fields<process_spec> =
    std::tuple{field{"id", &process_spec::id},
               field{"argv", &process_spec::argv},
               field{"env", &process_spec::env},
               field{"cwd", &process_spec::cwd},
               field{"user", &process_spec::user, as_word{}},
               field{"groups", &process_spec::groups},
               field{"rlimits", &process_spec::rlimits},
               field{"capabilities", &process_spec::capabilities},
               field{"no_new_privs", &process_spec::no_new_privs},
               field{"oom_score_adj", &process_spec::oom_score_adj},
               field{"umask", &process_spec::umask, as_octal{}},
               field{"stdio", &process_spec::stdio},
               field{"tty", &process_spec::tty},
               field{"stdin_open", &process_spec::stdin_open},
               field{"log", &process_spec::log},
               field{"restart", &process_spec::restart},
               field{"after", &process_spec::after},
               field{"after_timeout", &process_spec::after_timeout},
               field{"ready", &process_spec::ready},
               field{"group", &process_spec::group},
               field{"significant", &process_spec::significant},
               field{"stop_signal", &process_spec::stop_signal, as_word{}},
               field{"stop_grace", &process_spec::stop_grace, as_grace{}}};

template <>
inline constexpr auto fields<namespace_choices> =
    std::tuple{field{"pid", &namespace_choices::pid},
               field{"net", &namespace_choices::net},
               field{"uts", &namespace_choices::uts},
               field{"ipc", &namespace_choices::ipc},
               field{"mount", &namespace_choices::mount},
               field{"user", &namespace_choices::user},
               field{"cgroup", &namespace_choices::cgroup},
               field{"time", &namespace_choices::time}};

template <>
inline constexpr auto fields<owner_loss_policy> =
    std::tuple{field{"action", &owner_loss_policy::action},
               field{"grace", &owner_loss_policy::grace}};

template <>
inline constexpr auto fields<supervision_policy> = std::tuple{
    field{"strategy", &supervision_policy::strategy},
    field{"on_process_gave_up", &supervision_policy::on_process_gave_up},
    field{"max_restarts", &supervision_policy::max_restarts},
    field{"max_rebuilds", &supervision_policy::max_rebuilds},
    field{"window", &supervision_policy::window},
    field{"on_gave_up", &supervision_policy::on_gave_up}};

template <>
inline constexpr auto fields<container_spec> =
    std::tuple{field{"name", &container_spec::name},
               field{"image", &container_spec::image},
               field{"rootfs", &container_spec::rootfs},
               field{"readonly_root", &container_spec::readonly_root},
               field{"hostname", &container_spec::hostname},
               field{"properties", &container_spec::properties},
               field{"limits", &container_spec::limits},
               field{"namespaces", &container_spec::namespaces},
               field{"privileged", &container_spec::privileged},
               field{"capabilities", &container_spec::capabilities},
               field{"cap_add", &container_spec::cap_add},
               field{"cap_drop", &container_spec::cap_drop},
               field{"seccomp", &container_spec::seccomp},
               field{"masked_paths", &container_spec::masked_paths},
               field{"readonly_paths", &container_spec::readonly_paths},
               field{"on_holder_death", &container_spec::on_holder_death},
               field{"auto_stop", &container_spec::auto_stop},
               field{"supervision", &container_spec::supervision},
               field{"on_owner_loss", &container_spec::on_owner_loss},
               field{"remove_on_exit", &container_spec::remove_on_exit},
               field{"weak", &container_spec::weak},
               field{"boot", &container_spec::boot},
               field{"processes", &container_spec::processes}};

template <>
inline constexpr auto fields<id_config> =
    std::tuple{field{"first", &id_config::first},
               field{"count", &id_config::count},
               field{"registry", &id_config::registry}};

template <>
inline constexpr auto fields<daemon_log> = std::tuple{
    field{"level", &daemon_log::level}, field{"sink", &daemon_log::sink},
    field{"path", &daemon_log::path}, field{"json", &daemon_log::json},
    field{"journal", &daemon_log::journal}};

template <>
inline constexpr auto fields<deadlines> =
    std::tuple{field{"start", &deadlines::start},
               field{"kill", &deadlines::kill},
               field{"mount", &deadlines::mount}};

template <>
inline constexpr auto fields<revival_policy> =
    std::tuple{field{"max_rebuilds", &revival_policy::max_rebuilds},
               field{"window", &revival_policy::window},
               field{"backoff_min", &revival_policy::backoff_min},
               field{"backoff_max", &revival_policy::backoff_max}};

template <>
inline constexpr auto fields<daemon_config> =
    std::tuple{field{"state_dir", &daemon_config::state_dir},
               field{"run_dir", &daemon_config::run_dir},
               field{"socket", &daemon_config::socket},
               field{"socket_group", &daemon_config::socket_group},
               field{"admit_uids", &daemon_config::admit_uids},
               field{"admit_gids", &daemon_config::admit_gids},
               field{"cgroup_parent", &daemon_config::cgroup_parent},
               field{"pool_size", &daemon_config::pool_size},
               field{"ids", &daemon_config::ids},
               field{"log", &daemon_config::log},
               field{"holder_path", &daemon_config::holder_path},
               field{"deadlines", &daemon_config::deadlines},
               field{"revival", &daemon_config::revival}};

} // namespace reeve::config
