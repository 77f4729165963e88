/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * wnodes-fetch: whatever reads bytes from the network or out of an image. The
 * helper executes it as the system user of the image cache; one verb, one process.
 */
#include <curl/curl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/exitcode.h"
#include "fetch/args.h"
#include "fetch/digest.h"
#include "fetch/filter.h"
#include "fetch/inspect.h"
#include "fetch/part.h"
#include "fetch/report.h"
#include "fetch/sandbox.h"

#define GRACE_S 15U /* for get to end by itself, which knows its source */
#define INSPECT_S 60U
#define LINES_MAX (UINT64_C(1) << 20) /* bytes, where standard output is a file */
#define SLOWEST (UINT64_C(4) << 20)   /* bytes in a second that a disk gives at the least */

/* How long the verb may take at the very most, with the line for it. */
static unsigned int seconds_of(const struct args *args)
{
	struct stat st;
	unsigned int seconds = INSPECT_S;

	if (args->verb == VERB_GET)
		seconds = args->get.timeout + GRACE_S;
	else if (args->verb == VERB_DIGEST && fstat(args->fd, &st) == 0)
		seconds = INSPECT_S + (unsigned int)((uint64_t)st.st_size / SLOWEST);
	report_prepare("error=not done within %u seconds", seconds);
	return seconds;
}

static int run_get(const struct args *args, struct fault *fault)
{
	int rc;

	/* what OpenSSL reads of the site's configuration, it reads before the filter */
	if (curl_global_init(CURL_GLOBAL_ALL) != CURLE_OK)
		return fault_set(fault, EXIT_NODE, "libcurl cannot start");
	rc = filter_get(fault);
	return rc == 0 ? get(&args->get, fault) : rc;
}

static int run(const struct args *args, struct fault *fault)
{
	struct sandbox sandbox = {.keep = {args->fd, -1}, .file_max = LINES_MAX, .seconds = seconds_of(args)};
	int rc;

	if (args->verb == VERB_GET) {
		sandbox.keep[0] = args->get.part_fd;
		sandbox.keep[1] = args->get.notes_fd;
		sandbox.file_max = args->get.max + PART_PIECE;
	}
	rc = sandbox_enter(&sandbox, fault);
	if (rc < 0)
		return rc;
	switch (args->verb) {
	case VERB_GET:
		return run_get(args, fault);
	case VERB_DIGEST:
		return digest(args->fd, fault);
	default:
		return inspect(args->fd, args->qcow2, args->qemu_img, fault);
	}
}

int main(int argc, char **argv)
{
	struct fault fault = {0};
	struct args args;
	int rc = args_parse(&args, argc, argv, &fault);

	if (rc == 0)
		rc = run(&args, &fault);
	if (rc < 0)
		(void)report("error", "%s", fault.text);
	args_free(&args);
	/* not exit(3): a resolver that hangs is not waited for */
	_exit(rc < 0 ? fault.code : EXIT_SUCCESS);
}
