/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The command lines of Slurm's commands, as far as they may come out of a
 * machine. What is not in the tables is refused; what passes is written anew
 * from what was understood, so that Slurm's own parser cannot understand it
 * in another way. No I/O.
 */
#ifndef WNODES_COMMON_SLURM_OPTIONS_H
#define WNODES_COMMON_SLURM_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

enum slurm_argument { SLURM_NONE, SLURM_REQUIRED, SLURM_OPTIONAL };

enum slurm_rule {
	SLURM_OK,
	SLURM_NO,       /* refused */
	SLURM_PLAIN,    /* not with a slash: the host would read a file of that name */
	SLURM_STREAM,   /* srun's input, output, error: a file is the guest's, who opens it */
	SLURM_OUTPUT,   /* a file that Slurm makes on the host for a batch job */
	SLURM_INPUT,    /* a file that Slurm reads there */
	SLURM_FOLDER,   /* a working directory */
	SLURM_JOB,      /* the job itself alone */
	SLURM_EXPORT,   /* the environment, which the guest sends itself */
	SLURM_IMAGE,    /* the job's own image alone */
	SLURM_MOUNT,    /* the job's own directories alone */
	SLURM_PTY,      /* a terminal; a value would be a descriptor of the host's */
	SLURM_PROGRAMS, /* a file of programs, which the guest sends itself */
	SLURM_TITLE,    /* the job's name */
	SLURM_MODE,     /* how output files are opened */
};

struct slurm_option {
	const char *name; /* NULL ends a table */
	char letter;      /* or 0 */
	enum slurm_argument argument;
	enum slurm_rule rule;
};

struct slurm_command {
	const char *name;
	const struct slurm_option *options;
	bool stops; /* options end at the first word that is none */
};

struct slurm_word {
	const struct slurm_option *option;
	const char *value; /* NULL: none */
};

/* A command line taken apart; the texts are the caller's argv. Zero-initialise; slurm_line_free() when done. */
struct slurm_line {
	struct slurm_word *words;
	size_t count;
	const char **operands;
	size_t operand_count;
};

/** The command of that name; NULL: none that there is here. */
const struct slurm_command *slurm_command_find(const char *name);

/**
 * Take the options and operands argv[0, argc) apart and append them to line;
 * a long option may be shortened as getopt_long(3) allows it. Returns 0;
 * -EINVAL with why[size], one line, for an option that is not known, or is
 * refused whatever its value; -ENOMEM.
 */
int slurm_parse(struct slurm_line *line, const struct slurm_command *command, int argc, char *const *argv, char *why,
                size_t size);
void slurm_line_free(struct slurm_line *line);

/** The last word with that rule; NULL: none. */
const struct slurm_word *slurm_line_find(const struct slurm_line *line, enum slurm_rule rule);

/** The last word with an option of that name; NULL: none. */
const struct slurm_word *slurm_line_named(const struct slurm_line *line, const char *name);

/** Take all words with that rule out. */
void slurm_line_drop(struct slurm_line *line, enum slurm_rule rule);

/** Append an option of command, which has it, by its name. Returns 0 or -ENOMEM. */
int slurm_line_add(struct slurm_line *line, const struct slurm_command *command, const char *name, const char *value);

/** Write the line as an argv: argv0, options, "--" and operands. NULL: no memory. Free with slurm_argv_free(). */
char **slurm_render(const struct slurm_line *line, const char *argv0);
void slurm_argv_free(char **argv);

#endif
