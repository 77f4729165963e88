/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "monitor/locks.h"

#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <stddef.h>

int locks_refuse(void)
{
	static const int commands[] = {F_OFD_GETLK, F_OFD_SETLK, F_OFD_SETLKW};
	scmp_filter_ctx context = seccomp_init(SCMP_ACT_ALLOW);
	int rc = 0;

	if (!context)
		return -ENOMEM;
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]) && rc == 0; i++)
		rc = seccomp_rule_add(context, SCMP_ACT_ERRNO(EINVAL), SCMP_SYS(fcntl), 1,
		                      SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffffU, (scmp_datum_t)commands[i]));
	if (rc == 0)
		rc = seccomp_load(context);
	seccomp_release(context);
	return rc;
}
