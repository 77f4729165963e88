/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/exitcode.h"
#include "common/str.h"
#include "common/write.h"

#define ANSWER_MS 5000U     /* what a name service gets */
#define GROUPS_MAX 1024     /* of a user */
#define ANSWER_MAX 65536U   /* bytes the child may say */
#define ENTRY_MAX (1 << 20) /* bytes of a group's entry, its members included */

struct question {
	uid_t uid;
	gid_t gid;
	const gid_t *gids;
	size_t count;
	bool want_user;
};

/* A group's name for the list; its number where it has none that fits there. */
static void identity_group_name(gid_t gid, char *buffer, size_t size, char *name)
{
	struct group entry;
	struct group *found = NULL;

	if (getgrgid_r(gid, &entry, buffer, size, &found) == 0 && found && *found->gr_name &&
	    !strpbrk(found->gr_name, ",:\n") && str_print(name, 257, "%s", found->gr_name) == 0)
		return;
	(void)str_print(name, 257, "%" PRIu32, gid);
}

/* GID:NAME,… into kv; those that no longer fit are left out. */
static int identity_set_groups(struct kv *kv, gid_t primary, const gid_t *gids, size_t count)
{
	char *buffer = malloc(ENTRY_MAX);
	char list[KV_VALUE_MAX + 1];
	char name[257];
	size_t used = 0;

	if (!buffer)
		return -ENOMEM;
	for (size_t i = 0; i <= count; i++) {
		gid_t gid = i == 0 ? primary : gids[i - 1];
		bool twice = i > 0 && gid == primary;

		for (size_t j = 1; j < i; j++)
			twice = twice || gids[j - 1] == gid;
		if (twice)
			continue;
		identity_group_name(gid, buffer, ENTRY_MAX, name);
		if (str_print(list + used, sizeof(list) - used, "%s%" PRIu32 ":%s", used ? "," : "", gid, name) < 0)
			break;
		used += strlen(list + used);
	}
	free(buffer);
	return kv_set(kv, "groups", list);
}

static int identity_set_user(struct kv *kv, const struct question *question)
{
	static char buffer[65536];
	static gid_t gids[GROUPS_MAX];
	struct passwd entry;
	struct passwd *found = NULL;
	int count = GROUPS_MAX;
	int rc;

	if (getpwuid_r(question->uid, &entry, buffer, sizeof(buffer), &found) != 0 || !found || !*found->pw_name)
		return -ENOENT;
	if (getgrouplist(found->pw_name, question->gid, gids, &count) < 0)
		count = GROUPS_MAX;
	rc = kv_set(kv, "user", found->pw_name);
	if (rc == 0)
		rc = kv_set(kv, "home", found->pw_dir);
	if (rc == 0)
		rc = kv_set(kv, "shell", *found->pw_shell ? found->pw_shell : "/bin/sh");
	return rc == 0 ? identity_set_groups(kv, question->gid, gids, (size_t)count) : rc;
}

/* The child: answer on fd. */
static _Noreturn void identity_answer(const struct question *question, int fd)
{
	struct kv kv = {0};
	size_t length = 0;
	char *text;
	int rc = question->want_user ? identity_set_user(&kv, question)
	                             : identity_set_groups(&kv, question->gid, question->gids, question->count);

	if (rc < 0)
		_exit(rc == -ENOENT ? 2 : 1);
	text = kv_format(&kv, &length);
	_exit(text && write_all(fd, text, length) == 0 ? 0 : 1);
}

/* The child's whole answer into text[ANSWER_MAX]; its length, or -ETIMEDOUT. */
static ssize_t identity_listen(int fd, char *text)
{
	uint64_t deadline = clock_steady() + ANSWER_MS;
	size_t used = 0;

	for (;;) {
		struct pollfd wait = {.fd = fd, .events = POLLIN};
		uint64_t now = clock_steady();
		ssize_t n;

		if (now >= deadline || used == ANSWER_MAX)
			return -ETIMEDOUT;
		if (poll(&wait, 1, (int)(deadline - now)) <= 0)
			continue;
		n = read(fd, text + used, ANSWER_MAX - used);
		if (n == 0)
			return (ssize_t)used;
		if (n > 0)
			used += (size_t)n;
		else if (errno != EINTR)
			return -errno;
	}
}

static int identity_copy(struct kv *to, const struct kv *from)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < from->count; i++)
		rc = kv_set(to, from->pairs[i].key, from->pairs[i].value);
	return rc;
}

/* Ask in a child; 0, -ENOENT (unknown), -ETIMEDOUT or another negative errno. */
static int identity_ask(const struct question *question, struct kv *kv)
{
	static char text[ANSWER_MAX];
	struct kv answer = {0};
	int fds[2], status;
	ssize_t n;
	pid_t child;
	int rc;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	child = fork();
	if (child == 0)
		identity_answer(question, fds[1]);
	close(fds[1]);
	n = child < 0 ? -EAGAIN : identity_listen(fds[0], text);
	close(fds[0]);
	if (child < 0)
		return -EAGAIN;
	if (n < 0)
		(void)kill(child, SIGKILL);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (n < 0)
		return (int)n;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return WIFEXITED(status) && WEXITSTATUS(status) == 2 ? -ENOENT : -EIO;
	rc = kv_parse(&answer, text, (size_t)n);
	if (rc == 0)
		rc = identity_copy(kv, &answer);
	kv_free(&answer);
	return rc;
}

static int identity_fail(int rc, uid_t uid, struct failure *why)
{
	if (rc == -ENOENT)
		return failure_set(why, EXIT_NODE, "this node knows no user with the uid %" PRIu32, uid);
	if (rc == -ETIMEDOUT)
		return failure_set(why, EXIT_NODE, "this node's name service did not answer within %u s",
		                   ANSWER_MS / 1000U);
	return failure_set(why, EXIT_NODE, "cannot look up the user's names: %s", strerror(-rc));
}

int identity_user(uid_t uid, gid_t gid, struct kv *kv, struct failure *why)
{
	struct question question = {.uid = uid, .gid = gid, .want_user = true};
	int rc = identity_ask(&question, kv);

	return rc < 0 ? identity_fail(rc, uid, why) : 0;
}

int identity_groups(gid_t gid, const gid_t *gids, size_t count, struct kv *kv, struct failure *why)
{
	struct question question = {.gid = gid, .gids = gids, .count = count};
	int rc = identity_ask(&question, kv);

	return rc < 0 ? identity_fail(rc, 0, why) : 0;
}

int identity_parse_gids(const char *text, gid_t *gids, size_t max)
{
	size_t count = 0;

	while (*text) {
		char digits[16];
		size_t length = strcspn(text, ",");
		uint64_t gid;

		if (count == max || str_print(digits, sizeof(digits), "%.*s", (int)length, text) < 0 ||
		    str_u64(digits, 0, UINT32_MAX - 1, &gid) < 0)
			return -EINVAL;
		gids[count++] = (gid_t)gid;
		text += length;
		if (*text == ',' && !*++text)
			return -EINVAL;
	}
	return (int)count;
}
