/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How long one byte over TCP takes there and back, as lmbench's lat_tcp has it;
 * static, so that it runs in any guest.
 *   round-trips serve PORT
 *   round-trips ADDRESS PORT SECONDS [DEVICE]   the latter to go out by
 * Prints: how many there were, and their median, least, 99th percentile and most in µs.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define TRIPS_MAX 1000000U /* 4 MB in a small guest */
#define WARM_UP 20U        /* that do not count: addresses are resolved, caches filled */
#define SILENT_SECONDS 5   /* after which the other side is given up */

static uint32_t trips[TRIPS_MAX]; /* in ns */

static int fail(const char *what)
{
	fprintf(stderr, "round-trips: %s: %s\n", what, strerror(errno));
	return 1;
}

static bool set_options(int fd)
{
	struct timeval silence = {.tv_sec = SILENT_SECONDS};
	int on = 1;

	return setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0 &&
	       setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &silence, sizeof(silence)) == 0 &&
	       setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &silence, sizeof(silence)) == 0;
}

static void echo(int fd)
{
	char byte;

	if (set_options(fd))
		while (recv(fd, &byte, 1, 0) == 1 && send(fd, &byte, 1, MSG_NOSIGNAL) == 1)
			;
	close(fd);
}

static int serve(uint16_t port)
{
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int on = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    bind(fd, (struct sockaddr *)&any, sizeof(any)) < 0 || listen(fd, 16) < 0)
		return fail("the port");
	signal(SIGCHLD, SIG_IGN);
	for (;;) {
		int other = accept(fd, NULL, NULL);
		pid_t child = other < 0 ? -1 : fork();

		if (child == 0) {
			(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
			echo(other);
			_exit(0);
		}
		if (other < 0 && errno != EINTR && errno != ECONNABORTED)
			return fail("accept");
		if (other >= 0)
			close(other);
	}
}

static uint64_t now(void)
{
	struct timespec time;

	(void)clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000U + (uint64_t)time.tv_nsec;
}

static int connected(const char *address, uint16_t port, const char *device)
{
	struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (inet_pton(AF_INET, address, &peer.sin_addr) != 1)
		errno = EINVAL;
	else if (fd >= 0 && set_options(fd) &&
	         (!device || setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, (socklen_t)strlen(device)) == 0) &&
	         connect(fd, (struct sockaddr *)&peer, sizeof(peer)) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

/* Returns how many there were, or -1. */
static ssize_t measure(int fd, double seconds)
{
	uint64_t end = now() + (uint64_t)(seconds * 1e9);
	size_t count = 0;
	char byte = 0;

	for (size_t i = 0; count < TRIPS_MAX; i++) {
		uint64_t begun = now(), over;

		if (send(fd, &byte, 1, MSG_NOSIGNAL) != 1)
			return -1;
		errno = EPIPE; /* where the other side has closed it */
		if (recv(fd, &byte, 1, 0) != 1)
			return -1;
		over = now();
		if (i >= WARM_UP)
			trips[count++] = over - begun < UINT32_MAX ? (uint32_t)(over - begun) : UINT32_MAX;
		if (count > 0 && over >= end)
			break;
	}
	return (ssize_t)count;
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	ssize_t count = -1;
	size_t n;
	int fd;

	if (argc == 3 && strcmp(argv[1], "serve") == 0)
		return serve((uint16_t)atoi(argv[2]));
	if (argc < 4 || argc > 5) {
		fprintf(stderr, "usage: round-trips serve PORT | round-trips ADDRESS PORT SECONDS [DEVICE]\n");
		return 64;
	}
	fd = connected(argv[1], (uint16_t)atoi(argv[2]), argv[4]);
	if (fd >= 0)
		count = measure(fd, atof(argv[3]));
	if (count <= 0)
		return fail(argv[1]);
	n = (size_t)count;
	qsort(trips, n, sizeof(*trips), compare);
	printf("%zu %.1f %.1f %.1f %.1f\n", n, trips[n / 2] / 1e3, trips[0] / 1e3, trips[n - 1 - n / 100] / 1e3,
	       trips[n - 1] / 1e3);
	return 0;
}
