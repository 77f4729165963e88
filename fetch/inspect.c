/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fetch/inspect.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/exitcode.h"
#include "fetch/filter.h"
#include "fetch/image.h"
#include "fetch/info.h"
#include "fetch/report.h"
#include "fetch/sandbox.h"

#define SECONDS 30U       /* for qemu-img */
#define OUTPUT (1U << 20) /* bytes; an image may list snapshots */
#define MESSAGE 512U

struct output {
	int fd;
	char *text;
	size_t size, used;
};

/* qemu-img sees the image as descriptor 3, its output as 1 and 2, and nothing else. */
static _Noreturn void become(const char *qemu_img, bool qcow2, int image, int out, int err)
{
	char *const arguments[] = {"qemu-img",        "info", "-U", "--output=json", "-f", qcow2 ? "qcow2" : "raw",
	                           "/proc/self/fd/3", NULL};
	char *const environment[] = {NULL};
	int null = open("/dev/null", O_RDONLY);

	if (null < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0)
		_exit(EXIT_NODE);
	/* image may be 3 itself, or any of the pipes' */
	if (image != 3 && dup2(image, 3) < 0)
		_exit(EXIT_NODE);
	for (int fd = 4; fd < 64; fd++)
		(void)close(fd);
	if (fcntl(3, F_SETFD, 0) == 0 && sandbox_program(qemu_img) == 0)
		(void)execve(qemu_img, arguments, environment);
	_exit(EXIT_NODE);
}

/* The program's pipes, of which no end is descriptor 3. */
static int make_pipe(int fds[2])
{
	int made[2];

	if (pipe2(made, O_CLOEXEC) < 0)
		return -errno;
	for (int i = 0; i < 2; i++) {
		fds[i] = fcntl(made[i], F_DUPFD_CLOEXEC, 10);
		(void)close(made[i]);
	}
	return fds[0] < 0 || fds[1] < 0 ? -EMFILE : 0;
}

static pid_t start(const char *qemu_img, bool qcow2, int image, struct output outputs[2])
{
	int out[2] = {-1, -1}, err[2] = {-1, -1};
	pid_t child = -1;

	if (make_pipe(out) == 0 && make_pipe(err) == 0)
		child = fork();
	if (child == 0)
		become(qemu_img, qcow2, image, out[1], err[1]);
	(void)close(out[1]);
	(void)close(err[1]);
	outputs[0].fd = out[0];
	outputs[1].fd = err[0];
	return child;
}

/* What does not fit is read and dropped where it is a message, and is too much where it is the answer. */
static int take(struct output *output, bool drop)
{
	char rest[4096];
	size_t room = output->size - output->used;
	ssize_t n = read(output->fd, room > 0 ? output->text + output->used : rest, room > 0 ? room : sizeof(rest));

	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	if (n == 0) {
		(void)close(output->fd);
		output->fd = -1;
	} else if (room > 0) {
		output->used += (size_t)n;
	} else if (!drop) {
		return -E2BIG;
	}
	return 0;
}

static int collect(struct output outputs[2])
{
	uint64_t deadline = clock_steady() + UINT64_C(1000) * SECONDS;

	while (outputs[0].fd >= 0 || outputs[1].fd >= 0) {
		struct pollfd wait[2] = {{.fd = outputs[0].fd, .events = POLLIN},
		                         {.fd = outputs[1].fd, .events = POLLIN}};
		uint64_t now = clock_steady();
		int rc = now < deadline ? poll(wait, 2, (int)(deadline - now)) : 0;

		if (rc == 0)
			return -ETIMEDOUT;
		for (int i = 0; i < 2; i++) {
			rc = wait[i].revents != 0 ? take(&outputs[i], i == 1) : 0;
			if (rc < 0)
				return rc;
		}
	}
	return 0;
}

/* How it ended, in words where not well. */
static int judge(int rc, int status, const struct output *message, struct fault *fault)
{
	if (rc == -ETIMEDOUT)
		return fault_set(fault, EXIT_DATA, "qemu-img did not finish with the image within %u seconds", SECONDS);
	if (rc < 0)
		return fault_set(fault, EXIT_DATA, "qemu-img says too much of the image");
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_NODE && message->used == 0)
		return fault_set(fault, EXIT_NODE, "cannot execute qemu-img");
	if (WIFSIGNALED(status))
		return fault_set(fault, EXIT_DATA, "qemu-img was killed by signal %d over the image", WTERMSIG(status));
	return fault_set(fault, EXIT_DATA, "qemu-img refuses the image: %.*s", (int)strcspn(message->text, "\n"),
	                 message->text);
}

/* qemu-img's answer in outputs[0], or a fault. */
static int run(pid_t child, struct output outputs[2], struct fault *fault)
{
	int status = 0;
	int rc;

	/* what jansson opens, it opens before the filter */
	json_object_seed(0);
	rc = filter_inspect(child, fault);
	if (rc < 0) {
		(void)kill(child, SIGKILL);
		(void)waitpid(child, &status, 0);
		return rc;
	}
	rc = collect(outputs);
	if (rc < 0)
		(void)kill(child, SIGKILL);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	outputs[1].text[outputs[1].used < outputs[1].size ? outputs[1].used : outputs[1].size - 1] = 0;
	return judge(rc, status, &outputs[1], fault);
}

static int ask_qemu(int fd, bool qcow2, const char *qemu_img, uint64_t *bytes, struct fault *fault)
{
	static char message[MESSAGE];
	struct output outputs[2] = {{.fd = -1, .text = malloc(OUTPUT), .size = OUTPUT},
	                            {.fd = -1, .text = message, .size = sizeof(message)}};
	pid_t child;
	int rc;

	if (!outputs[0].text)
		return fault_set(fault, EXIT_NODE, "out of memory");
	child = start(qemu_img, qcow2, fd, outputs);
	if (child < 0)
		rc = fault_set(fault, EXIT_NODE, "cannot start qemu-img: %s", strerror(errno));
	else
		rc = run(child, outputs, fault);
	if (rc == 0)
		rc = info_parse(outputs[0].text, outputs[0].used, qcow2, bytes, fault);
	free(outputs[0].text);
	return rc;
}

int inspect(int fd, bool qcow2, const char *qemu_img, struct fault *fault)
{
	uint64_t header = 0, qemu = 0;
	int rc = image_header(fd, qcow2, &header, fault);

	if (rc == 0)
		rc = ask_qemu(fd, qcow2, qemu_img, &qemu, fault);
	if (rc == 0 && header != qemu)
		rc = fault_set(fault, EXIT_DATA, "the image's header says %llu bytes, qemu-img %llu",
		               (unsigned long long)header, (unsigned long long)qemu);
	if (rc == 0 && report("virtual_size", "%llu", (unsigned long long)header) < 0)
		rc = fault_set(fault, EXIT_NODE, "nobody reads the size");
	return rc;
}
