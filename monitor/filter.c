/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "monitor/filter.h"

#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/stat.h>

#ifndef __NR_openat2
#define __NR_openat2 437
#endif
#ifndef __NR_fchmodat2
#define __NR_fchmodat2 452
#endif

static int refuse_locks(scmp_filter_ctx context)
{
	static const int commands[] = {F_OFD_GETLK, F_OFD_SETLK, F_OFD_SETLKW};
	int rc = 0;

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]) && rc == 0; i++)
		rc = seccomp_rule_add(context, SCMP_ACT_ERRNO(EINVAL), SCMP_SYS(fcntl), 1,
		                      SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffffU, (scmp_datum_t)commands[i]));
	return rc;
}

static int refuse_set_uid(scmp_filter_ctx context)
{
	/* flags: the argument that must have O_CREAT for the mode to be one; 0: it always is */
	static const struct {
		int number;
		unsigned int mode, flags;
	} calls[] = {{SCMP_SYS(chmod), 1, 0}, {SCMP_SYS(fchmod), 1, 0}, {SCMP_SYS(fchmodat), 2, 0},
	             {__NR_fchmodat2, 2, 0},  {SCMP_SYS(mknod), 1, 0},  {SCMP_SYS(mknodat), 2, 0},
	             {SCMP_SYS(creat), 1, 0}, {SCMP_SYS(open), 2, 1},   {SCMP_SYS(openat), 3, 2}};
	/* its mode lies in memory, out of a filter's sight; virtiofsd then takes openat */
	int rc = seccomp_rule_add(context, SCMP_ACT_ERRNO(ENOSYS), __NR_openat2, 0);

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]) && rc == 0; i++) {
		const struct scmp_arg_cmp conditions[] = {
		        SCMP_CMP(calls[i].mode, SCMP_CMP_MASKED_EQ, S_ISUID, S_ISUID),
		        SCMP_CMP(calls[i].flags, SCMP_CMP_MASKED_EQ, O_CREAT, O_CREAT)};

		rc = seccomp_rule_add_array(context, SCMP_ACT_ERRNO(EPERM), calls[i].number, calls[i].flags ? 2 : 1,
		                            conditions);
	}
	return rc;
}

int filter_load(void)
{
	scmp_filter_ctx context = seccomp_init(SCMP_ACT_ALLOW);
	int rc;

	if (!context)
		return -ENOMEM;
	rc = refuse_locks(context);
	if (rc == 0)
		rc = refuse_set_uid(context);
	if (rc == 0)
		rc = seccomp_load(context);
	seccomp_release(context);
	return rc;
}
