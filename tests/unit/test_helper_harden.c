/* SPDX-License-Identifier: GPL-2.0-or-later */
/* links: common/disk_option.o helper/config_disk.o */
/* links: helper/harden.o helper/fs.o helper/journal.o helper/failure.o helper/child.o helper/disk/file.o */
/* links: helper/image/own.o helper/limits.o helper/record.o helper/image/catalogue.o helper/image/access.o */
/* links: helper/ini_file.o helper/list.o helper/disk/base.o common/command_names.o */
/* libs: -linih */
/* links: common/log.o common/str.o common/kv.o */
/* A caller's full pipe, priority and lease: none holds up the helper. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/exitcode.h"
#include "common/log.h"
#include "helper/disk/file.h"
#include "helper/harden.h"

/* A child's standard error: a pipe in which nothing more fits, and whose description does wait. */
static void full_stderr(void)
{
	char page[4096] = {0};
	int fds[2];

	if (pipe2(fds, O_NONBLOCK) < 0)
		_exit(1);
	while (write(fds[1], page, sizeof(page)) > 0)
		;
	if (fcntl(fds[1], F_SETFL, 0) < 0 || dup2(fds[1], STDERR_FILENO) < 0)
		_exit(1);
	/* its reader stays open, in a number that no hardening closes */
	if (dup2(fds[0], STDIN_FILENO) < 0)
		_exit(1);
}

/* The wait status of a child that runs body with a full pipe, and how long it took. */
static int run(void (*body)(void), uint64_t *took)
{
	uint64_t begin = clock_steady();
	int status = -1;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		full_stderr();
		body();
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	*took = clock_steady() - begin;
	return status;
}

static void log_three(void)
{
	for (int i = 0; i < 3; i++)
		log_error("nobody reads this");
}

static void a_full_pipe_costs_a_second_once(void **state)
{
	uint64_t took;

	(void)state;
	assert_int_equal(run(log_three, &took), 0);
	assert_in_range(took, 900, 1900);
}

static void be_late(void)
{
	struct caller caller;

	harden(&caller);
	harden_deadline("too late\n", 1);
	for (;;)
		pause();
}

static void be_early(void)
{
	struct caller caller;

	harden(&caller);
	for (;;)
		pause();
}

/* As where the process is in a call that no handler ends. */
static void be_deaf(void)
{
	struct caller caller;
	sigset_t all;

	harden(&caller);
	harden_deadline("too late\n", 1);
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, NULL);
	for (;;)
		pause();
}

static void deadlines_hold_with_a_full_pipe(void **state)
{
	uint64_t took;
	int status;

	(void)state;
	if (geteuid() != 0)
		skip();
	status = run(be_late, &took);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_NODE);
	assert_in_range(took, 900, 1900);
	status = run(be_early, &took);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_NODE);
	assert_in_range(took, 2000, 8000);
	status = run(be_deaf, &took);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	assert_in_range(took, 1900, 3500);
}

static void be_ordinary(void)
{
	static const struct sched_param none = {0};
	struct caller caller;

	if (setpriority(PRIO_PROCESS, 0, 15) < 0 || sched_setscheduler(0, SCHED_IDLE, &none) < 0 ||
	    syscall(SYS_ioprio_set, 1, 0, 3 << 13) < 0 || prctl(PR_SET_TIMERSLACK, 2000000000UL, 0, 0, 0) < 0)
		_exit(1);
	harden(&caller);
	if (getpriority(PRIO_PROCESS, 0) != 0 || sched_getscheduler(0) != SCHED_OTHER)
		_exit(2);
	if (syscall(SYS_ioprio_get, 1, 0) >> 13 == 3 || prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0) > 1000000)
		_exit(3);
}

static void priorities_are_reset(void **state)
{
	uint64_t took;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(run(be_ordinary, &took), 0);
}

#define USER 12345

static char folder[] = "/tmp/wnodes-overlay-XXXXXX";
static char file[64];

