/* Copyright (c) 2026, the Reeve authors */
/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef REEVE_LIMITS_H
#define REEVE_LIMITS_H

/*
 * What a program really may have, in a container of Reeve and outside of any.
 *
 * In a container the groups that limit it from above are out of sight
 * (cgroup_namespaces(7)), so its supervisor is asked, over a socket of that
 * container's own. Where there is none, or nobody answers, what can be seen
 * counts: files of cgroups (cgroups(7)), getrlimit(2), sysinfo(2).
 *
 * C99 and Linux. Needs nothing but the C library, and may be used from any
 * thread. Functions that fail set errno.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define REEVE_LIMITS_SOCKET "/dev/reeve-limits"
#define REEVE_NO_LIMIT UINT64_MAX

struct reeve_limit {
  /* "cpu", "memory", "swap", "pids", or a limit of each process by the name of
     prlimit(1), such as "rlimit.nofile". */
  const char* resource;

  /* The kernel gives no more. Else it gives more, and slows down, reclaims
     first or sends a signal, or the process may raise it itself. */
  bool is_hard;

  /* Bytes, a number, the unit of setrlimit(2), and of "cpu" thousandths of a
     processor; or REEVE_NO_LIMIT. */
  uint64_t value;

  /* The file of the group that has the least: as the container sees it if the
     supervisor tells, where "/../memory.max" is of the group above the
     container's. Or "RLIMIT_NOFILE", "affinity", "machine"; "" of no limit. */
  const char* source;

  /* Not so where groups above are out of sight, or where the kernel limits a
     sum that the value is a part of. */
  bool is_exact;
};

struct reeve_limits {
  size_t count;
  const struct reeve_limit* all;
  bool is_told; /* by the supervisor */
};

/* Of this process: asks the supervisor, for timeout_ms at most, or reads what
   can be seen. NULL with ENOMEM, EMFILE or ENFILE. To be freed. */
struct reeve_limits* reeve_limits_read(int timeout_ms);

/* Of any process, as far as it can be seen from here; never asks. NULL with
   ESRCH if there is none, or as above. To be freed. */
struct reeve_limits* reeve_limits_of(pid_t pid);

/* Has the supervisor tell the limits of this process, now and whenever they
   change. A descriptor to wait on, with poll(2) or in reeve_limits_next, and to
   be closed; -1 with ENOENT if there is no supervisor, EAGAIN if it has too
   much to do, or with what else connect(2) says. Does not wait. */
int reeve_limits_watch(void);

/* The next ones. Blocks, unless O_NONBLOCK is set. NULL with EPIPE when nobody
   tells any more: watch again, after a second. So it is while a supervisor is
   replaced; and who comes when a container has 24 that watch is told once each
   time. To be freed. */
struct reeve_limits* reeve_limits_next(int watch);

/* The one of this name, or NULL. */
const struct reeve_limit* reeve_limits_find(const struct reeve_limits* in,
                                            const char* resource, bool is_hard);

/* NULL is no error. */
void reeve_limits_free(struct reeve_limits* of);

#ifdef __cplusplus
}
#endif

#endif
