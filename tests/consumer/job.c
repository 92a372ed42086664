/* Copyright (c) 2026, the Reeve authors */
/* SPDX-License-Identifier: BSD-3-Clause */

#include <reeve_limits.h>
#include <stdio.h>

int main(void) {
  struct reeve_limits* all = reeve_limits_read(1000);
  const struct reeve_limit* cpu =
      all != NULL ? reeve_limits_find(all, "cpu", true) : NULL;
  printf("%zu\n", cpu != NULL ? (size_t)(cpu->value + 999) / 1000 : 0);
  reeve_limits_free(all);
  return cpu != NULL ? 0 : 1;
}
