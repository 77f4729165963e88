/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * wnodes-agent: runs a job's tasks in its virtual machine, at the word of the
 * relay on the host (common/protocol.md). As process 1 it is the guest's init
 * as well.
 *
 *   wnodes-agent [--port PATH | --fd N] [--etc DIR] [--version]
 *   wnodes-agent --grow=PATH
 *
 * --port and --fd stand in for the virtio-serial port, for tests. --grow only
 * has the file system mounted at PATH take up its disk (grow.h); what the
 * agent does at a guest's boot to / by itself.
 */
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/str.h"
#include "guest/client.h"
#include "guest/grow.h"
#include "guest/init.h"
#include "guest/log.h"
#include "guest/machine.h"

#define USAGE 64

/* A descriptor that is opened later must not become one of these. */
static void hold_standard_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= 2);
	if (fd > 2)
		close(fd);
}

/* What whoever started the agent left open is no business of the tasks. */
static void close_inherited(int keep)
{
	long count = sysconf(_SC_OPEN_MAX);

	for (int fd = 3; fd < (count > 0 && count < 1024 ? (int)count : 1024); fd++)
		if (fd != keep)
			close(fd);
}

static int read_options(int argc, char **argv, struct machine_options *options)
{
	static const struct option names[] = {
	        {"port", required_argument, NULL, 'p'}, {"fd", required_argument, NULL, 'f'},
	        {"etc", required_argument, NULL, 'e'},  {"grow", required_argument, NULL, 'g'},
	        {"version", no_argument, NULL, 'v'},    {0}};
	uint64_t number = 0;
	int option;

	while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
		if (option == 'p') {
			options->path = optarg;
		} else if (option == 'f' && str_u64(optarg, 3, 65535, &number) == 0) {
			options->fd = (int)number;
		} else if (option == 'e') {
			options->etc = optarg;
		} else if (option == 'g') {
			exit(grow(optarg) ? 0 : 1);
		} else if (option == 'v') {
			puts("wnodes-agent " WNODES_VERSION);
			exit(0);
		} else {
			return -1;
		}
	}
	return optind == argc ? 0 : -1;
}

int main(int argc, char **argv)
{
	struct machine_options options = {.fd = -1, .etc = "/etc"};
	char *name = argc > 0 ? argv[0] : "";

	name = strrchr(name, '/') ? strrchr(name, '/') + 1 : name;
	if (getpid() != 1 && client_is(name)) {
		argv[0] = name;
		hold_standard_descriptors();
		return client_run(argc, argv);
	}

	if (getpid() == 1) {
		init_become(); /* the kernel hands process 1 arguments of its own: they are not for us */
	} else if (read_options(argc, argv, &options) < 0) {
		fprintf(stderr, "usage: wnodes-agent [--port PATH | --fd N] [--etc DIR] [--grow=PATH] [--version]\n");
		return USAGE;
	}
	hold_standard_descriptors();
	close_inherited(options.fd);
	umask(022);
	if (chdir("/") < 0)
		agent_log("there is no /");
	return machine_run(&options);
}
