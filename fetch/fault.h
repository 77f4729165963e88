/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Why a verb fails: its exit code, and the one line that says it. */
#ifndef WNODES_FETCH_FAULT_H
#define WNODES_FETCH_FAULT_H

#define FAULT_TEXT 1024U

/* code is 0 (none), EXIT_USAGE, EXIT_DATA or EXIT_NODE; text is printable, without a newline. */
struct fault {
	int code;
	char text[FAULT_TEXT];
};

/** Set fault to code and a formatted text, cut where it does not fit and made printable. Returns -EIO to hand on. */
int fault_set(struct fault *fault, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
