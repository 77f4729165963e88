/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/answer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/exitcode.h"
#include "common/str.h"

void answer_put(struct kv *block)
{
	for (size_t i = 0; i < block->count; i++) {
		str_printable(block->pairs[i].value);
		(void)printf("%s=%s\n", block->pairs[i].key, block->pairs[i].value);
	}
	/* an empty one would pass for another's end */
	if (block->count > 0)
		(void)putchar('\n');
}

int answer_flush(struct failure *why)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return 0;
	return failure_set(why, EXIT_NODE, "standard output cannot be written: %s", strerror(errno));
}
