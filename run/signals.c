/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Signals go to the task; its death by one becomes ours. */
#include "run/run.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* Not ours to pass on: what cannot be caught, what is about this process itself, what glibc keeps. */
static bool is_forwarded(int number)
{
	static const int own[] = {SIGKILL, SIGSTOP, SIGCHLD, SIGPIPE, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS};

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (number == own[i])
			return false;
	return number < 32 || (number >= SIGRTMIN && number <= SIGRTMAX);
}

static void forwarded_set(sigset_t *set)
{
	(void)sigemptyset(set);
	for (int number = 1; number <= SIGRTMAX; number++)
		if (is_forwarded(number))
			(void)sigaddset(set, number);
}

void run_signals_default(void)
{
	sigset_t none;

	for (int number = 1; number <= SIGRTMAX; number++)
		if (is_forwarded(number))
			(void)signal(number, SIG_DFL);
	(void)signal(SIGCHLD, SIG_DFL);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static int on_signal(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct run *run = data;
	struct signalfd_siginfo info;
	uint8_t payload[4];

	(void)source;
	(void)events;
	while (read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		/* the guest makes a signal of its own of a new size */
		if (info.ssi_signo == SIGWINCH && run_terminal_resize(run))
			continue;
		wire_put_u32(payload, info.ssi_signo);
		if (run->phase == RUN_RUNNING && !run->ended)
			run_client_send(run, WIRE_SIGNAL, 0, payload, sizeof(payload));
	}
	return 0;
}

int run_signals_forward(struct run *run)
{
	sigset_t set;
	int fd, rc;

	forwarded_set(&set);
	fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	rc = sd_event_add_io(run->event, &run->signals, fd, EPOLLIN, on_signal, run);
	if (rc < 0) {
		close(fd);
		return rc;
	}
	(void)sd_event_source_set_io_fd_own(run->signals, true);
	(void)sd_event_source_set_priority(run->signals, SD_EVENT_PRIORITY_IMPORTANT);
	/* blocked last: a signal before this moment kills, one after it is the task's */
	return sigprocmask(SIG_BLOCK, &set, NULL) < 0 ? -errno : 0;
}

void run_signals_stop(struct run *run)
{
	sigset_t none;

	run->signals = sd_event_source_disable_unref(run->signals);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

void run_signals_die(int number)
{
	struct rlimit no_core = {0, 0};
	sigset_t only;

	if (number == SIGSTOP || number == SIGTSTP || number == SIGTTIN || number == SIGTTOU)
		return;
	/* the task's core is the guest's; this process has none worth keeping */
	(void)setrlimit(RLIMIT_CORE, &no_core);
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	(void)signal(number, SIG_DFL);
	(void)kill(getpid(), number);
	(void)sigemptyset(&only);
	(void)sigaddset(&only, number);
	(void)sigprocmask(SIG_UNBLOCK, &only, NULL);
}
