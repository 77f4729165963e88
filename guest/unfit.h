/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Why the guest cannot take the job: the payload of UNFIT. */
#ifndef WNODES_GUEST_UNFIT_H
#define WNODES_GUEST_UNFIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/wire.h"

struct unfit {
	uint8_t bytes[4 + WIRE_NOTE_MAX];
	size_t length; /* 0: nothing is wrong */
};

/** Log the line and keep it, with the exit code, in place of an earlier one. Always returns true. */
bool unfit_set(struct unfit *unfit, uint32_t code, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
