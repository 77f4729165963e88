/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/lease.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/paths.h"
#include "common/str.h"
#include "helper/fs.h"

static const char *const phases[LEASE_PHASES] = {"leased", "programming", "ready", "releasing", "quarantined"};

int lease_folder(const struct lease_kind *kind, bool create)
{
	int state = fs_open_folder(WNODES_STATEDIR, create ? 0711 : 0);
	int fd;

	if (state < 0)
		return state;
	fd = fs_open_child(state, kind->folder, create, 0700);
	close(state);
	return fd;
}

int lease_lock(int folder, const char *name, unsigned int ms)
{
	int fd = openat(folder, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	int rc = fd < 0 ? -errno : fs_lock(fd, ms);

	if (rc < 0 && fd >= 0)
		close(fd);
	return rc < 0 ? rc : fd;
}

int lease_lock_one(int folder, const char *hardware, unsigned int ms)
{
	char name[LEASE_NAME_SIZE + 8];

	(void)snprintf(name, sizeof(name), "%s.lock", hardware);
	return lease_lock(folder, name, ms);
}

static int make_token(char *token)
{
	uint8_t bytes[(LEASE_TOKEN_SIZE - 1) / 2];

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return errno ? -errno : -EIO;
	for (size_t i = 0; i < sizeof(bytes); i++)
		(void)snprintf(token + 2 * i, 3, "%02x", bytes[i]);
	return 0;
}

int lease_begin(struct lease *lease, const char *name, const struct record *record)
{
	int rc;

	*lease = (struct lease){.owner = record->id, .phase = LEASE_LEASED, .since = clock_wall()};
	rc = str_print(lease->name, sizeof(lease->name), "%s", name);
	if (rc == 0)
		rc = record_boot_id(lease->boot);
	return rc == 0 ? make_token(lease->token) : rc;
}

static int get_phase(const struct kv *kv, enum lease_phase *phase)
{
	const char *value = kv_get(kv, "phase");

	for (unsigned int i = 0; value && i < LEASE_PHASES; i++)
		if (strcmp(value, phases[i]) == 0) {
			*phase = (enum lease_phase)i;
			return 0;
		}
	return -EINVAL;
}

static int get_lease(const struct kv *kv, struct lease *lease)
{
	int rc = kv_get_text(kv, "node", lease->owner.node, sizeof(lease->owner.node));

	if (rc == 0)
		rc = kv_get_u32(kv, "job", 0, RECORD_JOB_MAX, &lease->owner.job);
	if (rc == 0)
		rc = kv_get_u32(kv, "restart", 0, RECORD_RESTART_MAX, &lease->owner.restart);
	if (rc == 0)
		rc = kv_get_text(kv, "boot_id", lease->boot, sizeof(lease->boot));
	if (rc == 0)
		rc = kv_get_text(kv, "token", lease->token, sizeof(lease->token));
	if (rc == 0 && strlen(lease->token) != LEASE_TOKEN_SIZE - 1)
		rc = -EINVAL;
	if (rc == 0)
		rc = get_phase(kv, &lease->phase);
	if (rc == 0)
		rc = kv_get_u64(kv, "since", 0, UINT64_MAX, &lease->since);
	(void)kv_get_text(kv, "reason", lease->reason, sizeof(lease->reason));
	lease->drained = kv_get(kv, "drained") != NULL;
	return rc;
}

int lease_load(int folder, const char *name, struct lease *lease, struct kv *own)
{
	struct kv kv = {0};
	int rc;

	*lease = (struct lease){0};
	(void)str_print(lease->name, sizeof(lease->name), "%s", name);
	rc = kv_load(&kv, folder, name);
	/* its own errors, whatever they are, mean that what is there is no lease */
	if (rc == 0 && get_lease(&kv, lease) < 0)
		rc = -EINVAL;
	if (rc == 0 && own)
		*own = kv;
	else
		kv_free(&kv);
	return rc;
}

static int put_lease(struct kv *kv, const struct lease *lease)
{
	const struct {
		const char *key, *value;
	} texts[] = {
	        {"token", lease->token},
	        {"node", lease->owner.node},
	        {"boot_id", lease->boot},
	        {"phase", phases[lease->phase]},
	        {"drained", lease->drained ? "yes" : NULL},
	        {"reason", lease->reason[0] ? lease->reason : NULL},
	};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < sizeof(texts) / sizeof(texts[0]); i++)
		rc = kv_set(kv, texts[i].key, texts[i].value);
	if (rc == 0)
		rc = kv_setf(kv, "job", "%" PRIu32, lease->owner.job);
	if (rc == 0)
		rc = kv_setf(kv, "restart", "%" PRIu32, lease->owner.restart);
	return rc == 0 ? kv_setf(kv, "since", "%" PRIu64, lease->since) : rc;
}

int lease_save(int folder, const struct lease *lease, const struct kv *own, bool durable)
{
	struct kv kv = {0};
	int rc = 0;

	for (size_t i = 0; rc == 0 && own && i < own->count; i++)
		rc = kv_set(&kv, own->pairs[i].key, own->pairs[i].value);
	if (rc == 0)
		rc = put_lease(&kv, lease);
	if (rc == 0)
		rc = kv_save(&kv, folder, lease->name, 0600, durable);
	kv_free(&kv);
	return rc;
}

int lease_set_phase(int folder, struct lease *lease, const struct kv *own, enum lease_phase phase)
{
	lease->phase = phase;
	lease->since = clock_wall();
	return lease_save(folder, lease, own, phase == LEASE_QUARANTINED);
}

int lease_remove(int folder, const char *name)
{
	if (unlinkat(folder, name, 0) < 0 && errno != ENOENT)
		return -errno;
	return 0;
}

/* Neither a lock nor what a kv_save() that was killed has left. */
static bool is_lease(const char *name)
{
	const char *dot = strrchr(name, '.');

	return name[0] != '.' && strlen(name) < LEASE_NAME_SIZE && dot && dot[1] &&
	       strspn(dot + 1, "0123456789") == strlen(dot + 1);
}

int lease_each(int folder, lease_call *call, void *context)
{
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *entries = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	int rc = 0;

	if (!entries) {
		rc = -errno;
		if (fd >= 0)
			close(fd);
		return rc;
	}
	while (rc == 0 && (entry = readdir(entries)) != NULL) {
		struct lease lease;
		struct kv own = {0};
		int found;

		if (!is_lease(entry->d_name))
			continue;
		found = lease_load(folder, entry->d_name, &lease, &own);
		/* one that has been given back meanwhile is none */
		if (found != -ENOENT)
			rc = call(context, entry->d_name, found == 0 ? &lease : NULL, found == 0 ? &own : NULL);
		kv_free(&own);
	}
	closedir(entries);
	return rc;
}

bool lease_is_old(const struct lease *lease)
{
	char boot[40];

	return record_boot_id(boot) == 0 && strcmp(boot, lease->boot) != 0;
}
