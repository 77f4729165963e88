/* SPDX-License-Identifier: GPL-2.0-or-later */
/* links: run/wait.o run/client.o run/stdio.o run/say.o run/signals.o run/spec.o common/channel.o */
/* links: run/command.o run/command_policy.o run/command_script.o run/command_spec.o run/command_environment.o */
/* links: common/command.o common/command_names.o common/slurm_options.o common/slurm_tables.o */
/* links: common/frame.o common/queue.o common/wire.o common/kv.o common/str.o */
/* libs: -lsystemd */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "run/run.h"

/* main.c's, which is not linked here */
uint64_t run_now(void)
{
	return 0;
}

void run_finish(struct run *run, bool is_signal, int value)
{
	(void)run;
	(void)is_signal;
	(void)value;
}

#define START (UINT64_C(1000) * RUN_SECOND)

static struct run_failure failure;

static enum run_verdict judge(struct run_wait *wait, const char *text, int rc, unsigned int seconds)
{
	struct kv state = {0};
	enum run_verdict verdict;

	if (rc == 0)
		assert_int_equal(kv_parse(&state, text, strlen(text)), 0);
	failure = (struct run_failure){0};
	verdict = run_wait_judge(wait, &state, rc, START + seconds * RUN_SECOND, &failure);
	kv_free(&state);
	return verdict;
}

static void prepared_is_for_ten_seconds(void **state)
{
	struct run_wait wait = {.started = START};

	(void)state;
	assert_int_equal(judge(&wait, "state=prepared\n", 0, 0), RUN_WAIT);
	assert_int_equal(judge(&wait, "state=prepared\n", 0, 10), RUN_WAIT);
	assert_int_equal(judge(&wait, "state=prepared\n", 0, 11), RUN_FAIL);
	assert_int_equal(failure.code, 75);
	assert_non_null(strstr(failure.text, "PrologFlags=Contain"));
}

static void each_state_of_the_start_has_two_minutes(void **state)
{
	struct run_wait wait = {.started = START};

	(void)state;
	assert_int_equal(judge(&wait, "state=allocated\n", 0, 0), RUN_WAIT);
	assert_int_equal(judge(&wait, "state=allocated\n", 0, 119), RUN_WAIT);
	assert_int_equal(judge(&wait, "state=starting\n", 0, 121), RUN_WAIT);
	assert_int_equal(judge(&wait, "state=disk\n", 0, 240), RUN_WAIT);
	assert_int_equal(judge(&wait, "state=disk\n", 0, 359), RUN_WAIT);
	assert_int_equal(judge(&wait, "state=disk\n", 0, 360), RUN_FAIL);
	assert_int_equal(failure.code, 75);
}

static void booting_has_its_own_time(void **state)
{
	struct run_wait wait = {.started = START};

	(void)state;
	assert_int_equal(judge(&wait, "state=booting\nboot_timeout=300\n", 0, 100), RUN_CONNECT);
	assert_int_equal(judge(&wait, "state=booting\nboot_timeout=300\n", 0, 459), RUN_CONNECT);
	assert_int_equal(judge(&wait, "state=booting\nboot_timeout=300\n", 0, 460), RUN_FAIL);
	assert_int_equal(failure.code, 75);
	assert_int_equal(judge(&wait, "state=ready\n", 0, 461), RUN_CONNECT);
	assert_int_equal(judge(&wait, "state=ready\n", 0, 521), RUN_FAIL);
}

static void failure_is_passed_on(void **state)
{
	struct run_wait wait = {.started = START};

	(void)state;
	assert_int_equal(judge(&wait, "state=failed\ncode=64\nmessage=no such image\n", 0, 0), RUN_FAIL);
	assert_int_equal(failure.code, 64);
	assert_string_equal(failure.text, "no such image");
	assert_int_equal(judge(&wait, "state=failed\ncode=0\n", 0, 0), RUN_FAIL);
	assert_int_equal(failure.code, 75);
	assert_int_equal(judge(&wait, "state=ended\n", 0, 0), RUN_FAIL);
	assert_int_equal(failure.code, 70);
}

