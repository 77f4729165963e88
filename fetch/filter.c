/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The system calls of each verb. */
#include "fetch/filter.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/exitcode.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))
#define WRITING (O_ACCMODE | O_CREAT | O_TRUNC)

/* What every verb does: memory for data, its lines, its time, its end. */
static const int of_all[] = {
        SCMP_SYS(read),         SCMP_SYS(write),          SCMP_SYS(close),           SCMP_SYS(fstat),
        SCMP_SYS(brk),          SCMP_SYS(munmap),         SCMP_SYS(mremap),          SCMP_SYS(madvise),
        SCMP_SYS(futex),        SCMP_SYS(clock_gettime),  SCMP_SYS(gettimeofday),    SCMP_SYS(getrandom),
        SCMP_SYS(rt_sigreturn), SCMP_SYS(rt_sigprocmask), SCMP_SYS(restart_syscall), SCMP_SYS(getpid),
        SCMP_SYS(gettid),       SCMP_SYS(exit),           SCMP_SYS(exit_group)};

static const int of_digest[] = {SCMP_SYS(fadvise64), SCMP_SYS(pread64)};

static const int of_inspect[] = {SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(wait4)};

static const int of_get[] = {
        /* the part, the notes */
        SCMP_SYS(pread64), SCMP_SYS(pwrite64), SCMP_SYS(ftruncate), SCMP_SYS(fdatasync), SCMP_SYS(sync_file_range),
        SCMP_SYS(lseek), SCMP_SYS(fadvise64),
        /* what is opened for reading: the resolver's configuration, certificates, a source of file */
        SCMP_SYS(newfstatat), SCMP_SYS(stat), SCMP_SYS(lstat), SCMP_SYS(statx), SCMP_SYS(access), SCMP_SYS(faccessat),
        SCMP_SYS(faccessat2), SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(getdents64), SCMP_SYS(fstatfs),
        SCMP_SYS(statfs),
        /* sockets of the families below */
        SCMP_SYS(connect), SCMP_SYS(bind), SCMP_SYS(sendto), SCMP_SYS(recvfrom), SCMP_SYS(sendmsg), SCMP_SYS(recvmsg),
        SCMP_SYS(sendmmsg), SCMP_SYS(recvmmsg), SCMP_SYS(readv), SCMP_SYS(writev), SCMP_SYS(shutdown),
        SCMP_SYS(getsockname), SCMP_SYS(getpeername), SCMP_SYS(setsockopt), SCMP_SYS(getsockopt), SCMP_SYS(poll),
        SCMP_SYS(ppoll), SCMP_SYS(select), SCMP_SYS(pselect6), SCMP_SYS(pipe), SCMP_SYS(pipe2), SCMP_SYS(eventfd2),
        SCMP_SYS(epoll_create1), SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait),
        /* the resolver's thread */
        SCMP_SYS(set_robust_list), SCMP_SYS(rseq), SCMP_SYS(rt_sigaction), SCMP_SYS(sigaltstack),
        SCMP_SYS(sched_getaffinity), SCMP_SYS(sched_yield), SCMP_SYS(nanosleep), SCMP_SYS(clock_nanosleep),
        /* who we are, which nobody minds */
        SCMP_SYS(uname), SCMP_SYS(getuid), SCMP_SYS(geteuid), SCMP_SYS(getgid), SCMP_SYS(getegid), SCMP_SYS(getppid),
        SCMP_SYS(sysinfo), SCMP_SYS(time), SCMP_SYS(clock_getres)};

