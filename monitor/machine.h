/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The machine description: what the helper decided, as a flat root-owned
 * file, checked and typed. Every text in it is printable UTF-8, so that it
 * may go into XML, an argument or a log line as it is.
 */
#ifndef WNODES_MONITOR_MACHINE_H
#define WNODES_MONITOR_MACHINE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/kv.h"
#include "common/mounts.h"
#include "monitor/machine_device.h"
#include "monitor/machine_network.h"

#define MACHINE_WHY_MAX 256U
#define MACHINE_CMDLINE_MAX 2047U /* bytes; what Linux on x86_64 takes */

#define MACHINE_CELLS_MAX 64U
#define MACHINE_STEP_SECONDS 120U

/* vCPUs, which follow each other, and memory of the guest on a NUMA node of the host. */
struct machine_cell {
	unsigned int node, first, vcpus;
	uint64_t memory_mib;
};

/* The texts point into kv; machine_free() when done. */
struct machine {
	struct kv kv;
	const char *job, *restart, *node;
	const char *name, *uuid, *image; /* the image's name in the catalogue, or its user's own file */
	uid_t uid;
	gid_t gid;
	const char *user, *home, *shell, *groups;
	const char *hostname; /* NULL: the guest keeps its own */
	gid_t *group_ids;     /* the primary group first; at most NGROUPS_MAX */
	size_t group_count;
	bool kvm;
	const char *emulator, *machine;
	bool transitional; /* virtio devices that drivers before virtio 1.0 know, too */
	unsigned int vcpus;
	unsigned int *cpus; /* the host's CPU of each vCPU; NULL: they are not pinned */
	unsigned int sockets, cores, threads;
	bool topoext; /* AMD's CPUs tell their threads only where it is asked for */
	struct machine_cell cells[MACHINE_CELLS_MAX];
	unsigned int cell_count; /* 0: the guest has no NUMA */
	bool numa_strict;        /* a cell's memory comes from its node or not at all */
	uint64_t memory_mib, tb_cache_mib;
	uint64_t hugepage_kib; /* 0: ordinary pages */
	bool memory_prealloc, free_page_reporting;
	bool console_virtio;                                                       /* hvc0; else a UART, ttyS0 */
	const char *disk_path, *disk_format, *disk_cache, *disk_io, *disk_discard; /* QEMU's words */
	bool disk_unnamed;                        /* the file is to have no name once it is in the namespace */
	bool disk_block;                          /* a block device; else a file */
	dev_t disk_device;                        /* its number */
	bool disk_iothread;                       /* it has a thread of its own in QEMU */
	const char *disk_base, *disk_base_format; /* NULL: the disk is whole */
	bool disk_base_own;                    /* the base is a file of the job's user, to be found with his rights */
	const char *kernel, *initrd, *cmdline; /* NULL: boot from the disk */
	const char *seed;                      /* a second disk, read-only: an ISO 9660; NULL: none */
	struct machine_network networks[NETWORKS_MAX];
	unsigned int network_count;
	const char *passt; /* the program that serves networks which say so; NULL: none does */
	struct machine_devices devices;
	const char *console;       /* NULL: none */
	const char *commands;      /* of Slurm that work in the guest; NULL: none */
	unsigned int boot_timeout; /* seconds */
	const char *run_dir, *cache_dir, *lock;
	const char *cgroup;        /* folder whose cgroup.procs are the machine's processes */
	const char *cgroup_memory; /* folder with the memory controller's counters; NULL: unknown */
	bool cgroup_unified;       /* both are of cgroup v2 */
	const char *virtiofsd;     /* which serves the host directories; NULL: QEMU does, over 9p */
	struct mounts mounts;      /* host directories, in the order in which to mount them */
	const char *freezer;       /* file that tells whether the extern step is frozen; NULL: unknown */
};

/**
 * Read and check the description in the file at path. Returns 0; -EINVAL
 * with the reason in why[MACHINE_WHY_MAX]; or kv_load()'s errors, likewise.
 */
int machine_load(struct machine *machine, const char *path, char *why);

/** The same from machine->kv, which the caller has filled. */
int machine_check(struct machine *machine, char *why);

/**
 * Seconds from one step of its making to the next, at most. QEMU touches all
 * memory of a machine with a VFIO device, or one whose memory is taken
 * beforehand, before it answers: one more for each GiB, as libvirt has it, too.
 */
unsigned int machine_step_seconds(const struct machine *machine);

void machine_free(struct machine *machine);

#endif
