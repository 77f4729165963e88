/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * wnodes-relay: between the tasks of a machine (clients, wnodes-run) and its
 * agent (the guest). One thread, one event loop; every callback ends in
 * relay_settle(), which does what all of them would have to: write what can
 * be written, free who has gone, keep the bounds.
 */
#ifndef WNODES_RUN_RELAY_H
#define WNODES_RUN_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "common/frame.h"
#include "common/queue.h"
#include "common/channel.h"

#define RELAY_CLIENTS_MAX 4096U
#define RELAY_GUEST_HIGH (4U << 20)  /* bytes towards the guest from which no client is read */
#define RELAY_GUEST_LOW (1U << 20)   /* and from which they are read again */
#define RELAY_GUEST_MAX (16U << 20)  /* bytes towards the guest that only a guest which reads nothing causes */
#define RELAY_CLIENT_MAX (16U << 20) /* bytes towards a client; credit keeps an honest guest below */
#define RELAY_READ 65536U            /* bytes to read of a client at a time */
#define RELAY_GUEST_READ 262144U     /* bytes to read of the guest at a time */
#define RELAY_NOTES_MAX 64U          /* notes of one task that are passed on */
#define RELAY_STEP_NOTES 32U         /* notes of a step that are remembered */
#define RELAY_STEPS_ENDED 16U        /* steps without tasks that are */
#define RELAY_RING 65536U            /* bytes kept of the console */
#define RELAY_TAIL_LINES 20U
#define RELAY_TAIL_BYTES 4096U
#define RELAY_TASK_COMMANDS 128U       /* of Slurm's commands that one task runs at once */
#define RELAY_COMMANDS_MAX 512U        /* and all tasks of the machine */
#define RELAY_COMMAND_MAX (3U << 20)   /* bytes towards a client that a command adds: spec, stdin, and some */
#define RELAY_SECOND UINT64_C(1000000) /* in the microseconds of sd-event */

struct relay;

/* The job, as the command line tells it; strings of argv. */
struct relay_job {
	const char *machine, *job, *user, *home, *shell, *groups, *hostname, *console, *uuid;
	const char *commands; /* of Slurm that work in the guest, separated by commas; NULL: none */
	uint32_t uid, gid;
	struct queue mounts;   /* MOUNT attributes, as the monitor names the directories */
	struct queue networks; /* NETWORK attributes, likewise */
	bool needs_networks;   /* of one of them the agent has to see to something */
};

/* The tasks of one step on this node. */
struct relay_step {
	struct relay_step *next;
	char name[WIRE_STEP_MAX + 1];
	uint32_t members;
	struct relay_client *speaker;     /* who says the step's messages; NULL: none yet */
	uint64_t notes[RELAY_STEP_NOTES]; /* digests of the notes that were said */
	uint32_t note_count;
};

/* A wnodes-run and its task. fd is -1 when it has gone and the guest has not yet said EXITED. */
struct relay_client {
	struct relay *relay;
	int fd;
	sd_event_source *io;
	struct queue in, out;
	struct channel channel;
	struct relay_step *step; /* NULL before OPEN and after EXITED */
	uint32_t notes;          /* passed on */
	uint32_t commands;       /* of Slurm that its task runs now */
	bool ready;              /* READY was sent */
	bool held;               /* what it has said waits for READY */
	bool viewer;             /* it looks at the console, and has no task */
	size_t viewed;           /* bytes of the console it was sent, or has missed */
	uint32_t credit;         /* bytes of the console it may still be sent */
	bool is_dirty;           /* in relay->dirty */
	struct relay_client *next_dirty;
};

/* A command of Slurm's that a task of the guest called, and its task's client executes. */
struct relay_command {
	struct relay_command *next;
	struct relay_client *client;
	struct channel channel;
};

struct relay_commands {
	struct relay_command *first;
	uint32_t count;
	uint32_t last_id; /* the highest channel that the guest opened for one */
};

struct relay_clients {
	int listen_fd;
	sd_event_source *listener, *retry;
	struct relay_client **all; /* all that exist; those with a channel are found by relay_client_find() */
	size_t count, viewers;
	struct relay_client **open; /* sorted by channel id */
	size_t open_count;
	struct relay_client *dirty; /* whom relay_settle() looks at */
	struct relay_step *steps;
	uint32_t last_id;
};

enum relay_phase { PHASE_NONE, PHASE_HELLO, PHASE_JOB, PHASE_READY };

struct relay_guest {
	int fd; /* -1 before it was handed over */
	sd_event_source *io, *ping, *verdict;
	struct queue in, out;
	enum relay_phase phase; /* what the relay sent last, or READY */
	bool broken;            /* nothing of it is read any more */
	bool paused;            /* the machine stands still with its job: it is not asked to answer */
	bool throttled;         /* no client is read */
	bool wants_out;
	uint64_t pinged, ponged; /* numbers of the last PING and PONG */
};

struct relay_console {
	int fd, file; /* -1: none */
	sd_event_source *io;
	uint8_t ring[RELAY_RING];
	size_t written; /* bytes ever seen; the ring's place is that modulo its size */
	size_t matched; /* bytes of the panic's text that were just seen */
	bool panicked, file_failed;
};

struct relay {
	sd_event *event;
	struct relay_job job;
	int control_fd;
	sd_event_source *control, *flush;
	bool ending;
	struct relay_guest guest;
	struct relay_console console;
	struct relay_clients clients;
	struct relay_commands commands;
};

/* relay.c */

/** What every callback returns: flush, free, throttle, end. 0, or a negative errno that ends the loop. */
int relay_settle(struct relay *relay);

/* relay_control.c: the monitor on the other end of fd 3 */

