/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WNODES_GUEST_HOSTKEYS_H
#define WNODES_GUEST_HOSTKEYS_H

/**
 * Have the guest's SSH server use host keys that no other machine has: those
 * that came with the image, or with a machine that was saved and handed on,
 * are removed, and what is missing is made by ssh-keygen in the background;
 * sshd, where it runs, is told. Nothing where there is no server.
 * root: "" or the folder that stands in for /. uuid: the machine's, or NULL.
 */
void hostkeys_renew(const char *root, const char *uuid);

#endif
