/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Small files of the guest's /etc, read and replaced whole. */
#ifndef WNODES_GUEST_ETC_H
#define WNODES_GUEST_ETC_H

/**
 * The whole file as a string in *text, from malloc; "" where there is none.
 * Returns 0, -EFBIG, -EIO (a NUL in it), -ENOMEM, or open(2)'s error.
 */
int etc_read(const char *path, char **text);

/**
 * Replace path by a file with text that has the old one's owner, mode and
 * label: a reader sees the old one or the new one. Returns 0 or a negative errno.
 */
int etc_write(const char *path, const char *text);

/** Write text into path in place: it may be a link, or mounted over. Returns 0 or a negative errno. */
int etc_overwrite(const char *path, const char *text);

#endif
