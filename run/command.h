/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Slurm's commands that the task calls in the guest: wnodes-run executes the
 * host's, as the job's user and in the step's cgroup. Every byte of what they
 * are asked was written by root of the guest.
 */
#ifndef WNODES_RUN_COMMAND_H
#define WNODES_RUN_COMMAND_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "common/slurm_options.h"
#include "common/task_file.h"
#include "common/terminal.h"

#define COMMAND_WHY_MAX 512U

struct run;
struct wire_frame;

/* What the guest wants executed. Zero-initialise; command_spec_free() when done. */
struct command_spec {
	char **argv, **env; /* NULL-ended */
	size_t argc, env_count;
	char *cwd;      /* where the tasks begin in the guest: the caller's; NULL: unknown */
	char *exported; /* what of env the tasks get, as --export has it; NULL: all */
	bool has_umask;
	mode_t umask;
	struct {
		bool given;
		uint64_t soft;
	} limits[RLIMIT_NLIMITS];
	uint8_t *script; /* sbatch's, and a NUL behind it; NULL: none */
	size_t script_length;
	struct terminal terminal; /* the caller's, for srun --pty; .streams is 0 where there is none */
	char *files[TASK_FILES];  /* for the tasks' environment: task_file_print() */
	size_t file_count;
	char *programs; /* srun's, of --multi-prog; NULL: none */
};

/** Take bytes[size] apart. Returns 0, -EPROTO or -ENOMEM. */
int command_spec_parse(struct command_spec *spec, const uint8_t *bytes, size_t size);
void command_spec_free(struct command_spec *spec);

/* What a command is held against. */
struct command_context {
	const char *names;        /* of commands that work in this machine, separated by commas */
	const char *job;          /* its number */
	const char *image;        /* that its machine was booted from */
	bool other_images;        /* what it submits may run in another */
	const char *mount;        /* the job's --vm-mount; NULL: none */
	const char *boot_timeout; /* its --vm-boot-timeout; NULL: none */
	const char *disk;         /* its --vm-disk; NULL: none */
	const char *network;      /* its --vm-network; NULL: none */
};

/**
 * Judge what spec asks. Returns 0 with *argv, to be executed (free with
 * slurm_argv_free(); its [0] is the command's name); spec's cwd, exported and
 * script are then as the options have them, the script without directives.
 * Else an exit code, with one line in why.
 */
int command_policy(struct command_spec *spec, const struct command_context *context, char ***argv,
                   char why[COMMAND_WHY_MAX]);

/**
 * Take the directives of a batch script (`#SBATCH …`) into line, as sbatch
 * does: those above the first command. The script is changed: sbatch finds no
 * directive any more. texts (from malloc, one piece) holds what line points
 * to. Returns 0, -EINVAL with why, or -ENOMEM.
 */
int command_script(uint8_t *script, size_t length, struct slurm_line *line, char **texts, char why[COMMAND_WHY_MAX]);

/**
 * Make the terminal of a command whose caller has this one: input and output
 * become pairs as pipe(2) makes them, the command's ends input[0] and
 * output[1]. Returns 0 or a negative errno; ends that are not -1 are the
 * caller's to close in any case.
 */
int command_pty_open(const struct terminal *terminal, int input[2], int output[2]);

/** The caller's window has changed: payload is WINSIZE's. */
void command_pty_resize(int master, const uint8_t payload[TERMINAL_SIZE_BYTES]);

/**
 * The environment of a command: of the task's own what Slurm gave it, of the
 * guest's a few variables, and all others under TASKENV_ASIDE, for the tasks
 * of the step or job that it makes. Free with slurm_argv_free(). NULL: no
 * memory.
 */
char **command_environment(const struct command_spec *spec, char **own);

/** A frame that the relay sent on a command's channel. */
void run_command_take(struct run *run, const struct wire_frame *frame, const uint8_t *payload);

/** Read on what waited for room or credit. */
void run_commands_pump(struct run *run);

/** The task has ended: so do its commands. */
void run_commands_close(struct run *run);

#endif