/* What no program that looks at an image has to do. */
static const int not_of_program[] = {SCMP_SYS(socket),
                                     SCMP_SYS(connect),
                                     SCMP_SYS(bind),
                                     SCMP_SYS(listen),
                                     SCMP_SYS(execveat),
                                     SCMP_SYS(fork),
                                     SCMP_SYS(vfork),
                                     SCMP_SYS(ptrace),
                                     SCMP_SYS(process_vm_readv),
                                     SCMP_SYS(process_vm_writev),
                                     SCMP_SYS(unshare),
                                     SCMP_SYS(setns),
                                     SCMP_SYS(mount),
                                     SCMP_SYS(umount2),
                                     SCMP_SYS(pivot_root),
                                     SCMP_SYS(chroot),
                                     SCMP_SYS(bpf),
                                     SCMP_SYS(perf_event_open),
                                     SCMP_SYS(userfaultfd),
                                     SCMP_SYS(keyctl),
                                     SCMP_SYS(add_key),
                                     SCMP_SYS(request_key),
                                     SCMP_SYS(creat),
                                     SCMP_SYS(openat2),
                                     SCMP_SYS(open_by_handle_at),
                                     SCMP_SYS(truncate),
                                     SCMP_SYS(unlink),
                                     SCMP_SYS(unlinkat),
                                     SCMP_SYS(rename),
                                     SCMP_SYS(renameat),
                                     SCMP_SYS(renameat2),
                                     SCMP_SYS(link),
                                     SCMP_SYS(linkat),
                                     SCMP_SYS(symlink),
                                     SCMP_SYS(symlinkat),
                                     SCMP_SYS(mkdir),
                                     SCMP_SYS(mkdirat),
                                     SCMP_SYS(rmdir),
                                     SCMP_SYS(mknod),
                                     SCMP_SYS(mknodat),
                                     SCMP_SYS(chmod),
                                     SCMP_SYS(fchmod),
                                     SCMP_SYS(fchmodat),
                                     SCMP_SYS(chown),
                                     SCMP_SYS(fchown),
                                     SCMP_SYS(lchown),
                                     SCMP_SYS(fchownat),
                                     SCMP_SYS(setxattr),
                                     SCMP_SYS(lsetxattr),
                                     SCMP_SYS(fsetxattr),
                                     SCMP_SYS(shmget),
                                     SCMP_SYS(msgget),
                                     SCMP_SYS(semget),
                                     SCMP_SYS(kill),
                                     SCMP_SYS(tkill),
                                     SCMP_SYS(rt_sigqueueinfo),
                                     SCMP_SYS(rt_tgsigqueueinfo),
                                     SCMP_SYS(pidfd_open),
                                     SCMP_SYS(pidfd_getfd),
                                     SCMP_SYS(pidfd_send_signal),
                                     SCMP_SYS(io_uring_setup)};

static int allow_list(scmp_filter_ctx context, const int *list, size_t count)
{
	int rc = 0;

	for (size_t i = 0; i < count && rc == 0; i++)
		rc = seccomp_rule_add(context, SCMP_ACT_ALLOW, list[i], 0);
	return rc;
}

/* A call whose argument, masked, has that value. */
static int allow_masked(scmp_filter_ctx context, int call, unsigned int argument, uint64_t mask, uint64_t value)
{
	struct scmp_arg_cmp compare = SCMP_CMP(argument, SCMP_CMP_MASKED_EQ, mask, value);

	return seccomp_rule_add_array(context, SCMP_ACT_ALLOW, call, 1, &compare);
}

/* What every verb does, and signals to itself alone: other fetches are of the same user. */
static int allow_all_verbs(scmp_filter_ctx context)
{
	int rc = allow_list(context, of_all, COUNT(of_all));

	return rc == 0 ? allow_masked(context, SCMP_SYS(tgkill), 0, UINT32_MAX, (uint64_t)getpid()) : rc;
}

static int deny(scmp_filter_ctx context, int error, int call)
{
	return seccomp_rule_add(context, SCMP_ACT_ERRNO((uint32_t)error), call, 0);
}

static int load(scmp_filter_ctx context, int rc, struct fault *fault)
{
#ifdef __SANITIZE_ADDRESS__
	(void)context; /* the sanitizer's own calls are none of a verb's */
#else
	if (rc == 0)
		rc = seccomp_load(context);
#endif
	if (rc < 0)
		return fault_set(fault, EXIT_NODE, "cannot set the seccomp filter: %s", strerror(-rc));
	return 0;
}

int filter_digest(struct fault *fault)
{
	scmp_filter_ctx context = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int rc = context ? allow_all_verbs(context) : -ENOMEM;

	if (rc == 0)
		rc = allow_list(context, of_digest, COUNT(of_digest));
	if (rc == 0)
		rc = allow_masked(context, SCMP_SYS(mmap), 2, PROT_EXEC, 0);
	rc = load(context, rc, fault);
	seccomp_release(context);
	return rc;
}

int filter_inspect(pid_t child, struct fault *fault)
{
	scmp_filter_ctx context = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int rc = context ? allow_all_verbs(context) : -ENOMEM;

	if (rc == 0)
		rc = allow_list(context, of_inspect, COUNT(of_inspect));
	if (rc == 0)
		rc = allow_masked(context, SCMP_SYS(mmap), 2, PROT_EXEC, 0);
	if (rc == 0)
		rc = allow_masked(context, SCMP_SYS(kill), 0, UINT32_MAX, (uint64_t)child);
	rc = load(context, rc, fault);
	seccomp_release(context);
	return rc;
}

