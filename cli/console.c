/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The serial console of a machine, as its relay has it: what was kept, then what comes. */
#include <errno.h>
#include <glob.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/plain.h"
#include "common/exitcode.h"
#include "common/frame.h"
#include "common/paths.h"
#include "common/str.h"
#include "common/write.h"

#define START_SECONDS 30              /* for the machine to start */
#define GRANT (WIRE_WINDOW_FIRST / 4) /* bytes that are written before the relay may send as many more */

struct console {
	const char *job;
	int sock;
	bool ended, terminal;
	struct plain plain;
	struct queue in;
	uint32_t owed; /* bytes written that no CREDIT was sent for */
};

static int usage(const char *what)
{
	fprintf(stderr, "wnodes: console: %s: usage: wnodes console [--node NODE] JOB\n", what);
	return EXIT_USAGE;
}

static int send_frame(struct console *console, uint8_t type, uint8_t stream, const void *payload, uint32_t length)
{
	struct wire_frame frame = {length, 1, type, stream};
	struct queue queue = {0};
	int rc = frame_push(&queue, &frame, payload);

	if (rc == 0 && send(console->sock, queue_data(&queue), queue.used, MSG_NOSIGNAL) < 0)
		rc = -errno;
	queue_free(&queue);
	return rc;
}

static int show(struct console *console, const uint8_t *bytes, uint32_t length)
{
	uint8_t text[WIRE_PAYLOAD_MAX + PLAIN_SEQUENCE], credit[4];
	int rc;

	if (console->terminal)
		rc = write_all(STDOUT_FILENO, text, plain_filter(&console->plain, bytes, length, text));
	else
		rc = write_all(STDOUT_FILENO, bytes, length);
	if (rc < 0) {
		fprintf(stderr, "wnodes: standard output cannot be written: %s\n", strerror(-rc));
		return rc;
	}
	console->owed += length;
	if (console->owed < GRANT)
		return 0;
	wire_put_u32(credit, console->owed);
	console->owed = 0;
	/* where the relay has gone, what it had sent is still to be read */
	(void)send_frame(console, WIRE_CREDIT, WIRE_STDOUT, credit, sizeof(credit));
	return 0;
}

static void say_end(struct console *console, const uint8_t *payload, uint32_t length)
{
	char text[WIRE_NOTE_MAX + 1];

	(void)snprintf(text, sizeof(text), "%.*s", (int)(length - 4), (const char *)payload + 4);
	str_printable(text);
	console->ended = true;
	fprintf(stderr, "wnodes: job %s: %s\n", console->job, text[0] ? text : "its virtual machine has ended");
}

static int take(struct console *console, const struct wire_frame *frame, const uint8_t *payload)
{
	if (frame->type == WIRE_DATA && frame->stream == WIRE_STDOUT)
		return show(console, payload, frame->length);
	if (frame->type == WIRE_LOST)
		fprintf(stderr, "wnodes: %" PRIu64 " bytes of the console are lost: they were not read in time\n",
		        wire_u64(payload));
	else if (frame->type == WIRE_END)
		say_end(console, payload, frame->length);
	return 0;
}

/* Until the machine's end, or this process's. */
static int watch(struct console *console)
{
	struct wire_frame frame;
	const uint8_t *payload;
	const char *why = "";
	int rc = 0;

	while (rc == 0 && !console->ended) {
		uint8_t *room = queue_reserve(&console->in, WIRE_PAYLOAD_MAX);
		ssize_t n = room ? read(console->sock, room, WIRE_PAYLOAD_MAX) : -1;

		if (!room)
			return -ENOMEM;
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		queue_commit(&console->in, (size_t)n);
		while (rc == 0 && !console->ended && (rc = frame_peek(&console->in, &frame, &payload, &why)) == 1) {
			rc = take(console, &frame, payload);
			frame_pull(&console->in, &frame);
		}
	}
	if (rc == -EPROTO)
		fprintf(stderr, "wnodes: the relay of job %s broke the protocol: %s\n", console->job, why);
	else if (rc == 0 && !console->ended)
		fprintf(stderr, "wnodes: job %s: its virtual machine has ended\n", console->job);
	return rc;
}

