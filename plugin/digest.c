/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plugin/digest.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/kv.h"
#include "common/paths.h"
#include "common/str.h"
#include "common/taskenv.h"
#include "plugin/first_node.h"
#include "plugin/site.h"

#define VARIABLE "WNODES_DIGEST" /* of the job's control environment; a prolog sees SPANK_ before it */
#define CARRIED_MAX 160
#define SHOWN_SIZE 32
#define NONE "none" /* a machine whose image has no sha256 */

/* The digest of image in `IMAGE=SHA256 IMAGE=SHA256…`; NULL where it is not there. */
static const char *find(const char *list, const char *image)
{
	size_t length = strlen(image);

	while (list && !(strncmp(list, image, length) == 0 && list[length] == '=')) {
		list = strchr(list, ' ');
		list += list != NULL;
	}
	return list ? list + length + 1 : NULL;
}

void digest_submit(spank_t spank, const char *image)
{
	static char list[4096];
	char digest[SITE_DIGEST_SIZE];
	size_t used = strlen(list);

	if (image && !find(list, image) && site_digest(image, digest) &&
	    used + strlen(image) + sizeof(digest) + 2 < sizeof(list))
		(void)snprintf(list + used, sizeof(list) - used, "%s%s=%s", used ? " " : "", image, digest);
	if (list[0])
		(void)spank_job_control_setenv(spank, VARIABLE, list, 1);
	else
		(void)spank_job_control_unsetenv(spank, VARIABLE);
}

const char *digest_submitted(const char *image, char *digest)
{
	const char *found = image ? find(getenv("SPANK_" VARIABLE), image) : NULL;

	return found && str_print(digest, SITE_DIGEST_SIZE, "%.*s", (int)strcspn(found, " "), found) == 0 ? digest
	                                                                                                  : NULL;
}

/* The state of the machine in that run folder; kv_free() then. Returns 0 or -1. */
static int load_state(const char *run_dir, struct kv *state)
{
	int folder = open(run_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = folder < 0 ? -1 : kv_load(state, folder, "state");

	if (folder >= 0)
		close(folder);
	return rc < 0 ? -1 : 0;
}

static const char *digest_of(const struct kv *state)
{
	const char *digest = kv_get(state, "digest");

	return digest ? digest : NONE;
}

void digest_carry(void)
{
	const char *node = getenv("SLURMD_NODENAME"), *id = getenv("SLURM_JOB_ID");
	struct kv state = {0};
	char path[256], value[CARRIED_MAX];
	uint64_t job;

	(void)unsetenv(TASKENV_DIGEST);
	if (!node || !str_is_name(node) || !id || str_u64(id, 1, UINT32_MAX, &job) < 0 ||
	    str_print(path, sizeof(path), "%s/%s/%s", WNODES_RUNDIR, node, id) < 0 || load_state(path, &state) < 0)
		return;
	if (str_print(value, sizeof(value), "%s %s %s", id, node, digest_of(&state)) == 0)
		(void)setenv(TASKENV_DIGEST, value, 1);
	kv_free(&state);
}

void digest_announce(const struct job *job)
{
	struct kv state = {0};

	if (load_state(job->run_dir, &state) < 0)
		return;
	if (kv_get(&state, "image_entry"))
		first_node_write(job->id, job->node, digest_of(&state));
	kv_free(&state);
}

/* Of the step, or of the allocation that it is one of. */
static bool has_several_nodes(spank_t spank)
{
	const char *list = getenv("SLURM_NODELIST");
	uint32_t nodes;

	return (spank_get_item(spank, S_JOB_NNODES, &nodes) == ESPANK_SUCCESS && nodes > 1) ||
	       (list && strpbrk(list, ",["));
}

void digest_learn(spank_t spank)
{
	char node[65], digest[SITE_DIGEST_SIZE], value[CARRIED_MAX];
	uint32_t job;

	if (getenv(TASKENV_DIGEST) || spank_get_item(spank, S_JOB_ID, &job) != ESPANK_SUCCESS ||
	    !has_several_nodes(spank) || first_node_read(job, node, digest) < 0)
		return;
	if (str_print(value, sizeof(value), "%" PRIu32 " %s %s", job, node, digest) == 0)
		(void)setenv(TASKENV_DIGEST, value, 1);
}

/* For people: `sha256 ab12…`, or `no sha256`. */
static const char *shown(const char *digest, char *text)
{
	if (strcmp(digest, NONE) == 0)
		return "no sha256";
	(void)snprintf(text, SHOWN_SIZE, "sha256 %.12s…", digest);
	return text;
}

/* What a step of that job carries, into node[65] and digest[65]; another job's is what this one was submitted with. */
static int carried(spank_t spank, const struct job *job, char *node, char *digest)
{
	char text[CARRIED_MAX];
	uint32_t id;

	if (spank_getenv(spank, TASKENV_DIGEST, text, sizeof(text)) != ESPANK_SUCCESS ||
	    sscanf(text, "%" SCNu32 " %64s %64s", &id, node, digest) != 3 || id != job->id)
		return -1;
	return 0;
}

bool digest_is_elsewhere(spank_t spank, const struct job *job, char *node)
{
	char digest[65];

	return carried(spank, job, node, digest) == 0 && strcmp(node, job->node) != 0;
}

int digest_check(spank_t spank, const struct job *job, char *why, size_t size)
{
	char node[65], theirs[65], first[SHOWN_SIZE], second[SHOWN_SIZE];
	struct kv state = {0};
	int rc = 0;

	/* a machine without a state is wnodes-run's to report */
	if (carried(spank, job, node, theirs) < 0 || load_state(job->run_dir, &state) < 0)
		return 0;
	if (kv_get(&state, "image_entry") && strcmp(theirs, digest_of(&state)) != 0) {
		(void)snprintf(why, size,
		               "image %.64s: node %s has %s, node %s has %s: images.d of the nodes must agree",
		               kv_get(&state, "image"), node, shown(theirs, first), job->node,
		               shown(digest_of(&state), second));
		rc = -1;
	}
	kv_free(&state);
	return rc;
}
