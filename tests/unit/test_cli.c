/* SPDX-License-Identifier: GPL-2.0-or-later */
/* links: cli/size.o cli/check_slurm.o cli/capture.o cli/helper.o cli/nodes.o cli/progress.o common/kv.o common/str.o */
/* libs: -ljansson */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/capture.h"
#include "cli/check.h"
#include "cli/nodes.h"
#include "cli/progress.h"
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

static void partitions_that_slurm_has_not_are_noted(void **state)
{
	static const char text[] = "PartitionName=main AllowGroups=ALL\nPartitionName=long Nodes=PartitionName=x \n";
	static const char *const names[] = {"main", "mai", "long", "longer", "x"};
	struct blocks blocks = {0}, partitions = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct kv block = {0};

		assert_int_equal(kv_set(&block, "message", names[i]), 0);
		assert_int_equal(blocks_add(&partitions, &block), 0);
	}
	check_slurm_partitions(&blocks, text, &partitions);
	assert_int_equal(blocks.count, 3);
	assert_string_equal(kv_get(&blocks.list[0], "message"), "[partition mai]: slurm.conf has no such partition");
	assert_string_equal(kv_get(&blocks.list[2], "kind"), "note");
	blocks_free(&blocks);
	blocks_free(&partitions);
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

static void nodes_are_what_sinfo_says(void **state)
{
	struct nodes nodes = {0};

	(void)state;
	assert_int_equal(nodes_parse(&nodes, "n3|idle\nn1|mixed\nn3|idle\nn2|down*\nn4|idle~\nn5|drained\n\n|x\nx\n"),
	                 0);
	assert_int_equal(nodes.count, 5);
	assert_string_equal(nodes.list[0].name, "n1");
	assert_true(nodes.list[0].is_up);
	assert_string_equal(nodes.list[1].state, "down*");
	assert_false(nodes.list[1].is_up);
	assert_true(nodes.list[2].is_up);
	assert_false(nodes.list[3].is_up);
	assert_false(nodes.list[4].is_up);
	nodes_free(&nodes);
}

static void answers_are_the_nodes_own(void **state)
{
	struct nodes nodes = {0};

	(void)state;
	assert_int_equal(nodes_parse(&nodes, "n1|idle\nn2|idle\nn3|idle\n"), 0);
	assert_int_equal(nodes_answer(&nodes, "[\n[\n"
	                                      "  {\"state\": \"present\", \"size\": 7, \"node\": \"n2\"}\n"
	                                      "noise\n  {\"state\": \"present\", \"node\": \"n9\"}\n]\n"
	                                      "  {\"state\": \"bro\n"
	                                      "  {\"state\": \"again\", \"node\": \"n2\"}\n"
	                                      "  {\"node\": [1], \"state\": \"x\"}\n"
	                                      "  {\"node\": \"n3\", \"a b\": \"x\"}\n"
	                                      "  {\"node\": \"n1\", \"message\": \"a\\u001b[31m\"}"),
	                 2);
	assert_string_equal(kv_get(&nodes.list[1].answer, "state"), "present");
	assert_string_equal(kv_get(&nodes.list[1].answer, "size"), "7");
	assert_string_equal(kv_get(&nodes.list[0].answer, "message"), "a?[31m");
	assert_int_equal(nodes.list[2].answer.count, 0);
	nodes_free(&nodes);
}

static const char *bar_of(const char *text)
{
	static char bar[PROGRESS_BAR + 1];
	struct kv block = {0};

	assert_int_equal(kv_parse(&block, text, strlen(text)), 0);
	progress_bar(&block, bar);
	kv_free(&block);
	return bar;
}

static void a_bar_is_as_long_as_its_share(void **state)
{
	(void)state;
	assert_string_equal(bar_of("total=100\n"), "------------------------");
	assert_string_equal(bar_of("total=100\ntransferred=50\n"), "############------------");
	assert_string_equal(bar_of("total=100\ntransferred=100\n"), "########################");
	assert_string_equal(bar_of("transferred=50\n"), "");
	assert_string_equal(bar_of("total=100\ntransferred=101\n"), "");
	assert_string_equal(bar_of("state=verifying\ntotal=100\ntransferred=100\n"), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(sizes_have_three_digits),
	        cmocka_unit_test(slurm_conf_is_held_to_its_needs),
	        cmocka_unit_test(partitions_that_slurm_has_not_are_noted),
	        cmocka_unit_test(nodes_are_what_sinfo_says),
	        cmocka_unit_test(answers_are_the_nodes_own),
	        cmocka_unit_test(a_bar_is_as_long_as_its_share),
	        cmocka_unit_test(a_program_is_captured_with_a_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
