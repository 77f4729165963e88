/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fio looks after its jobs every tenth of a second, several times for each: with patterns that take less, most of the
 * time. */
#define _GNU_SOURCE
#include <time.h>
#include <unistd.h>

#define NAP_US 10000

int usleep(useconds_t us)
{
	const struct timespec nap = {0, (us < NAP_US ? us : NAP_US) * 1000L};

	return nanosleep(&nap, NULL);
}
