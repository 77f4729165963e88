/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A file that a task opens for streams of its own, in its guest: srun's
 * --input, --output and --error with patterns. From a command's spec to the
 * task's it goes through a variable of the host's srun. No I/O.
 */
#ifndef WNODES_COMMON_TASK_FILE_H
#define WNODES_COMMON_TASK_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "common/wire.h"

#define TASK_FILES 3U            /* of a task, at most: one for each stream */
#define TASK_FILE_APPEND 1U      /* a flag: what is in it stays */
#define TASK_FILE_ONE 2U         /* a flag: the name is a task's number; the others' stream is /dev/null */
#define TASK_FILE_NAME_MAX 4095U /* bytes of a name */
#define TASK_FILE_HEADER 8U      /* bytes before the name in the attribute FILE */
#define TASK_FILE_BYTES (TASK_FILE_HEADER + TASK_FILE_NAME_MAX)

struct task_file {
	uint32_t streams; /* a bit for each: 1 stdin, alone; 2 stdout, 4 stderr */
	uint32_t flags;
	const char *name; /* not ended by a NUL where it was unpacked */
	size_t length;
};

/** Write the attribute's content to out[TASK_FILE_BYTES]; file->length is at most TASK_FILE_NAME_MAX. Returns its
 * bytes. */
size_t task_file_pack(uint8_t *out, const struct task_file *file);

/** Read the attribute's content; file->name points into it. Returns 0, or -EPROTO where it is not right. */
int task_file_unpack(const struct wire_attribute *attribute, struct task_file *file);

/** The value of a variable that says the same, from malloc; NULL: no memory. */
char *task_file_print(const struct task_file *file);

/** Read such a value; file->name points into it. Returns 0, or -EINVAL where it is not right. */
int task_file_parse(const char *value, struct task_file *file);

#endif
