/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/task.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "guest/log.h"
#include "guest/memory.h"
#include "guest/oom.h"
#include "guest/report.h"
#include "guest/ring.h"
#include "guest/supervisor.h"
#include "guest/tree.h"

#define NOTES_MAX 4U
#define CREDIT_MIN 4096U /* wait for more, instead of sending a dribble: it is on its way */
#define SIGNAL_MAX 64U
#define NOT_EXECUTABLE 126U
#define SPEC_MIN 65536U
#define TERMINAL_LEFT 131072U /* bytes that a terminal may still hold at its leader's end; no kernel keeps more */
#define ANCESTORS_MAX 4096    /* a tree that changes as it is climbed has an end all the same */

enum task_state {
	TASK_SPEC,  /* its spec is coming */
	TASK_LIVES, /* it has a supervisor, and a leader */
	TASK_ENDED, /* the leader has ended; its output may still be on its way */
	TASK_OVER   /* EXITED was said; leftovers may live */
};

/* What the host sends on one stream. */
struct incoming {
	uint32_t size;     /* bytes that it may be ahead */
	uint32_t window;   /* bytes that it may still send */
	uint32_t consumed; /* bytes it has not yet been granted again */
};

/* Standard output or errors. */
struct outgoing {
	int fd;          /* or -1 */
	uint32_t credit; /* bytes that may be sent */
	bool drop;       /* nobody wants it any more */
	bool eof;        /* its end is still to be said */
	bool counted;    /* only `left` bytes of it are the leader's */
	bool terminal;   /* a terminal's master, which has no end of file */
	size_t left;
};

struct note {
	uint8_t level;
	char *text;
};

struct task {
	uint32_t channel;
	enum task_state state;
	bool forgotten; /* the host knows nothing of it any more */
	char step[WIRE_STEP_MAX + 1];
	uint8_t *spec;
	size_t spec_size, spec_room;
	struct incoming spec_in, input;
	struct ring queue; /* for standard input */
	int stdin_fd;
	uint32_t terminal; /* the streams that are one; 0 before START */
	bool input_eof;    /* no more comes; close when the queue is empty */
	bool input_lost;   /* what comes is dropped */
	struct outgoing out[2];
	pid_t supervisor;
	int command, report;
	uint64_t signals; /* came before there was a process */
	uint32_t pid;     /* of the leader, still to be said */
	pid_t leader;
	bool executed;
	struct note notes[NOTES_MAX];
	size_t note_count;
	uint32_t kind, value; /* of EXITED */
	uint64_t oom;
};

