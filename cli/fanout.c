/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/fanout.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/str.h"

#define AT_ONCE 64U        /* sruns of single nodes */
#define MARGIN_SECONDS 60U /* for its end */
#define KILL_SECONDS 10    /* from SIGTERM to SIGKILL */
#define LINE_MAX_BYTES 65536U

/* A line at a time of what an srun says. */
struct lines {
	int fd; /* -1: at its end */
	char *text;
	size_t used;
	bool too_long;
};

/* An srun at work. */
struct run {
	pid_t pid; /* 0: this place is free */
	struct node **nodes;
	size_t count;
	struct lines out, err;
	char said[200];   /* why it failed, as far as it says */
	bool said_ours;   /* that is a message of wnodes, not of srun */
	int64_t deadline; /* seconds of CLOCK_MONOTONIC */
	bool asked_to_end;
};

struct pool {
	const struct fanout *fanout;
	struct nodes *nodes;
	struct run runs[AT_ONCE];
	size_t answered, wanted;
	bool late; /* an srun was ended for its time */
};

static const char srun[] = WNODES_SLURM_BINDIR "/srun";

static int64_t now_s(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

/* Options that srun takes from the environment are a job's that we may be in: this is no step of it. */
static void clear_environment(void)
{
	extern char **environ;
	char **kept = environ;

	for (char **entry = environ; *entry; entry++)
		if (strncmp(*entry, "SLURM_CONF=", 11) == 0 ||
		    (strncmp(*entry, "SLURM_", 6) != 0 && strncmp(*entry, "_SLURM_", 7) != 0))
			*kept++ = *entry;
	*kept = NULL;
}

static char *list_nodes(const struct run *run)
{
	char *list = malloc(run->count * NODE_NAME + 1);
	size_t used = 0;

	for (size_t i = 0; list && i < run->count; i++)
		used += (size_t)sprintf(list + used, "%s%s", i ? "," : "", run->nodes[i]->name);
	return list;
}

static _Noreturn void execute(const struct fanout *fanout, const struct run *run, int out, int err, pid_t parent)
{
	char count[32], minutes[32], immediate[32];
	const char *argv[32] = {srun,
	                        "--quiet",
	                        "--job-name=wnodes-prestage",
	                        "--ntasks-per-node=1",
	                        "--cpus-per-task=1",
	                        "--mem=100M",
	                        "--input=none",
	                        "--vm=none",
	                        "--chdir=/",
	                        "--no-kill",
	                        "--kill-on-bad-exit=0",
	                        "--wait=0",
	                        immediate,
	                        minutes,
	                        count,
	                        "-w",
	                        list_nodes(run)};
	size_t used = 17;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void)snprintf(count, sizeof(count), "--nodes=%zu", run->count);
	(void)snprintf(minutes, sizeof(minutes), "--time=%u", fanout->minutes);
	(void)snprintf(immediate, sizeof(immediate), "--immediate=%u", fanout->seconds);
	if (fanout->partition) {
		argv[used++] = "-p";
		argv[used++] = fanout->partition;
	}
	argv[used++] = fanout->program;
	argv[used++] = "fetch";
	argv[used++] = "--json";
	argv[used++] = fanout->image;
	clear_environment();
	/* where we are killed, so is the job */
	if (null >= 0 && dup2(null, 0) == 0 && dup2(out, 1) == 1 && dup2(err, 2) == 2 && argv[16] &&
	    prctl(PR_SET_PDEATHSIG, SIGTERM) == 0 && getppid() == parent)
		(void)execv(argv[0], (char *const *)(const void *)argv);
	_exit(127);
}

static int begin(struct pool *pool, struct run *run, struct node **nodes, size_t count)
{
	int out[2], err[2];
	pid_t parent = getpid();

	*run = (struct run){.nodes = nodes, .count = count};
	if (pipe2(out, O_CLOEXEC) < 0)
		return -errno;
	if (pipe2(err, O_CLOEXEC) < 0) {
		int rc = -errno;

		close(out[0]);
		close(out[1]);
		return rc;
	}
	run->pid = fork();
	if (run->pid == 0)
		execute(pool->fanout, run, out[1], err[1], parent);
	close(out[1]);
	close(err[1]);
	run->out.fd = out[0];
	run->err.fd = err[0];
	run->deadline = now_s() + pool->fanout->seconds + MARGIN_SECONDS + (int64_t)pool->fanout->minutes * 60;
	if (run->pid > 0)
		return 0;
	run->pid = 0;
	close(out[0]);
	close(err[0]);
	return -EAGAIN;
}

/* Of what comes on standard error the last line that says something, but rather ours than srun's. */
static void note_said(struct run *run, const char *line)
{
	bool ours = strncmp(line, "wnodes: ", 8) == 0;

	if (!*line || (run->said_ours && !ours))
		return;
	run->said_ours = ours;
	if (ours)
		line += 8;
	if (strncmp(line, "srun: ", 6) == 0)
		line += 6;
	if (strncmp(line, "error: ", 7) == 0)
		line += 7;
	(void)snprintf(run->said, sizeof(run->said), "%s", line);
	str_printable(run->said);
}

