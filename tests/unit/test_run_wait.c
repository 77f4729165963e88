/* SPDX-License-Identifier: GPL-2.0-or-later */
/* links: common/spec_put.o run/affinity.o run/terminal.o common/terminal.o */
/* links: run/wait.o run/client.o run/stdio.o run/say.o run/signals.o run/spec.o common/channel.o */
/* links: run/command.o run/command_policy.o run/command_script.o run/command_spec.o run/command_environment.o */
/* links: run/command_pty.o common/task_file.o */
/* links: common/command.o common/command_names.o common/slurm_options.o common/slurm_tables.o */
/* links: common/frame.o common/queue.o common/wire.o common/kv.o common/range.o common/str.o */
/* libs: -lsystemd */
#include <errno.h>
#include <pty.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
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

static void a_download_and_a_copy_have_their_own_time(void **state)
{
	struct run_wait wait = {.started = START};

	(void)state;
	assert_int_equal(judge(&wait, "state=fetching\ntimeout=3600\n", 0, 0), RUN_WAIT);
	assert_int_equal(judge(&wait, "state=fetching\ntimeout=3600\n", 0, 3659), RUN_WAIT);
	assert_int_equal(judge(&wait, "state=fetching\ntimeout=3600\n", 0, 3660), RUN_FAIL);
	assert_int_equal(failure.code, 75);
	assert_int_equal(judge(&wait, "state=disk\n", 0, 3661), RUN_WAIT);
	assert_int_equal(judge(&wait, "state=disk\nmessage=half\ntimeout=600\n", 0, 4320), RUN_WAIT);
	assert_int_equal(judge(&wait, "state=disk\nmessage=half\ntimeout=600\n", 0, 4321), RUN_FAIL);
	assert_int_equal(failure.code, 75);
	assert_int_equal(judge(&wait, "state=booting\nboot_timeout=10\n", 0, 4322), RUN_CONNECT);
	assert_int_equal(judge(&wait, "state=booting\nboot_timeout=10\n", 0, 4391), RUN_CONNECT);
	assert_int_equal(judge(&wait, "state=booting\nboot_timeout=10\n", 0, 4392), RUN_FAIL);
}

