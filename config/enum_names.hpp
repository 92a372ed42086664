// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "config/container_spec.hpp"
#include "config/daemon_config.hpp"
#include "config/oom_policy.hpp"
#include "config/process_spec.hpp"

#include <array>
#include <optional>
#include <string_view>

// The words that specs, options and listings use for our enumerations.
namespace reeve::config {

template <class E>
struct enum_name {
  std::string_view text;
  E value;
};

/// Every enumerator with its word.
template <class E>
inline constexpr auto enum_names = nullptr;

template <>
inline constexpr auto
    enum_names<restart_type> = std::to_array<enum_name<restart_type>>(
        {{"permanent", restart_type::permanent},
         {"transient", restart_type::transient},
         {"temporary", restart_type::temporary}});

template <>
inline constexpr auto enum_names<stdio_mode> =
    std::to_array<enum_name<stdio_mode>>({{"null", stdio_mode::null},
                                          {"pipe", stdio_mode::pipe},
                                          {"tty", stdio_mode::tty}});

template <>
inline constexpr auto enum_names<log_mode> = std::to_array<enum_name<log_mode>>(
    {{"file", log_mode::file}, {"none", log_mode::none}});

template <>
inline constexpr auto enum_names<log_overflow> =
    std::to_array<enum_name<log_overflow>>({{"drop", log_overflow::drop},
                                            {"block", log_overflow::block}});

template <>
inline constexpr auto enum_names<log_forward> =
    std::to_array<enum_name<log_forward>>({{"none", log_forward::none},
                                           {"journald", log_forward::journald},
                                           {"stdout",
                                            log_forward::standard_output}});

template <>
inline constexpr auto
    enum_names<seccomp_profile> = std::to_array<enum_name<seccomp_profile>>(
        {{"default", seccomp_profile::standard},
         {"unconfined", seccomp_profile::unconfined}});

template <>
inline constexpr auto
    enum_names<holder_death> = std::to_array<enum_name<holder_death>>(
        {{"stop", holder_death::stop}, {"rebuild", holder_death::rebuild}});

template <>
inline constexpr auto
    enum_names<auto_stop> = std::to_array<enum_name<auto_stop>>(
        {{"never", auto_stop::never},
         {"any_significant", auto_stop::any_significant},
         {"all_significant", auto_stop::all_significant}});

template <>
inline constexpr auto
    enum_names<restart_strategy> = std::to_array<enum_name<restart_strategy>>(
        {{"one_for_one", restart_strategy::one_for_one},
         {"one_for_all", restart_strategy::one_for_all},
         {"rest_for_one", restart_strategy::rest_for_one}});

template <>
inline constexpr auto
    enum_names<gave_up_action> = std::to_array<enum_name<gave_up_action>>(
        {{"ignore", gave_up_action::ignore},
         {"stop_container", gave_up_action::stop_container},
         {"rebuild_container", gave_up_action::rebuild_container}});

template <>
inline constexpr auto
    enum_names<oom_action> = std::to_array<enum_name<oom_action>>(
        {{"kill", oom_action::kill},
         {"kill_largest", oom_action::kill_largest},
         {"kill_group", oom_action::kill_group},
         {"raise", oom_action::raise},
         {"reclaim_then_kill", oom_action::reclaim_then_kill},
         {"freeze_and_ask", oom_action::freeze_and_ask}});

template <>
inline constexpr auto enum_names<owner_loss> =
    std::to_array<enum_name<owner_loss>>({{"keep", owner_loss::keep},
                                          {"stop", owner_loss::stop}});

template <>
inline constexpr auto enum_names<log_level> =
    std::to_array<enum_name<log_level>>({{"trace", log_level::trace},
                                         {"debug", log_level::debug},
                                         {"info", log_level::info},
                                         {"warning", log_level::warning},
                                         {"error", log_level::error},
                                         {"off", log_level::off}});

template <>
inline constexpr auto enum_names<log_sink> =
    std::to_array<enum_name<log_sink>>({{"console", log_sink::console},
                                        {"file", log_sink::file},
                                        {"journald", log_sink::journald}});

/// An enumeration that has words.
template <class E>
concept named_enum = requires {
  enum_names<E>.size();
};

template <named_enum E>
[[nodiscard]] constexpr std::string_view to_text(E value) {
  for (const auto& name : enum_names<E>)
    if (name.value == value)
      return name.text;
  return "?";
}

template <named_enum E>
[[nodiscard]] constexpr std::optional<E> enum_from(std::string_view text) {
  for (const auto& name : enum_names<E>)
    if (name.text == text)
      return name.value;
  return std::nullopt;
}

} // namespace reeve::config
