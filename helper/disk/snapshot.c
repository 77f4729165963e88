/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * As an overlay, but that the monitor takes the file's name away before QEMU
 * starts, as KVM's -snapshot does: its space comes back with QEMU's end,
 * whatever that is, the node's loss of power included. A name is needed until
 * then, since the kernel binds no file without one (O_TMPFILE's) into a mount
 * namespace; it is in the journal for as long as it may be there.
 */
#include "helper/disk/file.h"
#include "helper/disk/qcow2.h"

static int snapshot_make(const struct disk_request *request, struct kv *machine, struct failure *why)
{
	return qcow2_make(request, disk_snapshot.kind, machine, why);
}

const struct disk_ops disk_snapshot = {.kind = "snapshot", .make = snapshot_make, .remove = file_remove};
