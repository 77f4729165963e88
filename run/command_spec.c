/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/wire.h"
#include "run/command.h"

#define LIMIT_BYTES 20U

/* Append a copy of the attribute's text to a NULL-ended array. */
static int add_text(char ***texts, size_t *count, const struct wire_attribute *attribute)
{
	char **bigger = realloc(*texts, (*count + 2) * sizeof(*bigger));

	if (!bigger)
		return -ENOMEM;
	*texts = bigger;
	bigger[*count] = strndup((const char *)attribute->bytes, attribute->length);
	bigger[*count + 1] = NULL;
	return bigger[(*count)++] ? 0 : -ENOMEM;
}

static int take_text(char **text, const struct wire_attribute *attribute)
{
	free(*text);
	*text = strndup((const char *)attribute->bytes, attribute->length);
	return *text ? 0 : -ENOMEM;
}

static int take_script(struct command_spec *spec, const struct wire_attribute *attribute)
{
	if (spec->script)
		return -EPROTO;
	spec->script = malloc((size_t)attribute->length + 1);
	if (!spec->script)
		return -ENOMEM;
	memcpy(spec->script, attribute->bytes, attribute->length);
	spec->script[attribute->length] = 0;
	spec->script_length = attribute->length;
	return 0;
}

static int take_limit(struct command_spec *spec, const struct wire_attribute *attribute)
{
	uint32_t resource = attribute->length == LIMIT_BYTES ? wire_u32(attribute->bytes) : RLIMIT_NLIMITS;

	if (resource >= RLIMIT_NLIMITS)
		return attribute->length == LIMIT_BYTES ? 0 : -EPROTO;
	spec->limits[resource].given = true;
	spec->limits[resource].soft = wire_u64(attribute->bytes + 4);
	return 0;
}

static int take_file(struct command_spec *spec, const struct wire_attribute *attribute)
{
	struct task_file file;

	if (spec->file_count == TASK_FILES || task_file_unpack(attribute, &file) < 0)
		return -EPROTO;
	spec->files[spec->file_count] = task_file_print(&file);
	return spec->files[spec->file_count++] ? 0 : -ENOMEM;
}

static int take(struct command_spec *spec, const struct wire_attribute *attribute)
{
	switch (attribute->tag) {
	case WIRE_ARG:
		return wire_is_text(attribute) ? add_text(&spec->argv, &spec->argc, attribute) : -EPROTO;
	case WIRE_ENV:
		return wire_is_text(attribute) ? add_text(&spec->env, &spec->env_count, attribute) : -EPROTO;
	case WIRE_CWD:
		return wire_is_text(attribute) ? take_text(&spec->cwd, attribute) : -EPROTO;
	case WIRE_UMASK:
		if (attribute->length != 4)
			return -EPROTO;
		spec->has_umask = true;
		spec->umask = wire_u32(attribute->bytes) & 0777;
		return 0;
	case WIRE_RLIMIT:
		return take_limit(spec, attribute);
	case WIRE_SCRIPT:
		return take_script(spec, attribute);
	case WIRE_TERMINAL:
		return terminal_unpack(attribute->bytes, attribute->length, &spec->terminal);
	case WIRE_FILE:
		return take_file(spec, attribute);
	case WIRE_PROGRAMS:
		return wire_is_text(attribute) && attribute->length <= WIRE_PROGRAMS_MAX
		               ? take_text(&spec->programs, attribute)
		               : -EPROTO;
	default:
		return 0;
	}
}

int command_spec_parse(struct command_spec *spec, const uint8_t *bytes, size_t size)
{
	struct wire_attribute attribute;
	size_t offset = 0;
	int rc;

	while ((rc = wire_next_attribute(bytes, size, &offset, &attribute)) > 0) {
		rc = take(spec, &attribute);
		if (rc < 0)
			return rc;
	}
	return rc == 0 && spec->argc == 0 ? -EPROTO : rc;
}

void command_spec_free(struct command_spec *spec)
{
	slurm_argv_free(spec->argv);
	slurm_argv_free(spec->env);
	free(spec->cwd);
	free(spec->exported);
	free(spec->script);
	free(spec->programs);
	for (size_t i = 0; i < spec->file_count; i++)
		free(spec->files[i]);
	*spec = (struct command_spec){0};
}
