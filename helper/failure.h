/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Why a verb fails: an exit code, which says whose failure it is, and one line that says what to change. */
#ifndef WNODES_HELPER_FAILURE_H
#define WNODES_HELPER_FAILURE_H

#define FAILURE_TEXT 512U

/* code is 0 (none) or one of common/exitcode.h's; message is printable text without a newline. */
struct failure {
	int code;
	char message[FAILURE_TEXT];
};

/**
 * Set why to code and a formatted message, cut where it does not fit and
 * made printable. Returns a negative errno for the caller to hand on:
 * -EINVAL for EXIT_USAGE, -EACCES for EXIT_DENIED, else -EIO.
 */
int failure_set(struct failure *why, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/** Take the option `--vm: ` from the message's beginning, for a caller who gave none. */
void failure_drop_option(struct failure *why);

#endif
