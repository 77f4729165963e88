/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * wnodes-run: what a task executes on the host. It waits for the job's
 * machine, has the task executed in it, and is that task to Slurm: its
 * streams, its signals, its end.
 */
#ifndef WNODES_RUN_RUN_H
#define WNODES_RUN_RUN_H

#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "common/channel.h"
#include "common/frame.h"
#include "common/kv.h"
#include "common/queue.h"
#include "common/terminal.h"

#define RUN_SECOND UINT64_C(1000000) /* in the microseconds of sd-event */
#define RUN_READ 65536U
#define RUN_OUT_HIGH 262144U /* bytes towards the relay from which stdin and spec are not read on */

/* What the plugin tells, and the task's command. */
struct run_options {
	const char *run_dir;
	const char *step;
	char **argv; /* the task's, argv[0] included */
	bool is_script;
	bool tty;                        /* srun's stderr is a terminal */
	bool local;                      /* first task of its step on this node, as far as Slurm says */
	size_t tasks;                    /* of its step on a node, at most */
	const struct terminal *terminal; /* that stdout is; or NULL */
};

/* wait.c: what to do about the machine's state */
enum run_verdict { RUN_WAIT, RUN_CONNECT, RUN_FAIL };

struct run_wait {
	char state[32];   /* the last one seen; "" before */
	uint64_t started; /* microseconds of CLOCK_MONOTONIC */
	uint64_t changed; /* when state was first seen */
	uint64_t looked;  /* when it was last looked at; 0: not yet */
	uint64_t said;    /* of a state that lasts: the last time that it said how far it is, by the state's clock */
	uint64_t heard;   /* when that was first seen */
};

/* A message and an exit code, where the machine has failed. */
struct run_failure {
	int code;
	char text[WIRE_NOTE_MAX + 1];
};

/* stdio.c: where the task's output goes */
struct run_output {
	struct run *run;
	uint8_t stream; /* WIRE_STDOUT or WIRE_STDERR */
	int fd;
	enum { OUTPUT_PLAIN, OUTPUT_NONBLOCKING, OUTPUT_SOCKET, OUTPUT_POLLED, OUTPUT_BROKEN } kind;
	sd_event_source *io;
	struct queue queue;
	size_t plain;    /* bytes of wnodes-run's own in queue, for which nobody gets credit */
	uint32_t window; /* bytes that the task may be ahead */
	uint32_t owed;   /* of them, those that are consumed and not yet granted again */
	bool eof;
};

struct run_input {
	int fd;
	bool is_socket, closed;
	sd_event_source *source;
};

/* terminal.c: the terminal that stdout is, and maybe stdin and stderr are */
struct run_terminal {
	int fd;                /* of our own; -1: there is none */
	struct terminal found; /* as it was at the start, its size as it was last told */
	bool raw;              /* the guest's terminal does what this one did */
};

/* no connection; no READY yet; the task is the guest's; no connection any more; only output is left */
enum run_phase { RUN_WAITING, RUN_CONNECTING, RUN_RUNNING, RUN_LOST, RUN_DRAINING };

struct run {
	struct run_options options;
	sd_event *event;
	enum run_phase phase;
	int dir_fd;
	sd_event_source *inotify, *timer, *signals;
	struct run_wait wait;
	bool shown_waiting;
	uint64_t lasting_shown; /* when a line about what lasts (a download, a copy) was last shown; 0: not yet */
	char image[65];         /* its name in messages; "" before the state told it */

	int sock;
	sd_event_source *io;
	struct queue in, out;
	struct channel channel;
	struct queue spec;
	bool speaker; /* of the step */
	bool settled; /* the relay has made somebody speaker */
	bool ended;   /* END was read: code and text wait for the console's last lines */
	struct run_failure end;
	bool spoke;       /* a message of ours is on stderr */
	uint64_t lost_at; /* when the connection was lost, or the state said so first; 0: not */

	bool was_closed[3]; /* fds 0 to 2 that were not open at the start */
	struct run_terminal terminal;
	struct run_input input;
	struct run_output outputs[2]; /* stdout, stderr */

	struct run_command *commands; /* of Slurm, that the task called in the guest: command.h */
	unsigned int command_count;

	bool is_signal; /* how to end: by signal value, else with exit code value */
	int value;
};

/* main.c */

/** Milliseconds do not matter here: microseconds of CLOCK_MONOTONIC. */
uint64_t run_now(void);

/** End with an exit code or by a signal, as soon as all output is written. */
void run_finish(struct run *run, bool is_signal, int value);

