/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A spec as it is built: attributes (common/protocol.md), and what they say of the process that calls. */
#ifndef WNODES_COMMON_SPEC_PUT_H
#define WNODES_COMMON_SPEC_PUT_H

#include <stddef.h>
#include <stdint.h>

#include "common/queue.h"

/** Append an attribute of length bytes. Returns 0, -E2BIG where spec would be larger than WIRE_SPEC_MAX, or -ENOMEM. */
int spec_put(struct queue *spec, uint16_t tag, const void *bytes, size_t length);

/** The same with a text, without its NUL. */
int spec_put_text(struct queue *spec, uint16_t tag, const char *text);

/** Append this process's umask. Returns as spec_put(). */
int spec_put_umask(struct queue *spec);

/** Append this process's resource limits, each of them. Returns as spec_put(). */
int spec_put_limits(struct queue *spec);

#endif
