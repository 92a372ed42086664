/* Copyright (c) 2026, the Reeve authors */
/* SPDX-License-Identifier: BSD-3-Clause */

#define _GNU_SOURCE /* NOLINT(bugprone-reserved-identifier) */

#include "job-iface/visible_limits.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "job-iface/limit_list.h"

enum { per_processor = 1000, path_room = PATH_MAX + 64 };

/* What v1 writes for no limit is near 2^63, by the size of a page. */
static const uint64_t v1_unlimited = (uint64_t)1 << 62;

static const char* const v1_names[REEVE_CONTROLLERS] = {"cpu", "cpuset",
                                                        "memory", "pids"};

static const char* const rlimit_names[] = {
    "cpu",      "fsize",  "data",    "stack", "core",  "rss",
    "nproc",    "nofile", "memlock", "as",    "locks", "sigpending",
    "msgqueue", "nice",   "rtprio",  "rttime"};

/* -- text ------------------------------------------------------------------ */

/* The whole of a file of the kernel, as text. 0 or an errno. */
static int read_text(const char* path, char* out, size_t room) {
  out[0] = '\0';
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return errno;
  size_t length = 0;
  ssize_t got = 0;
  while (length + 1 < room) {
    got = read(fd, out + length, room - 1 - length);
    if (got < 0 && errno == EINTR)
      continue;
    if (got <= 0)
      break;
    length += (size_t)got;
  }
  int code = got < 0 ? errno : length + 1 == room ? EFBIG : 0;
  close(fd);
  out[length] = '\0';
  return code;
}

/* What is before the next `end`, which is taken off the text with it. NULL at
   the end of the text. */
static char* take_until(char end, char** text) {
  char* part = *text;
  if (part == NULL || *part == '\0')
    return NULL;
  char* stop = strchr(part, end);
  *text = stop != NULL ? stop + 1 : NULL;
  if (stop != NULL)
    *stop = '\0';
  return part;
}

/* Digits, and what comes after them. "max", and -1 of v1, are no limit. */
static uint64_t number(const char* text) {
  if (!isdigit((unsigned char)*text))
    return REEVE_NO_LIMIT;
  errno = 0;
  uint64_t value = strtoull(text, NULL, 10);
  return errno == 0 && value < v1_unlimited ? value : REEVE_NO_LIMIT;
}

static int number_in(const char* path, uint64_t* out) {
  char text[64];
  int code = read_text(path, text, sizeof text);
  *out = code == 0 ? number(text) : REEVE_NO_LIMIT;
  return code;
}

/* How many are in a list as "0-3,8". */
static uint64_t count_of(char* list) {
  uint64_t out = 0;
  for (char* item; (item = take_until(',', &list)) != NULL;) {
    char* dash = strchr(item, '-');
    uint64_t first = number(item);
    uint64_t last = dash != NULL ? number(dash + 1) : first;
    if (first != REEVE_NO_LIMIT && last != REEVE_NO_LIMIT && last >= first)
      out += last - first + 1;
  }
  return out;
}

/* Of one that may be long. */
static int count_in(const char* path, uint64_t* out) {
  FILE* in = fopen(path, "re");
  if (in == NULL)
    return errno;
  char* list = NULL;
  size_t room = 0;
  if (getline(&list, &room, in) > 0)
    *out = count_of(list);
  int code = ferror(in) ? EIO : 0;
  free(list);
  fclose(in);
  return code;
}

static bool join(char* out, const char* dir, const char* file) {
  int length = snprintf(out, path_room, "%s/%s", dir, file);
  return length >= 0 && length < path_room;
}

/* -- the least ------------------------------------------------------------- */

/* The least so far, and where it comes from; the first of the same. */
struct least {
  uint64_t value;
  char source[path_room];
  bool is_exact;
  bool sees_all;
  int shortage; /* 0, or the errno of what there was none of to read more */
};

static void begin(struct least* of) {
  of->value = REEVE_NO_LIMIT;
  of->source[0] = '\0';
  of->is_exact = true;
  of->sees_all = true;
  of->shortage = 0;
}

static void consider(struct least* of, uint64_t value, const char* source) {
  if (value >= of->value)
    return;
  of->value = value;
  of->is_exact = true;
  snprintf(of->source, sizeof of->source, "%s", source);
}

/* What is asked for may be there all the same. */
static bool is_shortage(int code) {
  return code == EMFILE || code == ENFILE || code == ENOMEM;
}

/* What is not there limits nothing; what cannot be read may limit more. */
static void consider_file(struct least* of, int code, uint64_t value,
                          const char* source) {
  if (code == 0)
    consider(of, value, source);
  else if (is_shortage(code))
    of->shortage = code;
  else if (code != ENOENT && code != ENODEV)
    of->sees_all = false;
}

