/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers for people. */
#ifndef WNODES_CLI_SIZE_H
#define WNODES_CLI_SIZE_H

#include <stdint.h>

#define SIZE_TEXT 16U

/** bytes with three digits and a unit (powers of 1024: 1.5G) into text[SIZE_TEXT]. */
void size_print(uint64_t bytes, char *text);

#endif
