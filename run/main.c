/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "run/run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/taskenv.h"
#include "common/exitcode.h"
#include "run/command.h"

#define DRAIN_SECONDS 30U /* for a reader to take what is left of a machine that has ended */

extern char **environ;

uint64_t run_now(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * RUN_SECOND + (uint64_t)now.tv_nsec / 1000;
}

static int on_drain_over(sd_event_source *source, uint64_t usec, void *data)
{
	struct run *run = data;

	(void)source;
	(void)usec;
	return sd_event_exit(run->event, 0);
}

void run_finish(struct run *run, bool is_signal, int value)
{
	bool task_ended = run->channel.exited;

	if (run->phase == RUN_DRAINING)
		return;
	run->phase = RUN_DRAINING;
	run->is_signal = is_signal;
	run->value = value;
	run_input_close(run);
	run_commands_close(run);
	run_client_close(run);
	run_signals_stop(run);
	run->inotify = sd_event_source_disable_unref(run->inotify);
	run->timer = sd_event_source_disable_unref(run->timer);
	if (run_output_is_done(&run->outputs[0]) && run_output_is_done(&run->outputs[1]))
		(void)sd_event_exit(run->event, 0);
	/* a task's output waits for its reader, as the task itself would have; it dies of signals now */
	else if (!task_ended && sd_event_add_time_relative(run->event, &run->timer, CLOCK_MONOTONIC,
	                                                   DRAIN_SECONDS * RUN_SECOND, 0, on_drain_over, run) < 0)
		(void)sd_event_exit(run->event, 0);
}

static const char *get(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

static bool is_set(const char *name)
{
	const char *value = get(name);

	return value && strcmp(value, "1") == 0;
}

/* The most tasks of a node in SLURM_STEP_TASKS_PER_NODE's form, `2(x3),4`. */
static size_t most_tasks(const char *text)
{
	size_t most = 1;

	while (text && *text) {
		size_t tasks = strtoul(text, NULL, 10);

		most = tasks > most ? tasks : most;
		text = strchr(text, ',');
		text = text ? text + 1 : NULL;
	}
	return most;
}

/* `wnodes-run -- COMMAND…`, or `wnodes-run ARGUMENT…` with the command's name in the environment. */
static int parse_options(struct run_options *options, int argc, char **argv)
{
	char *name = getenv("WNODES_RUN_ARGV0");
	const char *local_id = get("SLURM_LOCALID");

	options->run_dir = get("WNODES_RUN_DIR");
	options->step = get("WNODES_RUN_STEP");
	options->is_script = is_set("WNODES_RUN_SCRIPT");
	options->tty = is_set(TASKENV_TTY);
	options->local = !local_id || strcmp(local_id, "0") == 0;
	options->tasks = most_tasks(get("SLURM_STEP_TASKS_PER_NODE"));
	if (!options->step)
		options->step = "step";
	if (argc < 1 || !options->run_dir || strlen(options->step) > WIRE_STEP_MAX)
		return -EINVAL;
	/* a --multi-prog file's own words begin with the two; those of a program in its place cannot: see plugin/task.c
	 */
	if (is_set(TASKENV_MULTIPROG) && argc >= 3 && strcmp(argv[1], "--") == 0)
		name = NULL;
	if (name) {
		argv[0] = name;
		options->argv = argv;
		return 0;
	}
	if (argc < 3 || strcmp(argv[1], "--") != 0)
		return -EINVAL;
	options->argv = argv + 2;
	return 0;
}

/* What the task may not have, this process may not be short of: it is not the task. */
static void raise_limits(void)
{
	static const __rlimit_resource_t resources[] = {RLIMIT_AS, RLIMIT_DATA, RLIMIT_NOFILE, RLIMIT_CPU};

	for (size_t i = 0; i < sizeof(resources) / sizeof(resources[0]); i++) {
		struct rlimit limit;

		if (getrlimit(resources[i], &limit) == 0) {
			limit.rlim_cur = limit.rlim_max;
			(void)setrlimit(resources[i], &limit);
		}
	}
}

/* So that nothing opened later becomes a stream of the task. */
static void fill_standard_fds(struct run *run)
{
	int fd;

	for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		run->was_closed[fd] = fcntl(fd, F_GETFD) < 0;
	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}

static void start(struct run *run)
{
	const char *what;
	int rc;

	run->dir_fd = open(run->options.run_dir, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (run->dir_fd < 0 && errno != ENOENT) {
		run_fail(run, errno == EMFILE ? EXIT_USAGE : EXIT_NODE, "cannot open %s: %s%s", run->options.run_dir,
		         strerror(errno), errno == EMFILE ? ": raise `ulimit -n` to 32 or more" : "");
		return;
	}
	if (run->dir_fd < 0) {
		run_fail(run, EXIT_NODE, "the VM of this job is gone from this node (%s: %s)", run->options.run_dir,
		         strerror(errno));
		return;
	}
	run->options.terminal = &run->terminal.found;
	rc = run_spec_build(&run->options, environ, &run->spec, &what);
	if (rc == -E2BIG)
		run_fail(run, EXIT_USAGE, "the command cannot be carried into the VM: with %s it is larger than %u MiB",
		         what, WIRE_SPEC_MAX >> 20);
	else if (rc < 0)
		run_fail(run, EXIT_NODE, "cannot carry %s into the VM: %s", what, strerror(-rc));
	if (rc < 0)
		return;
	raise_limits();
	rc = run_wait_start(run);
	if (rc < 0)
		run_fail(run, EXIT_NODE, "cannot wait for the VM: %s", strerror(-rc));
}

static int finish(const struct run *run)
{
	/* Slurm drops what a task wrote just before it died of SIGKILL */
	static const struct timespec slurm_reads = {.tv_nsec = 200000000};

	if (!run->is_signal)
		return run->value;
	if (run->spoke && run->value == SIGKILL)
		(void)nanosleep(&slurm_reads, NULL);
	run_signals_die(run->value);
	return 128 + run->value; /* a signal that does not kill here */
}

int main(int argc, char **argv)
{
	static struct run run = {.sock = -1, .dir_fd = -1, .terminal.fd = -1, .value = EXIT_NODE};
	int rc;

	run_signals_default();
	channel_init(&run.channel);
	fill_standard_fds(&run);
	rc = sd_event_new(&run.event);
	if (rc >= 0) {
		run_terminal_open(&run);
		run_stdio_open(&run);
		if (parse_options(&run.options, argc, argv) < 0)
			run_fail(&run, EXIT_USAGE, "wnodes-run is executed by the plugin alone, with its environment");
		else
			start(&run);
	}
	if (rc >= 0)
		rc = sd_event_loop(run.event);
	run_terminal_restore(&run);
	queue_free(&run.spec);
	queue_free(&run.in);
	queue_free(&run.outputs[0].queue);
	queue_free(&run.outputs[1].queue);
	if (rc < 0)
		return EXIT_NODE;
	return finish(&run);
}
