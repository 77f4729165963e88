/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/image/catalogue.h"

#include <dirent.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/exitcode.h"
#include "common/paths.h"
#include "common/str.h"
#include "helper/fs.h"
#include "helper/ini_file.h"
#include "helper/list.h"

#define MEMORY_MIN (UINT64_C(256) << 20)

static const char *image_source(struct image *image, struct ini_file *file, const char *value)
{
	if (strncmp(value, "http://", 7) == 0 || strncmp(value, "https://", 8) == 0)
		return "images over http are not yet available";
	if (strncmp(value, "file://", 7) != 0 || !str_is_path(value + 7))
		return ini_file_error(file, "source: '%.64s' is not file:///PATH", value);
	(void)str_print(image->source, sizeof(image->source), "%s", value + 7);
	return NULL;
}

static const char *image_path(struct ini_file *file, char *path, const char *key, const char *value)
{
	if (!str_is_path(value))
		return ini_file_error(file, "%s: '%.64s' is not an absolute path", key, value);
	(void)str_print(path, PATH_MAX, "%s", value);
	return NULL;
}

static const char *image_sha256(struct image *image, const char *value)
{
	if (strlen(value) != 64 || strspn(value, "0123456789abcdef") != 64)
		return "sha256 is 64 digits of 0-9a-f";
	memcpy(image->sha256, value, 65);
	return NULL;
}

/* What the guest's side of the image is. */
static const char *image_guest(struct image *image, const char *key, const char *value)
{
	if (strcmp(key, "agent") == 0) {
		image->cloud_init = strcmp(value, "cloud-init") == 0;
		return image->cloud_init || strcmp(value, "builtin") == 0 ? NULL : "agent is builtin or cloud-init";
	}
	if (strcmp(key, "machine") == 0) {
		(void)str_print(image->machine, sizeof(image->machine), "%s", value);
		return strcmp(value, "q35") == 0 || strcmp(value, "pc") == 0 ? NULL : "machine is q35 or pc";
	}
	image->transitional = strcmp(value, "transitional") == 0;
	return image->transitional || strcmp(value, "modern") == 0 ? NULL : "virtio is modern or transitional";
}

static const char *image_take(void *context, struct ini_file *file, const char *section, const char *key,
                              const char *value)
{
	struct image *image = context;

	(void)section;
	if (strcmp(key, "source") == 0)
		return image_source(image, file, value);
	if (strcmp(key, "sha256") == 0)
		return image_sha256(image, value);
	if (strcmp(key, "format") == 0) {
		(void)str_print(image->format, sizeof(image->format), "%s", value);
		return strcmp(value, "qcow2") == 0 || strcmp(value, "raw") == 0 ? NULL : "format is qcow2 or raw";
	}
	if (strcmp(key, "agent") == 0 || strcmp(key, "machine") == 0 || strcmp(key, "virtio") == 0)
		return image_guest(image, key, value);
	if (strcmp(key, "groups") == 0)
		return list_is_valid(value) && str_print(image->groups, sizeof(image->groups), "%s", value) == 0
		               ? NULL
		               : "groups is a list of names separated by commas";
	if (strcmp(key, "memory_min") == 0)
		return str_size(value, &image->memory_min) == 0 && image->memory_min > 0 ? NULL
		                                                                         : "memory_min is a size";
	if (strcmp(key, "kernel") == 0)
		return image_path(file, image->kernel, key, value);
	if (strcmp(key, "initrd") == 0)
		return image_path(file, image->initrd, key, value);
	if (strcmp(key, "cmdline") == 0)
		return str_print(image->cmdline, sizeof(image->cmdline), "%s", value) == 0 ? NULL
		                                                                           : "cmdline is too long";
	if (strcmp(key, "slurm_commands") == 0)
		return command_names_parse(value, image->commands) < 0
		               ? "slurm_commands is yes, no, or a list of commands"
		               : NULL;
	return ini_file_error(file, "unknown key '%s' in [image]", key);
}

static const char *image_section(void *context, struct ini_file *file, const char *section)
{
	(void)context;
	return strcmp(section, "image") == 0 ? NULL : ini_file_error(file, "unknown section [%s]", section);
}

