/* Copyright (c) 2026, the Reeve authors */
/* SPDX-License-Identifier: BSD-3-Clause */

#include "job-iface/limit_list.h"

#include <stdlib.h>
#include <string.h>

/* What is shown as constant was allocated all the same. */
union text {
  const char* shown;
  char* owned;
};

/* Behind what the caller sees. */
struct limit_list {
  struct reeve_limits seen; /* first */
  struct reeve_limit* items;
  size_t room;
};

struct reeve_limits* reeve_new_limits(void) {
  struct limit_list* list = calloc(1, sizeof *list);
  return list != NULL ? &list->seen : NULL;
}

bool reeve_add_limit(struct reeve_limits* to, const struct reeve_limit* what) {
  struct limit_list* list = (struct limit_list*)to;
  if (to->count == list->room) {
    size_t room = list->room != 0 ? 2 * list->room : 64;
    struct reeve_limit* items =
        realloc(list->items, room * sizeof *list->items);
    if (items == NULL)
      return false;
    list->items = items;
    list->room = room;
    to->all = items;
  }
  /* One block for both: the resource is what is freed. */
  size_t first = strlen(what->resource) + 1;
  size_t second = strlen(what->source) + 1;
  char* text = malloc(first + second);
  if (text == NULL)
    return false;
  memcpy(text, what->resource, first);
  memcpy(text + first, what->source, second);
  struct reeve_limit* item = &list->items[to->count++];
  *item = *what;
  item->resource = text;
  item->source = text + first;
  return true;
}

void reeve_limits_free(struct reeve_limits* of) {
  struct limit_list* list = (struct limit_list*)of;
  if (list == NULL)
    return;
  for (size_t i = 0; i < list->seen.count; ++i)
    free((union text){.shown = list->items[i].resource}.owned);
  free(list->items);
  free(list);
}

const struct reeve_limit* reeve_limits_find(const struct reeve_limits* in,
                                            const char* resource,
                                            bool is_hard) {
  for (size_t i = 0; i < in->count; ++i)
    if (in->all[i].is_hard == is_hard
        && strcmp(in->all[i].resource, resource) == 0)
      return &in->all[i];
  return NULL;
}
