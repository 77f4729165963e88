/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a verb answers on standard output: blocks of `key=value` lines, an empty line after each. */
#ifndef WNODES_HELPER_ANSWER_H
#define WNODES_HELPER_ANSWER_H

#include "common/kv.h"
#include "helper/failure.h"

/** Print one more block; control characters in its values become '?', in place. */
void answer_put(struct kv *block);

/** Write out what was put. Returns 0, or -EIO with why (EXIT_NODE) where it did not arrive. */
int answer_flush(struct failure *why);

#endif
