/* SPDX-License-Identifier: GPL-2.0-or-later */
/* links: cli/size.o cli/check_slurm.o cli/capture.o common/kv.o common/str.o */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/capture.h"
#include "cli/check.h"
#include "cli/size.h"

static const char *size_of(uint64_t bytes)
{
	static char text[SIZE_TEXT];

	size_print(bytes, text);
	return text;
}

static void sizes_have_three_digits(void **state)
{
	(void)state;
	assert_string_equal(size_of(0), "0B");
	assert_string_equal(size_of(999), "999B");
	assert_string_equal(size_of(1000), "1.0K");
	assert_string_equal(size_of(1536), "1.5K");
	assert_string_equal(size_of(10200), "10K");
	assert_string_equal(size_of(UINT64_C(1) << 30), "1.0G");
	assert_string_equal(size_of((UINT64_C(1) << 30) - 1), "1.0G");
	assert_string_equal(size_of(UINT64_MAX), "16E");
}

#define GOOD                                                                                                           \
	"PrologFlags             = Alloc,Contain,X11\n"                                                                \
	"ProctrackType           = proctrack/cgroup\n"                                                                 \
	"SlurmdSpoolDir          = /var/spool/slurmd\n"                                                                \
	"TaskPlugin              = task/cgroup,task/affinity\n"                                                        \
	"TaskPluginParam         = (null type)\n"                                                                      \
	"Cgroup Support Configuration:\n"                                                                              \
	"ConstrainCores          = yes\n"                                                                              \
	"ConstrainRAMSpace       = yes\n"

/* The findings of GOOD with its line `from` replaced by `to`: how many, and each has word in it. */
static unsigned int findings(const char *from, const char *to, const char *word)
{
	struct blocks blocks = {0};
	char text[1024] = GOOD;
	char *at = strstr(text, from);
	unsigned int count;

	assert_non_null(at);
	if (from[0]) {
		char rest[1024];

		strcpy(rest, at + strlen(from));
		strcpy(at, to);
		strcat(text, rest);
	}
	count = check_slurm_config(&blocks, text, "/var/spool/slurmd");
	assert_int_equal(blocks.count, count);
	for (size_t i = 0; i < blocks.count; i++) {
		assert_string_equal(kv_get(&blocks.list[i], "kind"), "problem");
		assert_non_null(strstr(kv_get(&blocks.list[i], "message"), word));
		kv_free(&blocks.list[i]);
	}
	free(blocks.list);
	return count;
}

static void slurm_conf_is_held_to_its_needs(void **state)
{
	(void)state;
	assert_int_equal(findings("", "", "?"), 0);
	assert_int_equal(findings("Contain", "NoContain", "PrologFlags=Contain"), 1);
	assert_int_equal(findings("Alloc,Contain,X11", "(null)", "PrologFlags=Contain"), 1);
	assert_int_equal(findings("X11", "RunInJob", "RunInJob"), 1);
	assert_int_equal(findings("proctrack/cgroup", "proctrack/linuxproc", "proctrack/cgroup"), 1);
	assert_int_equal(findings("task/cgroup,", "", "task/cgroup"), 1);
	assert_int_equal(findings("task/cgroup,", "affinity,cgroup,", "?"), 0);
	assert_int_equal(findings("Cores          = yes", "Cores          = no", "ConstrainCores"), 1);
	assert_int_equal(findings("/var/spool/slurmd", "/var/spool/slurm.%n", "slurmd_spool_dir"), 1);
}

static void a_program_is_captured_with_a_bound(void **state)
{
	const char *const echo[] = {"/bin/sh", "-c", "echo hi; exit 3", NULL};
	const char *const hangs[] = {"/bin/sleep", "60", NULL};
	const char *const none[] = {"/nonexistent", NULL};
	const char *const endless[] = {"/usr/bin/yes", NULL};
	char *text = NULL;

	(void)state;
	assert_int_equal(capture(echo, 10, &text), 3);
	assert_string_equal(text, "hi\n");
	free(text);
	assert_int_equal(capture(hangs, 1, &text), -1);
	assert_null(text);
	assert_int_equal(capture(none, 10, &text), -1);
	free(text);
	assert_int_equal(capture(endless, 10, &text), -1);
	assert_null(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(sizes_have_three_digits),
	        cmocka_unit_test(slurm_conf_is_held_to_its_needs),
	        cmocka_unit_test(a_program_is_captured_with_a_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