static void shut(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void task_note(struct task *task, uint8_t level, const char *text)
{
	char *copy = task->note_count < NOTES_MAX ? strdup(text) : NULL;

	if (copy)
		task->notes[task->note_count++] = (struct note){level, copy};
}

static void spec_drop(struct tasks *tasks, struct task *task)
{
	memory_free(task->spec, task->spec_room);
	tasks->spec_bytes -= task->spec_size;
	task->spec = NULL;
	task->spec_room = 0;
	task->spec_size = 0;
}

static bool has_terminal(const struct task *task)
{
	return task->terminal & TERMINAL_STDIN;
}

/* Standard input comes to an end; what is still queued, or comes, is consumed unread. */
static void input_close(struct task *task)
{
	shut(&task->stdin_fd);
	task->input_lost = true;
	task->input.consumed += (uint32_t)task->queue.used;
	ring_free(&task->queue);
}

/* The host's terminal is gone. Without its master the guest's is, too: its session hears of it from the kernel. */
static void hang_up(struct task *task)
{
	struct outgoing *out = &task->out[0];

	input_close(task);
	out->eof = out->eof || out->fd >= 0; /* once */
	out->left = 0;
	shut(&out->fd);
}

static void input_write(struct task *task)
{
	ssize_t rc = 1;

	while (task->stdin_fd >= 0 && task->queue.used > 0 && rc > 0) {
		rc = ring_write(&task->queue, task->stdin_fd, task->queue.used);
		if (rc > 0)
			task->input.consumed += (uint32_t)rc;
		else if (rc == -EINTR)
			rc = 1;
		else if (rc != -EAGAIN)
			input_close(task);
	}
	if (task->stdin_fd < 0 || task->queue.used > 0 || !task->input_eof)
		return;
	if (has_terminal(task))
		hang_up(task);
	else
		input_close(task);
}

/* The last task of a step has ended: so does what its tasks have left behind. */
static void step_check(struct tasks *tasks, const char *step)
{
	for (size_t i = 0; i < tasks->count; i++)
		if (!tasks->task[i]->forgotten && tasks->task[i]->state < TASK_ENDED &&
		    strcmp(tasks->task[i]->step, step) == 0)
			return;
	for (size_t i = 0; i < tasks->count; i++)
		if (!tasks->task[i]->forgotten && strcmp(tasks->task[i]->step, step) == 0)
			shut(&tasks->task[i]->command);
}

/* The leader has ended: of its output, only what is in the pipes now is its own. */
static void task_ended(struct tasks *tasks, struct task *task, uint32_t kind, uint32_t value)
{
	for (size_t i = 0; i < 2; i++) {
		struct outgoing *out = &task->out[i];
		int bytes = 0;

		if (out->terminal)
			out->left = out->fd >= 0 ? TERMINAL_LEFT : 0; /* all that can be read without waiting */
		else if (out->fd >= 0 && ioctl(out->fd, FIONREAD, &bytes) == 0 && bytes > 0)
			out->left = (size_t)bytes;
		out->counted = true;
	}
	task->state = TASK_ENDED;
	task->kind = kind;
	task->value = value;
	if (task->executed && (kind == 1 ? value == SIGKILL : value != 0) && oom_kills() > task->oom)
		task_note(task, 1, "the guest's kernel killed a process of this task: out of memory");
	input_close(task);
	spec_drop(tasks, task);
	step_check(tasks, task->step);
}

/* It could not be started, or was not to be. */
static void task_refuse(struct tasks *tasks, struct task *task, const char *why)
{
	task_note(task, 1, why);
	task_ended(tasks, task, 0, NOT_EXECUTABLE);
}

/* Kill the tree; the client is gone, so that nobody wants output, nor grants credit. */
static void task_kill(struct tasks *tasks, struct task *task)
{
	if (has_terminal(task))
		hang_up(task);
	shut(&task->command);
	task->out[0].drop = true;
	task->out[1].drop = true;
	task->out[0].eof = false;
	task->out[1].eof = false;
	if (task->state == TASK_SPEC)
		task_ended(tasks, task, 1, SIGKILL);
}

static void task_signal(struct task *task, uint32_t number)
{
	uint8_t byte = (uint8_t)number;

	if (task->state == TASK_SPEC)
		task->signals |= UINT64_C(1) << (number - 1);
	else if (task->state == TASK_LIVES && task->command >= 0 && write(task->command, &byte, 1) != 1)
		agent_log("signal %u for a task was lost", number);
}

static struct task *task_new(struct tasks *tasks, uint32_t channel, const uint8_t *step, size_t length)
{
	struct task *task = calloc(1, sizeof(*task));

	if (!task)
		return NULL;
	task->channel = channel;
	memcpy(task->step, step, length);
	task->spec_in = (struct incoming){.size = WIRE_WINDOW, .window = WIRE_WINDOW};
	task->input = (struct incoming){.size = WIRE_WINDOW_FIRST, .window = WIRE_WINDOW_FIRST};
	task->stdin_fd = -1;
	task->command = -1;
	task->report = -1;
	for (size_t i = 0; i < 2; i++)
		task->out[i] = (struct outgoing){.fd = -1, .credit = WIRE_WINDOW_FIRST};
	tasks->task[tasks->count++] = task;
	return task;
}

static void task_free(struct tasks *tasks, struct task *task)
{
	shut(&task->stdin_fd);
	shut(&task->command);
	shut(&task->report);
	shut(&task->out[0].fd);
	shut(&task->out[1].fd);
	ring_free(&task->queue);
	spec_drop(tasks, task);
	for (size_t i = 0; i < task->note_count; i++)
		free(task->notes[i].text);
	free(task);
}

static struct task *task_find(const struct tasks *tasks, uint32_t channel)
{
	for (size_t i = 0; i < tasks->count; i++)
		if (tasks->task[i]->channel == channel && !tasks->task[i]->forgotten)
			return tasks->task[i];
	return NULL;
}

static void take_supervised(struct task *task, const struct supervised *supervised)
{
	task->state = TASK_LIVES;
	task->supervisor = supervised->pid;
	task->stdin_fd = supervised->std[0];
	task->out[0].fd = supervised->std[1];
	task->out[1].fd = supervised->std[2];
	task->terminal = supervised->terminal;
	task->out[0].terminal = task->terminal != 0;
	task->command = supervised->command;
	task->report = supervised->report;
	for (uint32_t number = 1; number <= SIGNAL_MAX; number++)
		if (task->signals >> (number - 1) & 1)
			task_signal(task, number);
	if (task->input_lost)
		shut(&task->stdin_fd);
	input_write(task);
}

static void task_start(struct tasks *tasks, struct task *task, const struct job *job)
{
	struct supervised supervised;
	char text[128] = "the guest cannot start a process: ";
	int rc = 0;

	if (!task->spec) {
		task->spec = memory_new(1);
		task->spec_room = task->spec ? 1 : 0;
		rc = task->spec ? 0 : -ENOMEM;
	}
	task->oom = oom_kills();
	if (rc == 0)
		rc = supervisor_start(job, task->spec, task->spec_size, wire_window(tasks->count), &supervised);
	spec_drop(tasks, task);
	if (rc < 0) {
		strncat(text, strerror(-rc), sizeof(text) - strlen(text) - 1);
		task_refuse(tasks, task, text);
		return;
	}
	take_supervised(task, &supervised);
	task->input.size = wire_window(tasks->count);
	task->input.consumed += task->input.size - WIRE_WINDOW_FIRST;
}

/* Have room for one byte more than size: spec_parse() wants it. */
static const char *spec_reserve(struct tasks *tasks, struct task *task, size_t size)
{
	size_t room = task->spec_room ? task->spec_room : SPEC_MIN;
	uint8_t *bigger;

	if (size > WIRE_SPEC_MAX)
		return "arguments, environment and script are too large together";
	if (tasks->spec_bytes - task->spec_size + size > SPECS_MAX)
		return "too many tasks begin at the same time";
	while (room < size + 1)
		room *= 2;
	if (room == task->spec_room)
		return NULL;
	bigger = task->spec ? memory_resize(task->spec, task->spec_room, room) : memory_new(room);
	if (!bigger)
		return "the guest has no memory for arguments and environment";
	task->spec = bigger;
	task->spec_room = room;
	return NULL;
}

static const char *take_spec(struct tasks *tasks, struct task *task, const uint8_t *bytes, uint32_t length)
{
	const char *problem;

	if (length > task->spec_in.window)
		return "a spec beyond its credit";
	task->spec_in.window -= length;
	task->spec_in.consumed += length;
	if (task->state >= TASK_ENDED)
		return NULL; /* refused or killed before it began */
	if (task->state != TASK_SPEC)
		return "a spec after START";
	problem = spec_reserve(tasks, task, task->spec_size + length);
	if (problem) {
		task_refuse(tasks, task, problem);
		return NULL;
	}
	memcpy(task->spec + task->spec_size, bytes, length);
	task->spec_size += length;
	tasks->spec_bytes += length;
	return NULL;
}

static const char *take_input(struct task *task, const uint8_t *bytes, uint32_t length)
{
	ssize_t put = 0;

	if (task->input_eof)
		return "standard input after its end";
	if (length > task->input.window)
		return "standard input beyond its credit";
	task->input.window -= length;
	if (task->input_lost) {
		task->input.consumed += length;
		return NULL;
	}
	if (task->stdin_fd >= 0 && task->queue.used == 0)
		put = write(task->stdin_fd, bytes, length);
	if (put < 0)
		put = 0; /* input_write() will see the error */
	task->input.consumed += (uint32_t)put;
	if ((size_t)put == length)
		return NULL;
	if (ring_reserve(&task->queue, task->queue.used + length - (size_t)put) < 0) {
		task_note(task, 1, "the guest has no memory for standard input: it ends here");
		task->input.consumed += length - (uint32_t)put;
		input_close(task);
		return NULL;
	}
	ring_put(&task->queue, bytes + put, length - (size_t)put);
	input_write(task);
	return NULL;
}

static const char *take_credit(struct task *task, uint8_t stream, uint32_t bytes)
{
	struct outgoing *out;

	if (stream != WIRE_STDOUT && stream != WIRE_STDERR)
		return "credit for a stream that is the host's";
	out = &task->out[stream - WIRE_STDOUT];
	if (bytes > WIRE_WINDOW - out->credit)
		return "more credit than was used";
	out->credit += bytes;
	return NULL;
}

/* As slurmstepd does, the leader is told, too; whom the kernel tells are those in the foreground. */
static const char *take_winsize(struct task *task, const uint8_t *payload)
{
	struct winsize size;
	int master = task->terminal ? task->out[0].fd : -1;

	if (task->state == TASK_SPEC)
		return "a window's size before START";
	terminal_get_size(payload, &size);
	if (master >= 0 && ioctl(master, TIOCSWINSZ, &size) < 0)
		agent_log("a window's size cannot be set: %s", strerror(errno));
	else if (master >= 0 && task->executed && tcgetpgrp(master) != task->leader)
		task_signal(task, SIGWINCH);
	return NULL;
}

static const char *take_open(struct tasks *tasks, const struct wire_frame *frame, const uint8_t *payload)
{
	struct task *task;

	if (frame->channel <= tasks->last_channel)
		return "a channel that was used before";
	if (memchr(payload, 0, frame->length))
		return "a step's name with a NUL";
	tasks->last_channel = frame->channel;
	if (tasks->count == TASKS_ROOM)
		return "many more tasks than there may be";
	task = task_new(tasks, frame->channel, payload, frame->length);
	if (!task)
		return "a task for which there is no memory";
	if (tasks->count > TASKS_MAX)
		task_refuse(tasks, task, "the guest runs as many tasks as it may already");
	return NULL;
}

static const char *take_frame(struct tasks *tasks, struct task *task, const struct job *job,
                              const struct wire_frame *frame, const uint8_t *payload)
{
	switch (frame->type) {
	case WIRE_START:
		if (task->state >= TASK_ENDED)
			return NULL;
		if (task->state != TASK_SPEC)
			return "a second START";
		task_start(tasks, task, job);
		return NULL;
	case WIRE_DATA:
		if (frame->stream == WIRE_SPEC)
			return take_spec(tasks, task, payload, frame->length);
		return frame->stream == WIRE_STDIN ? take_input(task, payload, frame->length) : "output from the host";
	case WIRE_EOF:
		if (frame->stream != WIRE_STDIN || task->input_eof)
			return "an end of a stream that has none, or has ended";
		task->input_eof = true;
		input_write(task);
		return NULL;
	case WIRE_CREDIT:
		return take_credit(task, frame->stream, wire_u32(payload));
	case WIRE_SIGNAL:
		if (wire_u32(payload) < 1 || wire_u32(payload) > SIGNAL_MAX)
			return "a signal that does not exist";
		task_signal(task, wire_u32(payload));
		return NULL;
	case WIRE_WINSIZE:
		return take_winsize(task, payload);
	case WIRE_KILL:
		task_kill(tasks, task);
		return NULL;
	default:
		return "a frame that only the guest may send";
	}
}

int tasks_frame(struct tasks *tasks, const struct job *job, const struct wire_frame *frame, const uint8_t *payload,
                const char **why)
{
	struct task *task = task_find(tasks, frame->channel);

	if (frame->type == WIRE_OPEN)
		*why = take_open(tasks, frame, payload);
	else if (task && task->state != TASK_OVER)
		*why = take_frame(tasks, task, job, frame, payload);
	else if (frame->channel > tasks->last_channel)
		*why = "a channel that was not opened";
	else
		*why = NULL; /* it crossed our EXITED */
	return *why ? -EPROTO : 0;
}

/* Not before STARTED: what a task says comes after that. */
static bool wants_output(const struct task *task, const struct outgoing *out, bool port_has_room)
{
	return out->fd >= 0 && (task->executed || task->state >= TASK_ENDED) && task->pid == 0 &&
	       (out->drop || (out->counted && out->left == 0) || (port_has_room && out->credit >= CREDIT_MIN));
}

size_t tasks_poll(struct tasks *tasks, struct pollfd *polls, bool port_has_room)
{
	for (size_t i = 0; i < tasks->count; i++) {
		struct task *task = tasks->task[i];
		struct pollfd *poll = polls + i * TASK_POLLS;

		poll[0] = (struct pollfd){.fd = task->queue.used ? task->stdin_fd : -1, .events = POLLOUT};
		for (size_t j = 0; j < 2; j++)
			poll[1 + j] = (struct pollfd){
			        .fd = wants_output(task, &task->out[j], port_has_room) ? task->out[j].fd : -1,
			        .events = POLLIN};
		poll[3] = (struct pollfd){.fd = task->report, .events = POLLIN};
	}
	return tasks->count * TASK_POLLS;
}

/* Read what nobody wants. */
static void output_drop(struct outgoing *out)
{
	static char scrap[65536];
	ssize_t rc = read(out->fd, scrap, sizeof(scrap));

	if (rc == 0 || (rc < 0 && errno != EAGAIN && errno != EINTR))
		shut(&out->fd);
}

static void output_send(struct task *task, size_t which, struct port *port)
{
	struct outgoing *out = &task->out[which];
	size_t most = out->credit;
	ssize_t rc;

	if (out->counted && most > out->left)
		most = out->left;
	rc = port_put_data(port, task->channel, (uint8_t)(WIRE_STDOUT + which), out->fd, most);
	if (rc > 0) {
		out->credit -= (uint32_t)rc;
		out->left -= out->counted ? (size_t)rc : 0;
	} else if (rc != -EAGAIN && rc != -EINTR && rc != -ENOBUFS) {
		shut(&out->fd);
		out->eof = true;
		out->left = 0;
	}
}

/* After its leader's end, what can be read of a terminal is all that the leader wrote. */
static void terminal_drain(struct task *task, struct port *port)
{
	struct outgoing *out = &task->out[0];
	struct pollfd poller = {.fd = out->fd, .events = POLLIN};

	while (out->fd >= 0 && !out->drop && out->left > 0 && poll(&poller, 1, 0) > 0) {
		if (out->credit < CREDIT_MIN || !port_has_room(port))
			return;
		output_send(task, 0, port);
	}
	out->left = 0;
}

static void output_ready(struct task *task, size_t which, struct port *port)
{
	struct outgoing *out = &task->out[which];

	if (out->drop || (out->counted && out->left == 0))
		output_drop(out);
	else if (out->credit >= CREDIT_MIN)
		output_send(task, which, port);
}

static void take_report(struct tasks *tasks, struct task *task, const struct report *report)
{
	if (report->kind == REPORT_STARTED) {
		task->pid = report->value;
		task->leader = (pid_t)report->value;
		task->executed = true;
	} else if (report->kind == REPORT_NOTE) {
		task_note(task, (uint8_t)report->value, report->text);
	} else if (report->kind == REPORT_ENDED && task->state == TASK_LIVES) {
		task_ended(tasks, task, report->value, report->value2);
	}
}

static void report_ready(struct tasks *tasks, struct task *task)
{
	struct report report;
	ssize_t rc;

	while ((rc = read(task->report, &report, sizeof(report))) == (ssize_t)sizeof(report))
		take_report(tasks, task, &report);
	if (rc < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	shut(&task->report);
	shut(&task->command);
	if (task->state == TASK_LIVES) {
		task_note(task, 1, "the task's supervisor in the guest was killed");
		task_ended(tasks, task, 1, SIGKILL);
	}
}

void tasks_ready(struct tasks *tasks, struct port *port, const struct pollfd *polls)
{
	size_t count = tasks->count;

	tasks->turn = count ? (tasks->turn + 1) % count : 0;
	for (size_t n = 0; n < count; n++) {
		size_t i = (tasks->turn + n) % count;
		struct task *task = tasks->task[i];
		const struct pollfd *poll = polls + i * TASK_POLLS;

		if (poll[0].revents)
			input_write(task);
		for (size_t j = 0; j < 2; j++)
			if (poll[1 + j].revents)
				output_ready(task, j, port);
		if (poll[3].revents)
			report_ready(tasks, task);
	}
}

static bool say(struct port *port, const struct task *task, uint8_t type, uint8_t stream, const void *payload,
                size_t length)
{
	const struct wire_frame frame = {
	        .length = (uint32_t)length, .channel = task->channel, .type = type, .stream = stream};

	return port_put(port, &frame, payload);
}

static bool say_grant(struct port *port, const struct task *task, struct incoming *incoming, uint8_t stream)
{
	uint8_t bytes[4];

	if (incoming->consumed < incoming->size / 4)
		return true;
	wire_put_u32(bytes, incoming->consumed);
	if (!say(port, task, WIRE_CREDIT, stream, bytes, sizeof(bytes)))
		return false;
	incoming->window += incoming->consumed;
	incoming->consumed = 0;
	return true;
}

static bool say_notes(struct port *port, struct task *task)
{
	uint8_t bytes[1 + WIRE_NOTE_MAX];

	while (task->note_count > 0) {
		struct note *note = &task->notes[0];
		size_t length = strlen(note->text);

		if (length > WIRE_NOTE_MAX)
			length = WIRE_NOTE_MAX;
		bytes[0] = note->level;
		memcpy(bytes + 1, note->text, length);
		if (!say(port, task, WIRE_NOTE, 0, bytes, 1 + length))
			return false;
		free(note->text);
		task->note_count--;
		memmove(task->notes, task->notes + 1, task->note_count * sizeof(*task->notes));
	}
	return true;
}

static bool say_started(struct port *port, struct task *task)
{
	uint8_t bytes[4];

	if (task->pid == 0)
		return true;
	wire_put_u32(bytes, task->pid);
	if (!say(port, task, WIRE_STARTED, 0, bytes, sizeof(bytes)))
		return false;
	task->pid = 0;
	return true;
}

static bool say_ends(struct port *port, struct task *task)
{
	for (size_t i = 0; i < 2; i++) {
		if (task->out[i].eof && !say(port, task, WIRE_EOF, (uint8_t)(WIRE_STDOUT + i), NULL, 0))
			return false;
		task->out[i].eof = false;
	}
	return true;
}

static bool say_exited(struct port *port, struct task *task)
{
	uint8_t bytes[8];

	if (task->out[0].terminal)
		terminal_drain(task, port);
	for (size_t i = 0; i < 2; i++)
		if (task->out[i].fd >= 0 && !task->out[i].drop && task->out[i].left > 0)
			return true; /* not yet */
	wire_put_u32(bytes, task->kind);
	wire_put_u32(bytes + 4, task->value);
	if (!say(port, task, WIRE_EXITED, 0, bytes, sizeof(bytes)))
		return false;
	task->state = TASK_OVER;
	return true;
}

/* Returns false where the port has no room for it all. */
static bool task_speak(struct port *port, struct task *task)
{
	if (task->state == TASK_OVER)
		return true;
	if (!say_grant(port, task, &task->spec_in, WIRE_SPEC) || !say_grant(port, task, &task->input, WIRE_STDIN) ||
	    !say_notes(port, task) || !say_started(port, task) || !say_ends(port, task))
		return false;
	return task->state != TASK_ENDED || say_exited(port, task);
}

void tasks_speak(struct tasks *tasks, struct port *port)
{
	size_t kept = 0;
	bool room = true;

	for (size_t i = 0; i < tasks->count && room; i++) {
		struct task *task = tasks->task[(tasks->turn + i) % tasks->count];

		if (!task->forgotten)
			room = task_speak(port, task);
	}
	for (size_t i = 0; i < tasks->count; i++) {
		struct task *task = tasks->task[i];

		if ((task->forgotten || task->state == TASK_OVER) && task->report < 0)
			task_free(tasks, task);
		else
			tasks->task[kept++] = task;
	}
	tasks->count = kept;
}

void tasks_forget(struct tasks *tasks)
{
	for (size_t i = 0; i < tasks->count; i++) {
		struct task *task = tasks->task[i];

		task->forgotten = true;
		task_kill(tasks, task);
		input_close(task);
	}
	tasks->last_channel = 0;
}

bool tasks_forgotten_live(const struct tasks *tasks)
{
	for (size_t i = 0; i < tasks->count; i++)
		if (tasks->task[i]->forgotten)
			return true;
	return false;
}

uint32_t tasks_channel_of(const struct tasks *tasks, pid_t pid)
{
	for (int i = 0; i < ANCESTORS_MAX && pid > 1; i++) {
		for (size_t j = 0; j < tasks->count; j++)
			if (tasks->task[j]->supervisor == pid && tasks->task[j]->state == TASK_LIVES &&
			    !tasks->task[j]->forgotten)
				return tasks->task[j]->channel;
		pid = tree_parent(pid);
	}
	return 0;
}
