/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fetch/args.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/exitcode.h"
#include "common/str.h"

#define STALL 60U
#define TIMEOUT 3600U
#define SOURCES 64U
#define SOURCES_MAX 65536U /* bytes */
#define SECONDS_MAX (UINT64_C(30) * 24 * 3600)

enum option_name {
	OPTION_PART = 1,
	OPTION_NOTES,
	OPTION_SOURCES,
	OPTION_MAX,
	OPTION_CA_FILE,
	OPTION_RATE,
	OPTION_STALL,
	OPTION_TIMEOUT
};
enum { OPTION_FD = 64, OPTION_FORMAT, OPTION_QEMU_IMG };

static const struct option get_options[] = {{"part", required_argument, NULL, OPTION_PART},
                                            {"notes", required_argument, NULL, OPTION_NOTES},
                                            {"sources", required_argument, NULL, OPTION_SOURCES},
                                            {"max", required_argument, NULL, OPTION_MAX},
                                            {"ca-file", required_argument, NULL, OPTION_CA_FILE},
                                            {"rate", required_argument, NULL, OPTION_RATE},
                                            {"stall", required_argument, NULL, OPTION_STALL},
                                            {"timeout", required_argument, NULL, OPTION_TIMEOUT},
                                            {NULL, 0, NULL, 0}};
static const struct option digest_options[] = {{"fd", required_argument, NULL, OPTION_FD}, {NULL, 0, NULL, 0}};
static const struct option inspect_options[] = {{"fd", required_argument, NULL, OPTION_FD},
                                                {"format", required_argument, NULL, OPTION_FORMAT},
                                                {"qemu-img", required_argument, NULL, OPTION_QEMU_IMG},
                                                {NULL, 0, NULL, 0}};
static const struct {
	const char *name;
	const struct option *options;
} verbs[] = {[VERB_GET] = {"get", get_options},
             [VERB_DIGEST] = {"digest", digest_options},
             [VERB_INSPECT] = {"inspect", inspect_options}};

static int to_fd(const char *text, int *fd)
{
	uint64_t number;
	int rc = str_u64(text, 3, INT_MAX, &number);

	if (rc == 0)
		*fd = (int)number;
	return rc;
}

static int to_seconds(const char *text, unsigned int *seconds)
{
	uint64_t number;
	int rc = str_u64(text, 1, SECONDS_MAX, &number);

	if (rc == 0)
		*seconds = (unsigned int)number;
	return rc;
}

static int to_path(const char *text, const char **path)
{
	*path = text;
	return str_is_path(text) ? 0 : -EINVAL;
}

static int to_format(const char *text, bool *qcow2)
{
	*qcow2 = strcmp(text, "qcow2") == 0;
	return *qcow2 || strcmp(text, "raw") == 0 ? 0 : -EINVAL;
}

static int set_option(struct args *args, int option, const char *value)
{
	switch (option) {
	case OPTION_PART:
		return to_fd(value, &args->get.part_fd);
	case OPTION_NOTES:
		return to_fd(value, &args->get.notes_fd);
	case OPTION_SOURCES:
		return to_fd(value, &args->get.sources_fd);
	case OPTION_MAX:
		return str_u64(value, 1, INT64_MAX, &args->get.max);
	case OPTION_CA_FILE:
		return to_path(value, &args->get.ca_file);
	case OPTION_RATE:
		return str_u64(value, 0, INT64_MAX, &args->get.rate);
	case OPTION_STALL:
		return to_seconds(value, &args->get.stall);
	case OPTION_TIMEOUT:
		return to_seconds(value, &args->get.timeout);
	case OPTION_FD:
		return to_fd(value, &args->fd);
	case OPTION_FORMAT:
		return to_format(value, &args->qcow2);
	case OPTION_QEMU_IMG:
		return to_path(value, &args->qemu_img);
	default:
		return -EINVAL;
	}
}