static void take_line(struct pool *pool, struct run *run, struct lines *lines)
{
	lines->text[lines->used] = 0;
	if (lines == &run->err)
		note_said(run, lines->text);
	else if (!lines->too_long)
		pool->answered += nodes_answer(pool->nodes, lines->text);
	lines->used = 0;
	lines->too_long = false;
}

static void read_lines(struct pool *pool, struct run *run, struct lines *lines)
{
	char buffer[4096];
	ssize_t n = read(lines->fd, buffer, sizeof(buffer));

	if (n < 0 && errno == EINTR)
		return;
	if (!lines->text)
		lines->text = malloc(LINE_MAX_BYTES);
	if (n <= 0 || !lines->text) {
		close(lines->fd);
		lines->fd = -1;
		return;
	}
	for (ssize_t i = 0; i < n; i++) {
		if (buffer[i] == '\n')
			take_line(pool, run, lines);
		else if (lines->used < LINE_MAX_BYTES - 1)
			lines->text[lines->used++] = buffer[i];
		else
			lines->too_long = true;
	}
}

/* One that has closed its output is about to end, or is ended. */
static void reap(pid_t pid)
{
	const struct timespec nap = {.tv_nsec = 5000000};
	int64_t deadline = now_s() + KILL_SECONDS;

	while (waitpid(pid, NULL, WNOHANG) == 0) {
		if (now_s() >= deadline)
			(void)kill(pid, SIGKILL);
		(void)nanosleep(&nap, NULL);
	}
}

/* Its end: nodes without an answer get srun's last words. */
static void end(struct pool *pool, struct run *run)
{
	reap(run->pid);
	for (size_t i = 0; i < run->count; i++)
		if (run->nodes[i]->answer.count == 0)
			(void)snprintf(run->nodes[i]->why, sizeof(run->nodes[i]->why), "%s",
			               run->asked_to_end ? "no answer in time"
			               : run->said[0]    ? run->said
			                                 : "no answer");
	pool->late = pool->late || run->asked_to_end;
	free(run->out.text);
	free(run->err.text);
	*run = (struct run){0};
}

static void enforce(struct run *run)
{
	int64_t now = now_s();

	if (now < run->deadline)
		return;
	(void)kill(run->pid, run->asked_to_end ? SIGKILL : SIGTERM);
	run->asked_to_end = true;
	run->deadline = now + KILL_SECONDS;
}

/* Listen for a second at most. Returns how many sruns are at work. */
static size_t attend(struct pool *pool)
{
	struct pollfd fds[AT_ONCE * 2];
	size_t busy = 0;

	for (size_t i = 0; i < AT_ONCE; i++) {
		struct run *run = &pool->runs[i];

		fds[2 * i] = (struct pollfd){.fd = run->pid ? run->out.fd : -1, .events = POLLIN};
		fds[2 * i + 1] = (struct pollfd){.fd = run->pid ? run->err.fd : -1, .events = POLLIN};
	}
	(void)poll(fds, AT_ONCE * 2, 1000);
	for (size_t i = 0; i < AT_ONCE; i++) {
		struct run *run = &pool->runs[i];

		if (!run->pid)
			continue;
		if (fds[2 * i].revents)
			read_lines(pool, run, &run->out);
		if (fds[2 * i + 1].revents)
			read_lines(pool, run, &run->err);
		enforce(run);
		if (run->out.fd < 0 && run->err.fd < 0)
			end(pool, run);
		busy += run->pid != 0;
	}
	if (pool->fanout->terminal)
		fprintf(stderr, "\rwnodes: %zu of %zu nodes have answered\033[K", pool->answered, pool->wanted);
	return busy;
}

/* The nodes that have no answer, an srun each. */
static int singles(struct pool *pool, struct node **chosen, size_t count)
{
	size_t next = 0, busy = 0;
	int rc = 0;

	do {
		for (size_t i = 0; rc == 0 && i < AT_ONCE && next < count; i++) {
			while (next < count && chosen[next]->answer.count > 0)
				next++;
			if (pool->runs[i].pid || next == count)
				continue;
			rc = begin(pool, &pool->runs[i], &chosen[next], 1);
			next += rc == 0;
		}
		busy = attend(pool);
	} while (busy > 0 || (rc == 0 && next < count));
	return rc;
}

int fanout(const struct fanout *fanout, struct nodes *nodes)
{
	struct pool *pool = calloc(1, sizeof(*pool));
	struct node **chosen = calloc(nodes->count + 1, sizeof(struct node *));
	int rc = pool && chosen ? 0 : -ENOMEM;

	if (rc < 0)
		goto out;
	pool->fanout = fanout;
	pool->nodes = nodes;
	for (size_t i = 0; i < nodes->count; i++)
		if (nodes->list[i].is_up)
			chosen[pool->wanted++] = &nodes->list[i];
	if (pool->wanted == 0)
		goto out;
	rc = begin(pool, &pool->runs[0], chosen, pool->wanted);
	while (rc == 0 && attend(pool) > 0)
		;
	if (rc == 0 && pool->wanted > 1 && pool->answered < pool->wanted && !pool->late)
		rc = singles(pool, chosen, pool->wanted);
	if (fanout->terminal)
		fprintf(stderr, "\r\033[K");
out:
	free(chosen);
	free(pool);
	return rc;
}
