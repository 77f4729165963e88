/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/vf_adapter.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/exitcode.h"
#include "helper/controller.h"
#include "helper/fs.h"
#include "helper/network/network.h"
#include "helper/network/vf_lease.h"
#include "helper/state.h"

struct adapter *vf_adapter_shared;

/* helper/network/network.c lists them all */
const struct network_ops network_none = {.type = "none"}, network_user = {.type = "user"},
                         network_bridge = {.type = "bridge"}, network_macvtap = {.type = "macvtap"};

static char paths[2][40];
static int folder;

static int make_folder(char *path)
{
	(void)strcpy(path, "/tmp/wnodes-vf-XXXXXX");
	return mkdtemp(path) ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
}

int vf_adapter_begin(void)
{
	if (!vf_adapter_shared)
		vf_adapter_shared =
		        mmap(NULL, sizeof(vf_adapter), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	vf_adapter = (struct adapter){.table = {.pf_mac = UINT64_C(0x525400aa0001), .count = 4}, .record = -ENOENT};
	for (unsigned int i = 0; i < 4; i++) {
		vf_adapter.table.known[i] = true;
		vf_adapter.table.vfs[i] = (struct vf_attributes){
		        .mac = UINT64_C(0x525400770000) | i, .vlan_proto = VF_VLAN_PROTO, .spoofchk = 1};
	}
	folder = make_folder(paths[0]);
	vf_adapter.records = make_folder(paths[1]);
	return folder;
}

void vf_adapter_end(void)
{
	close(folder);
	close(vf_adapter.records);
	(void)fs_remove_folder(AT_FDCWD, paths[0]);
	(void)fs_remove_folder(AT_FDCWD, paths[1]);
}

int __wrap_vf_link_read(int ifindex, struct vf_table *table);
int __wrap_vf_link_write(int ifindex, unsigned int index, const struct vf_attributes *wanted, struct failure *why);
int __wrap_vf_link_addressed(struct vf_addressed *addressed);
int __wrap_lease_folder(const struct lease_kind *kind, bool create);
int __wrap_record_open(struct record *record, const struct record_id *id);
int __wrap_record_save(struct record *record);
int __wrap_state_mark(const struct record *record, const char *event);
int __wrap_controller_drain(const char *node, const char *reason, struct failure *why);

int __wrap_vf_link_read(int ifindex, struct vf_table *table)
{
	*table = vf_adapter.table;
	return ifindex > 0 ? 0 : -ENODEV;
}

int __wrap_vf_link_write(int ifindex, unsigned int index, const struct vf_attributes *wanted, struct failure *why)
{
	vf_adapter.writes++;
	if (vf_adapter.before_write)
		vf_adapter.before_write();
	vf_adapter.before_write = NULL;
	if (ifindex <= 0 || index >= VF_MAX || !vf_adapter.table.known[index])
		return -ENODEV;
	if (vf_adapter.fail < 0)
		return failure_set(why, EXIT_NODE, "VF %u's VLAN cannot be set: %s", index, strerror(-vf_adapter.fail));
	vf_adapter.table.vfs[index] = *wanted;
	return 0;
}

int __wrap_vf_link_addressed(struct vf_addressed *addressed)
{
	*addressed = (struct vf_addressed){0};
	return 0;
}

int __wrap_lease_folder(const struct lease_kind *kind, bool create)
{
	(void)kind;
	(void)create;
	return dup(folder);
}

int __wrap_record_open(struct record *record, const struct record_id *id)
{
	*record = (struct record){.id = *id, .dirfd = dup(vf_adapter.records), .lock = -1};
	if (vf_adapter.record < 0)
		record_close(record);
	return vf_adapter.record;
}

int __wrap_record_save(struct record *record)
{
	(void)record;
	return 0;
}

int __wrap_state_mark(const struct record *record, const char *event)
{
	(void)record;
	(void)event;
	return 0;
}

int __wrap_controller_drain(const char *node, const char *reason, struct failure *why)
{
	if (vf_adapter.drain < 0)
		return failure_set(why, EXIT_NODE, "node %s cannot be drained", node);
	vf_adapter.drains++;
	(void)snprintf(vf_adapter.drained_for, sizeof(vf_adapter.drained_for), "%s", reason);
	return 0;
}
