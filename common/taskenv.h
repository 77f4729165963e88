/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Variables by which the plugin talks to wnodes-run; none of them reaches the guest. */
#ifndef WNODES_COMMON_TASKENV_H
#define WNODES_COMMON_TASKENV_H

#define TASKENV_PREFIX "WNODES_RUN_"
#define TASKENV_TTY TASKENV_PREFIX "TTY"             /* srun's stderr is a terminal */
#define TASKENV_MULTIPROG TASKENV_PREFIX "MULTIPROG" /* the text of --multi-prog may have wnodes-run in it */
#define TASKENV_CWD TASKENV_PREFIX "CWD"             /* the guest's folder for the task, where it is not the host's */
#define TASKENV_FILE TASKENV_PREFIX "FILE%u"         /* printf(3)'s: files of the task's streams: common/task_file.h */
#define TASKENV_PROGRAMS TASKENV_PREFIX "PROGRAMS"   /* what --multi-prog read in a guest */
#define TASKENV_ASIDE TASKENV_PREFIX "ENV_"          /* before the name of a variable that the host shall not obey */

/* `JOB NODE SHA256`: what a node of the job was booted from; srun hands SLURM_ on whatever --export says */
#define TASKENV_DIGEST "SLURM_" TASKENV_PREFIX "DIGEST"

#endif
