/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/image/catalogue.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/exitcode.h"
#include "common/paths.h"
#include "common/str.h"
#include "helper/fs.h"
#include "helper/image/access.h"
#include "helper/ini_file.h"
#include "helper/list.h"

bool image_is_name(const char *text)
{
	const char *colon = strchr(text, ':');

	return str_is_name(text) && (!colon || (colon > text && colon[1] && !strchr(colon + 1, ':')));
}

#define MEMORY_MIN (UINT64_C(256) << 20)

/* Whether url[length] is http, https or file with what each needs; its characters have been looked at. */
static bool image_is_url(const char *url, size_t length)
{
	char path[PATH_MAX];

	if (strncmp(url, "file://", 7) == 0)
		return str_print(path, sizeof(path), "%.*s", (int)length - 7, url + 7) == 0 && str_is_path(path);
	if (strncmp(url, "http://", 7) == 0)
		return length > 7 && url[7] != '/';
	return strncmp(url, "https://", 8) == 0 && length > 8 && url[8] != '/';
}

/* URL [URL…], one blank between them. */
static const char *image_sources(struct image *image, struct ini_file *file, const char *value)
{
	size_t used = 0;

	image->sources[0] = 0;
	while (*(value += strspn(value, " \t"))) {
		size_t length = strcspn(value, " \t");

		for (size_t i = 0; i < length; i++)
			if (!isgraph((unsigned char)value[i]))
				return "source: a character that no URL has; write it as %XX";
		if (value[length - 1] == ',')
			return "source: URLs are separated by blanks; write a comma at the end of one as %2C";
		if (!image_is_url(value, length))
			return ini_file_error(file, "source: '%.*s' is not http://…, https://… or file:///PATH",
			                      (int)(length < 128 ? length : 128), value);
		if (str_print(image->sources + used, sizeof(image->sources) - used, "%s%.*s", used ? " " : "",
		              (int)length, value) < 0)
			return "source: too many URLs";
		used += strlen(image->sources + used);
		value += length;
	}
	return used ? NULL : "source is empty";
}

static const char *image_alias(struct image *image, struct ini_file *file, const char *value)
{
	if (!image_is_name(value))
		return ini_file_error(file, "alias: '%.64s' is not an image's NAME or NAME:TAG", value);
	(void)str_print(image->alias, sizeof(image->alias), "%s", value);
	return NULL;
}

static const char *image_size(struct ini_file *file, const char *key, uint64_t *bytes, const char *value)
{
	if (str_size(value, bytes) < 0 || *bytes == 0)
		return ini_file_error(file, "%s: '%.64s' is not a size", key, value);
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
	if (!str_is_sha256(value))
		return "sha256 is 64 digits of 0-9a-f";
	memcpy(image->sha256, value, 65);
	return NULL;
}

/* The keys whose value is one of two words. */
static const struct {
	const char *key, *words;
} choices[] = {{"agent", "builtin or cloud-init"},
               {"console", "serial or virtio"},
               {"format", "qcow2 or raw"},
               {"machine", "q35 or pc"},
               {"virtio", "modern or transitional"}};

static const char *image_words(const char *key)
{
	for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++)
		if (strcmp(choices[i].key, key) == 0)
			return choices[i].words;
	return NULL;
}

static const char *image_choose(struct image *image, struct ini_file *file, const char *key, const char *value)
{
	unsigned int number;
	const char *error = ini_file_word(file, key, image_words(key), value, &number);

	if (error)
		return error;
	if (strcmp(key, "agent") == 0)
		image->cloud_init = number == 1;
	else if (strcmp(key, "console") == 0)
		image->console_virtio = number == 1;
	else if (strcmp(key, "virtio") == 0)
		image->transitional = number == 1;
	else if (strcmp(key, "format") == 0)
		(void)str_print(image->format, sizeof(image->format), "%s", value);
	else
		(void)str_print(image->machine, sizeof(image->machine), "%s", value);
	return NULL;
}

/* The disks of its machines. */
static const char *image_disk(struct image *image, struct ini_file *file, const char *key, const char *value)
{
	unsigned int number;
	const char *error;

	if (strcmp(key, "disk_size") == 0)
		return image_size(file, key, &image->disk_size, value);
	if (strcmp(key, "disk_modes") == 0)
		return config_disk_modes(file, key, image->disk_modes, value);
	if (strcmp(key, "disk_mode") != 0)
		return ini_file_error(file, "unknown key '%s' in [image]", key);
	error = ini_file_word(file, key, DISK_MODES, value, &number);
	if (!error)
		(void)str_print(image->disk_mode, sizeof(image->disk_mode), "%s", value);
	return error;
}

