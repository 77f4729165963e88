/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/harden.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "common/exitcode.h"
#include "common/log.h"
#include "helper/fs.h"

#define EARLY_S 5              /* from the start of the process to harden_deadline() */
#define IOPRIO_PROCESS 1       /* IOPRIO_WHO_PROCESS: not in every libc's or kernel's headers */
#define TIMER_SLACK_NS 50000UL /* the kernel's default */
#define SAY_MS 1000            /* for whoever reads standard error */

static _Noreturn void harden_give_up(const char *text)
{
	(void)log_write(text, SAY_MS);
	_exit(EXIT_NODE);
}

/* Descriptors 0 to 2 are open, whatever they are; no other is. */
static void harden_descriptors(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == 0 ? O_RDONLY : O_RDWR) != fd)
			_exit(EXIT_NODE);
	if (syscall(SYS_close_range, 3U, ~0U, 0U) == 0)
		return;
	/* a kernel before 5.9: as many as the kernel allows at all */
	for (int fd = 3; fd < 65536; fd++)
		(void)close(fd);
}

/* All but what a fault of our own raises is ignored: no signal leaves work half done. */
static void harden_signals(void)
{
	static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS, SIGCHLD};
	struct itimerval never = {0};
	sigset_t none;

	for (int number = 1; number <= SIGRTMAX; number++)
		(void)signal(number, SIG_IGN);
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		(void)signal(faults[i], SIG_DFL);
	(void)setitimer(ITIMER_REAL, &never, NULL);
	(void)setitimer(ITIMER_VIRTUAL, &never, NULL);
	(void)setitimer(ITIMER_PROF, &never, NULL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

void harden_reset_signals(void)
{
	sigset_t none;

	for (int number = 1; number <= SIGRTMAX; number++)
		(void)signal(number, SIG_DFL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static void harden_limits(void)
{
	static const struct {
		int resource;
		rlim_t limit;
	} limits[] = {
	        {RLIMIT_CORE, 0},
	        {RLIMIT_FSIZE, RLIM_INFINITY},
	        {RLIMIT_AS, RLIM_INFINITY},
	        {RLIMIT_DATA, RLIM_INFINITY},
	        {RLIMIT_CPU, RLIM_INFINITY},
	        {RLIMIT_RSS, RLIM_INFINITY},
	        {RLIMIT_NPROC, RLIM_INFINITY},
	        {RLIMIT_LOCKS, RLIM_INFINITY},
	        {RLIMIT_STACK, 8 << 20},
	        {RLIMIT_NOFILE, 8192},
	        {RLIMIT_MEMLOCK, 8 << 20},
	        {RLIMIT_SIGPENDING, 4096},
	};

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		struct rlimit limit = {limits[i].limit, limits[i].limit}, was;

		/* what a virtiofsd raises its own to, where root may not exceed it */
		if (limits[i].resource == RLIMIT_NOFILE && getrlimit(RLIMIT_NOFILE, &was) == 0 &&
		    was.rlim_max > limit.rlim_max)
			limit.rlim_max = was.rlim_max;
		/* where root may not raise one, what needs it fails by itself */
		(void)setrlimit((__rlimit_resource_t)limits[i].resource, &limit);
	}
}

static void harden_early(int number)
{
	(void)number;
	_exit(EXIT_NODE);
}

/*
 * A handler does not run in a process that only a deadly signal wakes (a write
 * to a FUSE file of the caller's): a second after the alarm comes SIGKILL. The
 * timer is the process's alone: neither a child nor execve(2) inherits it. By
 * syscall(2), for a C library that has these calls elsewhere.
 */
static void harden_alarm(void (*handler)(int), unsigned int seconds)
{
	static int timer = -1;
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL};
	struct itimerspec when = {.it_value.tv_sec = (time_t)seconds + 1};

	(void)signal(SIGALRM, handler);
	(void)alarm(seconds);
	if (timer < 0 && syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &timer) < 0)
		timer = -1;
	if (timer >= 0)
		(void)syscall(SYS_timer_settime, timer, 0, &when, NULL);
}

/*
 * A caller who made himself slow makes neither us nor the machine so, nor the
 * keeper of a download that others wait for: with his timer slack each nap may
 * take as long as he likes. The CPUs are the cgroup's business.
 */
static void harden_schedule(void)
{
	static const struct sched_param other = {0};

	(void)sched_setscheduler(0, SCHED_OTHER, &other);
	(void)setpriority(PRIO_PROCESS, 0, 0);
	/* 0: of no class, as niceness has it */
	(void)syscall(SYS_ioprio_set, IOPRIO_PROCESS, 0, 0);
	(void)prctl(PR_SET_TIMERSLACK, TIMER_SLACK_NS, 0, 0, 0);
}

void harden(struct caller *caller)
{
	static const gid_t none[] = {0};

	caller->uid = getuid();
	caller->gid = getgid();
	if (geteuid() != 0)
		harden_give_up("wnodes-helper: this program is not installed setuid root\n");
	if (setresgid(0, 0, 0) < 0 || setgroups(1, none) < 0 || setresuid(0, 0, 0) < 0)
		harden_give_up("wnodes-helper: cannot become root\n");
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	harden_signals();
	if (clearenv() != 0)
		_exit(EXIT_NODE);
	harden_limits();
	/* what follows may have to wait for something of the caller's */
	harden_alarm(harden_early, EARLY_S);
	harden_schedule();
	harden_descriptors();
	(void)umask(077);
	if (chdir("/") < 0)
		_exit(EXIT_NODE);
	/* slurmd's children inherit -1000; QEMU must be killable before the node is */
	(void)fs_write(AT_FDCWD, "/proc/self/oom_score_adj", "0");
}

static const char *deadline_line;

static void deadline_passed(int number)
{
	(void)number;
	(void)log_write(deadline_line, 0);
	_exit(EXIT_NODE);
}

void harden_deadline(const char *line, unsigned int seconds)
{
	deadline_line = line;
	harden_alarm(deadline_passed, seconds);
}
