/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdint.h>
#include <stdio.h>

#include "cli/cli.h"
#include "common/str.h"

static void print_string(const char *text)
{
	putchar('"');
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		if (*p == '"' || *p == '\\')
			printf("\\%c", *p);
		else if (*p < 0x20)
			printf("\\u%04x", *p);
		else
			putchar(*p);
	}
	putchar('"');
}

static void print_value(const char *text)
{
	uint64_t number;

	/* 2^53: what every reader of JSON keeps exact */
	if (str_u64(text, 0, 1ULL << 53, &number) == 0)
		printf("%llu", (unsigned long long)number);
	else
		print_string(text);
}

void cli_print_json(const struct blocks *blocks)
{
	printf("[");
	for (size_t i = 0; i < blocks->count; i++) {
		printf("%s\n  {", i ? "," : "");
		for (size_t k = 0; k < blocks->list[i].count; k++) {
			printf("%s", k ? ", " : "");
			print_string(blocks->list[i].pairs[k].key);
			printf(": ");
			print_value(blocks->list[i].pairs[k].value);
		}
		printf("}");
	}
	printf("%s]\n", blocks->count ? "\n" : "");
}