/* Of a group and all above it, as far as they can be seen, or until it says
   that the rest does not count. */
typedef bool (*look)(struct least* of, const char* dir, const char* file);

static void walk_up(struct least* of, const struct reeve_group* group,
                    const char* file, look at) {
  char dir[PATH_MAX];
  size_t top = strlen(group->top);
  if (top == 0)
    return;
  snprintf(dir, sizeof dir, "%s", group->dir);
  while (strlen(dir) > top && strncmp(dir, group->top, top) == 0) {
    if (!at(of, dir, file))
      return;
    *strrchr(dir, '/') = '\0';
  }
  at(of, group->top, file);
}

static bool look_at_number(struct least* of, const char* dir,
                           const char* file) {
  char path[path_room];
  uint64_t value = REEVE_NO_LIMIT;
  int code = join(path, dir, file) ? number_in(path, &value) : ENAMETOOLONG;
  consider_file(of, code, value, path);
  return true;
}

/* -- resources ------------------------------------------------------------- */

static uint64_t share(uint64_t quota, uint64_t period) {
  return quota == REEVE_NO_LIMIT || period == REEVE_NO_LIMIT || period == 0
             ? REEVE_NO_LIMIT
             : quota * per_processor / period;
}

static bool look_at_quota(struct least* of, const char* dir, const char* file) {
  char path[path_room];
  char period_path[path_room];
  uint64_t quota = REEVE_NO_LIMIT;
  uint64_t period = REEVE_NO_LIMIT;
  int code =
      join(path, dir, file) && join(period_path, dir, "cpu.cfs_period_us")
          ? number_in(path, &quota)
          : ENAMETOOLONG;
  if (code == 0 && quota != REEVE_NO_LIMIT)
    code = number_in(period_path, &period);
  consider_file(of, code, share(quota, period), path);
  return true;
}

/* "QUOTA PERIOD" */
static bool look_at_max(struct least* of, const char* dir, const char* file) {
  char path[path_room];
  char text[64];
  int code =
      join(path, dir, file) ? read_text(path, text, sizeof text) : ENAMETOOLONG;
  char* second = code == 0 ? strchr(text, ' ') : NULL;
  uint64_t value =
      second != NULL ? share(number(text), number(second + 1)) : REEVE_NO_LIMIT;
  consider_file(of, code, value, path);
  return true;
}

/* The kernel has them cut to what the groups above have. On v2 they are only
   where the controller is used: the nearest one that has the file counts. */
static bool look_at_cpuset(struct least* of, const char* dir,
                           const char* file) {
  char path[path_room];
  uint64_t count = 0;
  int code = join(path, dir, file) ? count_in(path, &count) : ENAMETOOLONG;
  consider_file(of, code, count * per_processor, path);
  return code != 0;
}

static void find_cpu(struct least* of, const struct reeve_groups* groups,
                     pid_t pid) {
  const struct reeve_group* cpu = &groups->of[REEVE_CPU];
  walk_up(of, cpu, cpu->is_v2 ? "cpu.max" : "cpu.cfs_quota_us",
          cpu->is_v2 ? look_at_max : look_at_quota);
  const struct reeve_group* cpuset = &groups->of[REEVE_CPUSET];
  walk_up(of, cpuset,
          cpuset->is_v2 ? "cpuset.cpus.effective" : "cpuset.effective_cpus",
          look_at_cpuset);
  cpu_set_t sets[8]; /* for as many as a kernel can be built for */
  if (pid != 0 && sched_getaffinity(pid, sizeof sets, sets) == 0)
    consider(of, (uint64_t)CPU_COUNT_S(sizeof sets, sets) * per_processor,
             "affinity");
  long online = sysconf(_SC_NPROCESSORS_ONLN);
  if (online > 0)
    consider(of, (uint64_t)online * per_processor, "machine");
}

static uint64_t ram_of_machine(void) {
  struct sysinfo host;
  return sysinfo(&host) == 0 ? (uint64_t)host.totalram * host.mem_unit
                             : REEVE_NO_LIMIT;
}

static uint64_t swap_of_machine(void) {
  struct sysinfo host;
  return sysinfo(&host) == 0 ? (uint64_t)host.totalswap * host.mem_unit
                             : REEVE_NO_LIMIT;
}

static void find_memory(struct least* of, const struct reeve_group* group) {
  walk_up(of, group, group->is_v2 ? "memory.max" : "memory.limit_in_bytes",
          look_at_number);
  consider(of, ram_of_machine(), "machine");
}

