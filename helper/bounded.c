/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/bounded.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/str.h"
#include "helper/cgroup.h"
#include "helper/fs.h"
#include "helper/harden.h"

#define KILLED_MS 200U /* for a child that a signal does reach */
#define DESCRIPTORS 8192
#define TRIES 3 /* somebody kills the child alone: an administrator, or the kernel for want of memory */

static bool bounded_within; /* this process is such a child */

/* A child that never ends holds no lock of ours. */
static _Noreturn void bounded_child(bounded_work *work, const void *context, pid_t parent)
{
	int rc;

	/* what a killed helper was at is another's soon */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		_exit(EIO);
	if (syscall(SYS_close_range, 0U, ~0U, 0U) < 0)
		for (int fd = 0; fd < DESCRIPTORS; fd++)
			(void)close(fd);
	harden_reset_signals();
	bounded_within = true;
	rc = work(context);
	_exit(rc < 0 && rc > -255 ? -rc : rc < 0 ? EIO : 0);
}

/* Whether the child has ended within ms; kernels before 5.3 do not wake us for it. */
static int bounded_wait(pid_t pid, int *status, unsigned int ms)
{
	uint64_t deadline = clock_steady() + ms, now;
	struct pollfd wait = {.fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN};
	pid_t ended;

	while ((ended = waitpid(pid, status, WNOHANG)) == 0 && (now = clock_steady()) < deadline) {
		if (wait.fd >= 0)
			(void)poll(&wait, 1, (int)(deadline - now));
		else
			clock_nap(1);
	}
	if (wait.fd >= 0)
		close(wait.fd);
	return ended == pid;
}

/* Whether a child did it, or was ended, by the deadline; status is what became of it. */
static int run_once(bounded_work *work, const void *context, uint64_t deadline, int *status)
{
	uint64_t now = clock_steady();
	pid_t parent = getpid(), pid = fork();

	if (pid == 0)
		bounded_child(work, context, parent);
	if (pid < 0)
		return -errno;
	if (bounded_wait(pid, status, deadline > now ? (unsigned int)(deadline - now) : 0))
		return 0;
	(void)kill(pid, SIGKILL);
	if (!bounded_wait(pid, status, KILLED_MS))
		(void)cgroup_leave_child(pid);
	return -ETIMEDOUT;
}

int bounded_run(bounded_work *work, const void *context, unsigned int ms)
{
	uint64_t deadline = clock_steady() + ms;
	int status = 0, rc = 0;

	if (bounded_within)
		return work(context);
	for (int tries = 0; tries < TRIES; tries++) {
		rc = run_once(work, context, deadline, &status);
		if (rc < 0 || WIFEXITED(status))
			break;
	}
	if (rc < 0)
		return rc;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
}

struct task {
	bounded_call *work;
	void *context;
};

static int do_task(const void *context)
{
	const struct task *task = context;

	return task->work(task->context);
}

int bounded_do(bounded_call *work, void *context, size_t size, unsigned int ms)
{
	struct task task = {.work = work};
	void *shared;
	int rc;

	if (bounded_within)
		return work(context);
	shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	task.context = shared;
	if (shared == MAP_FAILED)
		return -errno;
	memcpy(shared, context, size);
	rc = bounded_run(do_task, &task, ms);
	memcpy(context, shared, size);
	(void)munmap(shared, size);
	return rc;
}

struct line {
	const char *path, *text;
};

static int write_line(const void *context)
{
	const struct line *line = context;

	return fs_write(AT_FDCWD, line->path, line->text);
}

int bounded_write(const char *path, const char *text, unsigned int ms)
{
	const struct line line = {path, text};

	return bounded_run(write_line, &line, ms);
}

#define ANSWER_MAX 4096U

struct answer {
	const char *path;
	char text[ANSWER_MAX];
};

static int read_text(void *context)
{
	struct answer *answer = context;
	ssize_t length = fs_read(AT_FDCWD, answer->path, answer->text, sizeof(answer->text));

	return length < 0 ? (int)length : 0;
}

int bounded_read(const char *path, char *buffer, size_t size, unsigned int ms)
{
	struct answer answer = {.path = path};
	int rc = bounded_do(read_text, &answer, sizeof(answer), ms);

	return rc == 0 ? str_print(buffer, size, "%s", answer.text) : rc;
}
