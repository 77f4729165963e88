/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The agent's program under the name of one of Slurm's commands: hands it to the host through the agent. */
#ifndef WNODES_GUEST_CLIENT_H
#define WNODES_GUEST_CLIENT_H

#include <stdbool.h>

/** Whether name (of argv[0], without a folder) is a command of Slurm's. */
bool client_is(const char *name);

/** Have the command executed; returns its exit code, or dies of its signal. */
int client_run(int argc, char **argv);

#endif
