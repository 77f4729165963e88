/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/controller.h"

#include <errno.h>
#include <fcntl.h>
#include <slurm/slurm.h>
#include <slurm/slurm_errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/exitcode.h"
#include "common/range.h"
#include "common/str.h"
#include "helper/child.h"
#include "helper/config.h"

#define ASK_MS 15000U
#define REASON_MAX 512U

struct question {
	const char *node;
	uint32_t job;
	const char *reason;
};

/* In the child: libslurm as the site's configuration says. */
static void begin(void)
{
	static struct config config;
	struct failure why = {0};

	if (config_load(&config, &why) == 0 && config.slurm_conf[0])
		(void)setenv("SLURM_CONF", config.slurm_conf, 1);
#if SLURM_VERSION_NUMBER >= SLURM_VERSION_NUM(23, 2, 0)
	slurm_init(NULL);
#endif
}

/* The child's end, with Slurm's own word for what is wrong. */
static int give_up(void)
{
	fprintf(stderr, "%s", slurm_strerror(errno));
	return EXIT_NODE;
}

/* Where the node is in Slurm's table of nodes; -1. */
static int place_in_table(const char *node)
{
	node_info_msg_t *nodes = NULL;
	int place = -1;

	if (slurm_load_node(0, &nodes, SHOW_ALL) != 0)
		return -1;
	for (uint32_t i = 0; place < 0 && i < nodes->record_count; i++)
		if (nodes->node_array[i].name && strcmp(nodes->node_array[i].name, node) == 0)
			place = (int)i;
	slurm_free_node_info_msg(nodes);
	return place;
}

/* Which of the job's nodes it is, in the order in which its resources are listed: the table's. -1: none. */
static int rank_of(const job_info_t *job, const char *node)
{
	int rank = 0;
	int place;

	if (job->gres_detail_cnt == 1)
		return 0;
	place = place_in_table(node);
	for (const int32_t *pair = job->node_inx; place >= 0 && pair && pair[0] >= 0; pair += 2) {
		if (place >= pair[0] && place <= pair[1])
			return rank + place - pair[0];
		rank += pair[1] - pair[0] + 1;
	}
	return -1;
}

static int print_gres(const job_info_t *job, const char *node)
{
	int rank;

	if (job->gres_detail_cnt == 0)
		return 0;
	rank = rank_of(job, node);
	if (rank < 0 || (uint32_t)rank >= job->gres_detail_cnt) {
		fprintf(stderr, "node %s is not among the job's", node);
		return EXIT_NODE;
	}
	if (job->gres_detail_str[rank])
		printf("%s", job->gres_detail_str[rank]);
	return fflush(stdout) == 0 ? 0 : EXIT_NODE;
}

static int ask_gres(void *context)
{
	const struct question *question = context;
	job_info_msg_t *jobs = NULL;

	begin();
	if (slurm_load_job(&jobs, question->job, SHOW_ALL | SHOW_DETAIL) != 0)
		return give_up();
	/* of an array's first job, Slurm tells all */
	for (uint32_t i = 0; i < jobs->record_count; i++)
		if (jobs->job_array[i].job_id == question->job)
			return print_gres(&jobs->job_array[i], question->node);
	fprintf(stderr, "slurmctld does not know the job");
	return EXIT_NODE;
}

static int ask_drain(void *context)
{
	const struct question *question = context;
	node_info_msg_t *nodes = NULL;
	update_node_msg_t update;
	char name[256], reason[REASON_MAX];
	const char *is = NULL;

	begin();
	(void)str_print(name, sizeof(name), "%s", question->node);
	if (slurm_load_node_single(&nodes, name, SHOW_ALL) != 0)
		return give_up();
	if (nodes->record_count == 1 && (nodes->node_array[0].node_state & NODE_STATE_DRAIN))
		is = nodes->node_array[0].reason;
	if (is && strstr(is, question->reason))
		return 0;
	(void)snprintf(reason, sizeof(reason), "%s%s%s", is ? is : "", is && *is ? "; " : "", question->reason);
	slurm_init_update_node_msg(&update);
	update.node_names = name;
	update.node_state = NODE_STATE_DRAIN;
	update.reason = reason;
	update.reason_uid = 0;
	return slurm_update_node(&update) == 0 ? 0 : give_up();
}

/* Ask in a child, whose output comes into text[size]. */
static int ask(const char *task, int (*work)(void *), const struct question *question, char *text, size_t size,
               struct failure *why)
{
	struct child child = {.work = work, .context = (void *)question, .is_roots = true, .err = -1};
	size_t used = 0;
	ssize_t n = 1;
	int fds[2];
	int rc;

	/* what it says at once fits into a pipe */
	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
		return failure_set(why, EXIT_NODE, "%s: pipe: %s", task, strerror(errno));
	child.out = fds[1];
	rc = child_run(&child, task, ASK_MS, why);
	close(fds[1]);
	while (rc == 0 && n > 0 && used < size - 1) {
		n = read(fds[0], text + used, size - 1 - used);
		used += n > 0 ? (size_t)n : 0;
	}
	close(fds[0]);
	text[used] = 0;
	if (rc == 0 && used == size - 1)
		rc = failure_set(why, EXIT_NODE, "%s: the answer is too long", task);
	return rc;
}

int controller_gres(const char *node, uint32_t job, char *gres, struct failure *why)
{
	const struct question question = {.node = node, .job = job};

	return ask("slurmctld does not say which GRES the job has", ask_gres, &question, gres, CONTROLLER_GRES_MAX,
	           why);
}

int controller_drain(const char *node, const char *reason, struct failure *why)
{
	const struct question question = {.node = node, .reason = reason};
	char nothing[64];

	return ask("the node cannot be drained", ask_drain, &question, nothing, sizeof(nothing), why);
}

/* `0-1,4` up to end, after those that are there already. */
static int parse_indices(const char *at, const char *end, unsigned int *indices, size_t max, int count)
{
	struct range range;

	while (range_next(&at, &range)) {
		if (range.last > UINT16_MAX)
			return -EINVAL;
		for (unsigned int i = range.first; i <= range.last; i++) {
			if ((size_t)count == max)
				return -ERANGE;
			indices[count++] = i;
		}
	}
	return at == end ? count : -EINVAL;
}

int controller_gres_indices(const char *gres, const char *name, unsigned int *indices, size_t max)
{
	size_t length = strlen(name);
	int count = 0;

	while (*gres && count >= 0) {
		/* NAME[:TYPE]:COUNT(IDX:LIST) or NAME[:TYPE](CNT:COUNT) */
		const char *open = strchr(gres, '('), *close = open ? strchr(open, ')') : NULL;
		bool is_it = strncmp(gres, name, length) == 0 && (gres[length] == ':' || gres[length] == '(');

		if (!close || (close[1] && close[1] != ','))
			return -EINVAL;
		if (is_it && strncmp(open, "(IDX:", 5) == 0)
			count = parse_indices(open + 5, close, indices, max, count);
		else if (is_it)
			count = -ENODATA;
		gres = close + 1 + (close[1] == ',');
	}
	return count;
}
