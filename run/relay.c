/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wnodes-relay's start, its confinement and its loop. The monitor executes it, with fds 3 and 4. */
#include "run/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/exitcode.h"
#include "common/log.h"
#include "common/str.h"

#define FD_CONTROL 3
#define FD_LISTEN 4

int relay_settle(struct relay *relay)
{
	relay_clients_settle(relay);
	relay_guest_flush(relay);
	if (!relay->ending)
		return 0;
	for (size_t i = 0; i < relay->clients.count; i++)
		if (relay->clients.all[i]->out.used > 0)
			return 0;
	return sd_event_exit(relay->event, 0);
}

static int parse_id(const char *text, uint32_t *id)
{
	uint64_t number;
	int rc = str_u64(text, 0, UINT32_MAX - 1, &number);

	if (rc == 0)
		*id = (uint32_t)number;
	return rc;
}

static int parse_option(struct relay_job *job, int option)
{
	switch (option) {
	case 'm':
		job->machine = optarg;
		return 0;
	case 'j':
		job->job = optarg;
		return 0;
	case 'u':
		return parse_id(optarg, &job->uid);
	case 'g':
		return parse_id(optarg, &job->gid);
	case 'n':
		job->user = optarg;
		return 0;
	case 'h':
		job->home = optarg;
		return 0;
	case 's':
		job->shell = optarg;
		return 0;
	case 'G':
		job->groups = optarg;
		return 0;
	case 'H':
		job->hostname = optarg;
		return 0;
	case 'i':
		job->uuid = optarg;
		return 0;
	case 'c':
		job->console = optarg;
		return 0;
	case 'C':
		job->commands = optarg;
		return 0;
	default:
		return -EINVAL;
	}
}

static int parse_command_line(struct relay_job *job, int argc, char **argv)
{
	static const struct option options[] = {{"machine-name", required_argument, NULL, 'm'},
	                                        {"job", required_argument, NULL, 'j'},
	                                        {"uid", required_argument, NULL, 'u'},
	                                        {"gid", required_argument, NULL, 'g'},
	                                        {"user", required_argument, NULL, 'n'},
	                                        {"home", required_argument, NULL, 'h'},
	                                        {"shell", required_argument, NULL, 's'},
	                                        {"groups", required_argument, NULL, 'G'},
	                                        {"hostname", required_argument, NULL, 'H'},
	                                        {"uuid", required_argument, NULL, 'i'},
	                                        {"console", required_argument, NULL, 'c'},
	                                        {"slurm-commands", required_argument, NULL, 'C'},
	                                        {NULL, 0, NULL, 0}};
	static uint8_t packed[WIRE_PAYLOAD_MAX];
	int option;

	*job = (struct relay_job){.uid = UINT32_MAX, .gid = UINT32_MAX};
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
		if (parse_option(job, option) < 0)
			return -EINVAL;
	if (optind != argc || !job->machine || !job->job || job->uid == UINT32_MAX || job->gid == UINT32_MAX ||
	    !job->user || !job->home || !job->shell || !job->groups)
		return -EINVAL;
	return relay_job_pack(job, packed) < 0 ? -EINVAL : 0;
}

/* Nothing inherited beyond the two; room for every client's descriptor; no death by a write to the user's file. */
static void prepare_process(void)
{
	struct rlimit limit;

	(void)close_range(FD_LISTEN + 1, ~0U, 0);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN);
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static int nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ? -errno : 0;
}

static int on_nothing(sd_event_source *source, uint64_t usec, void *data)
{
	(void)source;
	(void)usec;
	(void)data;
	return 0;
}

/* sd-event reads the machine's boot id when it arms its first timer: let it do so before it is confined. */
static int warm_up(struct relay *relay)
{
	sd_event_source *timer = NULL;
	int rc = sd_event_add_time_relative(relay->event, &timer, CLOCK_MONOTONIC, RELAY_SECOND, 0, on_nothing, NULL);

	if (rc >= 0)
		rc = sd_event_run(relay->event, 0);
	sd_event_source_unref(timer);
	return rc;
}

static int relay_setup(struct relay *relay)
{
	const char *why = NULL;
	int rc = sd_event_new(&relay->event);

	if (rc >= 0)
		rc = nonblocking(FD_LISTEN);
	if (rc >= 0)
		rc = warm_up(relay);
	if (rc >= 0)
		rc = relay_control_open(relay, FD_CONTROL);
	if (rc < 0) {
		log_error("cannot start: %s", strerror(-rc));
		return rc;
	}
	rc = relay_console_open_file(relay);
	if (rc < 0)
		relay_control_say(relay, "console --vm-console: %s: %s", relay->job.console, strerror(-rc));
	rc = relay_clients_open(relay, FD_LISTEN);
	if (rc < 0) {
		log_error("cannot listen: %s", strerror(-rc));
		return rc;
	}
	rc = relay_confine(relay->job.uid, &why);
	if (rc < 0)
		log_error("%s: %s", why, strerror(-rc));
	return rc;
}

int main(int argc, char **argv)
{
	static struct relay relay = {
	        .control_fd = -1, .guest.fd = -1, .console.fd = -1, .console.file = -1, .clients.listen_fd = -1};
	int rc;

	log_open("wnodes-relay", false);
	if (parse_command_line(&relay.job, argc, argv) < 0) {
		log_error("wrong command line: only wnodes-monitor executes this program");
		return EXIT_USAGE;
	}
	prepare_process();
	rc = relay_setup(&relay);
	if (rc >= 0)
		rc = sd_event_loop(relay.event);
	if (rc < 0)
		log_error("job %s: %s", relay.job.job, strerror(-rc));
	relay_guest_close(&relay);
	relay_console_close(&relay);
	relay_clients_close(&relay);
	sd_event_source_unref(relay.flush);
	sd_event_source_unref(relay.control);
	sd_event_unref(relay.event);
	return rc < 0 ? 1 : rc;
}
