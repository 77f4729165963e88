/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A qcow2 overlay on the read-only base, which destroy removes. */
#include "helper/disk/file.h"
#include "helper/disk/qcow2.h"

static int overlay_make(const struct disk_request *request, struct kv *machine, struct failure *why)
{
	return qcow2_make(request, disk_overlay.kind, machine, why);
}

const struct disk_ops disk_overlay = {.kind = "overlay", .make = overlay_make, .remove = file_remove};
