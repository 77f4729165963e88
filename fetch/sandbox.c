/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fetch/sandbox.h"

#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/exitcode.h"
#include "fetch/filter.h"
#include "fetch/report.h"

#define MEMORY (UINT64_C(1) << 30) /* what a decoder may have, libcurl, and threads' stacks */
#define PROGRAM_CPU 20U            /* seconds */

static int refuse_privileges(struct fault *fault)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2] = {{0}};
	uid_t real, effective, saved;

	if (getresuid(&real, &effective, &saved) < 0 || real == 0 || effective == 0 || saved == 0)
		return fault_set(fault, EXIT_USAGE,
		                 "wnodes-fetch does not run as root: wnodes-helper executes it as the "
		                 "system user of the image cache");
	if (real != effective || real != saved)
		return fault_set(fault, EXIT_USAGE, "wnodes-fetch does not run with another user's rights");
	if (syscall(SYS_capget, &header, data) < 0 || data[0].effective || data[1].effective || data[0].permitted ||
	    data[1].permitted)
		return fault_set(fault, EXIT_USAGE, "wnodes-fetch does not run with capabilities");
	return 0;
}

static void close_range_or_each(unsigned int first, unsigned int last)
{
	if (first > last || syscall(SYS_close_range, first, last, 0U) == 0)
		return;
	/* a kernel before 5.9 */
	for (unsigned int fd = first; fd <= last && fd < 65536; fd++)
		(void)close((int)fd);
}

static void close_descriptors(const struct sandbox *sandbox)
{
	unsigned int low = ~0U, high = 0;

	for (size_t i = 0; i < SANDBOX_KEEP; i++) {
		if (sandbox->keep[i] < 0)
			continue;
		if ((unsigned int)sandbox->keep[i] < low)
			low = (unsigned int)sandbox->keep[i];
		if ((unsigned int)sandbox->keep[i] > high)
			high = (unsigned int)sandbox->keep[i];
	}
	if (low > 3)
		close_range_or_each(3, low - 1);
	if (high > low)
		close_range_or_each(low + 1, high - 1);
	close_range_or_each(high > 2 ? high + 1 : 3, ~0U);
}

static int limit(__rlimit_resource_t resource, uint64_t value)
{
	struct rlimit old, new = {value, value};

	if (getrlimit(resource, &old) < 0)
		return -errno;
	/* one that is lower already stays */
	if (new.rlim_max > old.rlim_max)
		new.rlim_cur = new.rlim_max = old.rlim_max;
	return setrlimit(resource, &new) < 0 ? -errno : 0;
}

static int set_limits(const struct sandbox *sandbox)
{
	int rc = limit(RLIMIT_CORE, 0);

	if (rc == 0)
		rc = limit(RLIMIT_FSIZE, sandbox->file_max);
	if (rc == 0)
		rc = limit(RLIMIT_NOFILE, 64);
#ifndef __SANITIZE_ADDRESS__ /* whose shadow memory is the largest part of the address space */
	if (rc == 0)
		rc = limit(RLIMIT_AS, MEMORY);
#endif
	return rc;
}

static void on_alarm(int number)
{
	(void)number;
	report_prepared();
	_exit(EXIT_NODE);
}

static void set_signals(const struct sandbox *sandbox)
{
	sigset_t none;

	for (int number = 1; number <= SIGRTMAX; number++)
		(void)signal(number, SIG_DFL);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN);
	(void)signal(SIGALRM, on_alarm);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)alarm(sandbox->seconds);
}

int sandbox_enter(const struct sandbox *sandbox, struct fault *fault)
{
	int rc = refuse_privileges(fault);

	if (rc < 0)
		return rc;
	/* one part has one writer: whoever began us holds its lock */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ||
	    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return fault_set(fault, EXIT_NODE, "cannot give up privileges: %s", strerror(errno));
	(void)clearenv();
	(void)umask(077);
	close_descriptors(sandbox);
	set_signals(sandbox);
	rc = set_limits(sandbox);
	return rc < 0 ? fault_set(fault, EXIT_NODE, "cannot set a resource limit: %s", strerror(-rc)) : 0;
}

int sandbox_program(const char *program)
{
	int rc = prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 ? -errno : 0;

	if (rc == 0)
		rc = limit(RLIMIT_CPU, PROGRAM_CPU);
	if (rc == 0)
		rc = limit(RLIMIT_FSIZE, 0);
	if (rc == 0)
		rc = filter_program(program);
	return rc;
}
