/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The leases of all kinds of hardware. */
#ifndef WNODES_HELPER_LEASES_H
#define WNODES_HELPER_LEASES_H

#include <stdbool.h>

#include "helper/lease.h"

/** lease_reconcile() of each kind, within ms in all. Returns 0 or the first negative errno. */
int leases_reconcile(bool retry, unsigned int ms);

/* One lease, by what people call its hardware; lease is NULL where its file cannot be read. */
typedef void leases_call(void *context, const char *title, const struct lease *lease);

/** Call for each lease of each kind. Returns 0 or the first negative errno. */
int leases_each(leases_call *call, void *context);

#endif
