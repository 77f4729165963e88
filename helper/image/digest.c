/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/image/digest.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/exitcode.h"
#include "common/paths.h"
#include "common/str.h"
#include "helper/fs.h"

#define SHOWN 12 /* digits of a digest for people */

/* What the node has under the name, for the message: `cd34…, el9:2026-10 ef56…`. */
struct candidates {
	char text[256];
	size_t used;
	struct failure broken; /* the first entry that cannot be read */
};

static void candidates_add(struct candidates *candidates, const struct image *image, const char *name)
{
	const char *digest = image->sha256;
	bool is_name = strcmp(image->entry, name) == 0;

	(void)str_print(candidates->text + candidates->used, sizeof(candidates->text) - candidates->used,
	                "%s%s%s%.*s%s", candidates->used ? ", " : "", is_name ? "" : image->entry, is_name ? "" : " ",
	                *digest ? SHOWN : 9, *digest ? digest : "no sha256", *digest ? "…" : "");
	candidates->used += strlen(candidates->text + candidates->used);
}

/* Load the entry; whether it has the digest. */
static bool digest_matches(struct image *image, const char *name, const char *digest, const char *entry,
                           struct candidates *candidates)
{
	struct failure why = {0};
	int rc = image_load(image, entry, &why);

	if (rc == -EIO && !candidates->broken.code)
		candidates->broken = why;
	if (rc < 0)
		return false;
	if (strcmp(image->sha256, digest) == 0)
		return true;
	candidates_add(candidates, image, name);
	return false;
}

static int compare_names(const void *one, const void *other)
{
	return strcmp(*(char *const *)one, *(char *const *)other);
}

/* The names of all entries NAME:TAG, sorted; *names is from malloc, and so are they. Returns their number. */
static size_t digest_tags(const char *name, char ***names)
{
	int fd = fs_open_folder(WNODES_IMAGES_D, 0);
	DIR *folder = fd < 0 ? NULL : fdopendir(fd);
	size_t length = strlen(name), count = 0;
	const struct dirent *entry;

	*names = NULL;
	if (!folder && fd >= 0)
		close(fd);
	while (folder && (entry = readdir(folder))) {
		const char *text = entry->d_name;
		size_t whole = strlen(text);
		char **grown;

		if (whole <= length + 6 || strncmp(text, name, length) != 0 || text[length] != ':' ||
		    strcmp(text + whole - 5, ".conf") != 0)
			continue;
		grown = reallocarray(*names, count + 1, sizeof(*grown));
		if (!grown)
			break;
		*names = grown;
		grown[count] = strndup(text, whole - 5);
		count += grown[count] != NULL;
	}
	if (folder)
		closedir(folder);
	if (count > 1)
		qsort(*names, count, sizeof(**names), compare_names);
	return count;
}

static bool digest_find_tag(struct image *image, const char *name, const char *digest, struct candidates *candidates)
{
	char **names;
	size_t count = digest_tags(name, &names);
	bool found = false;

	for (size_t i = 0; i < count; i++) {
		found = found || digest_matches(image, name, digest, names[i], candidates);
		free(names[i]);
	}
	free(names);
	return found;
}

int image_find_digest(struct image *image, const char *name, const char *digest, const char *node, struct failure *why)
{
	struct candidates candidates = {0};

	if (!image_is_name(name) || !str_is_sha256(digest))
		return failure_set(why, EXIT_USAGE, "--vm: '%.64s' with the digest '%.64s' is no image", name, digest);
	if (digest_matches(image, name, digest, name, &candidates) ||
	    (!strchr(name, ':') && digest_find_tag(image, name, digest, &candidates))) {
		(void)str_print(image->name, sizeof(image->name), "%s", name);
		return 0;
	}
	if (candidates.broken.code) {
		*why = candidates.broken;
		return -EIO;
	}
	return failure_set(why, EXIT_NODE,
	                   "image %s: submitted as sha256 %.*s…, node %s has %s: images.d of the submit host and of "
	                   "the nodes must agree",
	                   name, SHOWN, digest, node, candidates.used ? candidates.text : "no image of that name");
}