int image_read(struct image *image, FILE *stream, const char *name, struct failure *why)
{
	int rc;

	*image = (struct image){
	        .format = "qcow2", .machine = "q35", .memory_min = MEMORY_MIN, .commands = COMMAND_NAMES};
	rc = ini_file_read(stream, name, image_section, image_take, image, why);
	if (rc < 0)
		return rc;
	if (!image->source[0])
		return failure_set(why, EXIT_NODE, "%s: [image] has no source", name);
	if (!image->kernel[0] && (image->initrd[0] || image->cmdline[0]))
		return failure_set(why, EXIT_NODE, "%s: initrd and cmdline need a kernel", name);
	return 0;
}

/* "tiny, debian-wn" into names[size]: what the user may have meant. */
static void image_names(char *names, size_t size)
{
	int fd = fs_open_folder(WNODES_IMAGES_D, 0);
	DIR *folder = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	size_t used = 0;

	names[0] = 0;
	if (!folder) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((entry = readdir(folder)) != NULL) {
		size_t length = strlen(entry->d_name);

		if (length <= 5 || strcmp(entry->d_name + length - 5, ".conf") != 0)
			continue;
		if (str_print(names + used, size - used, "%s%.*s", used ? ", " : "", (int)length - 5, entry->d_name) <
		    0)
			break;
		used += strlen(names + used);
	}
	closedir(folder);
}

int image_load(struct image *image, const char *name, struct failure *why)
{
	char path[PATH_MAX];
	char names[256];
	FILE *stream;
	int fd, rc;

	if (!str_is_name(name))
		return failure_set(why, EXIT_USAGE, "--vm: '%.64s' is not an image's name", name);
	if (str_print(path, sizeof(path), "%s/%s.conf", WNODES_IMAGES_D, name) < 0)
		return failure_set(why, EXIT_NODE, "the path of images.d is too long");
	fd = fs_open_file(path, NULL);
	if (fd == -ENOENT) {
		image_names(names, sizeof(names));
		return failure_set(why, EXIT_USAGE, "--vm: there is no image '%s'; the site has: %s", name,
		                   names[0] ? names : "none");
	}
	if (fd == -EPERM)
		return failure_set(why, EXIT_NODE, "%s: it and its folders must be root's and writable by root alone",
		                   path);
	stream = fd < 0 ? NULL : fdopen(fd, "r");
	if (!stream) {
		if (fd >= 0)
			close(fd);
		return failure_set(why, EXIT_NODE, "%s: %s", path, strerror(fd < 0 ? -fd : ENOMEM));
	}
	rc = image_read(image, stream, path, why);
	fclose(stream);
	(void)str_print(image->name, sizeof(image->name), "%s", name);
	return rc;
}

static int image_check_file(const struct image *image, const char *what, char *path, struct failure *why)
{
	char resolved[PATH_MAX];
	struct stat st;
	int fd = fs_open_file(path, resolved);
	int rc = 0;

	if (fd == -EPERM)
		return failure_set(why, EXIT_NODE,
		                   "image %s: %s %s and its folders must be root's and writable by root alone",
		                   image->name, what, path);
	if (fd == -EINVAL)
		return failure_set(why, EXIT_NODE, "image %s: %s %s is not a regular file", image->name, what, path);
	if (fd < 0)
		return failure_set(why, EXIT_NODE, "image %s: %s %s: %s", image->name, what, path, strerror(-fd));
	if (fstat(fd, &st) < 0 || !(st.st_mode & S_IROTH))
		rc = failure_set(why, EXIT_NODE, "image %s: %s %s must be readable by everybody (chmod 0444)",
		                 image->name, what, path);
	else
		memcpy(path, resolved, strlen(resolved) + 1);
	close(fd);
	return rc;
}

int image_check_files(struct image *image, struct failure *why)
{
	int rc = image_check_file(image, "disk", image->source, why);

	if (rc == 0 && image->kernel[0])
		rc = image_check_file(image, "kernel", image->kernel, why);
	if (rc == 0 && image->initrd[0])
		rc = image_check_file(image, "initrd", image->initrd, why);
	return rc;
}