static void find_soft_memory(struct least* of,
                             const struct reeve_group* group) {
  if (group->is_v2)
    walk_up(of, group, "memory.high", look_at_number);
  else if (group->top[0] != '\0') /* of the groups above it counts for them */
    look_at_number(of, group->dir, "memory.soft_limit_in_bytes");
}

/* v1 limits the sum: there is more swap for who has less memory. */
static bool look_at_sum(struct least* of, const char* dir, const char* file) {
  struct least sum;
  struct least memory;
  begin(&sum);
  begin(&memory);
  look_at_number(&sum, dir, file);
  look_at_number(&memory, dir, "memory.limit_in_bytes");
  of->sees_all = of->sees_all && sum.sees_all && memory.sees_all;
  of->shortage = sum.shortage != 0      ? sum.shortage
                 : memory.shortage != 0 ? memory.shortage
                                        : of->shortage;
  uint64_t left = sum.value;
  if (sum.value != REEVE_NO_LIMIT && memory.value != REEVE_NO_LIMIT)
    left = sum.value > memory.value ? sum.value - memory.value : 0;
  if (left < of->value) {
    consider(of, left, sum.source);
    of->is_exact = false;
  }
  return true;
}

static void find_swap(struct least* of, const struct reeve_group* group) {
  consider(of, swap_of_machine(), "machine");
  walk_up(of, group,
          group->is_v2 ? "memory.swap.max" : "memory.memsw.limit_in_bytes",
          group->is_v2 ? look_at_number : look_at_sum);
}

static void find_pids(struct least* of, const struct reeve_group* group) {
  static const char* const files[] = {"/proc/sys/kernel/pid_max",
                                      "/proc/sys/kernel/threads-max"};
  for (size_t i = 0; i < sizeof files / sizeof *files; ++i) {
    uint64_t value = REEVE_NO_LIMIT;
    int code = number_in(files[i], &value);
    consider_file(of, code, value, "machine");
  }
  walk_up(of, group, "pids.max", look_at_number);
}

/* -- put together ---------------------------------------------------------- */

/* The number that the kernel gives to the first one, PROC_CGROUP_INIT_INO. */
static bool is_in_first_cgroup_namespace(void) {
  char target[64];
  ssize_t length = readlink("/proc/self/ns/cgroup", target, sizeof target - 1);
  target[length > 0 ? length : 0] = '\0';
  return strcmp(target, "cgroup:[4026531835]") == 0;
}

/* 0 or an errno. */
static int add(struct reeve_limits* to, const char* resource, bool is_hard,
               const struct least* found, bool sees_all) {
  if (found->shortage != 0)
    return found->shortage;
  struct reeve_limit item = {resource, is_hard, found->value, found->source,
                             found->is_exact && found->sees_all && sees_all};
  return reeve_add_limit(to, &item) ? 0 : ENOMEM;
}

static uint64_t from_rlimit(rlim_t value) {
  return value == RLIM_INFINITY ? REEVE_NO_LIMIT : (uint64_t)value;
}

/* 0 or an errno. */
static int add_rlimits(struct reeve_limits* to, const struct rlimit* all) {
  for (size_t i = 0; i < sizeof rlimit_names / sizeof *rlimit_names; ++i) {
    char resource[32];
    char source[32] = "RLIMIT_";
    snprintf(resource, sizeof resource, "rlimit.%s", rlimit_names[i]);
    for (size_t at = 0; rlimit_names[i][at] != '\0'; ++at)
      source[7 + at] = (char)toupper((unsigned char)rlimit_names[i][at]);
    struct reeve_limit soft = {resource, false, from_rlimit(all[i].rlim_cur),
                               source, true};
    struct reeve_limit hard = {resource, true, from_rlimit(all[i].rlim_max),
                               source, true};
    if (!reeve_add_limit(to, &soft) || !reeve_add_limit(to, &hard))
      return ENOMEM;
  }
  return 0;
}

