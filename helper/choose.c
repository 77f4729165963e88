/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/choose.h"

#include <errno.h>
#include <string.h>

#include "common/exitcode.h"
#include "common/str.h"
#include "helper/config_partition.h"
#include "helper/image/digest.h"
#include "helper/image/own.h"

static bool is_none(const char *image)
{
	return strcmp(image, CONFIG_NO_IMAGE) == 0;
}

/* An option that asks something of a machine. */
static const char *asks(const struct args *args)
{
	if (args->value[ARG_CONSOLE])
		return "--vm-console";
	if (args->value[ARG_MOUNT])
		return "--vm-mount";
	if (args->value[ARG_DISK])
		return "--vm-disk";
	if (args->value[ARG_NETWORK])
		return "--vm-network";
	return args->value[ARG_BOOT_TIMEOUT] ? "--vm-boot-timeout" : NULL;
}

/* Root's jobs can have no machine, whatever their partition's: `wnodes prestage` is one of them. */
static bool is_roots_own(const struct args *args)
{
	const char *image = args->value[ARG_IMAGE], *uid = args->value[ARG_UID];

	return image && is_none(image) && uid && strcmp(uid, "0") == 0;
}

bool choose_is_wanted(const struct args *args)
{
	static struct config config;
	const struct config_partition *partition;
	const char *image = args->value[ARG_IMAGE];
	struct failure ignored = {0};

	if ((image && !is_none(image)) || asks(args) || args->value[ARG_OPTION_ERROR] ||
	    config_load(&config, &ignored) < 0)
		return true;
	partition = config_partition(&config, args->value[ARG_PARTITION]);
	return partition && !is_roots_own(args) && !(image && config_partition_allows_none(&config, partition));
}

/* What the job said, or its partition's default; NULL with why. */
static const char *choose_name(const struct config *config, const struct args *args, struct failure *why)
{
	const struct config_partition *partition = config_partition(config, args->value[ARG_PARTITION]);
	const char *image = args->value[ARG_IMAGE];

	if (image && !is_none(image))
		return image;
	if (image && partition && !config_partition_allows_none(config, partition))
		(void)failure_set(why, EXIT_DENIED,
		                  "--vm=none: the site's policy has jobs of partition %s run in machines (image %s)",
		                  partition->name, partition->image);
	else if (!image && partition)
		return partition->image;
	else
		(void)failure_set(why, EXIT_USAGE, "%s needs --vm=IMAGE%s", asks(args) ? asks(args) : "this job",
		                  image ? "" : ": the job's partition has no default image");
	return NULL;
}

static int choose_load(const struct config *config, const char *name, const char *digest, const char *node,
                       struct image *image, struct failure *why)
{
	if (image_is_own(name))
		return image_own(image, config, name, why);
	return digest ? image_find_digest(image, name, digest, node, why) : image_load(image, name, why);
}

int choose_image(const struct config *config, const struct args *args, struct kv *record, struct image *image,
                 struct failure *why)
{
	const char *name = choose_name(config, args, why);
	int rc;

	if (!name)
		return why->code == EXIT_DENIED ? -EACCES : -EINVAL;
	rc = choose_load(config, name, args->value[ARG_DIGEST], args->value[ARG_NODE], image, why);
	if (rc < 0)
		return rc;
	if (kv_set(record, "image", name) < 0 || kv_set(record, "image_own", image->own ? "yes" : NULL) < 0 ||
	    kv_set(record, "image_entry", image->own ? NULL : image->entry) < 0 ||
	    kv_set(record, "digest", image->sha256[0] ? image->sha256 : NULL) < 0)
		return failure_set(why, EXIT_NODE, "out of memory");
	return 0;
}

int choose_again(const struct config *config, const struct kv *record, struct image *image, struct failure *why)
{
	const char *name = kv_get(record, "image"), *entry = kv_get(record, "image_entry");
	const char *digest = kv_get(record, "digest");
	int rc;

	if (!name)
		return failure_set(why, EXIT_NODE, "the job's record is broken");
	if (kv_get(record, "image_own"))
		return image_own(image, config, name, why);
	rc = image_load(image, entry ? entry : name, why);
	if (rc == 0 && strcmp(digest ? digest : "", image->sha256) != 0)
		rc = failure_set(why, EXIT_NODE, "image %s: its sha256 was %s when the job began, and is %s now",
		                 image->entry, digest ? digest : "none", image->sha256[0] ? image->sha256 : "none");
	if (rc == 0)
		(void)str_print(image->name, sizeof(image->name), "%.64s", name);
	return rc;
}