/* say.c */

/** One line `wnodes: …` on stderr, after what the task wrote before. */
void run_say(struct run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** Whether this task says the messages of its step. */
bool run_speaks(const struct run *run);

/** Finish with a code, and say why if this task speaks. */
void run_fail(struct run *run, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/** The console's last lines, to stderr. */
void run_say_tail(struct run *run, const uint8_t *bytes, size_t length);

/* affinity.c */

/**
 * Translate bound into the guest's numbers: cpus is the list of the job's
 * CPUs on this node, mask[128] a bit for each of them. Returns the bytes of
 * mask that matter; 0 where all are bound, none is, or the list is not one.
 */
size_t run_affinity_map(const char *cpus, const cpu_set_t *bound, uint8_t *mask);

/** Add the CPUs that this process is bound to to the spec, where they are not all of the job's. */
void run_affinity_add(struct run *run);

/* spec.c */

/**
 * Put the task's spec into *spec: argv, env without the plugin's own
 * variables, cwd, umask, limits, terminal, script. Returns 0, or a negative errno with
 * *what (static) naming what could not be carried.
 */
int run_spec_build(const struct run_options *options, char **env, struct queue *spec, const char **what);

/* terminal.c */

/** Look whether stdout is a terminal, and which streams are the same one. */
void run_terminal_open(struct run *run);

/** From now on the guest's terminal echoes, edits lines and makes signals: this one only passes bytes. */
void run_terminal_raw(struct run *run);

/** Tell the guest the window's size where it has changed since it was last told; whether it has. */
bool run_terminal_resize(struct run *run);

/** What ends a line on stderr: the terminal, if stderr is it, may no longer add the carriage return. Static. */
const char *run_terminal_newline(const struct run *run);

/** Give the terminal its modes back. */
void run_terminal_restore(struct run *run);

/* wait.c */

/**
 * A process that looks every second and has not for much longer was frozen
 * with its job: that time does not count for run_wait_judge().
 */
void run_wait_skip(struct run_wait *wait, uint64_t now);

/**
 * Judge a state that was loaded with result rc (kv_load()'s) at time now:
 * keep waiting, connect, or fail with *failure. Keeps account in wait.
 */
enum run_verdict run_wait_judge(struct run_wait *wait, const struct kv *state, int rc, uint64_t now,
                                struct run_failure *failure);

/**
 * Whether the process is gone that the state names: the helper's, which makes
 * the machine, and then is its monitor. One in another pid namespace cannot be
 * looked for.
 */
bool run_wait_is_orphaned(const struct kv *state);

/** Begin to wait for the machine. Returns 0 or a negative errno. */
int run_wait_start(struct run *run);

/** The connection broke: the state may soon say why. */
void run_wait_lost(struct run *run);

/* client.c */

/** Connect to the relay. Returns 0, -EAGAIN (later), or another negative errno. */
int run_client_connect(struct run *run);
void run_client_close(struct run *run);

/** Queue a frame for the relay, and write what it takes. */
void run_client_send(struct run *run, uint8_t type, uint8_t stream, const void *payload, size_t length);

/** Queue a frame of a command's channel, and write what the relay takes. */
void run_client_send_frame(struct run *run, const struct wire_frame *frame, const void *payload);

/** Write, and read on what waited for room or credit. */
void run_client_pump(struct run *run);

/* stdio.c */

/** Look at fds 0 to 2. */
void run_stdio_open(struct run *run);

/** The task's channel is open: let it be as far ahead as it may, beside the others of its step. */
void run_output_widen(struct run *run);

/** Read stdin, or stop reading it, as credit and room allow. */
void run_input_update(struct run *run);
void run_input_close(struct run *run);

/** Write bytes, or keep them until they can be written. own: wnodes-run's, not the task's. 0 or -ENOMEM. */
int run_output_write(struct run_output *output, const uint8_t *bytes, size_t length, bool own);

/** The task has closed the stream. */
void run_output_eof(struct run_output *output);

/** Whether all was written. */
bool run_output_is_done(const struct run_output *output);

/* signals.c */

/** Until READY: unblock, and let signals do what they do. */
void run_signals_default(void);

/** From now on every signal that can be is the task's. Returns 0 or a negative errno. */
int run_signals_forward(struct run *run);

/** The task has ended: signals are for this process again. */
void run_signals_stop(struct run *run);

/** Die of a signal, without a core. Returns where that signal does not kill. */
void run_signals_die(int number);

#endif
