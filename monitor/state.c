/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "monitor/state.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "common/str.h"

#define STATE_FILE "state"

int state_time(struct kv *changes, const char *name)
{
	struct timespec now = {0};
	char key[64];
	int rc = str_print(key, sizeof(key), "t.%s", name);

	if (rc < 0)
		return rc;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	return kv_setf(changes, key, "%lld", (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000);
}

int state_save(const char *run_dir, const struct kv *changes)
{
	struct kv state = {0};
	int rc;
	int fd = open(run_dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	rc = kv_load(&state, fd, STATE_FILE);
	if (rc == -ENOENT)
		rc = 0;
	for (size_t i = 0; rc == 0 && i < changes->count; i++)
		rc = kv_set(&state, changes->pairs[i].key, changes->pairs[i].value);
	if (rc == 0)
		rc = kv_save(&state, fd, STATE_FILE, 0644, 0);
	kv_free(&state);
	close(fd);
	return rc;
}

int state_failed(const char *run_dir, int code, const char *message)
{
	struct kv changes = {0};
	int rc = kv_set(&changes, "state", "failed");

	if (rc == 0)
		rc = kv_setf(&changes, "code", "%d", code);
	if (rc == 0)
		rc = kv_set(&changes, "message", message);
	if (rc == 0)
		rc = state_time(&changes, "failed");
	if (rc == 0)
		rc = state_save(run_dir, &changes);
	kv_free(&changes);
	return rc;
}