struct reeve_limits* reeve_read_limits(const struct reeve_groups* groups,
                                       const struct rlimit* rlimits,
                                       pid_t pid) {
  struct reeve_limits* out = reeve_new_limits();
  if (out == NULL)
    return NULL;
  bool sees_all = groups->sees_all && is_in_first_cgroup_namespace();
  const struct reeve_group* memory = &groups->of[REEVE_MEMORY];
  struct least found;
  begin(&found);
  find_cpu(&found, groups, pid);
  int code = add(out, "cpu", true, &found, sees_all);
  begin(&found);
  find_memory(&found, memory);
  code = code != 0 ? code : add(out, "memory", true, &found, sees_all);
  begin(&found);
  find_soft_memory(&found, memory);
  code = code != 0 ? code : add(out, "memory", false, &found, sees_all);
  begin(&found);
  find_swap(&found, memory);
  code = code != 0 ? code : add(out, "swap", true, &found, sees_all);
  begin(&found);
  find_pids(&found, &groups->of[REEVE_PIDS]);
  code = code != 0 ? code : add(out, "pids", true, &found, sees_all);
  code = code != 0 ? code : add_rlimits(out, rlimits);
  if (code == 0)
    return out;
  reeve_limits_free(out);
  errno = code;
  return NULL;
}

/* -- where they are -------------------------------------------------------- */

/* "\040" for a space, and so on (proc_pid_mountinfo(5)). */
static void unescape(char* text) {
  char* to = text;
  for (const char* from = text; *from != '\0'; ++to) {
    if (*from != '\\') {
      *to = *from++;
      continue;
    }
    int code = 0;
    ++from;
    for (int i = 0; i < 3 && *from >= '0' && *from <= '7'; ++i)
      code = 8 * code + (*from++ - '0');
    *to = (char)code;
  }
  *to = '\0';
}

static bool has_option(const char* options, const char* name) {
  size_t length = strlen(name);
  for (const char* at = options; at != NULL;
       at = strchr(at, ',') != NULL ? strchr(at, ',') + 1 : NULL)
    if (strncmp(at, name, length) == 0
        && (at[length] == '\0' || at[length] == ','))
      return true;
  return false;
}

/* The first one that shows the root, or else the first; of what is mounted over
   another nothing is told. */
static void note(struct reeve_mount* out, const char* path, const char* group) {
  if (out->path[0] != '\0'
      && (out->group[0] == '\0' || strcmp(group, "/") != 0))
    return;
  snprintf(out->path, sizeof out->path, "%s", path);
  snprintf(out->group, sizeof out->group, "%s",
           strcmp(group, "/") == 0 ? "" : group);
}

/* ID PARENT MAJOR:MINOR ROOT PATH OPTIONS [TAG]... - TYPE SOURCE OPTIONS */
static void read_mount(char* line, struct reeve_mounts* out) {
  line[strcspn(line, "\n")] = '\0';
  char* rest = strstr(line, " - cgroup");
  if (rest == NULL)
    return;
  *rest = '\0';
  rest += 3;
  for (int i = 0; i < 3; ++i)
    take_until(' ', &line);
  char* group = take_until(' ', &line);
  char* path = take_until(' ', &line);
  char* type = take_until(' ', &rest);
  take_until(' ', &rest);
  if (group == NULL || path == NULL || type == NULL)
    return;
  unescape(group);
  unescape(path);
  bool is_v2 = strcmp(type, "cgroup2") == 0;
  if (is_v2)
    note(&out->v2, path, group);
  for (int i = 0; i < REEVE_CONTROLLERS && rest != NULL; ++i)
    if (!is_v2 && has_option(rest, v1_names[i]))
      note(&out->v1[i], path, group);
}

int reeve_find_mounts(struct reeve_mounts* out) {
  FILE* in = fopen("/proc/self/mountinfo", "re");
  if (in == NULL)
    return errno;
  memset(out, 0, sizeof *out);
  char* line = NULL;
  size_t room = 0;
  while (getline(&line, &room, in) > 0)
    read_mount(line, out);
  int code = ferror(in) ? EIO : 0;
  free(line);
  fclose(in);
  return code;
}

/* Of another part of the tree than the cgroup namespace shows. */
static bool is_outside(const char* group) {
  return strncmp(group, "/..", 3) == 0 && (group[3] == '/' || group[3] == '\0');
}

/* The group as /proc/PID/cgroup has it, where the mount shows it. False if it
   does not. */
static bool place(struct reeve_group* out, const struct reeve_mount* mount,
                  const char* group) {
  size_t shown = strlen(mount->group);
  out->top[0] = out->dir[0] = '\0';
  if (mount->path[0] == '\0' || is_outside(group)
      || strncmp(group, mount->group, shown) != 0
      || (group[shown] != '\0' && group[shown] != '/'))
    return false;
  const char* below = strcmp(group + shown, "/") == 0 ? "" : group + shown;
  snprintf(out->top, sizeof out->top, "%s", mount->path);
  int length = snprintf(out->dir, sizeof out->dir, "%s%s", mount->path, below);
  return length >= 0 && length < (int)sizeof out->dir
         && access(out->dir, F_OK) == 0 && shown == 0;
}