static int setup(void **state)
{
	int fd;

	(void)state;
	memcpy(folder + strlen(folder) - 6, "XXXXXX", 6);
	if (!mkdtemp(folder))
		return -1;
	(void)snprintf(file, sizeof(file), "%s/n-1.0.qcow2", folder);
	fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0 || ftruncate(fd, 8192) < 0 || (geteuid() == 0 && fchown(fd, USER, USER) < 0))
		return -1;
	return close(fd);
}

static int teardown(void **state)
{
	(void)state;
	(void)unlink(file);
	return rmdir(folder);
}

static void a_disk_is_emptied_and_removed(void **state)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	struct stat st;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(file_remove(file), 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, 0);
	assert_int_equal(st.st_nlink, 0);
	assert_int_equal(st.st_uid, 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	close(fd);
	assert_int_equal(file_remove(file), 0);
}

/* A child that holds a lease of the user's on the file, and ends after ms (never: 0): no fcntl frees one of root's
 * file. */
static pid_t hold_lease(unsigned int ms)
{
	int ready[2];
	char c = 0;
	pid_t child;

	assert_int_equal(pipe(ready), 0);
	child = fork();
	if (child == 0) {
		int fd = open(file, O_RDONLY | O_CLOEXEC);

		(void)signal(SIGIO, SIG_IGN);
		if (fd < 0 || setresuid(USER, USER, USER) < 0 || fcntl(fd, F_SETLEASE, F_RDLCK) < 0 ||
		    write(ready[1], &c, 1) != 1)
			_exit(1);
		while (ms == 0)
			pause();
		clock_nap(ms);
		_exit(0);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	return child;
}

/* First one that ends in time, then one that never does: the bound is the process's. */
static void leases_are_waited_for(void **state)
{
	static const unsigned int holds[] = {500, 0};

	if (geteuid() != 0)
		skip();
	for (size_t i = 0; i < sizeof(holds) / sizeof(holds[0]); i++) {
		int fd = open(file, O_RDONLY | O_CLOEXEC);
		pid_t child = hold_lease(holds[i]);
		uint64_t begin = clock_steady();
		struct stat st;

		assert_int_equal(file_remove(file), 0);
		assert_int_equal(access(file, F_OK), -1);
		assert_int_equal(fstat(fd, &st), 0);
		assert_int_equal(st.st_size, holds[i] ? 0 : 8192);
		assert_in_range(clock_steady() - begin, holds[i] ? 300 : 8000, holds[i] ? 3000 : 11000);
		(void)kill(child, holds[i] ? 0 : SIGKILL);
		assert_int_equal(waitpid(child, NULL, 0), child);
		close(fd);
		if (holds[i])
			assert_true(teardown(state) == 0 && setup(state) == 0);
	}
}

static void what_has_other_names_is_not_emptied(void **state)
{
	char other[80];
	struct stat st;

	(void)state;
	(void)snprintf(other, sizeof(other), "%s.other", file);
	assert_int_equal(link(file, other), 0);
	assert_int_equal(file_remove(file), 0);
	assert_int_equal(access(file, F_OK), -1);
	assert_int_equal(stat(other, &st), 0);
	assert_int_equal(st.st_size, 8192);
	assert_int_equal(st.st_uid, geteuid() == 0 ? USER : geteuid());
	assert_int_equal(unlink(other), 0);
	assert_int_equal(symlink("/etc/passwd", file), 0);
	assert_int_equal(file_remove(file), 0);
	assert_int_equal(lstat(file, &st), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_full_pipe_costs_a_second_once),
	        cmocka_unit_test(deadlines_hold_with_a_full_pipe),
	        cmocka_unit_test(priorities_are_reset),
	        cmocka_unit_test_setup_teardown(a_disk_is_emptied_and_removed, setup, teardown),
	        cmocka_unit_test_setup_teardown(leases_are_waited_for, setup, teardown),
	        cmocka_unit_test_setup_teardown(what_has_other_names_is_not_emptied, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
