/* Copyright (c) 2026, the Reeve authors */
/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef REEVE_VISIBLE_LIMITS_H
#define REEVE_VISIBLE_LIMITS_H

#include <limits.h>
#include <sys/resource.h>

#include "job-iface/reeve_limits.h"

/* What the kernel's files say, for who knows already where they are. */

#ifdef __cplusplus
extern "C" {
#endif

enum reeve_controller {
  REEVE_CPU,
  REEVE_CPUSET,
  REEVE_MEMORY,
  REEVE_PIDS,
  REEVE_CONTROLLERS
};

/* Where a hierarchy can be seen, from which of its groups on ("" for all of
   it). Without a path: nowhere. */
struct reeve_mount {
  char path[PATH_MAX];
  char group[PATH_MAX];
};

struct reeve_mounts {
  struct reeve_mount v1[REEVE_CONTROLLERS];
  struct reeve_mount v2;
};

/* The directory of a process's group, at or below `top`. Without: nothing is
   known of the controller. */
struct reeve_group {
  bool is_v2;
  char top[PATH_MAX];
  char dir[PATH_MAX];
};

struct reeve_groups {
  struct reeve_group of[REEVE_CONTROLLERS];
  bool sees_all; /* up to the root, of each controller */
};

/* Of this process's mount namespace (proc_pid_mountinfo(5)). 0 or an errno. */
int reeve_find_mounts(struct reeve_mounts* out);

/* 0 or an errno, ESRCH if there is no such process. */
int reeve_find_groups(const struct reeve_mounts* mounts, pid_t pid,
                      struct reeve_groups* out);

/* RLIM_NLIMITS of them, by number. 0 or an errno. */
int reeve_find_rlimits(pid_t pid, struct rlimit* out);

/* The least of all. Without a pid: not of a process, but of the groups. NULL
   with ENOMEM. */
struct reeve_limits* reeve_read_limits(const struct reeve_groups* groups,
                                       const struct rlimit* rlimits, pid_t pid);

#ifdef __cplusplus
}
#endif

#endif
