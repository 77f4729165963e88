/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a command means in the guest before it is sent: files that srun's
 * options name, the environment it is to export, the program it executes and
 * the script that sbatch reads are the guest's.
 */
#ifndef WNODES_GUEST_REQUEST_H
#define WNODES_GUEST_REQUEST_H

#include "common/queue.h"
#include "common/terminal.h"

#define REQUEST_WHY_MAX 512

/**
 * Put the command's spec into *spec (queue_free() it), and open what its
 * options name as descriptors 0 to 2. *terminal, which is zero, becomes the
 * one that the command is to have; .streams stays 0 where it has none. Returns
 * 0, or an exit code with one line in why.
 */
int request_build(int argc, char **argv, struct queue *spec, struct terminal *terminal, char why[REQUEST_WHY_MAX]);

#endif