static const char* proc_path(char* out, size_t room, pid_t pid,
                             const char* file) {
  if (pid == getpid()) /* also where /proc is of another pid namespace */
    snprintf(out, room, "/proc/self/%s", file);
  else
    snprintf(out, room, "/proc/%d/%s", (int)pid, file);
  return out;
}

int reeve_find_groups(const struct reeve_mounts* mounts, pid_t pid,
                      struct reeve_groups* out) {
  char path[64];
  FILE* in = fopen(proc_path(path, sizeof path, pid, "cgroup"), "re");
  if (in == NULL)
    return errno == ENOENT ? ESRCH : errno;
  memset(out, 0, sizeof *out);
  out->sees_all = true;
  bool is_v1[REEVE_CONTROLLERS] = {false};
  char unified[PATH_MAX] = "";
  char* line = NULL;
  size_t room = 0;
  while (getline(&line, &room, in) > 0) { /* NUMBER:CONTROLLERS:/GROUP */
    line[strcspn(line, "\n")] = '\0';
    char* rest = line;
    take_until(':', &rest);
    if (rest == NULL)
      continue;
    char* group = strchr(rest, ':');
    if (group == NULL)
      continue;
    *group++ = '\0';
    if (*rest == '\0')
      snprintf(unified, sizeof unified, "%s", group);
    for (int i = 0; i < REEVE_CONTROLLERS; ++i)
      if (*rest != '\0' && has_option(rest, v1_names[i])) {
        is_v1[i] = true;
        out->sees_all =
            place(&out->of[i], &mounts->v1[i], group) && out->sees_all;
      }
  }
  int code = ferror(in) ? ESRCH : 0; /* it ended meanwhile */
  free(line);
  fclose(in);
  for (int i = 0; i < REEVE_CONTROLLERS; ++i)
    if (!is_v1[i] && unified[0] != '\0') {
      out->of[i].is_v2 = true;
      out->sees_all = place(&out->of[i], &mounts->v2, unified) && out->sees_all;
    }
  return code;
}

/* Of /proc/PID/limits, which others may read, too: a heading, and a line for
   each, in the order of their numbers. */
static int read_rlimits(pid_t pid, struct rlimit* out) {
  enum { width_of_name = 26 };
  char path[64];
  char text[4096];
  int code =
      read_text(proc_path(path, sizeof path, pid, "limits"), text, sizeof text);
  if (code != 0)
    return code == ENOENT ? ESRCH : code;
  char* rest = text;
  take_until('\n', &rest);
  for (int i = 0; i < RLIM_NLIMITS; ++i) {
    char* line = take_until('\n', &rest);
    char soft[32] = "";
    char hard[32] = "";
    if (line == NULL || strlen(line) <= width_of_name
        || sscanf(line + width_of_name, "%31s %31s", soft, hard) != 2)
      return ESRCH; /* it ended meanwhile */
    out[i].rlim_cur = isdigit((unsigned char)*soft) ? strtoull(soft, NULL, 10)
                                                    : RLIM_INFINITY;
    out[i].rlim_max = isdigit((unsigned char)*hard) ? strtoull(hard, NULL, 10)
                                                    : RLIM_INFINITY;
  }
  return 0;
}

int reeve_find_rlimits(pid_t pid, struct rlimit* out) {
  if (pid != getpid())
    return read_rlimits(pid, out);
  for (int i = 0; i < RLIM_NLIMITS; ++i)
    if (getrlimit(i, &out[i]) != 0)
      return errno;
  return 0;
}

/* Of this process something is known without /proc, too. 0 or an errno. */
static int find_visible_groups(pid_t pid, struct reeve_groups* out) {
  struct reeve_mounts* mounts = calloc(1, sizeof *mounts);
  int code = mounts != NULL ? reeve_find_mounts(mounts) : ENOMEM;
  if (code == 0)
    code = reeve_find_groups(mounts, pid, out);
  free(mounts);
  if (code == 0 || is_shortage(code) || pid != getpid())
    return code;
  memset(out, 0, sizeof *out);
  return 0;
}

struct reeve_limits* reeve_limits_of(pid_t pid) {
  struct reeve_groups* groups = calloc(1, sizeof *groups);
  struct reeve_limits* out = NULL;
  struct rlimit rlimits[RLIM_NLIMITS];
  int code = groups != NULL ? reeve_find_rlimits(pid, rlimits) : ENOMEM;
  if (code == 0)
    code = find_visible_groups(pid, groups);
  if (code == 0)
    out = reeve_read_limits(groups, rlimits, pid);
  else
    errno = code;
  code = errno;
  free(groups);
  errno = code;
  return out;
}
