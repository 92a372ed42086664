/* Copyright (c) 2026, the Reeve authors */
/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef REEVE_LIMIT_LIST_H
#define REEVE_LIMIT_LIST_H

#include "job-iface/reeve_limits.h"

/* Limits that are put together one by one. */

#ifdef __cplusplus
extern "C" {
#endif

/* NULL with ENOMEM. */
struct reeve_limits* reeve_new_limits(void);

/* Copies the texts. False with ENOMEM. */
bool reeve_add_limit(struct reeve_limits* to, const struct reeve_limit* what);

#ifdef __cplusplus
}
#endif

#endif
