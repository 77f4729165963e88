/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is left to a guest that breaks the relay: nothing but the descriptors it has. */
#include "run/relay.h"

#include <errno.h>
#include <linux/capability.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The loop's calls, by what makes them. */
static const int allowed[] = {
        /* descriptors that are open */
        SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(close), SCMP_SYS(recvmsg), SCMP_SYS(sendto), SCMP_SYS(accept4),
        SCMP_SYS(getsockopt), SCMP_SYS(fcntl),
        /* common/log.c */
        SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(pwritev2),
        /* sd-event */
        SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_pwait2), SCMP_SYS(epoll_ctl),
        SCMP_SYS(timerfd_create), SCMP_SYS(timerfd_settime), SCMP_SYS(clock_gettime), SCMP_SYS(getpid),
        SCMP_SYS(gettid), SCMP_SYS(fstat), SCMP_SYS(newfstatat),
        /* memory, and the ways out */
        SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(futex), SCMP_SYS(getrandom),
        SCMP_SYS(rt_sigreturn), SCMP_SYS(rt_sigprocmask), SCMP_SYS(restart_syscall), SCMP_SYS(tgkill), SCMP_SYS(exit),
        SCMP_SYS(exit_group)};

static int filter_install(void)
{
	scmp_filter_ctx context = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int rc = 0;

	if (!context)
		return -ENOMEM;
	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]) && rc == 0; i++)
		rc = seccomp_rule_add(context, SCMP_ACT_ALLOW, allowed[i], 0);
	/* memory for data, never for code */
	if (rc == 0)
		rc = seccomp_rule_add(context, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
		                      SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (rc == 0)
		rc = seccomp_load(context);
	seccomp_release(context);
	return rc;
}

static int check_privileges(uint32_t uid, const char **why)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2] = {{0}};
	uid_t real, effective, saved;

	*why = "it does not run as the job's user";
	if (uid == 0 || getresuid(&real, &effective, &saved) < 0 || real != uid || effective != uid || saved != uid)
		return -EPERM;
	*why = "it has capabilities";
	if (syscall(SYS_capget, &header, data) < 0 || data[0].effective || data[1].effective || data[0].permitted ||
	    data[1].permitted)
		return -EPERM;
	return 0;
}

int relay_confine(uint32_t uid, const char **why)
{
	int rc = check_privileges(uid, why);

	if (rc < 0)
		return rc;
	*why = "cannot give up privileges";
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return -errno;
#ifdef __SANITIZE_ADDRESS__
	return 0; /* the sanitizer's own calls are not a relay's */
#endif
	*why = "cannot set the seccomp filter";
	return filter_install();
}
