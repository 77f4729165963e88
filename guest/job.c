/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/job.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/wire.h"
#include "guest/accounts.h"
#include "guest/names.h"

static int take_text(char **to, const struct wire_attribute *attribute, const char **why)
{
	if (*to || !wire_is_text(attribute)) {
		*why = "a JOB with a text twice, or one with a NUL";
		return -EPROTO;
	}
	*to = strndup((const char *)attribute->bytes, attribute->length);
	return *to ? 0 : -ENOMEM;
}

static int take_number(uint32_t *to, const struct wire_attribute *attribute, const char **why)
{
	if (attribute->length != 4) {
		*why = "a JOB with a number that has not four bytes";
		return -EPROTO;
	}
	*to = wire_u32(attribute->bytes);
	return 0;
}

static int take_group(struct job *job, const struct wire_attribute *attribute, const char **why)
{
	struct job_group *groups;
	struct wire_attribute name;

	if (attribute->length < 4) {
		*why = "a JOB with a group that has no number";
		return -EPROTO;
	}
	name = (struct wire_attribute){.bytes = attribute->bytes + 4, .length = attribute->length - 4};
	groups = realloc(job->groups, (job->group_count + 1) * sizeof(*groups));
	if (!groups)
		return -ENOMEM;
	job->groups = groups;
	groups[job->group_count] = (struct job_group){.gid = wire_u32(attribute->bytes)};
	return take_text(&groups[job->group_count++].name, &name, why);
}

static int take_mount(struct job *job, const struct wire_attribute *attribute, const char **why)
{
	struct wire_attribute target = {.bytes = attribute->bytes + 8, .length = attribute->length - 8};
	struct job_mount *mounts;
	uint32_t flags;

	if (attribute->length < 9 || attribute->bytes[8] != '/') {
		*why = "a JOB with a mount that has no path";
		return -EPROTO;
	}
	mounts = realloc(job->mounts, (job->mount_count + 1) * sizeof(*mounts));
	if (!mounts)
		return -ENOMEM;
	job->mounts = mounts;
	flags = wire_u32(attribute->bytes + 4);
	mounts[job->mount_count] = (struct job_mount){.number = wire_u32(attribute->bytes),
	                                              .read_only = flags & WIRE_MOUNT_READ_ONLY,
	                                              .optional = flags & WIRE_MOUNT_OPTIONAL,
	                                              .virtiofs = flags & WIRE_MOUNT_VIRTIOFS};
	return take_text(&mounts[job->mount_count++].target, &target, why);
}

static int take_network(struct job *job, const struct wire_attribute *attribute, const char **why)
{
	struct job_network *networks;

	if (job->network_count == WIRE_NETWORKS_MAX) {
		*why = "a JOB with too many networks";
		return -EPROTO;
	}
	networks = realloc(job->networks, (job->network_count + 1) * sizeof(*networks));
	if (!networks)
		return -ENOMEM;
	job->networks = networks;
	return job_network_parse(&networks[job->network_count++], attribute->bytes, attribute->length, why);
}

static int take(struct job *job, const struct wire_attribute *attribute, uint32_t *gid, const char **why)
{
	switch (attribute->tag) {
	case WIRE_USER:
		return take_text(&job->user, attribute, why);
	case WIRE_UID:
		return take_number(&job->uid, attribute, why);
	case WIRE_GID:
		return take_number(gid, attribute, why);
	case WIRE_HOME:
		return take_text(&job->home, attribute, why);
	case WIRE_SHELL:
		return take_text(&job->shell, attribute, why);
	case WIRE_GROUP:
		return take_group(job, attribute, why);
	case WIRE_HOSTNAME:
		return take_text(&job->hostname, attribute, why);
	case WIRE_MOUNT:
		return take_mount(job, attribute, why);
	case WIRE_UUID:
		return take_text(&job->uuid, attribute, why);
	case WIRE_NETWORK:
		return take_network(job, attribute, why);
	case WIRE_COMMANDS:
		return take_text(&job->commands, attribute, why);
	default:
		return 0;
	}
}

int job_parse(struct job *job, const uint8_t *payload, size_t length, const char **why)
{
	struct wire_attribute attribute;
	uint32_t gid = UINT32_MAX;
	size_t offset = 0;
	int rc;

	*why = "a JOB whose attributes do not fit";
	while ((rc = wire_next_attribute(payload, length, &offset, &attribute)) > 0) {
		rc = take(job, &attribute, &gid, why);
		if (rc < 0)
			break;
	}
	job->gid = gid;
	/* All ones mean "leave it" to setresuid(2) and setresgid(2): the task would stay root. */
	if (rc == 0 && (job->uid == 0 || job->uid == UINT32_MAX || gid == UINT32_MAX)) {
		*why = "a JOB without a user or a group that is fit for it";
		rc = -EPROTO;
	}
	if (rc < 0)
		job_free(job);
	return rc;
}

void job_free(struct job *job)
{
	for (size_t i = 0; i < job->group_count; i++)
		free(job->groups[i].name);
	free(job->groups);
	for (size_t i = 0; i < job->mount_count; i++)
		free(job->mounts[i].target);
	free(job->mounts);
	free(job->networks);
	free(job->user);
	free(job->home);
	free(job->shell);
	free(job->hostname);
	free(job->uuid);
	free(job->commands);
	*job = (struct job){0};
}

void job_apply(const struct job *job, const char *etc)
{
	accounts_apply(job, etc);
	names_apply(job, etc);
}
