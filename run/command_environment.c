/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/taskenv.h"
#include "run/command.h"

#define VALUE_MAX 1024U

/* Of the task's own: what Slurm gave it, and whose it is. The guest had no say in these. */
static const char *const kept[] = {
        "SLURM_", "_SLURM_", "SLURMD_NODENAME=", "HOME=", "USER=", "LOGNAME=", "SHELL=", "LANG=", "LC_"};

/* Of the guest's: what options these commands would take as well, and how they write. */
static const char *const taken[] = {
        "SLURM_CPUS_PER_GPU",
        "SLURM_CPUS_PER_TASK",
        "SLURM_CPU_BIND",
        "SLURM_DISABLE_STATUS",
        "SLURM_DISTRIBUTION",
        "SLURM_EXACT",
        "SLURM_EXIT_ERROR",
        "SLURM_EXIT_IMMEDIATE",
        "SLURM_GPUS_PER_TASK",
        "SLURM_GPU_BIND",
        "SLURM_HINT",
        "SLURM_KILL_BAD_EXIT",
        "SLURM_LABELIO",
        "SLURM_MEM_BIND",
        "SLURM_MEM_PER_CPU",
        "SLURM_MEM_PER_NODE",
        "SLURM_MPI_TYPE",
        "SLURM_NPROCS",
        "SLURM_NTASKS",
        "SLURM_NTASKS_PER_CORE",
        "SLURM_NTASKS_PER_NODE",
        "SLURM_NTASKS_PER_SOCKET",
        "SLURM_OVERCOMMIT",
        "SLURM_OVERLAP",
        "SLURM_THREADS_PER_CORE",
        "SLURM_TIME_FORMAT",
        "SLURM_UNBUFFEREDIO",
        "SLURM_WAIT",
        "SQUEUE_FORMAT",
        "SQUEUE_FORMAT2",
        "SQUEUE_SORT",
        "SQUEUE_STATES",
        "SQUEUE_USERS",
        "SINFO_FORMAT",
        "SINFO_SORT",
        "SACCT_FORMAT",
};

/* Obeyed in the guest, where files are, and what --export sent; srun's umask is that of its caller there. */
static const char *const obeyed[] = {"SLURM_EXPORT_ENV", "SLURM_OPEN_MODE",  "SLURM_STDERRMODE",
                                     "SLURM_STDINMODE",  "SLURM_STDOUTMODE", "SLURM_UMASK"};

static bool is_of(const char *variable, const char *const *names, size_t count)
{
	size_t length = strcspn(variable, "=");

	for (size_t i = 0; i < count; i++)
		if (strlen(names[i]) == length && strncmp(variable, names[i], length) == 0)
			return true;
	return false;
}

/* The guest's, and for the command alone; what it does not set is not set, whatever Slurm gave the task. */
static bool is_taken(const char *variable)
{
	return is_of(variable, taken, sizeof(taken) / sizeof(taken[0]));
}

static bool is_kept(const char *variable)
{
	if (is_of(variable, obeyed, sizeof(obeyed) / sizeof(obeyed[0])) || is_taken(variable))
		return false;
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		if (strncmp(variable, kept[i], strlen(kept[i])) == 0)
			return true;
	return false;
}

static bool is_fit(const char *value)
{
	size_t length = 0;

	for (; value[length]; length++)
		if (!isprint((unsigned char)value[length]) || value[length] == '/' || length == VALUE_MAX)
			return false;
	return true;
}

/* Variables that the guest's tasks get from Slurm anew. */
static bool is_slurms(const char *variable)
{
	static const char *const prefixes[] = {"SLURM_", "_SLURM_", "SLURMD_", "PMI_", TASKENV_PREFIX};

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (strncmp(variable, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	return false;
}

static char *guests(const char *variable)
{
	char *text = NULL;

	if (is_taken(variable))
		return is_fit(strchr(variable, '=') + 1) ? strdup(variable) : strdup("");
	return asprintf(&text, TASKENV_ASIDE "%s", variable) < 0 ? NULL : text;
}

/* Whether the list of --export names the variable; with_value: gives it one. */
static bool is_listed(const char *list, const char *variable, bool with_value)
{
	size_t name = strcspn(variable, "=");

	while (*list) {
		size_t length = strcspn(list, ",");

		if (strncmp(list, variable, name) == 0 &&
		    (with_value ? length > name && list[name] == '=' : length == name))
			return true;
		list += length + (list[length] == ',');
	}
	return false;
}

/* As srun and sbatch read --export: ALL, NONE, or names, some with values. */
static bool is_exported(const struct command_spec *spec, const char *variable)
{
	const char *list = spec->exported;

	if (!list)
		return true;
	return (is_listed(list, "ALL", false) || is_listed(list, variable, false)) && !is_listed(list, variable, true);
}

/* Append text, owned from here on; NULL ends it all. */
static bool add(char **env, size_t *count, char *text)
{
	if (text && !*text) {
		free(text);
		return true;
	}
	env[*count] = text;
	*count += text != NULL;
	return text != NULL;
}

/* What --export gives a value itself. */
static bool add_listed(char **env, size_t *count, const char *list)
{
	bool done = true;

	while (list && *list && done) {
		size_t length = strcspn(list, ",");
		char *text = NULL;

		if (memchr(list, '=', length) && list[0] != '=' && !is_slurms(list)) {
			if (asprintf(&text, TASKENV_ASIDE "%.*s", (int)length, list) < 0)
				text = NULL;
			done = add(env, count, text);
		}
		list += length + (list[length] == ',');
	}
	return done;
}

char **command_environment(const struct command_spec *spec, char **own)
{
	size_t room = spec->env_count + TASK_FILES + 5, count = 0;
	bool done = true;
	char **env;

	for (char **p = own; *p; p++)
		room++;
	for (const char *p = spec->exported; p && *p; p++)
		room += *p == ',' || p == spec->exported;
	env = calloc(room, sizeof(*env));
	if (!env)
		return NULL;
	for (char **p = own; *p && done; p++)
		if (is_kept(*p))
			done = add(env, &count, strdup(*p));
	for (size_t i = 0; i < spec->env_count && done; i++)
		if (strchr(spec->env[i], '=') && spec->env[i][0] != '=' &&
		    (is_taken(spec->env[i]) || (!is_slurms(spec->env[i]) && is_exported(spec, spec->env[i]))))
			done = add(env, &count, guests(spec->env[i]));
	done = done && add_listed(env, &count, spec->exported);
	done = done && add(env, &count, strdup("PATH=/usr/bin:/bin:/usr/sbin:/sbin"));
	if (done && spec->cwd) {
		char *text = NULL;

		if (asprintf(&text, TASKENV_CWD "=%s", spec->cwd) < 0)
			text = NULL;
		done = add(env, &count, text);
	}
	if (done && spec->programs) {
		char *text = NULL;

		if (asprintf(&text, TASKENV_PROGRAMS "=%s", spec->programs) < 0)
			text = NULL;
		done = add(env, &count, text);
	}
	for (unsigned int i = 0; i < spec->file_count && done; i++) {
		char *text = NULL;

		if (asprintf(&text, TASKENV_FILE "=%s", i, spec->files[i]) < 0)
			text = NULL;
		done = add(env, &count, text);
	}
	if (done)
		return env;
	slurm_argv_free(env);
	return NULL;
}
