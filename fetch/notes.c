/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fetch/notes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/kv.h"
#include "common/str.h"

#define NOTES_FILE 4096U /* a page, which is zero behind the text: one write replaces it */
#define NOTES_FORMAT "1"

const char *notes_validator(const struct notes *notes)
{
	if (notes->etag[0] != 0)
		return notes->etag;
	return notes->modified[0] != 0 ? notes->modified : NULL;
}

/* A text that may stand in a request's header. */
static int get_text(const struct kv *kv, const char *key, char *text, size_t size)
{
	const char *value = kv_get(kv, key);

	if (!value || strlen(value) >= size)
		return -EINVAL;
	for (const char *p = value; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return -EINVAL;
	return str_print(text, size, "%s", value);
}

static int from_kv(struct notes *notes, const struct kv *kv)
{
	const char *format = kv_get(kv, "format");
	int rc = format && strcmp(format, NOTES_FORMAT) == 0 ? 0 : -EINVAL;

	if (rc == 0)
		rc = get_text(kv, "url", notes->url, sizeof(notes->url));
	if (rc == 0)
		rc = get_text(kv, "etag", notes->etag, sizeof(notes->etag));
	if (rc == 0)
		rc = get_text(kv, "modified", notes->modified, sizeof(notes->modified));
	if (rc == 0)
		rc = get_text(kv, "boot", notes->boot, sizeof(notes->boot));
	if (rc == 0)
		rc = kv_get_u64(kv, "total", 0, UINT64_MAX, &notes->total);
	if (rc == 0)
		rc = kv_get_u64(kv, "synced", 0, INT64_MAX, &notes->synced);
	if (rc == 0 && (strlen(notes->url) != URL_ID - 1 || !notes_validator(notes) || notes->etag[0] == 'W'))
		rc = -EINVAL;
	return rc;
}

int notes_parse(struct notes *notes, const char *text, size_t length)
{
	struct kv kv = {0};
	int rc = kv_parse(&kv, text, length);

	*notes = (struct notes){0};
	if (rc == 0)
		rc = from_kv(notes, &kv);
	if (rc < 0) {
		*notes = (struct notes){0};
		if (rc != -ENOMEM)
			rc = -EINVAL;
	}
	kv_free(&kv);
	return rc;
}

void notes_load(struct notes *notes, int fd)
{
	char text[NOTES_FILE];
	ssize_t n = pread(fd, text, sizeof(text), 0);

	*notes = (struct notes){0};
	if (n > 0)
		(void)notes_parse(notes, text, strnlen(text, (size_t)n));
}

static int to_kv(const struct notes *notes, struct kv *kv)
{
	int rc = kv_set(kv, "format", NOTES_FORMAT);

	if (rc == 0)
		rc = kv_set(kv, "url", notes->url);
	if (rc == 0)
		rc = kv_set(kv, "etag", notes->etag);
	if (rc == 0)
		rc = kv_set(kv, "modified", notes->modified);
	if (rc == 0)
		rc = kv_set(kv, "boot", notes->boot);
	if (rc == 0)
		rc = kv_setf(kv, "total", "%llu", (unsigned long long)notes->total);
	if (rc == 0)
		rc = kv_setf(kv, "synced", "%llu", (unsigned long long)notes->synced);
	return rc;
}

int notes_save(const struct notes *notes, int fd)
{
	char page[NOTES_FILE] = {0};
	struct kv kv = {0};
	size_t length = 0;
	char *text = NULL;
	int rc = 0;

	if (notes->url[0] != 0) {
		rc = to_kv(notes, &kv);
		text = rc == 0 ? kv_format(&kv, &length) : NULL;
		kv_free(&kv);
		if (rc == 0 && !text)
			rc = -ENOMEM;
		if (rc == 0 && length < sizeof(page))
			memcpy(page, text, length);
		free(text);
	}
	if (rc == 0 && pwrite(fd, page, sizeof(page), 0) != (ssize_t)sizeof(page))
		rc = errno != 0 ? -errno : -EIO;
	return rc;
}

void notes_boot(char boot[NOTES_BOOT])
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, boot, NOTES_BOOT - 1);

	if (fd >= 0)
		(void)close(fd);
	boot[n > 0 ? n : 0] = 0;
	boot[strcspn(boot, "\n")] = 0;
}