/* Connected, or -1 with errno. */
static int dial(const struct kv *block)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const char *node = kv_get(block, "node"), *job = kv_get(block, "job");
	int fd;

	if (!node || !job ||
	    str_print(address.sun_path, sizeof(address.sun_path), "%s/%s/%s/tasks.sock", WNODES_RUNDIR, node, job) <
	            0) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		int error = errno;

		close(fd);
		errno = error;
		return -1;
	}
	return fd;
}

static bool is_state(const struct kv *block, const char *name)
{
	const char *state = kv_get(block, "state");

	return state && strcmp(state, name) == 0;
}

/* It has a console soon. */
static bool is_starting(const struct kv *block)
{
	return is_state(block, "prepared") || is_state(block, "allocated") || is_state(block, "starting") ||
	       is_state(block, "disk");
}

/* Why a machine has no console to look at: said, and its exit code; 0 where it may have one. */
static int judge(const char *job, const struct kv *block)
{
	const char *state = kv_get(block, "state"), *message = kv_get(block, "message");

	if (is_state(block, "booting") || is_state(block, "ready"))
		return 0;
	if (is_state(block, "failed") || is_state(block, "ended")) {
		fprintf(stderr, "wnodes: job %s: its virtual machine has %s%s%s\n", job, state, message ? ": " : "",
		        message ? message : "");
		return EXIT_MACHINE;
	}
	fprintf(stderr, "wnodes: job %s: its virtual machine does not run yet (%s): try again\n", job,
	        state ? state : "no state");
	return EXIT_NODE;
}

static int show_console(const char *job, const struct kv *block)
{
	struct console console = {.job = job, .terminal = isatty(STDOUT_FILENO)};
	int code = judge(job, block);

	if (code != 0)
		return code;
	console.sock = dial(block);
	if (console.sock < 0) {
		fprintf(stderr, "wnodes: job %s: its relay cannot be reached: %s\n", job, strerror(errno));
		return errno == EACCES ? EXIT_DENIED : EXIT_NODE;
	}
	code = send_frame(&console, WIRE_CONSOLE, 0, NULL, 0) < 0 || watch(&console) < 0 ? EXIT_NODE : 0;
	queue_free(&console.in);
	close(console.sock);
	return code;
}

/* No machine that this user may see: is there one at all? */
static int say_none(const char *job)
{
	char pattern[512];
	glob_t found = {0};
	bool exists = false;

	if (str_print(pattern, sizeof(pattern), "%s/*/%s", WNODES_RUNDIR, job) == 0)
		exists = glob(pattern, GLOB_NOSORT, NULL, &found) == 0;
	globfree(&found);
	if (exists)
		fprintf(stderr, "wnodes: job %s is not yours: its console is for its owner and root\n", job);
	else
		fprintf(stderr, "wnodes: job %s has no virtual machine on this node\n", job);
	return exists ? EXIT_DENIED : EXIT_USAGE;
}

/* The job's machines here; one that is being started is waited for. */
static int find(const char *const *arguments, struct blocks *blocks)
{
	const struct timespec pause = {.tv_nsec = 250000000};
	int code = cli_helper(arguments, blocks);

	for (int i = 0; code == 0 && i < START_SECONDS * 4 && blocks->count == 1 && is_starting(&blocks->list[0]);
	     i++) {
		(void)nanosleep(&pause, NULL);
		blocks_free(blocks);
		code = cli_helper(arguments, blocks);
	}
	return code;
}

static int find_and_show(const char *job, const char *node)
{
	const char *arguments[] = {"status", "--job", job, node ? "--node" : NULL, node, NULL};
	struct blocks blocks = {0};
	int code = find(arguments, &blocks);

	if (code == 0 && blocks.count == 0)
		code = say_none(job);
	else if (code == 0 && blocks.count > 1)
		code = usage("the job has several virtual machines here, say which node's");
	else if (code == 0)
		code = show_console(job, &blocks.list[0]);
	blocks_free(&blocks);
	return code;
}

int cli_console(char **argv)
{
	const char *job = NULL, *node = NULL;
	uint64_t id;

	for (; *argv; argv++) {
		if (strcmp(*argv, "--node") == 0 && argv[1])
			node = *++argv;
		else if (!job && str_u64(*argv, 1, UINT32_MAX, &id) == 0)
			job = *argv;
		else
			return usage("a job's number is wanted");
	}
	return job ? find_and_show(job, node) : usage("a job's number is wanted");
}