static int parse_options(struct args *args, int argc, char **argv, const struct option *options, struct fault *fault)
{
	int option, which = 0;

	opterr = 0;
	/* argv[0] of what follows the program's name is the verb */
	while ((option = getopt_long(argc, argv, "+", options, &which)) != -1) {
		if (option == '?' || option == ':')
			return fault_set(fault, EXIT_USAGE, "%s: an option is unknown, or lacks its value", argv[0]);
		if (set_option(args, option, optarg) < 0)
			return fault_set(fault, EXIT_USAGE, "%s: --%s=%s is not possible", argv[0], options[which].name,
			                 optarg);
	}
	return 0;
}

/* All of the file, with a NUL; its length, or a negative errno. */
static ssize_t read_sources(int fd, char *text)
{
	size_t used = 0;
	ssize_t n;

	while (used < SOURCES_MAX && (n = read(fd, text + used, SOURCES_MAX - used)) != 0) {
		if (n < 0 && errno != EINTR)
			return -errno;
		used += n > 0 ? (size_t)n : 0;
	}
	text[used] = 0;
	return used < SOURCES_MAX ? (ssize_t)used : -E2BIG;
}

static int add_source(struct get_options *get, const char *line, struct fault *fault)
{
	const char *why;
	int rc;

	if (get->count == SOURCES)
		return fault_set(fault, EXIT_USAGE, "more than %u sources", SOURCES);
	rc = url_parse(&get->sources[get->count], line, &why);
	if (rc == -ENOMEM)
		return fault_set(fault, EXIT_NODE, "out of memory");
	if (rc < 0)
		return fault_set(fault, EXIT_USAGE, "source %zu: %s", get->count + 1, why);
	get->count++;
	return 0;
}

static int parse_sources(struct get_options *get, struct fault *fault)
{
	static char text[SOURCES_MAX + 1];
	char *save = NULL;
	ssize_t length = read_sources(get->sources_fd, text);
	int rc = 0;

	if (length < 0)
		return fault_set(fault, EXIT_USAGE, "--sources: %s", strerror((int)-length));
	get->sources = calloc(SOURCES, sizeof(*get->sources));
	if (!get->sources)
		rc = fault_set(fault, EXIT_NODE, "out of memory");
	for (char *line = strtok_r(text, "\n", &save); line && rc == 0; line = strtok_r(NULL, "\n", &save))
		rc = add_source(get, line, fault);
	explicit_bzero(text, sizeof(text));
	return rc;
}

/* What must be given. */
static int check(const struct args *args, struct fault *fault)
{
	const struct get_options *get = &args->get;

	if (args->verb == VERB_GET && (get->part_fd < 0 || get->notes_fd < 0 || get->max == 0 || get->count == 0))
		return fault_set(fault, EXIT_USAGE, "get: --part, --notes, --max and --sources with a URL are needed");
	if (args->verb != VERB_GET && args->fd < 0)
		return fault_set(fault, EXIT_USAGE, "%s: --fd is needed", verbs[args->verb].name);
	if (args->verb == VERB_INSPECT && !args->qemu_img)
		return fault_set(fault, EXIT_USAGE, "inspect: --format and --qemu-img are needed");
	return 0;
}

static int find_verb(struct args *args, const char *name)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strcmp(verbs[i].name, name) == 0) {
			args->verb = (enum verb)i;
			return 0;
		}
	}
	return -EINVAL;
}

int args_parse(struct args *args, int argc, char **argv, struct fault *fault)
{
	int rc;

	*args = (struct args){
	        .fd = -1, .get = {.part_fd = -1, .notes_fd = -1, .sources_fd = -1, .stall = STALL, .timeout = TIMEOUT}};
	if (argc < 2 || find_verb(args, argv[1]) < 0)
		return fault_set(fault, EXIT_USAGE, "usage: wnodes-fetch get|digest|inspect OPTION…");
	argc--;
	argv++;
	rc = parse_options(args, argc, argv, verbs[args->verb].options, fault);
	if (rc == 0 && optind < argc)
		return fault_set(fault, EXIT_USAGE, "%s takes no arguments", argv[0]);
	if (rc == 0 && args->get.sources_fd >= 0)
		rc = parse_sources(&args->get, fault);
	return rc == 0 ? check(args, fault) : rc;
}

void args_free(struct args *args)
{
	for (size_t i = 0; i < args->get.count; i++)
		url_free(&args->get.sources[i]);
	free(args->get.sources);
	args->get.sources = NULL;
	args->get.count = 0;
}
