/* SPDX-License-Identifier: GPL-2.0-or-later */
/* links: monitor/counters.o common/str.o */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "monitor/counters.h"

static uint64_t parse(const char *text)
{
	return counters_parse(text, strlen(text));
}

static void the_number_of_kills_is_found(void **state)
{
	(void)state;
	assert_int_equal(parse("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n"), 3);
	assert_int_equal(parse("low 0\nhigh 0\nmax 12\noom 7\noom_kill 5\noom_group_kill 1\n"), 5);
	assert_int_equal(parse("oom_kill 18446744073709551615"), UINT64_MAX);
}

static void other_text_is_no_kill(void **state)
{
	(void)state;
	assert_int_equal(parse(""), 0);
	assert_int_equal(parse("\n\n"), 0);
	assert_int_equal(parse("oom_kill"), 0);
	assert_int_equal(parse("oom_kill "), 0);
	assert_int_equal(parse("oom_kill x\n"), 0);
	assert_int_equal(parse("my_oom_kill 3\n"), 0);
	assert_int_equal(parse("oom_kill 99999999999999999999999999999999999\n"), 0);
	assert_int_equal(counters_parse("oom_kill 12", 10), 1);
}

static void write_file(const char *folder, const char *name, const char *text)
{
	char path[300];
	FILE *stream;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	stream = fopen(path, "we");
	assert_non_null(stream);
	assert_true(fputs(text, stream) >= 0);
	assert_int_equal(fclose(stream), 0);
}

static void remove_file(const char *folder, const char *name)
{
	char path[300];

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	assert_int_equal(remove(path), 0);
}

static void a_rise_in_either_cgroup_is_seen(void **state)
{
	char job[] = "/tmp/wnodes-test.XXXXXX";
	char vm[64];
	struct machine machine = {.cgroup_memory = vm};
	struct counters counters;

	(void)state;
	assert_non_null(mkdtemp(job));
	(void)snprintf(vm, sizeof(vm), "%s/vm", job);
	assert_int_equal(mkdir(vm, 0700), 0);
	write_file(vm, "memory.oom_control", "oom_kill 1\n");
	write_file(job, "memory.oom_control", "oom_kill 2\n");
	counters_open(&counters, &machine);
	assert_false(counters_rose(&counters));
	write_file(job, "memory.oom_control", "oom_kill 3\n");
	assert_true(counters_rose(&counters));
	write_file(job, "memory.oom_control", "oom_kill 2\n");
	write_file(vm, "memory.oom_control", "oom_kill 2\n");
	assert_true(counters_rose(&counters));
	close(counters.vm);
	close(counters.job);
	machine.cgroup_unified = true;
	counters_open(&counters, &machine);
	assert_int_equal(counters.vm, -1);
	assert_false(counters_rose(&counters));
	remove_file(vm, "memory.oom_control");
	remove_file(job, "memory.oom_control");
	assert_int_equal(rmdir(vm), 0);
	assert_int_equal(rmdir(job), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_number_of_kills_is_found),
	        cmocka_unit_test(other_text_is_no_kill),
	        cmocka_unit_test(a_rise_in_either_cgroup_is_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
