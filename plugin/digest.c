/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plugin/digest.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/kv.h"
#include "common/paths.h"
#include "common/str.h"
#include "common/taskenv.h"
#include "plugin/site.h"

#define VARIABLE "WNODES_DIGEST" /* Slurm puts SPANK_ before it */
#define NONE "none"              /* a machine whose image has no sha256 */

void digest_submit(spank_t spank, const char *image)
{
	char digest[SITE_DIGEST_SIZE];

	if (image && site_digest(image, digest))
		(void)spank_job_control_setenv(spank, VARIABLE, digest, 1);
	else
		(void)spank_job_control_unsetenv(spank, VARIABLE);
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
	char path[256], value[160];
	uint64_t job;

	(void)unsetenv(TASKENV_DIGEST);
	if (!node || !str_is_name(node) || !id || str_u64(id, 1, UINT32_MAX, &job) < 0 ||
	    str_print(path, sizeof(path), "%s/%s/%s", WNODES_RUNDIR, node, id) < 0 || load_state(path, &state) < 0)
		return;
	if (str_print(value, sizeof(value), "%s %s", node, digest_of(&state)) == 0)
		(void)setenv(TASKENV_DIGEST, value, 1);
	kv_free(&state);
}

int digest_check(spank_t spank, const struct job *job, char *why, size_t size)
{
	struct kv state = {0};
	char carried[160];
	const char *theirs;
	int rc = 0;

	if (spank_getenv(spank, TASKENV_DIGEST, carried, sizeof(carried)) != ESPANK_SUCCESS)
		return 0;
	theirs = strchr(carried, ' ');
	/* a machine without a state is wnodes-run's to report */
	if (!theirs || load_state(job->run_dir, &state) < 0)
		return 0;
	if (kv_get(&state, "image") && strcmp(theirs + 1, digest_of(&state)) != 0) {
		(void)snprintf(why, size,
		               "image %.64s: node %.*s has sha256 %.12s, node %s has sha256 %.12s: images.d of the "
		               "nodes must agree",
		               kv_get(&state, "image"), (int)(theirs - carried), carried, theirs + 1, job->node,
		               digest_of(&state));
		rc = -1;
	}
	kv_free(&state);
	return rc;
}