static void what_is_missing_or_unknown_fails_closed(void **state)
{
	struct run_wait wait = {.started = START};

	(void)state;
	assert_int_equal(judge(&wait, NULL, -ENOENT, 1), RUN_WAIT);
	assert_int_equal(judge(&wait, NULL, -ENOENT, 11), RUN_FAIL);
	assert_int_equal(failure.code, 75);
	assert_int_equal(judge(&wait, NULL, -ESTALE, 1), RUN_FAIL);
	assert_int_equal(judge(&wait, NULL, -EINVAL, 1), RUN_FAIL);
	assert_int_equal(judge(&wait, "state=quantum\n", 0, 1), RUN_FAIL);
	assert_int_equal(judge(&wait, "image=x\n", 0, 1), RUN_FAIL);
	assert_int_equal(failure.code, 75);
}

/* The nth attribute of that tag, as text; NULL where there is none. Freed by the caller. */
static char *find(const struct queue *spec, uint16_t tag, unsigned int n)
{
	struct wire_attribute attribute;
	size_t offset = 0;

	while (wire_next_attribute(queue_data(spec), spec->used, &offset, &attribute) == 1)
		if (attribute.tag == tag && n-- == 0)
			return strndup((const char *)attribute.bytes, attribute.length);
	assert_int_equal(offset, spec->used);
	return NULL;
}

static void assert_attribute(const struct queue *spec, uint16_t tag, unsigned int n, const char *expected)
{
	char *text = find(spec, tag, n);

	if (expected)
		assert_string_equal(text, expected);
	else
		assert_null(text);
	free(text);
}

static void spec_carries_the_task(void **state)
{
	char *argv[] = {"a b", "", "\xff\n", NULL};
	char *env[] = {"A=1", "WNODES_RUN_DIR=/x", "B=", NULL};
	struct run_options options = {.argv = argv};
	struct queue spec = {0};
	const char *what;
	char *limit;
	char cwd[4096];

	(void)state;
	assert_non_null(getcwd(cwd, sizeof(cwd)));
	assert_int_equal(run_spec_build(&options, env, &spec, &what), 0);
	assert_attribute(&spec, WIRE_ARG, 0, "a b");
	assert_attribute(&spec, WIRE_ARG, 1, "");
	assert_attribute(&spec, WIRE_ARG, 2, "\xff\n");
	assert_attribute(&spec, WIRE_ARG, 3, NULL);
	assert_attribute(&spec, WIRE_ENV, 0, "A=1");
	assert_attribute(&spec, WIRE_ENV, 1, "B=");
	assert_attribute(&spec, WIRE_ENV, 2, NULL);
	assert_attribute(&spec, WIRE_CWD, 0, cwd);
	assert_attribute(&spec, WIRE_SCRIPT, 0, NULL);
	limit = find(&spec, WIRE_RLIMIT, RLIMIT_NLIMITS - 1);
	assert_non_null(limit);
	free(limit);
	queue_free(&spec);
}

static void spec_carries_a_script_and_no_more_than_fits(void **state)
{
	char path[] = "/tmp/wnodes-script.XXXXXX";
	char *argv[] = {path, NULL};
	char *env[] = {NULL};
	struct run_options options = {.argv = argv, .is_script = true};
	struct queue spec = {0};
	const char *what;
	int fd = mkstemp(path);

	(void)state;
	assert_int_equal(write(fd, "#!/bin/sh\n", 10), 10);
	assert_int_equal(run_spec_build(&options, env, &spec, &what), 0);
	assert_attribute(&spec, WIRE_SCRIPT, 0, "#!/bin/sh\n");
	queue_free(&spec);
	assert_int_equal(ftruncate(fd, 5 << 20), 0);
	assert_int_equal(run_spec_build(&options, env, &spec, &what), 0);
	queue_free(&spec);
	assert_int_equal(ftruncate(fd, WIRE_SPEC_MAX), 0);
	assert_int_equal(run_spec_build(&options, env, &spec, &what), -E2BIG);
	assert_string_equal(what, "the batch script");
	queue_free(&spec);
	unlink(path);
	assert_int_equal(run_spec_build(&options, env, &spec, &what), -ENOENT);
	queue_free(&spec);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(prepared_is_for_ten_seconds),
	        cmocka_unit_test(each_state_of_the_start_has_two_minutes),
	        cmocka_unit_test(booting_has_its_own_time),
	        cmocka_unit_test(failure_is_passed_on),
	        cmocka_unit_test(what_is_missing_or_unknown_fails_closed),
	        cmocka_unit_test(spec_carries_the_task),
	        cmocka_unit_test(spec_carries_a_script_and_no_more_than_fits),
	};

	return cmocka_run_group_tests_name("run", tests, NULL, NULL);
}
