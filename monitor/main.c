/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * wnodes-monitor --machine PATH [--lock-fd N]: runs a job's machine to its
 * end. The helper executes it, as root, in the machine's cgroup.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/exitcode.h"
#include "common/log.h"
#include "common/str.h"
#include "monitor/cgroup.h"
#include "monitor/compat.h"
#include "monitor/machine.h"
#include "monitor/reaper.h"
#include "monitor/state.h"

struct options {
	const char *machine;
	int lock; /* -1: not given */
};

static int parse_options(struct options *options, int argc, char **argv)
{
	static const struct option known[] = {
	        {"machine", required_argument, NULL, 'm'}, {"lock-fd", required_argument, NULL, 'l'}, {0}};
	uint64_t number;
	int option;

	*options = (struct options){NULL, -1};
	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (option == 'm')
			options->machine = optarg;
		else if (option == 'l' && str_u64(optarg, 3, 1 << 20, &number) == 0)
			options->lock = (int)number;
		else
			return -EINVAL;
	}
	return options->machine && optind == argc && str_is_path(options->machine) ? 0 : -EINVAL;
}

/* Hold the job's lock: fd's, or the file's at path. The descriptor, or a negative errno. */
static int take_lock(const char *path, int fd)
{
	bool own = fd < 0;
	int rc = 0;

	if (own)
		fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		rc = -errno;
	if (rc < 0 && own)
		close(fd);
	return rc < 0 ? rc : fd;
}

/* Whoever waits for the machine reads it in the state. */
static void tell_failure(const struct machine *machine, const char *message)
{
	const char *run_dir = kv_get(&machine->kv, "run_dir");

	log_error("%s", message);
	if (run_dir && str_is_path(run_dir))
		(void)state_failed(run_dir, EXIT_NODE, message);
}

/* Whatever else the caller left open would reach libvirt's process and outlive the caller there. */
static int close_others(int *lock)
{
	if (*lock > 3) {
		if (dup2(*lock, 3) < 0)
			return -errno;
		*lock = 3;
	}
	compat_close_from(*lock < 0 ? 3 : 4);
	return 0;
}

static int run(const struct options *options)
{
	struct machine machine = {0};
	char why[MACHINE_WHY_MAX];
	int lock, rc;

	rc = machine_load(&machine, options->machine, why);
	if (rc < 0) {
		tell_failure(&machine, why);
		goto out;
	}
	lock = rc = take_lock(machine.lock, options->lock);
	if (rc < 0) {
		/* another monitor's machine: its state is not ours to write */
		log_error("%s: %s", machine.lock, strerror(-rc));
		goto out;
	}
	rc = cgroup_holds_me(machine.cgroup) ? 0 : -ESRCH;
	if (rc < 0)
		tell_failure(&machine, "the VM's monitor is not in the machine's cgroup");
	else
		rc = reaper_run(&machine, lock);
	close(lock);
out:
	machine_free(&machine);
	return rc;
}

int main(int argc, char **argv)
{
	const struct rlimit no_core = {0, 0};
	struct options options;

	log_open("wnodes-monitor", false);
	if (parse_options(&options, argc, argv) < 0) {
		log_error("usage: wnodes-monitor --machine PATH [--lock-fd N]");
		return EXIT_USAGE;
	}
	if (geteuid() != 0 || getuid() != 0) {
		log_error("only the helper runs this, as root");
		return EXIT_DENIED;
	}
	if (close_others(&options.lock) < 0) {
		log_error("--lock-fd: not open");
		return EXIT_NODE;
	}
	log_open("wnodes-monitor", true);
	(void)setrlimit(RLIMIT_CORE, &no_core);
	return run(&options) < 0 ? EXIT_NODE : 0;
}
