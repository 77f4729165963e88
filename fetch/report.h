/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the keeper hears of us: lines `key=value` on standard output. */
#ifndef WNODES_FETCH_REPORT_H
#define WNODES_FETCH_REPORT_H

/**
 * Write one line, in one write(2), cut at 4096 bytes and made printable.
 * Returns 0 or a negative errno: -EPIPE where nobody reads any more.
 */
int report(const char *key, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** The line of a time limit that a signal's handler writes: made here, beforehand, printable. */
void report_prepare(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** Write the line that was prepared. For a signal's handler. */
void report_prepared(void);

#endif
