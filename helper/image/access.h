/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who may use an image: the keys users, groups, accounts and partitions of its entry. helper/policy.h obeys them. */
#ifndef WNODES_HELPER_IMAGE_ACCESS_H
#define WNODES_HELPER_IMAGE_ACCESS_H

#include <stdbool.h>

#include "helper/image/catalogue.h"
#include "helper/ini_file.h"

/** Whether key is one of them. */
bool image_access_has(const char *key);

/** Take such a key's list into image; NULL, or what is wrong with it. */
const char *image_access_take(struct image *image, struct ini_file *file, const char *key, const char *value);

#endif
