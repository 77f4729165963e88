/* SPDX-License-Identifier: GPL-2.0-or-later */
/* links: fetch/filter.o fetch/fault.o common/str.o */
/* libs: -lseccomp */
/* What a verb's filter leaves to whoever broke it: its own process, and nobody else's. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "fetch/filter.h"

/* The wait status of a child with that filter that does it. */
static int under(int (*filter)(struct fault *fault), int (*body)(void))
{
	struct fault fault = {0};
	int status = -1;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0)
		_exit(filter(&fault) < 0 ? 100 : body());
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static int signal_itself(void)
{
	return syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), 0) == 0 ? 0 : 1;
}

static int signal_another(void)
{
	return syscall(SYS_tgkill, getppid(), getppid(), 0) < 0 && errno == EPERM ? 0 : 1;
}

/* F_SETOWN with F_SETSIG is a kill(2) by the kernel's hand. */
static int own_by_another(void)
{
	int fds[2];

	if (pipe(fds) < 0 || fcntl(fds[0], F_GETFL) < 0 || fcntl(fds[0], F_DUPFD_CLOEXEC, 10) < 0)
		return 1;
	return fcntl(fds[0], F_SETOWN, getppid()) < 0 && errno == EPERM && fcntl(fds[0], F_SETSIG, SIGKILL) < 0 &&
	                       errno == EPERM
	               ? 0
	               : 2;
}

static void no_verb_signals_another_process(void **state)
{
	int status;

	(void)state;
#ifdef __SANITIZE_ADDRESS__
	skip(); /* which is without a filter */
#endif
	assert_int_equal(under(filter_get, signal_itself), 0);
	assert_int_equal(under(filter_get, signal_another), 0);
	assert_int_equal(under(filter_get, own_by_another), 0);
	assert_int_equal(under(filter_digest, signal_itself), 0);
	status = under(filter_digest, signal_another);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(no_verb_signals_another_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
