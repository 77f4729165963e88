/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/disk/disk.h"

#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/exitcode.h"
#include "common/size.h"
#include "helper/disk/base.h"
#include "helper/fs.h"
#include "helper/image/own.h"
#include "helper/limits.h"

#define SECTOR 512U

const struct disk_ops *disk_find(const char *kind)
{
	static const struct disk_ops *const kinds[] = {&disk_overlay, &disk_snapshot, &disk_raw, &disk_block};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i]->kind, kind) == 0)
			return kinds[i];
	return NULL;
}

/* The image's file and the disk in it. */
static int measure_image(const struct disk_request *request, struct disk_sizes *sizes, struct failure *why)
{
	const struct image *image = request->image;
	struct stat st = {0};
	int fd, rc;

	if (image->own)
		return image_own_size(image, request->record, &sizes->file, &sizes->base, why);
	fd = fs_open_file(image->source, NULL);
	if (fd < 0)
		return failure_set(why, EXIT_NODE, "image %s: %s: %s", image->name, image->source, strerror(-fd));
	rc = base_size(fd, image->source, strcmp(image->format, "qcow2") == 0, &sizes->base, why);
	(void)fstat(fd, &st);
	sizes->file = (uint64_t)st.st_size;
	close(fd);
	return rc;
}

int disk_measure(const struct disk_request *request, struct disk_sizes *sizes, struct failure *why)
{
	const struct image *image = request->image;
	uint64_t max = request->config->disk.size_max;
	uint64_t asked = (request->size + SECTOR - 1) / SECTOR * SECTOR;
	int rc = measure_image(request, sizes, why);

	if (rc == 0)
		rc = limits_check_sizes(request->config, image, sizes->file, sizes->base, why);
	if (rc < 0)
		return rc;
	if (asked && asked < sizes->base)
		return failure_set(why, EXIT_USAGE,
		                   "--vm-disk: size: the disk of image %s has %llu MiB already: ask for more, or leave "
		                   "size out",
		                   image->name, (unsigned long long)size_mib_up(sizes->base));
	if (asked == 0)
		asked = (image->disk_size + SECTOR - 1) / SECTOR * SECTOR;
	sizes->disk = asked > sizes->base ? asked : sizes->base;
	if (max && sizes->disk > max)
		return failure_set(why, EXIT_NODE, "image %s: its disk has %llu MiB, and size_max of [disk] is %llu",
		                   image->name, (unsigned long long)size_mib_up(sizes->disk),
		                   (unsigned long long)(max / MIB));
	return 0;
}

int disk_describe(const struct disk_request *request, const struct disk_file *disk, const char *path,
                  struct kv *machine, struct failure *why)
{
	const struct config_disk *config = &request->config->disk;
	const struct image *image = request->image;
	const struct {
		const char *key, *value; /* NULL: no line */
	} lines[] = {
	        {"disk.kind", disk->kind},
	        {"disk.path", path},
	        {"disk.format", disk->format},
	        {"disk.type", disk->type},
	        {"disk.cache", config_disk_cache(config, disk->kind)},
	        {"disk.io", config->io},
	        {"disk.iothread", config->iothread ? "yes" : "no"},
	        {"disk.discard", config->discard},
	        {"disk.base", disk->has_base ? image->source : NULL},
	        {"disk.base_format", disk->has_base ? image->format : NULL},
	        {"disk.base_own", disk->has_base && image->own ? "yes" : NULL},
	};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < sizeof(lines) / sizeof(lines[0]); i++)
		if (lines[i].value)
			rc = kv_set(machine, lines[i].key, lines[i].value);
	return rc < 0 ? failure_set(why, EXIT_NODE, "the disk %s cannot be described: %s", path, strerror(-rc)) : 0;
}
