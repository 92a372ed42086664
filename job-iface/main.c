/* Copyright (c) 2026, the Reeve authors */
/* SPDX-License-Identifier: BSD-3-Clause */

/* reeve-limits: what this process, and so what it would start, really may
   have. A static program: it runs in any image. */

#define _GNU_SOURCE /* NOLINT(bugprone-reserved-identifier) */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "job-iface/reeve_limits.h"

enum { patience_ms = 1000, status_usage = 64 };

struct options {
  const char* resource;
  pid_t pid;
  bool follows;
  bool wants_soft;
  bool shows_all;
};

static const char usage[] =
    "usage: reeve-limits [-a] [-f] [-p PID] [[-s] RESOURCE]\n"
    "\n"
    "Tells what this process really may have, by the word of the container's\n"
    "supervisor; where nobody answers, by what can be seen from here.\n"
    "\n"
    "  RESOURCE  only the value of this one, its hard limit: cpu "
    "(processors),\n"
    "            memory, swap (bytes), pids, rlimit.nofile and so on; or max\n"
    "  -s        its soft limit\n"
    "  -a        also what nothing limits\n"
    "  -f        goes on, and tells again whenever they change\n"
    "  -p PID    of that process, as far as it can be seen from here\n"
    "\n"
    "A value with ~ is not exact: what limits it is not all in sight, or it\n"
    "is a part of a sum.\n";

static void format(char* out, size_t room, const struct reeve_limit* limit) {
  if (limit->value == REEVE_NO_LIMIT)
    snprintf(out, room, "max");
  else if (strcmp(limit->resource, "cpu") != 0)
    snprintf(out, room, "%" PRIu64, limit->value);
  else
    snprintf(out, room, "%.8g", (double)limit->value / 1000); /* thousandths */
}

static bool is_shown(const struct reeve_limit* limit,
                     const struct options* how) {
  if (how->resource == NULL)
    return how->shows_all || limit->value != REEVE_NO_LIMIT;
  return strcmp(limit->resource, how->resource) == 0
         && limit->is_hard == !how->wants_soft;
}

static void print(const struct reeve_limits* all, const struct options* how) {
  if (how->resource == NULL)
    printf("%-18s %-5s %21s %s\n", "RESOURCE", "KIND", "VALUE", "SOURCE");
  for (size_t i = 0; i < all->count; ++i) {
    const struct reeve_limit* limit = &all->all[i];
    char value[32];
    format(value, sizeof value, limit);
    if (!is_shown(limit, how))
      continue;
    if (how->resource != NULL && !limit->is_exact && !all->is_told)
      fputs("reeve-limits: nobody tells: a group above may have less\n",
            stderr);
    if (how->resource != NULL)
      printf("%s\n", value); /* for programs: without a mark */
    else
      printf("%-18s %-5s %s%*s %s\n", limit->resource,
             limit->is_hard ? "hard" : "soft", limit->is_exact ? " " : "~", 20,
             value, limit->source);
  }
  fflush(stdout);
}

/* Whether what is shown of them is the same. */
static bool same(const struct reeve_limits* one,
                 const struct reeve_limits* other, const struct options* how) {
  if (one == NULL || one->count != other->count)
    return false;
  for (size_t i = 0; i < one->count; ++i) {
    const struct reeve_limit* a = &one->all[i];
    const struct reeve_limit* b = &other->all[i];
    if (strcmp(a->resource, b->resource) != 0)
      return false;
    if (is_shown(b, how)
        && (a->value != b->value
            || (how->resource == NULL
                && (a->is_exact != b->is_exact
                    || strcmp(a->source, b->source) != 0))))
      return false;
  }
  return true;
}

static int fail(const char* what) {
  fprintf(stderr, "reeve-limits: %s: %s\n", what, strerror(errno));
  return 1;
}

static bool check_resource(const struct reeve_limits* all,
                           const struct options* how) {
  if (how->resource == NULL
      || reeve_limits_find(all, how->resource, !how->wants_soft) != NULL)
    return true;
  const char* kind = how->wants_soft ? "soft" : "hard";
  fprintf(stderr, "reeve-limits: there is no %s limit '%s'; there are:", kind,
          how->resource);
  for (size_t i = 0; i < all->count; ++i)
    if (all->all[i].is_hard == !how->wants_soft)
      fprintf(stderr, " %s", all->all[i].resource);
  fputc('\n', stderr);
  return false;
}

/* Until it is ended, or nobody reads what it tells. */
static int follow(const struct options* how) {
  struct reeve_limits* last = NULL;
  for (;;) {
    int watch = reeve_limits_watch();
    if (watch < 0 && errno != EAGAIN && errno != EINTR && errno != ECONNREFUSED)
      return fail("cannot ask the supervisor at " REEVE_LIMITS_SOCKET);
    for (struct reeve_limits* now = NULL;
         watch >= 0 && (now = reeve_limits_next(watch)) != NULL; last = now) {
      if (last == NULL && !check_resource(now, how))
        return status_usage;
      if (last != NULL && how->resource == NULL && !same(last, now, how))
        putchar('\n');
      if (!same(last, now, how))
        print(now, how);
      if (ferror(stdout))
        return fail("cannot write");
      reeve_limits_free(last);
    }
    if (watch >= 0)
      close(watch);
    sleep(1); /* it is being replaced */
  }
}

static int tell(const struct options* how) {
  struct reeve_limits* all = how->pid != 0 ? reeve_limits_of(how->pid)
                                           : reeve_limits_read(patience_ms);
  if (all == NULL)
    return fail("cannot read the limits");
  bool is_known = check_resource(all, how);
  if (is_known)
    print(all, how);
  reeve_limits_free(all);
  if (ferror(stdout))
    return fail("cannot write");
  return is_known ? 0 : status_usage;
}

static int refuse(const char* why) {
  fprintf(stderr, "reeve-limits: %s\n\n%s", why, usage);
  return status_usage;
}

int main(int argc, char** argv) {
  struct options how = {0};
  char* end = NULL;
  long pid = 0;
  for (int option; (option = getopt(argc, argv, "afp:sh")) != -1;) {
    switch (option) {
    case 'a':
      how.shows_all = true;
      break;
    case 'f':
      how.follows = true;
      break;
    case 'p':
      errno = 0;
      pid = strtol(optarg, &end, 10);
      if (errno != 0 || *end != '\0' || pid <= 0 || pid > INT32_MAX)
        return refuse("-p takes a process number");
      how.pid = (pid_t)pid;
      break;
    case 's':
      how.wants_soft = true;
      break;
    case 'h':
      fputs(usage, stdout);
      return 0;
    default:
      fputs(usage, stderr);
      return status_usage;
    }
  }
  if (optind < argc)
    how.resource = argv[optind++];
  if (optind < argc)
    return refuse("one resource at a time");
  if (how.follows && how.pid != 0)
    return refuse(
        "a supervisor tells who asks of himself alone: not -f and -p");
  if (how.wants_soft && how.resource == NULL)
    return refuse("-s is of one resource");
  return how.follows ? follow(&how) : tell(&how);
}
