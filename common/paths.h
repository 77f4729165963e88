/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where things lie. The Makefile sets the four folders at compile time and
 * nothing overrides them at run time: the setuid helper reads no environment.
 */
#ifndef WNODES_COMMON_PATHS_H
#define WNODES_COMMON_PATHS_H

#ifndef WNODES_SYSCONFDIR
#error "WNODES_SYSCONFDIR, WNODES_LIBEXECDIR, WNODES_STATEDIR and WNODES_RUNDIR come from the Makefile"
#endif

#define WNODES_CONF WNODES_SYSCONFDIR "/wnodes.conf"
#define WNODES_IMAGES_D WNODES_SYSCONFDIR "/images.d"
#define WNODES_HELPER WNODES_LIBEXECDIR "/wnodes-helper"
#define WNODES_MONITOR WNODES_LIBEXECDIR "/wnodes-monitor"
#define WNODES_RELAY WNODES_LIBEXECDIR "/wnodes-relay"
#define WNODES_FETCH WNODES_LIBEXECDIR "/wnodes-fetch"
#define WNODES_RUN WNODES_LIBEXECDIR "/wnodes-run"
#define WNODES_JOBS WNODES_STATEDIR "/jobs" /* root's, 0700: NODE/JOB.RESTART/{record,journal,machine} */
/* WNODES_RUNDIR "/NODE/JOB": the job's run folder, root's; the job's user may enter and read */

#endif
