/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the plugin itself reads of the site's configuration: as little as it
 * can do with, and nothing that is believed. The helper reads it properly.
 */
#ifndef WNODES_PLUGIN_SITE_H
#define WNODES_PLUGIN_SITE_H

#include <stdbool.h>

#define SITE_DIGEST_SIZE 65U

/** Whether wnodes.conf has a [partition NAME]; where name is NULL, of any partition. No file has none. */
bool site_has_partition(const char *name);

/**
 * The sha256 that this host's catalogue has for an image, an alias followed
 * once, into digest[SITE_DIGEST_SIZE]. False where there is no catalogue, no
 * such image or no sha256.
 */
bool site_digest(const char *image, char *digest);

/** As site_has_partition() and site_digest(), of a file and a folder of another name. */
bool site_has_partition_in(const char *path, const char *name);
bool site_digest_in(const char *folder, const char *image, char *digest);

#endif
