/* Copyright (c) 2026, the Reeve authors */
/* SPDX-License-Identifier: BSD-3-Clause */

/* A request is a packet of one word, "limits" or "watch"; the answer one of
   lines: "reeve limits 1", then RESOURCE hard|soft VALUE|max exact|about
   SOURCE, in which SOURCE is the rest of the line. */

#define _GNU_SOURCE /* NOLINT(bugprone-reserved-identifier) */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "job-iface/limit_list.h"

static const char heading[] = "reeve limits 1\n";

/* For as many as there are, with paths as long as they can be. */
enum { answer_room = 256 * 1024 };

/* -1 with errno. Does not wait for a place in the queue: where there is none,
   nobody answers. */
static int send_request(const char* word) {
  int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0)
    return -1;
  struct sockaddr_un address = {.sun_family = AF_UNIX,
                                .sun_path = REEVE_LIMITS_SOCKET};
  size_t length = strlen(word);
  if (connect(fd, (const struct sockaddr*)&address, sizeof address) == 0
      && send(fd, word, length, MSG_NOSIGNAL) == (ssize_t)length
      && fcntl(fd, F_SETFL, 0) == 0)
    return fd;
  int code = errno;
  close(fd);
  errno = code;
  return -1;
}

static int64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* One line, which is changed; false if it is none. */
static bool add_line(struct reeve_limits* to, char* line) {
  char* part[5];
  for (int i = 0; i < 5; ++i) {
    part[i] = line;
    if (line == NULL)
      return false;
    char* space = i < 4 ? strchr(line, ' ') : NULL;
    if (space != NULL)
      *space = '\0';
    line = space != NULL ? space + 1 : NULL;
  }
  struct reeve_limit item = {part[0], strcmp(part[1], "hard") == 0,
                             REEVE_NO_LIMIT, part[4],
                             strcmp(part[3], "exact") == 0};
  if (strcmp(part[2], "max") != 0) {
    char* end = NULL;
    item.value = strtoull(part[2], &end, 10);
    if (end == part[2] || *end != '\0')
      return false;
  }
  return reeve_add_limit(to, &item);
}

static struct reeve_limits* parse(char* text) {
  size_t length = sizeof heading - 1;
  if (strncmp(text, heading, length) != 0) {
    errno = EPROTO;
    return NULL;
  }
  struct reeve_limits* out = reeve_new_limits();
  if (out == NULL)
    return NULL;
  out->is_told = true;
  errno = EPROTO;
  for (char* line = text + length; *line != '\0';) {
    char* end = strchr(line, '\n');
    if (end != NULL)
      *end = '\0';
    if (end == NULL || !add_line(out, line)) {
      int code = errno;
      reeve_limits_free(out);
      errno = code;
      return NULL;
    }
    line = end + 1;
  }
  return out;
}

struct reeve_limits* reeve_limits_next(int watch) {
  char* text = malloc(answer_room);
  if (text == NULL)
    return NULL;
  struct reeve_limits* out = NULL;
  ssize_t length = 0;
  do
    length = recv(watch, text, answer_room - 1, 0);
  while (length < 0 && errno == EINTR);
  if (length > 0) {
    text[length] = '\0';
    out = parse(text);
  } else if (length == 0 || errno == ECONNRESET) {
    errno = EPIPE;
  }
  int code = errno;
  free(text);
  errno = code;
  return out;
}

int reeve_limits_watch(void) {
  return send_request("watch");
}

/* NULL with EAGAIN where it is worth another try: it is being replaced, or
   full. */
static struct reeve_limits* ask_once(int timeout_ms) {
  int fd = send_request("limits");
  if (fd < 0) {
    errno = errno == EINTR ? EAGAIN : errno;
    return NULL;
  }
  struct pollfd answer = {fd, POLLIN, 0};
  struct reeve_limits* out = NULL;
  int ready = poll(&answer, 1, timeout_ms);
  if (ready == 1)
    out = reeve_limits_next(fd);
  else if (ready == 0)
    errno = ETIMEDOUT;
  int code = errno == EPIPE || errno == EINTR ? EAGAIN : errno;
  close(fd);
  errno = code;
  return out;
}

struct reeve_limits* reeve_limits_read(int timeout_ms) {
  enum { pause_ms = 10 };
  int64_t until = now_ms() + timeout_ms;
  for (int64_t left = timeout_ms; left > 0; left = until - now_ms()) {
    struct reeve_limits* out = ask_once((int)left);
    if (out != NULL)
      return out;
    if (errno != EAGAIN)
      break;
    poll(NULL, 0, pause_ms);
  }
  return reeve_limits_of(getpid());
}
