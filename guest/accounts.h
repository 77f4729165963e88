/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The job's user and groups in the guest's passwd and group files.
 *
 * The aim is that `id` says in the guest what it says on the host. All
 * libraries take the first line that fits, by number as by name. So:
 * - a number and a name that the guest does not know: a line is appended;
 * - the same pair is known already: nothing is changed (but that the user
 *   becomes a member of the group);
 * - the guest knows the number under another name, or the name with another
 *   number: a line is put in front, so that the host's pair wins both ways
 *   and the guest's own line still serves the other half of it;
 * - the name is that of the guest's number 0: it is never taken over: the
 *   user becomes uNUMBER, a group gNUMBER;
 * - a group without a name is known by the guest's name, else as gNUMBER.
 */
#ifndef WNODES_GUEST_ACCOUNTS_H
#define WNODES_GUEST_ACCOUNTS_H

#include <stddef.h>

#include "guest/job.h"

/**
 * The text of a passwd file, old (a string), with the job's user in it.
 * *text becomes the new text (free it), or NULL where old is right as it is.
 * user[size] gets the name under which the user is known. Returns 0 or
 * -ENOMEM.
 */
int accounts_passwd(const char *old, const struct job *job, char **text, char *user, size_t size);

/** As above for a group file, the user `user` a member of each of the job's groups. */
int accounts_group(const char *old, const struct job *job, const char *user, char **text);

/** Do both with the files passwd and group in the folder etc; failures are logged. */
void accounts_apply(const struct job *job, const char *etc);

#endif