static void image_note_line(struct image_lines *lines, const char *key, int line)
{
	if (strcmp(key, "alias") == 0)
		lines->alias = line;
	else if (strcmp(key, "source") == 0)
		lines->source = line;
	else if (strcmp(key, "initrd") == 0 || strcmp(key, "cmdline") == 0)
		lines->boot = line;
	else if (strcmp(key, "disk_mode") == 0 || strcmp(key, "disk_modes") == 0)
		lines->disk = line;
}

static const char *image_take(void *context, struct ini_file *file, const char *section, const char *key,
                              const char *value)
{
	struct image *image = context;

	(void)section;
	image->keys++;
	image_note_line(&image->lines, key, ini_file_line(file));
	if (strcmp(key, "source") == 0)
		return image_sources(image, file, value);
	if (strcmp(key, "alias") == 0)
		return image_alias(image, file, value);
	if (strcmp(key, "size_max") == 0)
		return image_size(file, key, &image->size_max, value);
	if (strcmp(key, "virtual_size_max") == 0)
		return image_size(file, key, &image->virtual_size_max, value);
	if (strcmp(key, "sha256") == 0)
		return image_sha256(image, value);
	if (image_words(key))
		return image_choose(image, file, key, value);
	if (image_access_has(key))
		return image_access_take(image, file, key, value);
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
	return image_disk(image, file, key, value);
}

static const char *image_section(void *context, struct ini_file *file, const char *section)
{
	struct image *image = context;

	image->lines.section = ini_file_line(file);
	return strcmp(section, "image") == 0 ? NULL : ini_file_error(file, "unknown section [%s]", section);
}

static bool image_is_packed(const char *path)
{
	const char *dot = strrchr(path, '.');

	return dot && (strcmp(dot, ".zst") == 0 || strcmp(dot, ".xz") == 0 || strcmp(dot, ".gz") == 0);
}

/* By its digest the node has a copy of its own; without one a file is used where it lies. */
static int image_place(struct image *image, const char *name, struct failure *why)
{
	int line = image->lines.source;

	if (!image->lines.section)
		return failure_set(why, EXIT_NODE, "%s: there is no [image] in it", name);
	if (!image->sources[0])
		return failure_set(why, EXIT_NODE, "%s:%d: [image] has no source", name, image->lines.section);
	if (image->sha256[0])
		return 0;
	if (strncmp(image->sources, "file://", 7) != 0)
		return failure_set(why, EXIT_NODE, "%s:%d: a source of http or https needs sha256", name, line);
	if (strchr(image->sources, ' '))
		return failure_set(why, EXIT_NODE, "%s:%d: several sources need sha256", name, line);
	if (image_is_packed(image->sources))
		return failure_set(why, EXIT_NODE,
		                   "%s:%d: a compressed source needs sha256, the digest of what is in it", name, line);
	memcpy(image->source, image->sources + 7, strlen(image->sources + 7) + 1);
	image->sources[0] = 0;
	return 0;
}

void image_init(struct image *image)
{
	*image = (struct image){
	        .format = "qcow2", .machine = "q35", .memory_min = MEMORY_MIN, .commands = COMMAND_NAMES};
}

int image_read(struct image *image, FILE *stream, const char *name, struct failure *why)
{
	int rc;

	image_init(image);
	rc = ini_file_read(stream, name, image_section, image_take, image, why);
	if (rc < 0)
		return rc;
	if (image->alias[0])
		return image->keys == 1 ? 0
		                        : failure_set(why, EXIT_NODE, "%s:%d: alias stands alone in its [image]", name,
		                                      image->lines.alias);
	rc = image_place(image, name, why);
	if (rc < 0)
		return rc;
	if (!image->kernel[0] && (image->initrd[0] || image->cmdline[0]))
		return failure_set(why, EXIT_NODE, "%s:%d: initrd and cmdline need a kernel", name, image->lines.boot);
	if (image->disk_mode[0] && image->disk_modes[0] &&
	    !list_has(image->disk_modes, image->disk_mode, strlen(image->disk_mode)))
		return failure_set(why, EXIT_NODE, "%s:%d: disk_mode = %s is not one of disk_modes, %s", name,
		                   image->lines.disk, image->disk_mode, image->disk_modes);
	return 0;
}

