/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Other programs' output: Slurm's commands, with a bound. */
#ifndef WNODES_CLI_CAPTURE_H
#define WNODES_CLI_CAPTURE_H

/**
 * Execute argv (argv[0] is its path) in our environment, stdin from /dev/null,
 * and keep what it prints on standard output, 16 MiB at most; its standard
 * error is dropped. It is killed after seconds. Returns its exit code, or
 * -1 where it cannot be executed, was killed, or says too much; *text is from
 * malloc, the caller's to free, or NULL.
 */
int capture(const char *const *argv, unsigned int seconds, char **text);

#endif
