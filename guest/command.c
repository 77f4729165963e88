/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/command.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/command.h"
#include "common/command_names.h"
#include "common/frame.h"
#include "guest/links.h"
#include "guest/log.h"
#include "guest/supervisor.h"

#define IN_HIGH (2U * WIRE_PAYLOAD_MAX) /* bytes of a caller's that are kept until the port has room */
#define OUT_MAX (4U * WIRE_WINDOW)      /* bytes towards a caller that only one which reads nothing causes */
#define READ_ONCE 65536U
#define USAGE 64U

struct command {
	int fd; /* -1: the caller has gone */
	uint32_t parent;
	struct queue in, out;
	struct channel channel; /* its id is 0 until COMMAND */
	bool say_kill;
};

static int listen_at(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	unlink(path);
	/* who may call is seen by who it is, not by the file's mode */
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || chmod(path, 0666) < 0 || listen(fd, 64) < 0) {
		int rc = -errno;

		close(fd);
		return rc;
	}
	return fd;
}

void commands_open(struct commands *commands, const char *names, uid_t uid, const struct tasks *tasks)
{
	int fd;

	commands->uid = uid;
	commands->tasks = tasks;
	links_make(names);
	fd = listen_at(COMMAND_SOCKET);
	if (fd < 0)
		agent_log("Slurm's commands will not work: %s: %s", COMMAND_SOCKET, strerror(-fd));
	commands->listener = fd < 0 ? -1 : fd;
}

static void command_free(struct command *command)
{
	if (command->fd >= 0)
		close(command->fd);
	queue_free(&command->in);
	queue_free(&command->out);
	free(command);
}

void commands_close(struct commands *commands)
{
	for (size_t i = 0; i < commands->count; i++)
		command_free(commands->command[i]);
	commands->count = 0;
	commands->last_channel = 0;
	if (commands->listener >= 0)
		close(commands->listener);
	commands->listener = -1;
}

/* The caller is gone, or has broken the protocol: so ends the command. */
static void hang_up(struct command *command)
{
	if (command->fd >= 0)
		close(command->fd);
	command->fd = -1;
	queue_free(&command->in);
	queue_free(&command->out);
	command->say_kill = command->channel.id && !command->channel.exited;
}

/* The command cannot be: say why, as the host would. */
static void refuse(struct command *command, const char *why)
{
	struct wire_frame note = {(uint32_t)(1 + strlen(why)), COMMAND_CHANNEL, WIRE_NOTE, 0};
	struct wire_frame exited = {8, COMMAND_CHANNEL, WIRE_EXITED, 0};
	uint8_t text[256] = {1}, code[8] = {0};

	memcpy(text + 1, why, strlen(why));
	wire_put_u32(code + 4, USAGE);
	command->channel.exited = true;
	if (frame_push(&command->out, &note, text) < 0 || frame_push(&command->out, &exited, code) < 0)
		hang_up(command);
}

void commands_accept(struct commands *commands, int fd)
{
	struct ucred peer = {.uid = (uid_t)-1};
	socklen_t length = sizeof(peer);
	struct command *command = NULL;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 &&
	    (peer.uid == 0 || peer.uid == commands->uid))
		command = calloc(1, sizeof(*command));
	if (!command) {
		close(fd);
		return;
	}
	command->fd = fd;
	supervisor_forgets(fd);
	channel_init(&command->channel);
	command->parent = tasks_channel_of(commands->tasks, peer.pid);
	commands->command[commands->count++] = command;
	if (command->parent == 0)
		refuse(command, "the caller is not a process of one of the job's tasks");
}

static void accept_all(struct commands *commands)
{
	while (commands->count < COMMANDS_MAX) {
		int fd = accept(commands->listener, NULL, NULL);

		if (fd < 0)
			break;
		fcntl(fd, F_SETFD, FD_CLOEXEC);
		fcntl(fd, F_SETFL, O_NONBLOCK);
		commands_accept(commands, fd);
	}
}

static void command_read(struct command *command)
{
	uint8_t *room = queue_reserve(&command->in, READ_ONCE);
	ssize_t n = room ? read(command->fd, room, READ_ONCE) : 0;

	if (n > 0)
		queue_commit(&command->in, (size_t)n);
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		hang_up(command);
	/* what a caller still says once its command has ended is of no interest */
	if (command->channel.exited)
		queue_pull(&command->in, command->in.used);
}

static void command_write(struct command *command)
{
	while (command->fd >= 0 && command->out.used > 0) {
		ssize_t n = send(command->fd, queue_data(&command->out), command->out.used, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0)
			hang_up(command);
		else
			queue_pull(&command->out, (size_t)n);
	}
	queue_trim(&command->out);
}

