/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The seed: a second disk, from which cloud-init in an image without our agent
 * takes it (its datasource NoCloud). It knows nothing of the job.
 */
#ifndef WNODES_HELPER_SEED_H
#define WNODES_HELPER_SEED_H

#include "common/kv.h"
#include "helper/disk/disk.h"
#include "helper/failure.h"

/**
 * Make the seed of the machine that is described in machine (by its uuid and
 * networks), journalled first, root's and read-only, and add its line
 * `seed=PATH`. Where the image has the agent built in nothing happens.
 * Bounded. Returns 0 or a negative errno with why.
 */
int seed_make(const struct disk_request *request, struct kv *machine, struct failure *why);

/** Undo the journal's line `seed PATH`; 0, also where it is not there, or a negative errno. */
int seed_remove(const char *path);

/**
 * The seed's network-config into text[size]: the NICs of the description,
 * found by their MACs, are eth0, eth1 and so on, and nothing waits for them.
 * Returns 0, -ENAMETOOLONG, or -EINVAL where the description is broken.
 */
int seed_network_config(const struct kv *machine, char *text, size_t size);

#endif