/* The resolver may load modules, a thread of libcurl's resolves: code from files, never memory to write to. */
static int allow_loading(scmp_filter_ctx context)
{
	static const uint64_t protections[] = {0, PROT_WRITE, PROT_EXEC};
	int rc = 0;

	for (size_t i = 0; i < COUNT(protections) && rc == 0; i++)
		rc = allow_masked(context, SCMP_SYS(mmap), 2, PROT_WRITE | PROT_EXEC, protections[i]);
	if (rc == 0)
		rc = allow_masked(context, SCMP_SYS(mprotect), 2, PROT_EXEC, 0);
	if (rc == 0)
		rc = allow_masked(context, SCMP_SYS(open), 1, WRITING, 0);
	if (rc == 0)
		rc = allow_masked(context, SCMP_SYS(openat), 2, WRITING, 0);
	if (rc == 0)
		rc = allow_masked(context, SCMP_SYS(clone), 0, CLONE_THREAD, CLONE_THREAD);
	/* its flags lie in memory, out of a filter's sight: the C library then takes clone(2) */
	if (rc == 0)
		rc = deny(context, ENOSYS, SCMP_SYS(clone3));
	return rc;
}

static int allow_network(scmp_filter_ctx context)
{
	static const uint64_t families[] = {AF_INET, AF_INET6, AF_UNIX, AF_NETLINK};
	static const uint64_t requests[] = {FIONREAD, FIONBIO};
	int rc = allow_masked(context, SCMP_SYS(socketpair), 0, UINT32_MAX, AF_UNIX);

	for (size_t i = 0; i < COUNT(families) && rc == 0; i++)
		rc = allow_masked(context, SCMP_SYS(socket), 0, UINT32_MAX, families[i]);
	for (size_t i = 0; i < COUNT(requests) && rc == 0; i++)
		rc = allow_masked(context, SCMP_SYS(ioctl), 1, UINT32_MAX, requests[i]);
	/* of ourselves, and without a new limit */
	if (rc == 0)
		rc = seccomp_rule_add(context, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 2, SCMP_A0(SCMP_CMP_EQ, 0),
		                      SCMP_A2(SCMP_CMP_EQ, 0));
	return rc;
}

/* Without those that have the kernel send a signal: F_SETOWN, F_SETSIG, F_NOTIFY. */
static int allow_fcntl(scmp_filter_ctx context)
{
	static const uint64_t commands[] = {F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL,
	                                    F_SETFL, F_GETLK,         F_SETLK, F_SETLKW};
	int rc = 0;

	for (size_t i = 0; i < COUNT(commands) && rc == 0; i++)
		rc = allow_masked(context, SCMP_SYS(fcntl), 1, UINT32_MAX, commands[i]);
	return rc;
}

int filter_get(struct fault *fault)
{
	/* what a module of the resolver may want besides, it is told not to have; none of it is fatal */
	scmp_filter_ctx context = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int rc = context ? allow_all_verbs(context) : -ENOMEM;

	if (rc == 0)
		rc = allow_list(context, of_get, COUNT(of_get));
	if (rc == 0)
		rc = allow_loading(context);
	if (rc == 0)
		rc = allow_fcntl(context);
	if (rc == 0)
		rc = allow_network(context);
	rc = load(context, rc, fault);
	seccomp_release(context);
	return rc;
}

/* Opened for reading alone, or not at all. */
static int deny_writing(scmp_filter_ctx context, int call, unsigned int argument)
{
	static const uint64_t flags[] = {O_WRONLY, O_RDWR, O_CREAT, O_TRUNC};
	int rc = 0;

	for (size_t i = 0; i < COUNT(flags) && rc == 0; i++) {
		struct scmp_arg_cmp compare = SCMP_CMP(argument, SCMP_CMP_MASKED_EQ, flags[i], flags[i]);

		rc = seccomp_rule_add_array(context, SCMP_ACT_ERRNO(EACCES), call, 1, &compare);
	}
	return rc;
}

int filter_program(const char *program)
{
	scmp_filter_ctx context = seccomp_init(SCMP_ACT_ALLOW);
	int rc = context ? 0 : -ENOMEM;

	for (size_t i = 0; i < COUNT(not_of_program) && rc == 0; i++)
		rc = deny(context, EPERM, not_of_program[i]);
	if (rc == 0)
		rc = deny_writing(context, SCMP_SYS(open), 1);
	if (rc == 0)
		rc = deny_writing(context, SCMP_SYS(openat), 2);
	if (rc == 0)
		rc = deny(context, ENOSYS, SCMP_SYS(clone3));
	if (rc == 0)
		rc = seccomp_rule_add(context, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(tgkill), 1,
		                      SCMP_A0(SCMP_CMP_NE, (scmp_datum_t)getpid()));
	/* threads, and no processes */
	if (rc == 0)
		rc = seccomp_rule_add(context, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
		                      SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));
	if (rc == 0)
		rc = seccomp_rule_add(context, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(execve), 1,
		                      SCMP_A0(SCMP_CMP_NE, (scmp_datum_t)(uintptr_t)program));
	if (rc == 0)
		rc = seccomp_load(context);
	seccomp_release(context);
	return rc;
}
