/* SPDX-License-Identifier: GPL-2.0-or-later */
/* links: helper/cgroup_leave.o */
/* links: helper/cgroup.o helper/cgroup_kill.o helper/cgroup_hunt.o helper/cgroup_path.o helper/journal.o helper/fs.o */
/* links: helper/failure.o common/kv.o common/range.o common/str.o */
/* On the machine's own cgroups, v1 or v2; skipped where root may make none. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "helper/cgroup.h"
#include "helper/fs.h"

#define JOB 123456

static struct record record;
static char folder[] = "/tmp/wnodes-cgroup-XXXXXX";
static char base[128], argument[256];

/* A job_N as Slurm makes it: PATH/wnodes-test-PID/[uid_0/]job_N. */
static bool make_job(const char *hierarchy, const char *name)
{
	char path[200], key[32];

	(void)snprintf(base, sizeof(base), "%s/wnodes-test-%d", hierarchy, (int)getpid());
	if (geteuid() != 0 || mkdir(base, 0755) < 0)
		return false;
	(void)snprintf(path, sizeof(path), "%s/uid_0", base);
	assert_int_equal(mkdir(path, 0755), 0);
	(void)snprintf(path, sizeof(path), "%s/uid_0/job_%d", base, JOB);
	assert_int_equal(mkdir(path, 0755), 0);
	(void)snprintf(argument, sizeof(argument), "%s %s/vm", name, path);
	memcpy(folder + strlen(folder) - 6, "XXXXXX", 6);
	assert_non_null(mkdtemp(folder));
	record = (struct record){.id = {.job = JOB}, .lock = -1};
	(void)snprintf(record.id.node, sizeof(record.id.node), "test-%d", (int)getpid());
	record.dirfd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	(void)snprintf(key, sizeof(key), "cgroup.%s", name);
	assert_int_equal(kv_set(&record.kv, key, path), 0);
	return true;
}

static void remove_job(void)
{
	char path[200];

	(void)snprintf(path, sizeof(path), "%s/uid_0/job_%d", base, JOB);
	(void)rmdir(path);
	(void)snprintf(path, sizeof(path), "%s/uid_0", base);
	(void)rmdir(path);
	assert_int_equal(rmdir(base), 0);
	kv_free(&record.kv);
	close(record.dirfd);
	assert_int_equal(fs_remove_folder(AT_FDCWD, folder), 0);
}

