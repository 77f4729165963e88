/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plugin/task.h"

#include <fcntl.h>
#include <slurm/slurm.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/exitcode.h"
#include "common/kv.h"
#include "common/paths.h"
#include "common/str.h"
#include "common/taskenv.h"
#include "plugin/digest.h"
#include "plugin/job.h"
#include "plugin/loader.h"
#include "plugin/multiprog.h"
#include "plugin/options.h"
#include "plugin/site.h"

/* From Slurm 23.11 on. */
#pragma weak spank_prepend_task_argv
extern spank_err_t spank_prepend_task_argv(spank_t spank, int argc, const char *argv[]);

/* One line per step and node, then the end: nothing of the job may run on the host. */
static void __attribute__((noreturn, format(printf, 3, 4))) refuse(spank_t spank, int code, const char *format, ...)
{
	char text[512];
	va_list arguments;
	int task = 0;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	str_printable(text);
	if (spank_get_item(spank, S_TASK_ID, &task) != ESPANK_SUCCESS || task == 0)
		dprintf(STDERR_FILENO, "wnodes: %s\n", text);
	_exit(code);
}

/* What tasks may know of the job's machine, for the caller to kv_free(); false: nothing can be read. */
static bool load_state(const struct job *job, struct kv *state)
{
	int folder = open(job->run_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = folder < 0 ? -1 : kv_load(state, folder, "state");

	if (folder >= 0)
		close(folder);
	return rc == 0;
}

/* The image that the job's machine was booted from, from malloc; NULL where its state does not tell. */
static char *image_of(const struct job *job)
{
	struct kv state = {0};
	char *image = NULL;

	if (load_state(job, &state) && kv_get(&state, "image"))
		image = strdup(kv_get(&state, "image"));
	kv_free(&state);
	return image;
}

/* The same for a message in a process that ends. */
static const char *image_or(const struct job *job, const char *otherwise)
{
	const char *image = image_of(job);

	return image ? image : otherwise;
}

static bool is_batch(spank_t spank)
{
	uint32_t step;

	return spank_get_item(spank, S_JOB_STEPID, &step) == ESPANK_SUCCESS && step == SLURM_BATCH_SCRIPT;
}

/* Whether the job's partition gives it a machine: its batch script begins when the prolog has just made one. */
static bool is_given_machine(spank_t spank)
{
	char partition[256];

	return !options_given()->image &&
	       spank_getenv(spank, "SLURM_JOB_PARTITION", partition, sizeof(partition)) == ESPANK_SUCCESS &&
	       site_has_partition(partition);
}

/* What a step says of its job's machine besides the image. In a heterogeneous job it may be another part's. */
static void check_step_wishes(spank_t spank, const struct job *job)
{
	const struct options *options = options_given();
	const struct {
		const char *name, *wish, *key;
	} wishes[] = {{"network", options->network, "vm_network"},
	              {"disk", options->disk, "vm_disk"},
	              {"mount", options->mount, "vm_mount"},
	              {"boot-timeout", options->boot_timeout, "vm_boot_timeout"}};
	struct kv state = {0};
	const char *is;
	char parts[16];

	if (spank_getenv(spank, "SLURM_HET_SIZE", parts, sizeof(parts)) == ESPANK_SUCCESS || !load_state(job, &state))
		return;
	/* of a machine that has failed wnodes-run says why */
	is = kv_get(&state, "state");
	for (size_t i = 0; i < sizeof(wishes) / sizeof(wishes[0]); i++) {
		const char *jobs = kv_get(&state, wishes[i].key);

		if (is && strcmp(is, "failed") != 0 && wishes[i].wish && (!jobs || strcmp(jobs, wishes[i].wish) != 0))
			refuse(spank, EXIT_USAGE,
			       "this step asks for --vm-%s=%.128s, its job %s%.128s: a step has its job's machine",
			       wishes[i].name, wishes[i].wish, jobs ? "for " : "did not", jobs ? jobs : "");
	}
	kv_free(&state);
}

/* What a step may say of the machine: nothing, or what its job said. */
static void check_step_options(spank_t spank, const struct job *job, bool has_machine, bool batch)
{
	const struct options *options = options_given();
	char *image;

	if (!has_machine && batch && (options_image(options) || is_given_machine(spank)))
		refuse(spank, EXIT_NODE, "job %u has no virtual machine on %s: slurmd has not run its prolog", job->id,
		       job->node);
	if (!options->image || (!has_machine && !options_image(options)))
		return;
	if (!has_machine)
		refuse(spank, EXIT_USAGE,
		       "job %u has no virtual machine on %s: give --vm to the salloc, sbatch or srun that makes the "
		       "job; "
		       "a step cannot ask for one yet",
		       job->id, job->node);
	/* where the state does not tell, wnodes-run will say what is wrong with the machine */
	image = image_of(job);
	if (!options_image(options) && (!image || strcmp(image, OPTIONS_NONE) != 0))
		refuse(spank, EXIT_USAGE,
		       "this step asks for --vm=none, its job runs in %.64s: submit a job with --vm=none",
		       image ? image : "a machine");
	if (image && strcmp(image, options->image) != 0)
		refuse(spank, EXIT_USAGE,
		       "this step asks for --vm=%s, its job runs in %s: a step with another image is not yet available",
		       options->image, image);
	free(image);
}

static int step_name(spank_t spank, const struct job *job, char *name, size_t size)
{
	uint32_t step;

	if (spank_get_item(spank, S_JOB_STEPID, &step) != ESPANK_SUCCESS)
		return -1;
	if (step == SLURM_BATCH_SCRIPT)
		return str_print(name, size, "%u.batch", job->id);
	if (step == SLURM_INTERACTIVE_STEP)
		return str_print(name, size, "%u.interactive", job->id);
	return str_print(name, size, "%u.%u", job->id, step);
}

/* Give the task wnodes-run in place of its program. */
static int replace_program(spank_t spank, char **argv)
{
	const char *prefix[] = {WNODES_RUN, "--"};

	if (spank_prepend_task_argv) {
		/* the user's own, which wnodes-run would take for ours */
		(void)spank_unsetenv(spank, "WNODES_RUN_ARGV0");
		return spank_prepend_task_argv(spank, 2, prefix) == ESPANK_SUCCESS ? 0 : -1;
	}
	if (spank_setenv(spank, "WNODES_RUN_ARGV0", argv[0], 1) != ESPANK_SUCCESS)
		return -1;
	argv[0] = strdup(WNODES_RUN);
	return argv[0] ? 0 : -1;
}

int task_init(spank_t spank)
{
	struct job job;
	char step[64], why[300], other[65];
	char **argv = NULL;
	uint32_t rank = 0;
	int argc = 0;
	bool batch, has_machine, wrapped;

	if (job_get(spank, &job) < 0)
		return options_image(options_given()) ? -1 : 0;
	has_machine = job_has_machine(&job);
	batch = is_batch(spank);
	check_step_options(spank, &job, has_machine, batch);
	if (has_machine)
		check_step_wishes(spank, &job);
	if (!has_machine && digest_is_elsewhere(spank, &job, other))
		refuse(spank, EXIT_NODE,
		       "node %s has a virtual machine for job %u, node %s has none: wnodes.conf of the nodes must "
		       "agree",
		       other, job.id, job.node);
	if (!has_machine)
		return 0;
	if (spank_get_item(spank, S_JOB_ARGV, &argc, &argv) != ESPANK_SUCCESS || argc < 1 || !argv || !argv[0] ||
	    step_name(spank, &job, step, sizeof(step)) < 0)
		refuse(spank, EXIT_NODE,
		       "Slurm does not tell the task's program, so it cannot be run in the virtual machine");
	if (digest_check(spank, &job, why, sizeof(why)) < 0)
		refuse(spank, EXIT_NODE, "%s", why);
	(void)spank_get_item(spank, S_TASK_GLOBAL_ID, &rank);
	wrapped = !batch && !spank_prepend_task_argv && argc >= 2 && multiprog_is_wrapped(argv[1], WNODES_RUN);
	if (!batch && !spank_prepend_task_argv && !wrapped && multiprog_is(argc, argv, rank))
		refuse(spank, EXIT_USAGE,
		       "--multi-prog in a job with a virtual machine: give --vm=%.200s to this srun too, and lines of "
		       "`RANKS PROGRAM ARGUMENTS` below 4 KiB",
		       image_or(&job, "IMAGE"));
	if (spank_setenv(spank, "WNODES_RUN_DIR", job.run_dir, 1) != ESPANK_SUCCESS ||
	    spank_setenv(spank, "WNODES_RUN_STEP", step, 1) != ESPANK_SUCCESS ||
	    (batch ? spank_setenv(spank, "WNODES_RUN_SCRIPT", "1", 1) != ESPANK_SUCCESS
	           : (spank_unsetenv(spank, "WNODES_RUN_SCRIPT"), false)) ||
	    (wrapped ? spank_setenv(spank, TASKENV_MULTIPROG, "1", 1) != ESPANK_SUCCESS
	             : (spank_unsetenv(spank, TASKENV_MULTIPROG), false)) ||
	    loader_set_aside(spank) < 0 || replace_program(spank, argv) < 0)
		refuse(spank, EXIT_NODE, "the task cannot be given to wnodes-run");
	return 0;
}
