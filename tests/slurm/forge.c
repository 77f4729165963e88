/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A caller that does not ask the options' table in the guest: sends its
 * arguments as a command to the agent as they are.
 *   forge [-e NAME=VALUE] [-f STREAMS:FLAGS:NAME] [-m LINES] [-t] COMMAND [ARGUMENT…]
 * -f is a file of the tasks, -m what --multi-prog read, -t a terminal of the caller's.
 * Its standard input, where it is not empty, is the batch script. Says what
 * the command said, and ends with its code.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/command.h"
#include "common/frame.h"
#include "common/task_file.h"
#include "common/terminal.h"

static struct queue out, in;

static void put(uint8_t type, uint8_t stream, const void *payload, size_t length)
{
	struct wire_frame frame = {(uint32_t)length, COMMAND_CHANNEL, type, stream};

	frame_push(&out, &frame, payload);
}

static void put_spec(uint16_t tag, const char *text, size_t length)
{
	uint8_t bytes[4096];

	put(WIRE_DATA, WIRE_SPEC, bytes, wire_put_attribute(bytes, tag, text, length));
}

static void put_file(const char *text)
{
	struct task_file file = {(uint32_t)(text[0] - '0'), (uint32_t)(text[2] - '0'), text + 4, strlen(text + 4)};
	uint8_t bytes[TASK_FILE_BYTES];

	put_spec(WIRE_FILE, (const char *)bytes, task_file_pack(bytes, &file));
}

static void put_terminal(void)
{
	struct terminal terminal = {.streams = TERMINAL_STDIN | TERMINAL_STDOUT};
	uint8_t bytes[TERMINAL_BYTES];

	terminal_pack(bytes, &terminal);
	put_spec(WIRE_TERMINAL, (const char *)bytes, sizeof(bytes));
}

static int answer(int fd)
{
	struct wire_frame frame;
	const uint8_t *payload;
	const char *why;
	ssize_t n;

	while ((n = read(fd, queue_reserve(&in, 65536), 65536)) > 0) {
		queue_commit(&in, (size_t)n);
		while (frame_peek(&in, &frame, &payload, &why) == 1) {
			if (frame.type == WIRE_DATA || frame.type == WIRE_NOTE)
				fwrite(payload + (frame.type == WIRE_NOTE), frame.length - (frame.type == WIRE_NOTE), 1,
				       stdout);
			if (frame.type == WIRE_NOTE)
				puts("");
			if (frame.type == WIRE_EXITED)
				return (int)wire_u32(payload + 4);
			frame_pull(&in, &frame);
		}
	}
	puts("no answer");
	return 99;
}

int main(int argc, char **argv)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/run/wnodes/slurm.sock"};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), first = 1;
	char script[2048];
	bool terminal = false;
	size_t length = fread(script, 1, sizeof(script), stdin);

	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		perror("connect");
		return 98;
	}
	put(WIRE_COMMAND, 0, "\0\0\0\0", 4);
	for (; first + 1 < argc && argv[first][0] == '-'; first++) {
		if (strcmp(argv[first], "-e") == 0)
			put_spec(WIRE_ENV, argv[first + 1], strlen(argv[first + 1]));
		else if (strcmp(argv[first], "-f") == 0)
			put_file(argv[first + 1]);
		else if (strcmp(argv[first], "-m") == 0)
			put_spec(WIRE_PROGRAMS, argv[first + 1], strlen(argv[first + 1]));
		else
			terminal = true;
		first += strcmp(argv[first], "-t") != 0;
	}
	for (int i = first; i < argc; i++)
		put_spec(WIRE_ARG, argv[i], strlen(argv[i]));
	if (terminal)
		put_terminal();
	if (length > 0)
		put_spec(WIRE_SCRIPT, script, length);
	put(WIRE_START, 0, NULL, 0);
	if (!terminal)
		put(WIRE_EOF, WIRE_STDIN, NULL, 0); /* of a terminal, the hang-up */
	if (write(fd, queue_data(&out), out.used) != (ssize_t)out.used)
		return 97;
	return answer(fd);
}
