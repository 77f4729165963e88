/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Slurm's commands that tasks call in the guest: each goes to the client of the task that called it. */
#include "run/relay.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/command.h"
#include "common/exitcode.h"

static struct relay_command **find(struct relay *relay, uint32_t id)
{
	struct relay_command **at = &relay->commands.first;

	while (*at && (*at)->channel.id != id)
		at = &(*at)->next;
	return at;
}

static void forget(struct relay *relay, struct relay_command **at)
{
	struct relay_command *command = *at;

	*at = command->next;
	relay->commands.count--;
	command->client->commands--;
	free(command);
}

static void say_exited(struct relay *relay, uint32_t id, uint32_t kind, uint32_t value)
{
	struct wire_frame frame = {8, id, WIRE_EXITED, 0};
	uint8_t payload[8];

	wire_put_u32(payload, kind);
	wire_put_u32(payload + 4, value);
	relay_guest_send(relay, &frame, payload);
}

/* The command cannot be: the guest's caller hears why. */
static void refuse(struct relay *relay, uint32_t id, uint32_t code, const char *why)
{
	struct wire_frame frame = {(uint32_t)(1 + strlen(why)), id, WIRE_NOTE, 0};
	uint8_t payload[1 + 128];

	payload[0] = 1;
	(void)memcpy(payload + 1, why, strlen(why));
	relay_guest_send(relay, &frame, payload);
	say_exited(relay, id, 0, code);
}

static void send_to_client(struct relay_client *client, const struct wire_frame *frame, const uint8_t *payload)
{
	size_t most = RELAY_CLIENT_MAX + (size_t)client->commands * RELAY_COMMAND_MAX;

	relay_client_send_frame(client, frame, payload);
	if (client->out.used > most)
		relay_guest_break(client->relay, "more than a task's commands can have to read");
}

static void take_command(struct relay *relay, const struct wire_frame *frame, const uint8_t *payload)
{
	struct relay_client *client = relay_client_find(relay, wire_u32(payload));
	struct relay_command *command;
	const char *why;

	if (!relay->job.commands) {
		refuse(relay, frame->channel, EXIT_DENIED, "the site has switched Slurm's commands off in this VM");
		return;
	}
	if (!client || client->fd < 0 || client->channel.exited) {
		refuse(relay, frame->channel, EXIT_USAGE, "the task that called this command has ended");
		return;
	}
	if (client->commands >= RELAY_TASK_COMMANDS || relay->commands.count >= RELAY_COMMANDS_MAX) {
		refuse(relay, frame->channel, EXIT_NODE, "too many of Slurm's commands run at once in this VM");
		return;
	}
	command = calloc(1, sizeof(*command));
	if (!command) {
		refuse(relay, frame->channel, EXIT_NODE, "the relay has no memory for this command");
		return;
	}
	channel_init(&command->channel);
	(void)command_from_guest(&command->channel, frame, payload, &why);
	command->channel.id = frame->channel;
	command->client = client;
	command->next = relay->commands.first;
	relay->commands.first = command;
	relay->commands.count++;
	client->commands++;
	send_to_client(client, frame, payload);
}

void relay_command_from_guest(struct relay *relay, const struct wire_frame *frame, const uint8_t *payload)
{
	struct relay_command *command = *find(relay, frame->channel);
	const char *why;

	if (!command && frame->channel > relay->commands.last_id && frame->type == WIRE_COMMAND) {
		relay->commands.last_id = frame->channel;
		take_command(relay, frame, payload);
	} else if (command && command_from_guest(&command->channel, frame, payload, &why) < 0) {
		relay_guest_break(relay, "%s (%s on a command's channel)", why, wire_type_name(frame->type));
	} else if (command) {
		if (frame->type != WIRE_CREDIT || wire_u32(payload) > 0)
			send_to_client(command->client, frame, payload);
	} else if (frame->channel > relay->commands.last_id || frame->type == WIRE_COMMAND) {
		relay_guest_break(relay, "a %s frame on a command's channel that is not open",
		                  wire_type_name(frame->type));
	}
	/* else it crossed the EXITED */
}

int relay_command_from_client(struct relay_client *client, const struct wire_frame *frame, const uint8_t *payload,
                              const char **why)
{
	struct relay_command **at = find(client->relay, frame->channel);

	if (!*at || (*at)->client != client) {
		*why = "a frame on a command's channel that is not its own";
		return -EPROTO;
	}
	if (command_from_host(&(*at)->channel, frame, payload, why) < 0)
		return -EPROTO;
	relay_guest_send(client->relay, frame, payload);
	if (frame->type == WIRE_EXITED)
		forget(client->relay, at);
	return 0;
}

void relay_commands_of_gone(struct relay_client *client)
{
	struct relay *relay = client->relay;
	struct relay_command **at = &relay->commands.first;

	while (*at) {
		if ((*at)->client != client) {
			at = &(*at)->next;
			continue;
		}
		/* its wnodes-run has gone, and took the command along */
		say_exited(relay, (*at)->channel.id, 1, SIGKILL);
		forget(relay, at);
	}
}
