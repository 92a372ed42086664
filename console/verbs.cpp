// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "console/verbs.hpp"

#include <array>

namespace reeve::console {

namespace {

constexpr auto no = verb::program::no;
constexpr auto yes = verb::program::yes;
constexpr auto with_detach = verb::record::with_detach;
constexpr auto never = verb::record::never;

// In the order of `reeve --help`.
constexpr auto table_of_verbs = std::to_array<verb>({
    {"create", "NAME (--image IMG | --rootfs DIR | --spec FILE) [OPTION]...",
     "make a container", no, declare_create},
    {"run",
     "NAME [OPTION]... -- CMD [ARG]...\n       reeve run --rootfs DIR | "
     "--image IMG [OPTION]... -- CMD [ARG]...",
     "run a process in a container, or in one made for it", yes, declare_run,
     with_detach},
    {"exec", "NAME [OPTION]... -- CMD [ARG]...",
     "run a process in a container that exists", yes, declare_exec,
     with_detach},
    {"attach", "NAME PROC [OPTION]...", "show and feed a running process", no,
     declare_attach, never},
    {"ls", "[PATTERN] [--prop KEY=VALUE]...", "list containers", no,
     declare_ls},
    {"ps", "NAME [-a]", "list the processes of a container", no, declare_ps},
    {"tree", "[NAME]", "draw the tree of supervision", no, declare_tree},
    {"info", "NAME", "tell all about a container", no, declare_info},
    {"logs", "NAME PROC [-f]", "print the kept output of a process", no,
     declare_logs, never},
    {"events", "[-f] [--after SEQ]", "print what happened", no, declare_events},
    {"wait", "NAME PROC", "wait for the end of a process, print its status", no,
     declare_wait},
    {"signal", "NAME PROC SIGNAL", "send a signal", no, declare_signal},
    {"stop", "NAME [PROC] [--timeout 10s]", "stop a container or a process", no,
     declare_stop},
    {"start", "NAME [PROC]", "start what was stopped or has ended", no,
     declare_start},
    {"restart", "NAME [PROC] [--timeout 10s]", "stop and start", no,
     declare_restart},
    {"rm", "NAME [PROC] [-f]", "remove a container or an ended process", no,
     declare_rm},
    {"pause", "NAME [--for TIME | -- COMMAND...]",
     "freeze all processes, for a time or while a command runs", yes,
     declare_pause},
    {"resume", "NAME", "let them go on", no, declare_resume},
    {"set", "NAME|PATTERN KEY=VALUE... [--force]", "change limits", no,
     declare_set},
    {"get", "NAME [KEY]...", "print the limits in force", no, declare_get},
    {"limits", "[NAME] [PROC] [-a]", "tell what a process may really have", no,
     declare_limits},
    {"reclaim", "NAME [SIZE]", "take memory back from a container", no,
     declare_reclaim},
    {"oom", "NAME [DECISION]", "tell how it is out of memory, and decide", no,
     declare_oom},
    {"stats", "NAME [-f] [-d TIME]", "tell what a container has used", no,
     declare_stats},
    {"top", "[PATTERN] [OPTION]...", "show what containers use, live", no,
     declare_top},
    {"image ls", "", "list images", no, declare_image_ls},
    {"daemon info", "", "tell about the daemon", no, declare_daemon_info},
    {"daemon upgrade", "[--program FILE]", "replace the daemon's program", no,
     declare_daemon_upgrade},
    {"completion bash", "", "print the completion for bash", no,
     declare_completion_bash, never},
});

} // namespace

std::span<const verb> verbs() {
  return table_of_verbs;
}

} // namespace reeve::console
