/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What check looks at: each part says all that is wrong with it, a block a finding. */
#ifndef WNODES_HELPER_CHECK_H
#define WNODES_HELPER_CHECK_H

#include <stdbool.h>

#include "helper/config.h"

struct check {
	const struct config *config; /* as far as it could be read */
	bool deep;
	unsigned int problems;
};

/** Say something that jobs would fail of. */
void check_problem(struct check *check, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** Say something that may be meant so. */
void check_note(struct check *check, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** Each entry of the catalogue, and what it names. */
void check_images(struct check *check);

/** Programs, folders and devices of this node. */
void check_node(struct check *check);

#endif
