/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The JOB frame: what the machine is told about who it works for. */
#include "run/relay.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Append an attribute; *used stays within WIRE_PAYLOAD_MAX, or is beyond it for ever. */
static void put(uint8_t *out, size_t *used, uint16_t tag, const void *bytes, size_t length)
{
	if (*used > WIRE_PAYLOAD_MAX || length > WIRE_PAYLOAD_MAX ||
	    wire_attribute_size(length) > WIRE_PAYLOAD_MAX - *used) {
		*used = WIRE_PAYLOAD_MAX + 1;
		return;
	}
	*used += wire_put_attribute(out + *used, tag, bytes, length);
}

static void put_u32(uint8_t *out, size_t *used, uint16_t tag, uint32_t number)
{
	uint8_t bytes[4];

	wire_put_u32(bytes, number);
	put(out, used, tag, bytes, sizeof(bytes));
}

/* One GID:NAME of length bytes. */
static int put_group(uint8_t *out, size_t *used, const char *text, size_t length)
{
	uint8_t bytes[4 + 256];
	char *end;
	unsigned long gid;
	size_t name;

	errno = 0;
	gid = strtoul(text, &end, 10);
	if (errno != 0 || end == text || *end != ':' || gid > UINT32_MAX || text[0] < '0' || text[0] > '9')
		return -EINVAL;
	name = length - (size_t)(end + 1 - text);
	if (name > sizeof(bytes) - 4)
		return -EINVAL;
	wire_put_u32(bytes, (uint32_t)gid);
	memcpy(bytes + 4, end + 1, name);
	put(out, used, WIRE_GROUP, bytes, 4 + name);
	return 0;
}

static int put_groups(uint8_t *out, size_t *used, const char *text)
{
	while (*text) {
		size_t length = strcspn(text, ",");
		int rc = put_group(out, used, text, length);

		if (rc < 0)
			return rc;
		text += length + (text[length] == ',');
	}
	return 0;
}

int relay_job_mount(struct relay_job *job, const char *text)
{
	uint8_t bytes[8 + 1024], *room;
	unsigned int number, flags;
	int used = 0;
	size_t length;

	if (sscanf(text, "%2u %1u %n", &number, &flags, &used) != 2 || used == 0 || text[used] != '/')
		return -EINVAL;
	length = strlen(text + used);
	if (length > sizeof(bytes) - 8)
		return -EINVAL;
	wire_put_u32(bytes, number);
	wire_put_u32(bytes + 4, flags);
	memcpy(bytes + 8, text + used, length);
	room = queue_reserve(&job->mounts, wire_attribute_size(8 + length));
	if (!room)
		return -ENOMEM;
	queue_commit(&job->mounts, wire_put_attribute(room, WIRE_MOUNT, bytes, 8 + length));
	return 0;
}

static void put_queue(uint8_t *out, size_t *used, const struct queue *attributes)
{
	if (attributes->used)
		memcpy(out + *used, queue_data(attributes), attributes->used);
	*used += attributes->used;
}

int relay_job_pack(const struct relay_job *job, uint8_t *out)
{
	size_t used = 0;
	int rc;

	put(out, &used, WIRE_USER, job->user, strlen(job->user));
	put_u32(out, &used, WIRE_UID, job->uid);
	put_u32(out, &used, WIRE_GID, job->gid);
	put(out, &used, WIRE_HOME, job->home, strlen(job->home));
	put(out, &used, WIRE_SHELL, job->shell, strlen(job->shell));
	rc = put_groups(out, &used, job->groups);
	if (rc < 0)
		return rc;
	if (job->hostname)
		put(out, &used, WIRE_HOSTNAME, job->hostname, strlen(job->hostname));
	if (job->uuid)
		put(out, &used, WIRE_UUID, job->uuid, strlen(job->uuid));
	if (job->commands)
		put(out, &used, WIRE_COMMANDS, job->commands, strlen(job->commands));
	if (used > WIRE_PAYLOAD_MAX || job->mounts.used + job->networks.used > WIRE_PAYLOAD_MAX - used)
		return -E2BIG;
	put_queue(out, &used, &job->mounts);
	put_queue(out, &used, &job->networks);
	return (int)used;
}
