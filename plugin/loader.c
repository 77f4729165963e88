/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plugin/loader.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/taskenv.h"

static bool is_obeyed(const char *variable)
{
	static const char *const prefixes[] = {"LD_", "MALLOC_", "GLIBC_TUNABLES=", "GCONV_PATH=", "LOCPATH="};

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (strncmp(variable, prefixes[i], strlen(prefixes[i])) == 0)
			return strchr(variable, '=') != NULL;
	return false;
}

static const char *find(spank_t spank)
{
	char **env = NULL;

	if (spank_get_item(spank, S_JOB_ENV, &env) != ESPANK_SUCCESS || !env)
		return NULL;
	while (*env && !is_obeyed(*env))
		env++;
	return *env;
}

static int rename_variable(spank_t spank, const char *variable)
{
	size_t length = strcspn(variable, "=");
	char *name = NULL, *aside = NULL;
	int rc = -1;

	if (asprintf(&name, "%.*s", (int)length, variable) < 0)
		return -1;
	if (asprintf(&aside, TASKENV_ASIDE "%s", name) < 0) {
		free(name);
		return -1;
	}
	if (spank_setenv(spank, aside, variable + length + 1, 1) == ESPANK_SUCCESS &&
	    spank_unsetenv(spank, name) == ESPANK_SUCCESS)
		rc = 0;
	free(name);
	free(aside);
	return rc;
}

int loader_set_aside(spank_t spank)
{
	const char *variable;

	while ((variable = find(spank))) {
		/* a copy: the array is Slurm's, and changes */
		char *copy = strdup(variable);
		int rc = copy ? rename_variable(spank, copy) : -1;

		free(copy);
		if (rc < 0)
			return -1;
	}
	return 0;
}