static int image_is_entry(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);

	return length > 5 && strcmp(entry->d_name + length - 5, ".conf") == 0;
}

/* "debian-wn, tiny" into names[size]: what the user may have meant; ", ..." where there are more. */
static void image_names(char *names, size_t size)
{
	static const char more[] = ", ...";
	int folder = fs_open_folder(WNODES_IMAGES_D, 0);
	struct dirent **list = NULL;
	int count = folder < 0 ? 0 : scandirat(folder, ".", &list, image_is_entry, alphasort);
	size_t used = 0;
	bool full = false;

	names[0] = 0;
	for (int i = 0; i < count; i++) {
		int length = (int)strlen(list[i]->d_name) - 5;

		full = full || str_print(names + used, size - sizeof(more) - used, "%s%.*s", used ? ", " : "", length,
		                         list[i]->d_name) < 0;
		if (!full)
			used += strlen(names + used);
		free(list[i]);
	}
	free(list);
	if (full)
		(void)str_print(names + used, size - used, "%s", more);
	if (folder >= 0)
		close(folder);
}

/* Load one entry of the catalogue, an alias as it is. */
static int image_load_entry(struct image *image, const char *name, struct failure *why)
{
	char path[PATH_MAX];
	char names[256];
	FILE *stream;
	int fd, rc;

	if (!image_is_name(name))
		return failure_set(why, EXIT_USAGE, "--vm: '%.64s' is not an image's NAME or NAME:TAG", name);
	if (str_print(path, sizeof(path), "%s/%s.conf", WNODES_IMAGES_D, name) < 0)
		return failure_set(why, EXIT_NODE, "the path of images.d is too long");
	fd = fs_open_file(path, NULL);
	if (fd == -ENOENT) {
		image_names(names, sizeof(names));
		return failure_set(why, EXIT_USAGE, "--vm: there is no image '%s'; the site has: %s", name,
		                   names[0] ? names : "none");
	}
	stream = fd < 0 ? NULL : fdopen(fd, "r");
	if (!stream) {
		if (fd >= 0)
			close(fd);
		return failure_set(why, EXIT_NODE, "%s: %s", path, fs_error(fd < 0 ? fd : -ENOMEM));
	}
	rc = image_read(image, stream, path, why);
	fclose(stream);
	(void)str_print(image->entry, sizeof(image->entry), "%s", name);
	return rc;
}

int image_load(struct image *image, const char *name, struct failure *why)
{
	char alias[sizeof(image->alias)];
	int line, rc = image_load_entry(image, name, why);

	if (rc == 0 && image->alias[0]) {
		line = image->lines.alias;
		memcpy(alias, image->alias, sizeof(alias));
		rc = image_load_entry(image, alias, why);
		if (rc == -EINVAL)
			rc = failure_set(why, EXIT_NODE, WNODES_IMAGES_D "/%s.conf:%d: alias: there is no image '%s'",
			                 name, line, alias);
		else if (rc == 0 && image->alias[0])
			rc = failure_set(why, EXIT_NODE, WNODES_IMAGES_D "/%s.conf:%d: alias: '%s' is an alias itself",
			                 name, line, alias);
	}
	(void)str_print(image->name, sizeof(image->name), "%s", name);
	return rc;
}

static int image_check_file(const struct image *image, const char *what, char *path, struct failure *why)
{
	char resolved[PATH_MAX];
	struct stat st;
	int fd = fs_open_file(path, resolved);
	int rc = 0;

	if (fd == -EINVAL)
		return failure_set(why, EXIT_NODE, "image %s: %s %s is not a regular file", image->name, what, path);
	if (fd < 0)
		return failure_set(why, EXIT_NODE, "image %s: %s %s: %s", image->name, what, path, fs_error(fd));
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
	int rc = image_is_cached(image) ? 0 : image_check_file(image, "disk", image->source, why);

	if (rc == 0 && image->kernel[0])
		rc = image_check_file(image, "kernel", image->kernel, why);
	if (rc == 0 && image->initrd[0])
		rc = image_check_file(image, "initrd", image->initrd, why);
	return rc;
}
