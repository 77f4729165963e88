/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/spec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/wire.h"

#define LIMIT_BYTES 20U
#define AFFINITY_BYTES 128U /* 1024 CPUs */

struct counts {
	size_t arguments, variables, limits, files;
};

/* Check one attribute and count it. Returns what is wrong with it, or NULL. */
static const char *count(struct counts *counts, const struct wire_attribute *attribute)
{
	bool text = wire_is_text(attribute);
	struct terminal terminal;
	struct task_file file;

	switch (attribute->tag) {
	case WIRE_ARG:
		counts->arguments++;
		return text ? NULL : "an argument with a NUL";
	case WIRE_ENV:
		counts->variables++;
		return text ? NULL : "an environment variable with a NUL";
	case WIRE_CWD:
		return text && attribute->length ? NULL : "a working directory that is empty or has a NUL";
	case WIRE_PROGRAMS:
		return text && attribute->length <= WIRE_PROGRAMS_MAX ? NULL : "programs with a NUL, or too many";
	case WIRE_FALLBACK:
		return text && attribute->length && attribute->bytes[0] == '/' ? NULL : "a fallback that is no path";
	case WIRE_UMASK:
		return attribute->length == 4 ? NULL : "a umask that has not four bytes";
	case WIRE_AFFINITY:
		return attribute->length <= AFFINITY_BYTES ? NULL : "more CPUs than there can be";
	case WIRE_RLIMIT:
		counts->limits++;
		return attribute->length == LIMIT_BYTES ? NULL : "a resource limit of a wrong length";
	case WIRE_TERMINAL:
		return terminal_unpack(attribute->bytes, attribute->length, &terminal) == 0 ? NULL : "a bad terminal";
	case WIRE_FILE:
		counts->files++;
		return counts->files <= TASK_FILES && task_file_unpack(attribute, &file) == 0 ? NULL : "a bad file";
	default:
		return NULL;
	}
}

static int check(const uint8_t *buffer, size_t size, struct counts *counts, const char **why)
{
	struct wire_attribute attribute;
	size_t offset = 0;
	int rc;

	*why = "attributes that do not fit";
	while ((rc = wire_next_attribute(buffer, size, &offset, &attribute)) > 0) {
		*why = count(counts, &attribute);
		if (*why)
			return -EPROTO;
		*why = "attributes that do not fit";
	}
	if (rc == 0 && counts->arguments == 0) {
		*why = "no argument";
		rc = -EPROTO;
	}
	return rc;
}

static void take(struct spec *spec, struct counts *at, const struct wire_attribute *attribute, uint8_t *bytes)
{
	switch (attribute->tag) {
	case WIRE_ARG:
		spec->argv[at->arguments++] = (char *)bytes;
		break;
	case WIRE_ENV:
		spec->envp[at->variables++] = (char *)bytes;
		break;
	case WIRE_CWD:
		spec->cwd = (char *)bytes;
		break;
	case WIRE_PROGRAMS:
		spec->programs = (char *)bytes;
		break;
	case WIRE_FALLBACK:
		spec->fallback = (char *)bytes;
		break;
	case WIRE_UMASK:
		spec->has_umask = true;
		spec->umask = wire_u32(bytes) & 0777;
		break;
	case WIRE_RLIMIT:
		spec->limits[at->limits++] = (struct spec_limit){
		        .resource = wire_u32(bytes), .soft = wire_u64(bytes + 4), .hard = wire_u64(bytes + 12)};
		break;
	case WIRE_TERMINAL:
		(void)terminal_unpack(bytes, attribute->length, &spec->terminal);
		break;
	case WIRE_FILE:
		(void)task_file_unpack(attribute, &spec->files[at->files++]);
		spec->file_count = at->files;
		break;
	case WIRE_SCRIPT:
		spec->script = bytes;
		spec->script_length = attribute->length;
		break;
	case WIRE_AFFINITY:
		spec->affinity = bytes;
		spec->affinity_length = attribute->length;
		break;
	default:
		break;
	}
}

int spec_parse(uint8_t *buffer, size_t size, struct spec *spec, const char **why)
{
	struct counts counts = {0}, at = {0};
	struct wire_attribute attribute;
	uint8_t *end = NULL;
	size_t offset = 0;
	int rc;

	*spec = (struct spec){0};
	rc = check(buffer, size, &counts, why);
	if (rc < 0)
		return rc;
	spec->argv = calloc(counts.arguments + 1, sizeof(*spec->argv));
	spec->envp = calloc(counts.variables + 1, sizeof(*spec->envp));
	spec->limits = calloc(counts.limits + 1, sizeof(*spec->limits));
	spec->limit_count = counts.limits;
	if (!spec->argv || !spec->envp || !spec->limits) {
		spec_free(spec);
		return -ENOMEM;
	}
	/* The NUL behind a text goes where the next attribute's header was, once that has been read. */
	while (wire_next_attribute(buffer, size, &offset, &attribute) > 0) {
		if (end)
			*end = 0;
		take(spec, &at, &attribute, buffer + offset - attribute.length);
		end = buffer + offset;
	}
	if (end)
		*end = 0;
	return 0;
}

void spec_terminal(const uint8_t *buffer, size_t size, struct terminal *terminal)
{
	struct wire_attribute attribute;
	size_t offset = 0;

	*terminal = (struct terminal){0};
	while (wire_next_attribute(buffer, size, &offset, &attribute) > 0)
		if (attribute.tag == WIRE_TERMINAL)
			(void)terminal_unpack(attribute.bytes, attribute.length, terminal);
}

void spec_free(struct spec *spec)
{
	free(spec->argv);
	free(spec->envp);
	free(spec->limits);
	*spec = (struct spec){0};
}

const char *spec_getenv(const struct spec *spec, const char *name)
{
	size_t length = strlen(name);

	for (char **variable = spec->envp; *variable; variable++)
		if (strncmp(*variable, name, length) == 0 && (*variable)[length] == '=')
			return *variable + length + 1;
	return NULL;
}
