/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One of two who share a file, in machines or on the host. Static, so that it
 * runs in any guest.
 *
 *   peer lock FILE     takes a lock on it by flock, and one on FILE.fcntl by fcntl; says which it
 *                      got, and holds them until its input ends
 *   peer map FILE      says what a shared mapping begins with; again at its input's end, and mapped anew
 *   peer append FILE   200 lines, each by a write of its own
 *   peer xattr FILE    says its attribute user.host, and sets user.guest
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/xattr.h>
#include <unistd.h>

#define APPENDS 200
#define MAPPED 16

static void wait_for_end(void)
{
	char byte;

	fflush(stdout);
	while (read(0, &byte, 1) > 0)
		;
}

static int hold(int fd, const char *name)
{
	struct flock lock = {.l_type = F_WRLCK};
	char other[4096];
	int fd_other;

	snprintf(other, sizeof(other), "%s.fcntl", name);
	fd_other = open(other, O_RDWR);
	printf("flock: %s\n", flock(fd, LOCK_EX | LOCK_NB) < 0 ? strerror(errno) : "ok");
	printf("fcntl: %s\n", fcntl(fd_other, F_SETLK, &lock) < 0 ? strerror(errno) : "ok");
	puts("tried");
	wait_for_end();
	return 0;
}

static int say_anew(const char *name)
{
	int fd = open(name, O_RDWR);
	char *map = fd < 0 ? MAP_FAILED : mmap(NULL, MAPPED, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (map == MAP_FAILED)
		return -1;
	printf("%.*s\n", (int)strcspn(map, "\n"), map);
	return 0;
}

static int map_it(int fd, const char *name)
{
	char *map = mmap(NULL, MAPPED, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (map == MAP_FAILED)
		return 1;
	printf("%.*s\n", (int)strcspn(map, "\n"), map);
	wait_for_end();
	printf("%.*s\n", (int)strcspn(map, "\n"), map);
	return say_anew(name) < 0;
}

static int attribute(int fd)
{
	char value[64] = "";

	if (fgetxattr(fd, "user.host", value, sizeof(value) - 1) < 0 || fsetxattr(fd, "user.guest", "back", 4, 0) < 0) {
		perror("attributes");
		return 1;
	}
	puts(value);
	return 0;
}

static int append(int fd)
{
	for (int i = 0; i < APPENDS; i++)
		if (write(fd, "0123456789abcde\n", 16) != 16)
			return 1;
	return 0;
}

int main(int argc, char **argv)
{
	bool appends = argc == 3 && strcmp(argv[1], "append") == 0;
	int fd = argc == 3 ? open(argv[2], appends ? O_WRONLY | O_APPEND : O_RDWR) : -1;

	if (fd < 0) {
		perror("peer lock|map|append|xattr FILE");
		return 64;
	}
	if (appends)
		return append(fd);
	if (strcmp(argv[1], "xattr") == 0)
		return attribute(fd);
	return strcmp(argv[1], "map") == 0 ? map_it(fd, argv[2]) : hold(fd, argv[2]);
}
