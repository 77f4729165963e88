/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/harden.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "common/exitcode.h"
#include "helper/fs.h"

static void harden_say(const char *text)
{
	if (write(STDERR_FILENO, text, strlen(text)) < 0) {
		/* nowhere to say it */
	}
}

static _Noreturn void harden_give_up(const char *text)
{
	harden_say(text);
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
		struct rlimit limit = {limits[i].limit, limits[i].limit};

		/* where root may not raise one, what needs it fails by itself */
		(void)setrlimit((__rlimit_resource_t)limits[i].resource, &limit);
	}
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
	harden_say(deadline_line);
	_exit(EXIT_NODE);
}

void harden_deadline(const char *line, unsigned int seconds)
{
	deadline_line = line;
	(void)signal(SIGALRM, deadline_passed);
	(void)alarm(seconds);
}