static void what_lasts_is_heard_of(void **state)
{
	struct run_wait wait = {.started = START};

	(void)state;
	assert_int_equal(judge(&wait, "state=disk\n", 0, 0), RUN_WAIT);
	assert_int_equal(judge(&wait, "state=disk\nmessage=1 %\nsaid=1000\ntimeout=3600\n", 0, 100), RUN_WAIT);
	assert_int_equal(judge(&wait, "state=disk\nmessage=1 %\nsaid=2000\ntimeout=3600\n", 0, 219), RUN_WAIT);
	assert_int_equal(judge(&wait, "state=disk\nmessage=1 %\nsaid=2000\ntimeout=3600\n", 0, 338), RUN_WAIT);
	assert_int_equal(judge(&wait, "state=disk\nmessage=1 %\nsaid=2000\ntimeout=3600\n", 0, 339), RUN_FAIL);
	assert_int_equal(failure.code, 75);
	assert_non_null(strstr(failure.text, "nothing has said"));
	/* another state begins anew */
	assert_int_equal(judge(&wait, "state=fetching\nmessage=1 %\nsaid=2000\ntimeout=3600\n", 0, 340), RUN_WAIT);
	/* nothing more to say: only the time of all of it counts */
	assert_int_equal(judge(&wait, "state=fetching\nsaid=2000\ntimeout=3600\n", 0, 500), RUN_WAIT);
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

static bool is_orphaned(const char *format, int pid, const char *namespace)
{
	struct kv kv = {0};
	char text[160];
	bool is;

	(void)snprintf(text, sizeof(text), format, pid, namespace);
	assert_int_equal(kv_parse(&kv, text, strlen(text)), 0);
	is = run_wait_is_orphaned(&kv);
	kv_free(&kv);
	return is;
}

static void a_machine_without_its_maker_is_noticed(void **state)
{
	static const char both[] = "state=disk\nprocess=%d\npid_namespace=%s\n";
	char namespace[64] = "";
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		_exit(0);
	assert_true(readlink("/proc/self/ns/pid", namespace, sizeof(namespace) - 1) > 0);
	assert_false(is_orphaned(both, pid, namespace));
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_true(is_orphaned(both, pid, namespace));
	assert_false(is_orphaned(both, getpid(), namespace));
	/* another's number, or nobody's */
	assert_false(is_orphaned(both, pid, "pid:[1]"));
	assert_false(is_orphaned("state=disk\nprocess=%d\n", pid, ""));
	assert_false(is_orphaned(both, -1, namespace));
	assert_false(is_orphaned("state=disk\n", 0, ""));
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

/* In a process of its own, whose streams are a terminal: its end is the verdict. */
static int with_a_terminal(int slave, int master)
{
	static struct run run = {.terminal.fd = -1, .phase = RUN_RUNNING, .sock = -1};
	const struct winsize size = {.ws_row = 50, .ws_col = 132};
	struct termios before, now;

	(void)dup2(slave, STDIN_FILENO);
	(void)dup2(slave, STDOUT_FILENO);
	run_terminal_open(&run);
	if (run.terminal.found.streams != (TERMINAL_STDIN | TERMINAL_STDOUT) || run.terminal.found.size.ws_row != 24)
		return 1;
	before = run.terminal.found.modes;
	run_terminal_raw(&run);
	if (tcgetattr(slave, &now) < 0 || (now.c_lflag & (ECHO | ICANON | ISIG)) || (now.c_oflag & OPOST))
		return 2;
	if (strcmp(run_terminal_newline(&run), "\n") != 0)
		return 3;
	run.terminal.found.streams |= TERMINAL_STDERR;
	if (strcmp(run_terminal_newline(&run), "\r\n") != 0)
		return 4;
	run.channel.start = true;
	if (run_terminal_resize(&run) || ioctl(master, TIOCSWINSZ, &size) < 0 || !run_terminal_resize(&run) ||
	    run_terminal_resize(&run))
		return 5;
	run_terminal_restore(&run);
	if (tcgetattr(slave, &now) < 0 || now.c_lflag != before.c_lflag || now.c_oflag != before.c_oflag)
		return 6;
	return strcmp(run_terminal_newline(&run), "\n") == 0 ? 0 : 7;
}

static void a_terminal_is_raw_and_restored(void **state)
{
	struct winsize size = {.ws_row = 24, .ws_col = 80};
	int master, slave, status;
	pid_t pid;

	(void)state;
	assert_int_equal(openpty(&master, &slave, NULL, NULL, &size), 0);
	pid = fork();
	if (pid == 0)
		_exit(with_a_terminal(slave, master));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WIFEXITED(status) ? WEXITSTATUS(status) : -1, 0);
	close(master);
	close(slave);
}

static void spec_carries_a_terminal(void **state)
{
	struct terminal terminal = {.streams = 7, .size = {.ws_row = 24}}, found;
	char *argv[] = {"a", NULL}, *env[] = {NULL};
	struct run_options options = {.argv = argv, .terminal = &terminal};
	struct wire_attribute attribute;
	struct queue spec = {0};
	const char *what;
	size_t offset = 0;
	int count = 0;

	(void)state;
	assert_int_equal(run_spec_build(&options, env, &spec, &what), 0);
	while (wire_next_attribute(queue_data(&spec), spec.used, &offset, &attribute) > 0)
		if (attribute.tag == WIRE_TERMINAL && ++count)
			assert_int_equal(terminal_unpack(attribute.bytes, attribute.length, &found), 0);
	assert_int_equal(count, 1);
	assert_int_equal(found.size.ws_row, 24);
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

static void time_frozen_with_the_job_does_not_count(void **state)
{
	struct run_wait wait = {.started = 1 * RUN_SECOND};

	(void)state;
	run_wait_skip(&wait, 1 * RUN_SECOND);
	run_wait_skip(&wait, 2 * RUN_SECOND);
	assert_int_equal(wait.started, 1 * RUN_SECOND);
	wait.changed = 2 * RUN_SECOND;
	run_wait_skip(&wait, 1002 * RUN_SECOND);
	assert_int_equal(wait.started, 1001 * RUN_SECOND);
	assert_int_equal(wait.changed, 1002 * RUN_SECOND);
}

static void a_binding_is_in_the_guests_numbers(void **state)
{
	static const char *const bad[] = {"", "x", "1-", "1,", "3-1", "0-9999", "1;2", ",1"};
	uint8_t mask[128];
	cpu_set_t bound;

	(void)state;
	CPU_ZERO(&bound);
	CPU_SET(5, &bound);
	CPU_SET(40, &bound);
	assert_int_equal(run_affinity_map("4-5,40-47", &bound, mask), 2);
	assert_int_equal(mask[0], 0x06);
	assert_int_equal(mask[1], 0);
	/* the order of vCPUs, which follow each other core by core */
	assert_int_equal(run_affinity_map("40,4,41,5", &bound, mask), 1);
	assert_int_equal(mask[0], 0x9);
	/* all, none, or no list: no binding */
	assert_int_equal(run_affinity_map("5,40", &bound, mask), 0);
	assert_int_equal(run_affinity_map("0-3", &bound, mask), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(run_affinity_map(bad[i], &bound, mask), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(prepared_is_for_ten_seconds),
	        cmocka_unit_test(each_state_of_the_start_has_two_minutes),
	        cmocka_unit_test(booting_has_its_own_time),
	        cmocka_unit_test(a_download_and_a_copy_have_their_own_time),
	        cmocka_unit_test(what_lasts_is_heard_of),
	        cmocka_unit_test(failure_is_passed_on),
	        cmocka_unit_test(what_is_missing_or_unknown_fails_closed),
	        cmocka_unit_test(a_machine_without_its_maker_is_noticed),
	        cmocka_unit_test(time_frozen_with_the_job_does_not_count),
	        cmocka_unit_test(a_binding_is_in_the_guests_numbers),
	        cmocka_unit_test(spec_carries_the_task),
	        cmocka_unit_test(a_terminal_is_raw_and_restored),
	        cmocka_unit_test(spec_carries_a_terminal),
	        cmocka_unit_test(spec_carries_a_script_and_no_more_than_fits),
	};

	return cmocka_run_group_tests_name("run", tests, NULL, NULL);
}
