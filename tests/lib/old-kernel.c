/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * old-kernel PROGRAM [ARGUMENT…]: executes it with the system calls of Linux
 * 2.6.32 on x86_64 (EL6): what came later fails with ENOSYS, options of prctl(2)
 * with EINVAL. Its children have no others either. Needs CAP_SYS_ADMIN.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LAST_CALL 298   /* perf_event_open, of 2.6.31; the next is recvmmsg, of 2.6.33 */
#define LAST_OPTION 34U /* PR_MCE_KILL_GET */

#define FIELD(name) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, name))
#define FAIL(error) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (error))

int main(int argc, char **argv)
{
	struct sock_filter filter[] = {
	        FIELD(arch),    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, 2),
	        FIELD(nr),      BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, LAST_CALL, 0, 1),
	        FAIL(ENOSYS),   BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_prctl, 0, 3),
	        FIELD(args[0]), BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, LAST_OPTION, 0, 1),
	        FAIL(EINVAL),   BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = sizeof(filter) / sizeof(filter[0]), .filter = filter};

	if (argc < 2) {
		fprintf(stderr, "usage: old-kernel PROGRAM [ARGUMENT...]\n");
		return 64;
	}
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0) {
		fprintf(stderr, "old-kernel: the filter cannot be set: %s\n", strerror(errno));
		return 1;
	}
	execv(argv[1], argv + 1);
	fprintf(stderr, "old-kernel: %s: %s\n", argv[1], strerror(errno));
	return 127;
}
