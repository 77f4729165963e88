/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cli.h"
#include "common/exitcode.h"
#include "common/paths.h"

#define ARGUMENTS 16
#define BLOCK_MAX (KV_FILE_MAX + 2) /* bytes of a block and its end */

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

/* Take the blocks that text[used] has whole; the bytes they had, or a negative errno. */
static ssize_t take_blocks(const char *text, size_t used, cli_block *each, void *context)
{
	size_t taken = 0;
	const char *end;
	int rc = 0;

	while (rc == 0 && (end = memmem(text + taken, used - taken, "\n\n", 2)) != NULL) {
		size_t length = (size_t)(end + 1 - (text + taken));
		struct kv block = {0};

		rc = kv_parse(&block, text + taken, length);
		if (rc == 0)
			rc = each(context, &block);
		kv_free(&block);
		taken += length + 1;
	}
	return rc < 0 ? rc : (ssize_t)taken;
}

/* Hand on the blocks of fd as they come, until its end. Returns 0 or a negative errno. */
static int read_blocks(int fd, cli_block *each, void *context)
{
	char *text = malloc(BLOCK_MAX);
	size_t used = 0;
	ssize_t n = text ? 1 : -ENOMEM;

	while (n > 0) {
		n = used < BLOCK_MAX ? read(fd, text + used, BLOCK_MAX - used) : -E2BIG;
		if (n < 0 && errno == EINTR && used < BLOCK_MAX) {
			n = 1;
			continue;
		}
		used += n > 0 ? (size_t)n : 0;
		if (n > 0) {
			ssize_t taken = take_blocks(text, used, each, context);

			used -= taken > 0 ? (size_t)taken : 0;
			if (taken > 0)
				memmove(text, text + taken, used);
			n = taken < 0 ? taken : 1;
		}
	}
	free(text);
	/* the rest of a block that is no block */
	return n < 0 ? (int)n : used > 0 ? -EPROTO : 0;
}

static int wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return EXIT_NODE;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_NODE;
}

int cli_helper_each(const char *const *arguments, cli_block *each, void *context)
{
	int output[2];
	int code = EXIT_NODE;
	pid_t pid;

	if (pipe2(output, O_CLOEXEC) < 0) {
		fprintf(stderr, "wnodes: pipe: %s\n", strerror(errno));
		return EXIT_NODE;
	}
	pid = fork();
	if (pid == 0)
		child(arguments, output[1]);
	close(output[1]);
	if (pid < 0) {
		fprintf(stderr, "wnodes: fork: %s\n", strerror(errno));
		close(output[0]);
		return EXIT_NODE;
	}
	if (read_blocks(output[0], each, context) < 0) {
		fprintf(stderr, "wnodes: wnodes-helper's answer cannot be understood: are both of one version?\n");
		close(output[0]);
		(void)wait_for(pid);
		return EXIT_NODE;
	}
	close(output[0]);
	code = wait_for(pid);
	return code;
}

int blocks_add(struct blocks *blocks, struct kv *block)
{
	struct kv *list = reallocarray(blocks->list, blocks->count + 1, sizeof(*list));

	if (!list)
		return -ENOMEM;
	blocks->list = list;
	list[blocks->count++] = *block;
	*block = (struct kv){0};
	return 0;
}

static int keep(void *context, struct kv *block)
{
	return blocks_add(context, block);
}

int cli_helper(const char *const *arguments, struct blocks *blocks)
{
	return cli_helper_each(arguments, keep, blocks);
}
