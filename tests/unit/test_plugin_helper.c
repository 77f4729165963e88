/* SPDX-License-Identifier: GPL-2.0-or-later */
/* links: plugin/helper.o */
/* libs: -Wl,--wrap=waitpid,--wrap=kill */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "plugin/helper.h"

static char said[4096];
static pid_t helper;
static bool stuck;
static unsigned int kills;

void slurm_error(const char *format, ...);

void slurm_error(const char *format, ...)
{
	size_t used = strlen(said);
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(said + used, sizeof(said) - used, format, arguments);
	va_end(arguments);
	(void)strncat(said, "\n", sizeof(said) - strlen(said) - 1);
}

pid_t __real_waitpid(pid_t pid, int *status, int options);
pid_t __wrap_waitpid(pid_t pid, int *status, int options);
int __real_kill(pid_t pid, int signal);
int __wrap_kill(pid_t pid, int signal);

/* Of one that the kernel keeps no wait ever tells. */
pid_t __wrap_waitpid(pid_t pid, int *status, int options)
{
	helper = pid;
	while (stuck && !(options & WNOHANG))
		pause();
	return stuck ? 0 : __real_waitpid(pid, status, options);
}

int __wrap_kill(pid_t pid, int signal)
{
	assert_int_equal(signal, SIGKILL);
	kills++;
	return stuck ? 0 : __real_kill(pid, signal);
}

static void a_helper_that_ends_is_reaped(void **state)
{
	struct helper_call call;
	int code;

	(void)state;
	helper_begin(&call, "no-such-verb");
	code = helper_run(&call, 20);
	/* it is not installed, or does not know the verb */
	assert_true(code > 0);
	assert_null(strstr(said, "does not end"));
	assert_int_equal(kills, 0);
}

static void one_that_the_kernel_keeps_is_left_behind(void **state)
{
	struct helper_call call;
	const char *line;

	(void)state;
	said[0] = 0;
	stuck = true;
	helper_begin(&call, "no-such-verb");
	(void)alarm(60);
	assert_int_equal(helper_run(&call, 1), -1);
	(void)alarm(0);
	stuck = false;
	assert_true(kills > 0);
	line = strstr(said, "wnodes: wnodes-helper no-such-verb (pid ");
	assert_non_null(line);
	assert_non_null(strstr(line, "does not end: the kernel keeps it; the node may have to be rebooted\n"));
	/* in one line */
	assert_null(strstr(said, "died"));
	assert_int_equal(__real_waitpid(helper, NULL, 0), helper);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_helper_that_ends_is_reaped),
	        cmocka_unit_test(one_that_the_kernel_keeps_is_left_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
