/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "common/paths.h"
#include "common/str.h"
#include "helper/check.h"
#include "helper/disk/base.h"
#include "helper/fs.h"
#include "helper/image/catalogue.h"
#include "helper/image/names.h"
#include "helper/list.h"

static bool is_group(const char *name)
{
	return getgrnam(name) != NULL;
}

static bool is_user(const char *name)
{
	return getpwnam(name) != NULL;
}

/* Names of users or groups that this node does not know: a slip, or one yet to come. */
static void check_names(struct check *check, const char *where, const char *what, bool (*is_known)(const char *name),
                        const char *list)
{
	char name[257];

	do {
		list = list_next(list, name, sizeof(name));
		if (name[0] && !is_known(name))
			check_note(check, "%s: this node knows no %s %s", where, what, name);
	} while (list);
}

void check_users(struct check *check, const char *where, const char *list)
{
	check_names(check, where, "user", is_user, list);
}

void check_groups(struct check *check, const char *where, const char *list)
{
	check_names(check, where, "group", is_group, list);
}

/* The disk as it lies there: of a kind that a machine can be booted from. */
static void check_disk(struct check *check, const struct image *image)
{
	struct failure why = {0};
	uint64_t bytes;
	int fd = fs_open_file(image->source, NULL);

	if (fd < 0)
		return;
	if (base_size(fd, image->source, strcmp(image->format, "qcow2") == 0, &bytes, &why) < 0)
		check_problem(check, "image %s: %s", image->name, why.message);
	close(fd);
}

static void say_load(struct check *check, const char *name, struct failure *why)
{
	failure_drop_option(why);
	/* most name the file */
	if (strncmp(why->message, WNODES_IMAGES_D, strlen(WNODES_IMAGES_D)) == 0)
		check_problem(check, "%s", why->message);
	else
		check_problem(check, WNODES_IMAGES_D "/%s.conf: %s", name, why->message);
}

static void check_image(struct check *check, const char *name)
{
	static struct image image;
	struct failure why = {0};
	unsigned int before = check->problems;
	char where[96];

	if (image_load(&image, name, &why) < 0) {
		/* what is wrong with its lines has been said */
		if (check->problems == before)
			say_load(check, name, &why);
		return;
	}
	(void)str_print(where, sizeof(where), "image %s", name);
	check_users(check, where, image.users);
	check_groups(check, where, image.groups);
	if (strcmp(name, CONFIG_NO_IMAGE) == 0)
		check_note(check, "%s: no job can ask for it, since --vm=none is no machine", where);
	check_disk_of_image(check, &image);
	if (image_check_files(&image, &why) < 0)
		check_problem(check, "%s", why.message);
	else if (image_is_cached(&image))
		check_base(check, &image);
	else
		check_disk(check, &image);
}

/* The images that jobs get which name none. */
static void check_partitions(struct check *check)
{
	static struct image image;

	for (unsigned int i = 0; i < check->config->partition_count; i++) {
		const struct config_partition *partition = &check->config->partitions[i];
		struct failure why = {0};

		if (partition->image[0] && image_load(&image, partition->image, &why) == -EINVAL) {
			failure_drop_option(&why);
			check_problem(check, WNODES_CONF ":%d: [partition %s] image: %s", partition->image_line,
			              partition->name, why.message);
		}
	}
}

void check_images(struct check *check)
{
	const struct config *config = check->config;
	struct image_names names = {0};
	int rc = image_names_load(&names);

	if (rc < 0)
		check_problem(check, WNODES_IMAGES_D ": %s", fs_error(rc));
	else if (names.count == 0)
		check_note(check, WNODES_IMAGES_D " has no image");
	for (size_t i = 0; rc == 0 && i < names.count; i++)
		check_image(check, names.list[i]);
	image_names_free(&names);
	check_partitions(check);
	check_users(check, "[policy] allow_users", config->allow_users);
	check_groups(check, "[policy] allow_groups", config->allow_groups);
	if (strcmp(config->user_images, "yes") != 0 && strcmp(config->user_images, "no") != 0)
		check_groups(check, "[policy] user_images", config->user_images);
}
