/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/kv.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/str.h"
#include "common/write.h"

void kv_free(struct kv *kv)
{
	for (size_t i = 0; i < kv->count; i++) {
		free(kv->pairs[i].key);
		free(kv->pairs[i].value);
	}
	free(kv->pairs);
	*kv = (struct kv){0};
}

static struct kv_pair *kv_find(const struct kv *kv, const char *key)
{
	for (size_t i = 0; i < kv->count; i++)
		if (strcmp(kv->pairs[i].key, key) == 0)
			return &kv->pairs[i];
	return NULL;
}

const char *kv_get(const struct kv *kv, const char *key)
{
	const struct kv_pair *pair = kv_find(kv, key);

	return pair ? pair->value : NULL;
}

int kv_get_u64(const struct kv *kv, const char *key, uint64_t min, uint64_t max, uint64_t *number)
{
	const char *value = kv_get(kv, key);

	return value ? str_u64(value, min, max, number) : -ENOENT;
}

int kv_get_u32(const struct kv *kv, const char *key, uint32_t min, uint32_t max, uint32_t *number)
{
	uint64_t value;
	int rc = kv_get_u64(kv, key, min, max, &value);

	if (rc == 0)
		*number = (uint32_t)value;
	return rc;
}

int kv_get_text(const struct kv *kv, const char *key, char *text, size_t size)
{
	const char *value = kv_get(kv, key);

	return value ? str_print(text, size, "%s", value) : -ENOENT;
}

static int kv_is_valid(const char *key, const char *value)
{
	size_t length = strlen(key);

	return length > 0 && strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789_.") == length &&
	       strlen(value) <= KV_VALUE_MAX && !strchr(value, '\n');
}

static void kv_remove(struct kv *kv, struct kv_pair *pair)
{
	free(pair->key);
	free(pair->value);
	*pair = kv->pairs[--kv->count];
}

static int kv_append(struct kv *kv, char *key, char *value)
{
	struct kv_pair *pairs = NULL;

	if (key && value)
		pairs = reallocarray(kv->pairs, kv->count + 1, sizeof(*pairs));
	if (!pairs) {
		free(key);
		free(value);
		return -ENOMEM;
	}
	kv->pairs = pairs;
	kv->pairs[kv->count++] = (struct kv_pair){key, value};
	return 0;
}

int kv_set(struct kv *kv, const char *key, const char *value)
{
	struct kv_pair *pair = kv_find(kv, key);
	char *copy;

	if (!value) {
		if (pair)
			kv_remove(kv, pair);
		return 0;
	}
	if (!kv_is_valid(key, value))
		return -EINVAL;
	copy = strdup(value);
	if (!pair)
		return kv_append(kv, strdup(key), copy);
	if (!copy)
		return -ENOMEM;
	free(pair->value);
	pair->value = copy;
	return 0;
}

int kv_setf(struct kv *kv, const char *key, const char *format, ...)
{
	char *value = NULL;
	va_list arguments;
	int rc;

	va_start(arguments, format);
	rc = vasprintf(&value, format, arguments);
	va_end(arguments);
	if (rc < 0)
		return -ENOMEM;
	rc = kv_set(kv, key, value);
	free(value);
	return rc;
}

static int kv_parse_line(struct kv *kv, const char *line, size_t length)
{
	const char *equals = memchr(line, '=', length);
	char *key, *value;

	if (!equals || memchr(line, 0, length))
		return -EINVAL;
	key = strndup(line, (size_t)(equals - line));
	value = strndup(equals + 1, length - (size_t)(equals + 1 - line));
	if (key && value && (!kv_is_valid(key, value) || kv_find(kv, key))) {
		free(key);
		free(value);
		return -EINVAL;
	}
	return kv_append(kv, key, value);
}

int kv_parse(struct kv *kv, const char *text, size_t length)
{
	int rc = length > KV_FILE_MAX ? -E2BIG : 0;

	kv_free(kv);
	while (rc == 0 && length > 0) {
		const char *end = memchr(text, '\n', length);
		size_t line = end ? (size_t)(end - text) : length;

		/* a file that power loss cut short does not end in a newline */
		rc = end ? kv_parse_line(kv, text, line) : -EINVAL;
		text += line + (end != NULL);
		length -= line + (end != NULL);
	}
	if (rc < 0)
		kv_free(kv);
	return rc;
}

char *kv_format(const struct kv *kv, size_t *length)
{
	char *text = NULL;
	FILE *stream = open_memstream(&text, length);

	if (!stream)
		return NULL;
	for (size_t i = 0; i < kv->count; i++)
		fprintf(stream, "%s=%s\n", kv->pairs[i].key, kv->pairs[i].value);
	if (fclose(stream) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

/* The whole of a regular file into buffer; its size, or a negative errno. */
static ssize_t kv_read(int fd, char *buffer, size_t size)
{
	struct stat st;
	size_t used = 0;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	while (used < size) {
		ssize_t n = read(fd, buffer + used, size - used);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return (ssize_t)used;
		used += (size_t)n;
	}
	return -E2BIG;
}

int kv_load(struct kv *kv, int dirfd, const char *name)
{
	char *buffer = NULL;
	ssize_t length;
	int rc = -ENOMEM;
	int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);

	kv_free(kv);
	if (fd < 0)
		return -errno;
	buffer = malloc(KV_FILE_MAX + 1);
	if (!buffer)
		goto out;
	length = kv_read(fd, buffer, KV_FILE_MAX + 1);
	rc = length < 0 ? (int)length : kv_parse(kv, buffer, (size_t)length);
out:
	free(buffer);
	close(fd);
	return rc;
}

int kv_save(const struct kv *kv, int dirfd, const char *name, unsigned int mode, int durable)
{
	char temporary[NAME_MAX + 1];
	size_t length = 0;
	char *text = NULL;
	int fd = -1;
	int rc = str_print(temporary, sizeof(temporary), "%s.new", name);

	if (rc < 0)
		return rc;
	text = kv_format(kv, &length);
	if (!text)
		return -ENOMEM;
	(void)unlinkat(dirfd, temporary, 0);
	fd = openat(dirfd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0) {
		rc = -errno;
		goto out;
	}
	rc = write_all(fd, text, length);
	if (rc == 0 && fchmod(fd, mode) < 0)
		rc = -errno;
	if (rc == 0 && durable && fsync(fd) < 0)
		rc = -errno;
	if (rc == 0 && renameat(dirfd, temporary, dirfd, name) < 0)
		rc = -errno;
	if (rc == 0 && durable && fsync(dirfd) < 0)
		rc = -errno;
	if (rc < 0)
		(void)unlinkat(dirfd, temporary, 0);
out:
	if (fd >= 0)
		close(fd);
	free(text);
	return rc;
}
