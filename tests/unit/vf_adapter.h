/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An adapter with four VFs, whose driver's attributes are kept here: on a
 * machine without one netlink has nothing to say. For a test that is linked
 * with --wrap for each function of vf_adapter.c.
 */
#ifndef WNODES_TESTS_UNIT_VF_ADAPTER_H
#define WNODES_TESTS_UNIT_VF_ADAPTER_H

#include "helper/network/vf_link.h"

struct adapter {
	struct vf_table table;
	int fail;                   /* of each write of attributes */
	void (*before_write)(void); /* once */
	unsigned int writes;
	int record; /* what opening a record results in; 0: the one in records */
	int records;
	int drain; /* what draining the node results in */
	unsigned int drains;
	char drained_for[512];
};

/* Shared with children. */
extern struct adapter *vf_adapter_shared;
#define vf_adapter (*vf_adapter_shared)

/* As new; returns the folder of leases, a new one. */
int vf_adapter_begin(void);
void vf_adapter_end(void);

#endif
