/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cli.h"
#include "common/exitcode.h"
#include "common/paths.h"

#define ARGUMENTS 16
#define OUTPUT_MAX (16U << 20)

void blocks_free(struct blocks *blocks)
{
	for (size_t i = 0; i < blocks->count; i++)
		kv_free(&blocks->list[i]);
	free(blocks->list);
	*blocks = (struct blocks){0};
}

static void child(const char *const *arguments, int output)
{
	const char *argv[ARGUMENTS + 2] = {"wnodes-helper"};
	static char *const environment[] = {NULL};

	for (size_t i = 0; i < ARGUMENTS && arguments[i]; i++)
		argv[i + 1] = arguments[i];
	if (dup2(output, STDOUT_FILENO) < 0)
		_exit(EXIT_NODE);
	execve(WNODES_HELPER, (char *const *)(const void *)argv, environment);
	fprintf(stderr, "wnodes: cannot execute %s: %s\n", WNODES_HELPER, strerror(errno));
	_exit(EXIT_NODE);
}

/* All that fd gives, ended by a NUL, from malloc; NULL: too much, or no memory. */
static char *read_all(int fd)
{
	size_t used = 0, size = 65536;
	char *text = malloc(size);

	while (text) {
		ssize_t n = read(fd, text + used, size - used - 1);
		char *more = text;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			text[used] = 0;
			return text;
		}
		used += (size_t)n;
		if (size - used < 2)
			more = size < OUTPUT_MAX ? realloc(text, size *= 2) : NULL;
		if (!more)
			free(text);
		text = more;
	}
	return NULL;
}

static int add_block(struct blocks *blocks, const char *text, size_t length)
{
	struct kv *list = reallocarray(blocks->list, blocks->count + 1, sizeof(*list));
	int rc;

	if (!list)
		return -ENOMEM;
	blocks->list = list;
	list[blocks->count] = (struct kv){0};
	rc = kv_parse(&list[blocks->count], text, length);
	blocks->count += rc == 0;
	return rc;
}

static int parse(struct blocks *blocks, const char *text)
{
	int rc = 0;

	while (rc == 0 && *text) {
		const char *end = strstr(text, "\n\n");
		size_t length = end ? (size_t)(end - text) + 1 : strlen(text);

		if (length > 1)
			rc = add_block(blocks, text, length);
		text += length;
		text += strspn(text, "\n");
	}
	return rc;
}

static int wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return EXIT_NODE;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_NODE;
}

int cli_helper(const char *const *arguments, struct blocks *blocks)
{
	int output[2];
	char *text = NULL;
	int code = EXIT_NODE;
	pid_t pid;

	if (pipe(output) < 0) {
		fprintf(stderr, "wnodes: pipe: %s\n", strerror(errno));
		return EXIT_NODE;
	}
	pid = fork();
	if (pid == 0)
		child(arguments, output[1]);
	close(output[1]);
	if (pid < 0) {
		fprintf(stderr, "wnodes: fork: %s\n", strerror(errno));
		goto out;
	}
	text = read_all(output[0]);
	code = wait_for(pid);
	if (!text || parse(blocks, text) < 0) {
		fprintf(stderr, "wnodes: wnodes-helper's answer cannot be understood: are both of one version?\n");
		code = EXIT_NODE;
	}
out:
	free(text);
	close(output[0]);
	return code;
}
