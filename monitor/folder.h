/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Folders of root's below cache_dir, and the stamp in each that says what its content was made from. */
#ifndef WNODES_MONITOR_FOLDER_H
#define WNODES_MONITOR_FOLDER_H

#include <limits.h>
#include <stdbool.h>

#define FOLDER_STAMP "stamp"
#define FOLDER_STAMP_MAX (PATH_MAX + 512)

/** mkdir -p, for root alone. Returns 0 or a negative errno. */
int folder_make(const char *path);

/** Whether folder's stamp is text, which is shorter than FOLDER_STAMP_MAX. */
bool folder_stamp_holds(int folder, const char *text);

/** Make text folder's stamp. Returns 0 or a negative errno. */
int folder_stamp_write(int folder, const char *text);

#endif