/* A process in job_N/vm with one child, both asleep. */
static pid_t enter(void)
{
	int ready[2];
	char c;
	pid_t child;

	assert_int_equal(pipe(ready), 0);
	child = fork();
	if (child == 0) {
		struct failure why = {0};

		if (cgroup_enter(&record, &why) < 0) {
			dprintf(2, "%s\n", why.message);
			_exit(1);
		}
		if (fork() == 0)
			pause();
		if (write(ready[1], "", 1) == 1)
			pause();
		_exit(1);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	return child;
}

static int find(void *context, const char *name, const char *path, const char *node, uint32_t job)
{
	char found[512];

	if (strcmp(node, record.id.node) != 0)
		return 0;
	(void)snprintf(found, sizeof(found), "%s %s", name, path);
	assert_string_equal(found, argument);
	assert_int_equal(job, JOB);
	++*(int *)context;
	return 0;
}

static void life_and_death(const char *hierarchy, const char *name)
{
	struct cgroup_set set = {0};
	int found = 0;
	int status;
	pid_t child;

	if (!make_job(hierarchy, name))
		skip();
	child = enter();
	assert_int_equal(cgroup_hunt(find, &found), 0);
	assert_int_equal(found, 1);
	assert_int_equal(cgroup_set_add(&set, strchr(argument, ' ') + 1), 0);
	assert_int_equal(cgroup_set_add(&set, strchr(argument, ' ') + 1), 0);
	assert_int_equal(set.count, 1);
	/* the top of the tree is spared at first */
	assert_int_equal(cgroup_kill(&set, true), 2);
	for (unsigned int i = 0; i < 500 && cgroup_kill(&set, true) != 1; i++)
		usleep(10000);
	assert_int_equal(waitpid(child, &status, WNOHANG), 0);
	assert_int_equal(cgroup_kill(&set, true), 1);
	(void)cgroup_kill(&set, false);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	assert_int_equal(cgroup_remove(argument), 0);
	assert_int_equal(cgroup_remove(argument), 0);
	assert_int_equal(cgroup_kill(&set, false), 0);
	cgroup_set_free(&set);
	remove_job();
}

/* Version 2 lists a process no more whose last thread is still ending. */
static void one_that_is_ending_counts(void **state)
{
	char path[] = "/tmp/wnodes-cgroup-XXXXXX", file[64];
	struct cgroup_set set = {0};

	(void)state;
	assert_non_null(mkdtemp(path));
	(void)snprintf(file, sizeof(file), "%s/cgroup.procs", path);
	close(open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	(void)snprintf(file, sizeof(file), "%s/cgroup.events", path);
	close(open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	assert_int_equal(cgroup_set_add(&set, path), 0);
	assert_int_equal(cgroup_kill(&set, false), 0);
	assert_int_equal(fs_write(AT_FDCWD, file, "populated 1\nfrozen 0\n"), 0);
	assert_int_equal(cgroup_kill(&set, false), 1);
	assert_int_equal(fs_write(AT_FDCWD, file, "populated 0\nfrozen 0\n"), 0);
	assert_int_equal(cgroup_kill(&set, false), 0);
	cgroup_set_free(&set);
	assert_int_equal(fs_remove_folder(AT_FDCWD, path), 0);
}

static void version_1(void **state)
{
	(void)state;
	life_and_death("/sys/fs/cgroup/memory", "memory");
}

/* Slurm gives its folders CPUs; where nobody did, entering is refused, and nothing is left. */
static void version_1_cpuset(void **state)
{
	struct failure why = {0};
	int status;

	(void)state;
	if (access("/sys/fs/cgroup/cpuset/cpuset.cpus", F_OK) < 0 || !make_job("/sys/fs/cgroup/cpuset", "cpuset"))
		skip();
	if (fork() == 0)
		_exit(cgroup_enter(&record, &why) < 0 && strstr(why.message, "/vm: ") ? 0 : 1);
	assert_true(wait(&status) > 0);
	assert_int_equal(status, 0);
	assert_int_equal(cgroup_remove(argument), 0);
	remove_job();
}

static void version_2(void **state)
{
	(void)state;
	life_and_death(access("/sys/fs/cgroup/cgroup.procs", F_OK) == 0 ? "/sys/fs/cgroup" : "/sys/fs/cgroup/unified",
	               "unified");
}

static void one_that_is_not_roots_is_refused(void **state)
{
	struct failure why = {0};
	const char *path;
	int status;

	(void)state;
	if (!make_job("/sys/fs/cgroup/memory", "memory"))
		skip();
	path = strchr(argument, ' ') + 1;
	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(chown(path, 12345, 12345), 0);
	if (fork() == 0)
		_exit(cgroup_enter(&record, &why) < 0 ? 0 : 1);
	assert_true(wait(&status) > 0);
	assert_int_equal(status, 0);
	assert_int_equal(cgroup_remove(argument), 0);
	remove_job();
}

/* A path of a user's session, below one of ours, and whether a process leaves it. */
static void leave(const char *hierarchy)
{
	static const char *const parts[] = {"", "/user.slice", "/user.slice/session-1.scope"};
	char path[256], text[4096];
	int status, fd;

	for (size_t i = 0; i < 3; i++) {
		(void)snprintf(path, sizeof(path), "%s/wnodes-test-%d%s", hierarchy, (int)getpid(), parts[i]);
		if (geteuid() != 0 || mkdir(path, 0755) < 0)
			skip();
	}
	if (fork() == 0) {
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fs_write(fd, "cgroup.procs", "0") < 0)
			_exit(1);
		if (fs_read(AT_FDCWD, "/proc/self/cgroup", text, sizeof(text)) < 0 || !strstr(text, "/wnodes-test-"))
			_exit(2);
		if (cgroup_leave_jobs() < 0)
			_exit(3);
		if (fs_read(AT_FDCWD, "/proc/self/cgroup", text, sizeof(text)) < 0 || strstr(text, "/wnodes-test-"))
			_exit(4);
		_exit(0);
	}
	assert_true(wait(&status) > 0);
	for (size_t i = 3; i-- > 0;) {
		(void)snprintf(path, sizeof(path), "%s/wnodes-test-%d%s", hierarchy, (int)getpid(), parts[i]);
		assert_int_equal(rmdir(path), 0);
	}
	assert_int_equal(status, 0);
}

static void a_session_is_left(void **state)
{
	(void)state;
	leave(access("/sys/fs/cgroup/cgroup.procs", F_OK) == 0 ? "/sys/fs/cgroup" : "/sys/fs/cgroup/freezer");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(version_1),         cmocka_unit_test(version_1_cpuset),
	        cmocka_unit_test(version_2),         cmocka_unit_test(one_that_is_not_roots_is_refused),
	        cmocka_unit_test(a_session_is_left), cmocka_unit_test(one_that_is_ending_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