int commands_frame(struct commands *commands, const struct wire_frame *frame, const uint8_t *payload, const char **why)
{
	struct command *command = NULL;

	for (size_t i = 0; i < commands->count && !command; i++)
		if (commands->command[i]->channel.id == frame->channel)
			command = commands->command[i];
	*why = "a command's channel that is not open";
	if (!command)
		return -EPROTO;
	if (command_from_host(&command->channel, frame, payload, why) < 0)
		return -EPROTO;
	if (command->fd >= 0 && frame_push(&command->out, frame, payload) < 0)
		hang_up(command);
	command_write(command);
	/* one that grants credit for what it has not read */
	if (command->out.used > OUT_MAX)
		hang_up(command);
	if (command->channel.exited)
		command->say_kill = false;
	return 0;
}

/* A caller's frame, as it goes to the host: with the command's channel, and its parent's in COMMAND. */
static bool pass_on(struct commands *commands, struct command *command, struct wire_frame frame, const uint8_t *payload,
                    struct port *port)
{
	struct channel before = command->channel;
	uint8_t parent[4];
	const char *why;

	if (command_from_guest(&command->channel, &frame, payload, &why) < 0) {
		agent_log("a caller of Slurm's commands broke the protocol: %s", why);
		hang_up(command);
		return false;
	}
	if (frame.type == WIRE_COMMAND) {
		wire_put_u32(parent, command->parent);
		payload = parent;
		command->channel.id = COMMAND_CHANNEL | (commands->last_channel + 1);
	}
	frame.channel = command->channel.id;
	if (!port_put(port, &frame, payload)) {
		command->channel = before;
		return false;
	}
	if (frame.type == WIRE_COMMAND)
		commands->last_channel++;
	return true;
}

static void command_speak(struct commands *commands, struct command *command, struct port *port)
{
	struct wire_frame frame, kill = {0, command->channel.id, WIRE_KILL, 0};
	const uint8_t *payload;
	const char *why;
	int rc = 0;

	if (command->say_kill && port_put(port, &kill, NULL))
		command->say_kill = false;
	while (command->fd >= 0 && !command->channel.exited && port_has_room(port) &&
	       (rc = frame_peek(&command->in, &frame, &payload, &why)) == 1) {
		struct wire_frame taken = frame;

		if (!pass_on(commands, command, taken, payload, port))
			return;
		frame_pull(&command->in, &frame);
	}
	if (rc < 0)
		hang_up(command);
}

void commands_speak(struct commands *commands, struct port *port)
{
	size_t kept = 0;

	commands->turn = commands->count ? (commands->turn + 1) % commands->count : 0;
	for (size_t i = 0; i < commands->count; i++)
		command_speak(commands, commands->command[(commands->turn + i) % commands->count], port);
	for (size_t i = 0; i < commands->count; i++) {
		struct command *command = commands->command[i];
		bool done = !command->channel.id || command->channel.exited;

		if (command->channel.exited && command->out.used == 0 && command->fd >= 0) {
			close(command->fd);
			command->fd = -1;
		}
		if (command->fd < 0 && done)
			command_free(command);
		else
			commands->command[kept++] = command;
	}
	commands->count = kept;
}

size_t commands_poll(const struct commands *commands, struct pollfd *polls, bool port_has_room)
{
	bool full = commands->count == COMMANDS_MAX;

	polls[0] = (struct pollfd){.fd = full ? -1 : commands->listener, .events = POLLIN};
	for (size_t i = 0; i < commands->count; i++) {
		const struct command *command = commands->command[i];
		bool reads = command->in.used < IN_HIGH && port_has_room;

		polls[1 + i] = (struct pollfd){
		        .fd = command->fd, .events = (short)((reads ? POLLIN : 0) | (command->out.used ? POLLOUT : 0))};
		/* one that has hung up is not to wake us again and again */
		if (!polls[1 + i].events)
			polls[1 + i].fd = -1;
	}
	return 1 + commands->count;
}

void commands_ready(struct commands *commands, const struct pollfd *polls)
{
	size_t count = commands->count;

	for (size_t i = 0; i < count; i++) {
		struct command *command = commands->command[i];

		if (polls[1 + i].revents & POLLOUT)
			command_write(command);
		if (command->fd >= 0 && (polls[1 + i].revents & ~POLLOUT) && (polls[1 + i].events & POLLIN))
			command_read(command);
	}
	if (polls[0].revents)
		accept_all(commands);
}