/** Watch fd, a SOCK_SEQPACKET socket. Returns 0 or a negative errno. */
int relay_control_open(struct relay *relay, int fd);

/** Send a packet of one line; lost where the monitor does not read. */
void relay_control_say(struct relay *relay, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* relay_guest.c */

/** Take over the channel fd and say HELLO. Returns 0 or a negative errno; fd is owned either way. */
int relay_guest_open(struct relay *relay, int fd);
void relay_guest_close(struct relay *relay);

/** Queue a frame for the guest. Without memory, the guest is given up. */
void relay_guest_send(struct relay *relay, const struct wire_frame *frame, const void *payload);
void relay_guest_send_u32(struct relay *relay, uint32_t channel, enum wire_type type, uint8_t stream, uint32_t number);

/** The machine is paused, or goes on. */
void relay_guest_pause(struct relay *relay, bool paused);

/** Write what the guest takes, and set the throttle. */
void relay_guest_flush(struct relay *relay);

/** Tell the monitor that the machine cannot go on, and stop reading the guest. */
void relay_guest_break(struct relay *relay, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** Add a host directory, "NUMBER FLAGS TARGET". Returns 0, -EINVAL or -ENOMEM. */
int relay_job_mount(struct relay_job *job, const char *text);

/**
 * Add a network, "MAC FLAGS MTU WAIT NAME ADDRESSES GATEWAYS SERVERS": flags of
 * NETWORK, bytes, seconds, then lists separated by commas, or -. Returns 0,
 * -EINVAL or -ENOMEM.
 */
int relay_job_network(struct relay_job *job, const char *text);

/** What of the job's JOB payload fits into out[WIRE_PAYLOAD_MAX]. Returns the length, or -E2BIG or -EINVAL. */
int relay_job_pack(const struct relay_job *job, uint8_t *out);

/* relay_client.c */

/** Listen on fd. Returns 0 or a negative errno. */
int relay_clients_open(struct relay *relay, int fd);
void relay_clients_close(struct relay *relay);

/** The machine is READY: tell every client, and read them. */
void relay_clients_ready(struct relay *relay);

/** The throttle changed: read clients, or stop reading them. */
void relay_clients_throttle(struct relay *relay);

/** The client with that channel on the guest's leg; NULL: none. */
struct relay_client *relay_client_find(const struct relay *relay, uint32_t id);

/** Queue a frame for client; nothing where it has gone. */
void relay_client_send(struct relay_client *client, uint8_t type, uint8_t stream, const void *payload, size_t length);

/** The same for a frame whose channel is right on the client's leg already. */
void relay_client_send_frame(struct relay_client *client, const struct wire_frame *frame, const void *payload);

/** The guest's EXITED was passed on: the channel is closed. */
void relay_client_exited(struct relay_client *client);

/** Have relay_settle() flush client, and free it where nothing holds it. */
void relay_client_touch(struct relay_client *client);

/** Flush and free whom relay_client_touch() named. */
void relay_clients_settle(struct relay *relay);

/* relay_command.c */

/** Route a frame of the guest's on a command's channel. */
void relay_command_from_guest(struct relay *relay, const struct wire_frame *frame, const uint8_t *payload);

/** The same for a client's. Returns 0, or -EPROTO with *why (static) where the client may not send it. */
int relay_command_from_client(struct relay_client *client, const struct wire_frame *frame, const uint8_t *payload,
                              const char **why);

/** client's connection is no more: so are the commands of its task. */
void relay_commands_of_gone(struct relay_client *client);

/* relay_step.c */

/** Put client into the step of that name, with SPEAKER where it is the first. 0 or -ENOMEM. */
int relay_step_join(struct relay_client *client, const uint8_t *name, size_t length);

/** Take client out of its step, which then has another speaker, or none; long after its last task it is freed. */
void relay_step_leave(struct relay_client *client);

/** Free all steps; no client may be in one. */
void relay_steps_free(struct relay *relay);

/** Whether a note (a NOTE's payload) has not been said in client's step yet; from now on it has. */
bool relay_step_is_news(struct relay_client *client, const uint8_t *note, size_t length);

/* relay_viewer.c */

/** Client's CONSOLE has come: it is sent the console from now on. */
void relay_viewer_begin(struct relay_client *client);

/** Take a later frame of it. Returns what is wrong with it (static), or NULL. */
const char *relay_viewer_take(struct relay_client *client, const struct wire_frame *frame, const uint8_t *payload);

/** Queue the next part of the console for client. Returns false where there is none, or no credit. */
bool relay_viewer_feed(struct relay_client *client);

/** The console has more: have all who look at it fed. */
void relay_viewers_touch(struct relay *relay);

/* relay_console.c */

/** Open the user's file, where there is one; *why (static size) says what failed. Returns 0 or a negative errno. */
int relay_console_open_file(struct relay *relay);

/** Take over the console fd. Returns 0 or a negative errno; fd is owned either way. */
int relay_console_open(struct relay *relay, int fd);
void relay_console_close(struct relay *relay);

/** Read what has come; for the end, when its last words matter. */
void relay_console_drain(struct relay *relay);

/** Count bytes of the console into ring and panic's scan, and into the file. */
void relay_console_take(struct relay *relay, const uint8_t *bytes, size_t length);

/** The console's last lines, printable, into out[RELAY_TAIL_BYTES]; returns their bytes. */
size_t relay_console_tail(const struct relay *relay, uint8_t *out);

/* relay_seccomp.c */

/** No privilege, no core, no system call beyond the loop's own. Returns 0 or a negative errno, *why (static) set. */
int relay_confine(uint32_t uid, const char **why);

#endif
