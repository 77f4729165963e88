/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One line per message, `PROGRAM: text`, to standard error and, when asked,
 * to syslog. Control characters in what is logged are replaced by '?', so
 * that nothing a user or a guest says can forge a line or move a cursor.
 */
#ifndef WNODES_COMMON_LOG_H
#define WNODES_COMMON_LOG_H

#include <stdbool.h>

/**
 * Name the program in messages (a string that stays valid); with_syslog also
 * sends them to syslog as LOG_DAEMON. May be called again after a fork.
 */
void log_open(const char *program, bool with_syslog);

/**
 * Write text, PIPE_BUF bytes of it at most, to standard error as it is, waiting
 * at most ms for whoever reads there; false where that failed. A signal handler
 * may call it.
 */
bool log_write(const char *text, int ms);

/** One line; a newline is added. Bounded: a line is cut at 1024 bytes, and lost where nobody reads it for a second. */
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
