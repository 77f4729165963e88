/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plugin/script.h"

#include <limits.h>
#include <slurm/slurm.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/exitcode.h"
#include "common/str.h"
#include "plugin/console.h"
#include "plugin/digest.h"
#include "plugin/helper.h"
#include "plugin/job.h"
#include "plugin/options.h"
#include "plugin/site.h"

#define PREPARE_SECONDS 15U
#define DESTROY_SECONDS 60U

/* Not linked: these are there in the processes that run a prolog. */
#pragma weak slurm_hostlist_create
#pragma weak slurm_hostlist_find
#pragma weak slurm_hostlist_destroy

static int node_index(const char *nodes, const char *node)
{
	struct hostlist *list; /* hostlist_t is this pointer up to 22.05, and what it points to later */
	int index = -1;

	if (!nodes || !slurm_hostlist_create || !slurm_hostlist_find || !slurm_hostlist_destroy)
		return -1;
	list = slurm_hostlist_create(nodes);
	if (list) {
		index = slurm_hostlist_find(list, node);
		slurm_hostlist_destroy(list);
	}
	return index;
}

/* Whether node is the first of several. */
static bool is_first(const char *nodes, const char *node)
{
	return nodes && strpbrk(nodes, ",[") && node_index(nodes, node) == 0;
}

/* This node's number in SLURM_JOB_CPUS_PER_NODE's form, `2(x3),4`; 0: unknown. */
static unsigned int cpus_of_node(const char *text, int index)
{
	for (bool first = true; text && *text; first = false) {
		unsigned int cpus, repeat = 1;
		int used = 0;

		if (sscanf(text, "%9u%n", &cpus, &used) != 1)
			return 0;
		text += used;
		used = 0;
		if (sscanf(text, "(x%9u)%n", &repeat, &used) == 1 && used)
			text += used;
		/* where all nodes have the same, the index does not matter */
		if ((first && *text == 0) || (index >= 0 && (unsigned int)index < repeat))
			return cpus;
		index = index < 0 ? index : index - (int)repeat;
		text += *text == ',';
	}
	return 0;
}

/*
 * Whether the helper has something to decide: a job that says nothing of a
 * machine costs a look into wnodes.conf for its partition.
 */
static bool wants_machine(const struct options *options)
{
	const char *partition = getenv("SLURM_JOB_PARTITION");

	return options_image(options) || options_needing_machine(options) ||
	       (partition && site_has_partition(partition));
}

/*
 * The helper has failed, perhaps without a word to the job. A step of a job
 * that has a machine by its partition alone would not know that it needs one.
 */
static int refuse(const struct job *job)
{
	int rc = job_refuse(job, EXIT_NODE, "wnodes-helper does not work on this node: see slurmd's log");

	if (rc == 0)
		return 0;
	slurm_error("wnodes: job %u: %s: %s; the node is drained, or the job would run on the host", job->id,
	            job->run_dir, strerror(-rc));
	return -1;
}

struct owner {
	char uid[16], gid[16];
};

static int owner_get(spank_t spank, struct owner *owner)
{
	uid_t uid;
	gid_t gid;

	if (spank_get_item(spank, S_JOB_UID, &uid) != ESPANK_SUCCESS ||
	    spank_get_item(spank, S_JOB_GID, &gid) != ESPANK_SUCCESS)
		return -1;
	snprintf(owner->uid, sizeof(owner->uid), "%u", uid);
	snprintf(owner->gid, sizeof(owner->gid), "%u", gid);
	return 0;
}

static int prepare(const struct job *job, const struct owner *owner, const struct options *options, const char *digest)
{
	char why[256] = "", console[PATH_MAX], id[16], cpus[16];
	struct helper_call call;

	if (options_check(options, true, why, sizeof(why)) == 0 && options->console &&
	    console_path(options->console, job->id, job->node, getenv("SLURM_JOB_WORK_DIR"), console, sizeof(console)) <
	            0)
		snprintf(why, sizeof(why), "--vm-console: the path is too long");
	snprintf(id, sizeof(id), "%u", job->id);
	snprintf(cpus, sizeof(cpus), "%u",
	         cpus_of_node(getenv("SLURM_JOB_CPUS_PER_NODE"), node_index(getenv("SLURM_NODELIST"), job->node)));
	helper_begin(&call, "prepare");
	helper_add(&call, "--node", job->node);
	helper_add(&call, "--job", id);
	helper_add(&call, "--restart", getenv("SLURM_JOB_RESTART_COUNT") ? getenv("SLURM_JOB_RESTART_COUNT") : "0");
	helper_add(&call, "--uid", owner->uid);
	helper_add(&call, "--gid", owner->gid);
	helper_add(&call, "--cpus", cpus);
	helper_add(&call, "--partition", getenv("SLURM_JOB_PARTITION"));
	helper_add(&call, "--account", getenv("SLURM_JOB_ACCOUNT"));
	helper_add(&call, "--digest", digest);
	helper_add(&call, "--console", options->console && !why[0] ? console : NULL);
	helper_add(&call, "--image", options->image);
	helper_add(&call, "--boot-timeout", options->boot_timeout);
	helper_add(&call, "--mount", why[0] ? NULL : options->mount);
	helper_add(&call, "--disk", why[0] ? NULL : options->disk);
	helper_add(&call, "--network", why[0] ? NULL : options->network);
	helper_add(&call, "--option-error", why[0] ? why : NULL);
	return helper_run(&call, PREPARE_SECONDS);
}

int script_prolog(spank_t spank)
{
	char text[SITE_DIGEST_SIZE];
	const char *digest;
	struct options options;
	struct owner owner;
	struct job job;

	options_of_job(spank, &options);
	if (!wants_machine(&options) || job_get(spank, &job) < 0)
		return 0;
	if (owner_get(spank, &owner) < 0) {
		slurm_error("wnodes: job %u: Slurm does not tell its user", job.id);
		return 0;
	}
	digest = digest_submitted(options_image(&options), text);
	if (prepare(&job, &owner, &options, digest) != 0) {
		slurm_error("wnodes: job %u: its virtual machine could not be prepared", job.id);
		return refuse(&job);
	}
	if (!digest && is_first(getenv("SLURM_NODELIST"), job.node))
		digest_announce(&job);
	return 0;
}

int script_epilog(spank_t spank)
{
	struct helper_call call;
	struct options options;
	struct job job;
	char id[16];

	options_of_job(spank, &options);
	if (job_get(spank, &job) < 0)
		return options_image(&options) ? -1 : 0;
	if (!options_image(&options) && !job_has_machine(&job) && !job_has_record(&job))
		return 0;
	snprintf(id, sizeof(id), "%u", job.id);
	helper_begin(&call, "destroy");
	helper_add(&call, "--node", job.node);
	helper_add(&call, "--job", id);
	if (helper_run(&call, DESTROY_SECONDS) == 0)
		return 0;
	slurm_error("wnodes: job %u: its virtual machine could not be removed; the node is drained: "
	            "run `wnodes-helper destroy --node %s --job %u` and resume it",
	            job.id, job.node, job.id);
	return -1;
}
