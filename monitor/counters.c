/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "monitor/counters.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/str.h"

uint64_t counters_parse(const char *text, size_t length)
{
	static const char key[] = "oom_kill ";
	const char *end = text + length;

	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		size_t line = newline ? (size_t)(newline - text) : (size_t)(end - text);
		char digits[24];
		uint64_t number;

		if (line > sizeof(key) - 1 && line < sizeof(digits) + sizeof(key) - 1 &&
		    memcmp(text, key, sizeof(key) - 1) == 0) {
			line -= sizeof(key) - 1;
			memcpy(digits, text + sizeof(key) - 1, line);
			digits[line] = 0;
			return str_u64(digits, 0, UINT64_MAX, &number) == 0 ? number : 0;
		}
		text += line + 1;
	}
	return 0;
}

static uint64_t counters_read(int fd)
{
	char text[1024];
	ssize_t length = fd < 0 ? -1 : pread(fd, text, sizeof(text), 0);

	return length > 0 ? counters_parse(text, (size_t)length) : 0;
}

static int counters_open_one(const struct machine *machine, const char *folder)
{
	const char *name = machine->cgroup_unified ? "memory.events" : "memory.oom_control";
	char path[PATH_MAX];

	if (!machine->cgroup_memory ||
	    str_print(path, sizeof(path), "%s/%s%s", machine->cgroup_memory, folder, name) < 0)
		return -1;
	return open(path, O_RDONLY | O_CLOEXEC);
}

void counters_open(struct counters *counters, const struct machine *machine)
{
	counters->vm = counters_open_one(machine, "");
	counters->job = counters_open_one(machine, "../");
	counters->start = counters_read(counters->vm) + counters_read(counters->job);
}

bool counters_rose(const struct counters *counters)
{
	return counters_read(counters->vm) + counters_read(counters->job) > counters->start;
}
