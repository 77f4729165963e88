/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Flat files of `key=value` lines: a job's record, its machine description
 * and its state. Keys are [a-z0-9_.]+, each once; a value is the rest of the
 * line (no newline, no NUL), at most KV_VALUE_MAX bytes. Not an INI file:
 * nothing is quoted, nothing is optional.
 */
#ifndef WNODES_COMMON_KV_H
#define WNODES_COMMON_KV_H

#include <stddef.h>
#include <stdint.h>

#define KV_VALUE_MAX 8192U
#define KV_FILE_MAX (256U << 10)

struct kv_pair {
	char *key, *value;
};

/* Zero-initialise before use; kv_free() when done. Owns its strings. */
struct kv {
	struct kv_pair *pairs;
	size_t count;
};

void kv_free(struct kv *kv);

/** The value of key, owned by kv; NULL where there is none. */
const char *kv_get(const struct kv *kv, const char *key);

/**
 * The value of key as a decimal number of [min, max]. Returns 0, -ENOENT, or
 * str_u64()'s errors; then *number stays as it is.
 */
int kv_get_u64(const struct kv *kv, const char *key, uint64_t min, uint64_t max, uint64_t *number);
int kv_get_u32(const struct kv *kv, const char *key, uint32_t min, uint32_t max, uint32_t *number);

/** Copy the value of key into text[size]. Returns 0, -ENOENT, or -ENAMETOOLONG where it does not fit. */
int kv_get_text(const struct kv *kv, const char *key, char *text, size_t size);

/**
 * Set key to value (replacing it; NULL removes it). Returns 0, -EINVAL for a
 * key or value that a file cannot hold, or -ENOMEM.
 */
int kv_set(struct kv *kv, const char *key, const char *value);
int kv_setf(struct kv *kv, const char *key, const char *format, ...) __attribute__((format(printf, 3, 4)));

/**
 * Parse text[length] into kv, which is emptied first. Returns 0, -EINVAL
 * (malformed, or a key twice), -E2BIG or -ENOMEM.
 */
int kv_parse(struct kv *kv, const char *text, size_t length);

/** The file's text in memory from malloc, for the caller to free; *length without the final NUL. NULL: -ENOMEM. */
char *kv_format(const struct kv *kv, size_t *length);

/**
 * Read the file name in folder dirfd (AT_FDCWD: the working directory)
 * without following a symlink; it must be a regular file. Returns 0, or a
 * negative errno of openat(2), read(2) or kv_parse().
 */
int kv_load(struct kv *kv, int dirfd, const char *name);

/**
 * Replace the file name in folder dirfd by kv's text, atomically: `name.new`
 * with that mode, fsync where durable is not 0, rename. The folder must be
 * writable by the caller's user alone. Returns 0 or a negative errno.
 */
int kv_save(const struct kv *kv, int dirfd, const char *name, unsigned int mode, int durable);

#endif
