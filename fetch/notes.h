/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What another process needs to continue a download, in a file beside the part. */
#ifndef WNODES_FETCH_NOTES_H
#define WNODES_FETCH_NOTES_H

#include <stdint.h>

#include "fetch/url.h"

#define NOTES_VALIDATOR 256U
#define NOTES_BOOT 64U
#define NOTES_UNKNOWN UINT64_MAX

/* Of which version of which URL the part is the beginning. All zero: of none. */
struct notes {
	char url[URL_ID];               /* struct url's id: a URL's password is written down nowhere */
	char etag[NOTES_VALIDATOR];     /* a strong one, with its quotes; "" where there is none */
	char modified[NOTES_VALIDATOR]; /* Last-Modified; "" where there is none */
	uint64_t total;                 /* bytes of the whole, or NOTES_UNKNOWN */
	uint64_t synced;                /* so many bytes of the part are on the disk, whatever happens */
	char boot[NOTES_BOOT];          /* while this boot lasts, all that was written is in the part */
};

/** The validator for If-Range, or NULL: the download cannot be continued. */
const char *notes_validator(const struct notes *notes);

/** Read the file; *notes is all zero where it says nothing that can be used. */
void notes_load(struct notes *notes, int fd);

/** Replace the file's content by one write(2). Returns 0 or a negative errno. */
int notes_save(const struct notes *notes, int fd);

/** Parse text[length]. Returns 0, or -EINVAL or -ENOMEM with *notes all zero. */
int notes_parse(struct notes *notes, const char *text, size_t length);

/** The running system's boot id; "" where it has none. */
void notes_boot(char boot[NOTES_BOOT]);

#endif
