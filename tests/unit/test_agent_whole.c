/* SPDX-License-Identifier: GPL-2.0-or-later */
/* links: guest/programs.o guest/redirect.o guest/pattern.o common/task_file.o */
/* links: guest/machine.o guest/task.o guest/supervisor.o guest/leader.o guest/tree.o guest/script.o guest/report.o */
/* links: guest/oom.o guest/spec.o guest/accounts.o guest/job.o guest/ring.o guest/memory.o guest/port.o guest/log.o */
/* links: guest/network.o guest/network_files.o guest/network_dhcp.o guest/rtnetlink.o guest/modules.o guest/init.o */
/* links: guest/announce.o guest/execute.o guest/unfit.o guest/job_network.o */
/* links: guest/mounted.o guest/grow.o guest/grow_fs.o guest/partition.o guest/partition_gpt.o */
/* links: guest/pty.o common/terminal.o */
/* links: guest/clock.o guest/drift.o guest/etc.o guest/home.o guest/hostkeys.o guest/names.o */
/* links: guest/command.o guest/links.o common/command.o common/command_names.o common/channel.o common/frame.o */
/* links: common/queue.o common/range.o common/str.o common/wire.o */
/* links: guest/small_file.o */
/*
 * The whole agent, in a process of its own, with a socket or a terminal for a
 * port; the test is the host, and real processes are run. Needs root, as the
 * agent does. test_agent_old_kernel.c does the same with the program itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/terminal.h"
#include "common/wire.h"
#include "guest/log.h"
#include "guest/machine.h"

#ifndef RUN_AGENT
#define RUN_AGENT machine_run
#endif
#define UID user
#define GID (user + 1)
#define GID2 (user + 2)
#define WAIT_MS 20000

static uint32_t user; /* this process's alone: its fork bomb ends no other test's tasks, nor counts them */
static int host = -1; /* our end */
static pid_t agent;
static char etc[] = "/tmp/wnodes-agent-XXXXXX";
static char said[128]; /* of the user's numbers */
static uint32_t channel;

/* What came: the last frame, and its payload with a NUL behind it. */
static struct wire_frame got;
static uint8_t payload[WIRE_PAYLOAD_MAX + 1];

/* What a task did. */
static struct {
	char out[65536], err[65536], note[1025];
	size_t out_size, err_size;
	int level, notes, started;
	uint32_t pid, kind, value;
} task;

static void put_all(const void *from, size_t length)
{
	const uint8_t *p = from;

	while (length > 0) {
		ssize_t rc = write(host, p, length);

		assert_true(rc > 0);
		p += rc;
		length -= (size_t)rc;
	}
}

static void say(uint32_t to, uint8_t type, uint8_t stream, const void *bytes, size_t length)
{
	const struct wire_frame frame = {.length = (uint32_t)length, .channel = to, .type = type, .stream = stream};
	uint8_t header[WIRE_HEADER];

	wire_put_header(header, &frame);
	put_all(header, sizeof(header));
	put_all(bytes, length);
}

static void say_u32(uint32_t to, uint8_t type, uint8_t stream, uint32_t number)
{
	uint8_t bytes[4];

	wire_put_u32(bytes, number);
	say(to, type, stream, bytes, sizeof(bytes));
}

static bool get_all(void *to, size_t length, int timeout)
{
	struct pollfd wait = {.fd = host, .events = POLLIN};
	uint8_t *p = to;

	while (length > 0) {
		ssize_t rc;

		if (poll(&wait, 1, timeout) != 1)
			return false;
		rc = read(host, p, length);
		if (rc <= 0)
			return false;
		p += rc;
		length -= (size_t)rc;
	}
	return true;
}

/* The next frame; false where none comes in time, or the agent has gone. */
static bool get_within(int timeout)
{
	uint8_t header[WIRE_HEADER];
	const char *why;

	if (!get_all(header, sizeof(header), timeout))
		return false;
	assert_int_equal(wire_get_header(header, &got, &why), 0);
	assert_true(get_all(payload, got.length, WAIT_MS));
	payload[got.length] = 0;
	return true;
}

static void expect(uint8_t type)
{
	assert_true(get_within(WAIT_MS));
	assert_string_equal(wire_type_name(got.type), wire_type_name(type));
}

static size_t put_text(uint8_t *to, uint16_t tag, const char *text)
{
	return wire_put_attribute(to, tag, text, strlen(text));
}

static size_t put_u32(uint8_t *to, uint16_t tag, uint32_t number)
{
	uint8_t bytes[4];

	wire_put_u32(bytes, number);
	return wire_put_attribute(to, tag, bytes, sizeof(bytes));
}

static size_t put_group(uint8_t *to, uint32_t gid, const char *name)
{
	uint8_t bytes[64];

	wire_put_u32(bytes, gid);
	memcpy(bytes + 4, name, strlen(name));
	return wire_put_attribute(to, WIRE_GROUP, bytes, 4 + strlen(name));
}

static void say_hello(void)
{
	uint8_t bytes[16] = WIRE_MAGIC;

	wire_put_u32(bytes + 8, WIRE_VERSION);
	wire_put_u32(bytes + 12, 0);
	say(0, WIRE_HELLO, 0, bytes, sizeof(bytes));
}

static void say_job(void)
{
	uint8_t bytes[512], *p = bytes;

	p += put_text(p, WIRE_USER, "wnalice");
	p += put_u32(p, WIRE_UID, UID);
	p += put_u32(p, WIRE_GID, GID);
	p += put_text(p, WIRE_HOME, "/var");
	p += put_text(p, WIRE_SHELL, "/bin/sh");
	p += put_group(p, GID, "wnalice");
	p += put_group(p, GID2, "wnatlas");
	say(0, WIRE_JOB, 0, bytes, (size_t)(p - bytes));
}

static void begin_session(void)
{
	do
		assert_true(get_within(WAIT_MS)); /* what an earlier session had to say */
	while (got.type != WIRE_HELLO);
	assert_memory_equal(payload, WIRE_MAGIC, 8);
	assert_int_equal(wire_u32(payload + 8), WIRE_VERSION);
	say_hello();
	say_job();
	expect(WIRE_READY);
	channel = 0;
}

static void start_agent(int fd, const char *path)
{
	const struct machine_options options = {.fd = fd, .path = path, .etc = etc};
	int null;

	agent = fork();
	assert_true(agent >= 0);
	if (agent)
		return;
	null = open("/dev/null", O_WRONLY);
	dup2(null, STDERR_FILENO);
	close(null);
	close(host);
	_exit(RUN_AGENT(&options));
}

static int set_up(void **state)
{
	int ends[2];

	(void)state;
	if (geteuid() != 0)
		return 0;
	strcpy(etc, "/tmp/wnodes-agent-XXXXXX");
	if (!mkdtemp(etc) || socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0)
		return -1;
	host = ends[0];
	start_agent(ends[1], NULL);
	close(ends[1]);
	return 0;
}

static int tear_down(void **state)
{
	char path[64];

	(void)state;
	if (geteuid() != 0)
		return 0;
	close(host);
	if (agent > 0) {
		kill(agent, SIGTERM);
		waitpid(agent, NULL, 0);
	}
	agent = 0;
	snprintf(path, sizeof(path), "%s/passwd", etc);
	unlink(path);
	snprintf(path, sizeof(path), "%s/group", etc);
	unlink(path);
	return rmdir(etc);
}

static void need_root(void)
{
	if (geteuid() != 0)
		skip();
}

static uint8_t spec[1U << 20];
static size_t spec_size;

static void spec_begin(const char *const *argv)
{
	spec_size = 0;
	for (; *argv; argv++)
		spec_size += put_text(spec + spec_size, WIRE_ARG, *argv);
	spec_size += put_text(spec + spec_size, WIRE_ENV, "PATH=/usr/bin:/bin");
}

static void spec_send(const char *step)
{
	channel++;
	memset(&task, 0, sizeof(task));
	say(channel, WIRE_OPEN, 0, step, strlen(step));
	for (size_t at = 0; at < spec_size; at += WIRE_PAYLOAD_MAX)
		say(channel, WIRE_DATA, WIRE_SPEC, spec + at,
		    spec_size - at < WIRE_PAYLOAD_MAX ? spec_size - at : WIRE_PAYLOAD_MAX);
	say(channel, WIRE_START, 0, NULL, 0);
}

static void start_shell(const char *command, const char *step)
{
	spec_begin((const char *[]){"sh", "-c", command, NULL});
	spec_size += put_text(spec + spec_size, WIRE_CWD, "/");
	spec_send(step);
}

static void keep(char *to, size_t room, size_t *used)
{
	assert_true(*used + got.length < room);
	memcpy(to + *used, payload, got.length);
	*used += got.length;
	to[*used] = 0;
}

/* Take one frame of a task of interest. */
static void take(void)
{
	if (got.type == WIRE_DATA) {
		assert_int_equal(task.started, 1);
		if (got.stream == WIRE_STDOUT)
			keep(task.out, sizeof(task.out), &task.out_size);
		else
			keep(task.err, sizeof(task.err), &task.err_size);
		say_u32(got.channel, WIRE_CREDIT, got.stream, got.length);
	} else if (got.type == WIRE_NOTE) {
		task.notes++;
		task.level = payload[0];
		assert_true(got.length <= WIRE_NOTE_MAX + 1);
		memcpy(task.note, payload + 1, got.length);
	} else if (got.type == WIRE_STARTED) {
		task.started++;
		task.pid = wire_u32(payload);
	} else if (got.type == WIRE_EXITED) {
		task.kind = wire_u32(payload);
		task.value = wire_u32(payload + 4);
	}
}

/* Until the task's end; frames of others are passed over. */
static void finish(uint32_t of)
{
	do {
		assert_true(get_within(WAIT_MS));
		if (got.channel == of)
			take();
	} while (got.type != WIRE_EXITED || got.channel != of);
}

static void run_shell(const char *command)
{
	start_shell(command, "1.0");
	finish(channel);
}

static void ended(uint32_t kind, uint32_t value)
{
	assert_int_equal(task.kind, kind);
	assert_int_equal(task.value, value);
}

static void pause_ms(long ms)
{
	struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};

	nanosleep(&time, NULL);
}

static bool lives(pid_t pid)
{
	char path[32], line[256] = "", *p;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "r");
	if (!file)
		return false;
	p = fgets(line, sizeof(line), file);
	fclose(file);
	p = p ? strrchr(line, ')') : NULL;
	return p && p[2] != 'Z' && p[2] != 'X';
}

static bool gone_soon(pid_t pid)
{
	for (int i = 0; i < 500 && lives(pid); i++)
		pause_ms(10);
	return !lives(pid);
}

static void a_task_is_as_it_was_on_the_host(void **state)
{
	uint8_t limit[20];

	(void)state;
	need_root();
	begin_session();
	spec_begin((const char *[]){
	        "sh", "-c",
	        "id -u; id -g; id -G; pwd; umask;"
	        "sed -n 's/^Max open files *\\([0-9]*\\) *\\([0-9a-z]*\\).*/\\1 \\2/p' /proc/self/limits; env; echo "
	        "\"<$0|$1|$2>\";"
	        "cat /proc/self/oom_score_adj; grep -E '^Sig(Blk|Ign)' /proc/self/status; ls /proc/self/fd | wc -l;"
	        "echo to-err >&2; exit 3",
	        "zero", "", "a  b\n\xff", NULL});
	spec_size += put_text(spec + spec_size, WIRE_ENV, "X=y z");
	spec_size += put_text(spec + spec_size, WIRE_CWD, "/usr");
	spec_size += put_u32(spec + spec_size, WIRE_UMASK, 027);
	wire_put_u32(limit, RLIMIT_NOFILE);
	wire_put_u64(limit + 4, 100);
	wire_put_u64(limit + 12, UINT64_MAX); /* more than any kernel grants */
	spec_size += wire_put_attribute(spec + spec_size, WIRE_RLIMIT, limit, sizeof(limit));
	spec_send("7.0");
	finish(channel);
	ended(0, 3);
	assert_int_equal(task.started, 1);
	assert_int_equal(task.notes, 0);
	assert_string_equal(task.err, "to-err\n");
	(void)snprintf(said, sizeof(said), "%u\n%u\n%u %u\n/usr\n0027\n100 ", UID, GID, GID, GID2);
	assert_non_null(strstr(task.out, said));
	assert_null(strstr(task.out, "unlimited"));
	assert_non_null(strstr(task.out, "X=y z\n"));
	assert_null(strstr(task.out, "HOME="));
	assert_non_null(strstr(task.out, "<zero||a  b\n\xff>\n0\n"));
	assert_non_null(strstr(task.out, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n4\n"));
}

static void the_folder_that_is_used_is_said(void **state)
{
	(void)state;
	need_root();
	begin_session();
	spec_begin((const char *[]){"pwd", NULL});
	spec_size += put_text(spec + spec_size, WIRE_CWD, "/no/such");
	spec_send("1.0");
	finish(channel);
	ended(0, 0);
	assert_string_equal(task.out, "/var\n");
	assert_int_equal(task.level, 0);
	assert_string_equal(task.note, "the working directory /no/such is not in the guest; using /var");
	spec_begin((const char *[]){"pwd", NULL}); /* no entry for this user */
	spec_size += put_text(spec + spec_size, WIRE_CWD, etc);
	spec_send("1.0");
	finish(channel);
	assert_string_equal(task.out, "/var\n");
}

static void not_run(const char *name, uint32_t code, const char *note)
{
	spec_begin((const char *[]){name, NULL});
	spec_send("1.0");
	finish(channel);
	ended(0, code);
	assert_int_equal(task.started, 0);
	assert_int_equal(task.level, 1);
	assert_string_equal(task.note, note);
}

static void what_cannot_be_executed_is_said(void **state)
{
	(void)state;
	need_root();
	begin_session();
	not_run("no-such-program", 127, "no-such-program: No such file or directory");
	not_run("/no/such/program", 127, "/no/such/program: No such file or directory");
	not_run("/usr/bin/no-such", 127, "/usr/bin/no-such: No such file or directory");
	not_run("/etc/passwd", 126, "/etc/passwd: Permission denied");
	not_run("/", 126, "/: Permission denied");
	not_run("", 127, "'': No such file or directory");
}

static void a_program_may_lie_in_another_folder(void **state)
{
	static const char *const names[] = {"/usr/local/bin/true", "/sbin/true", "true", "/bin/true"};

	(void)state;
	need_root();
	begin_session();
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		spec_begin((const char *[]){names[i], NULL});
		spec_send("1.0");
		finish(channel);
		ended(0, 0);
		assert_int_equal(task.notes, 0);
	}
}

static void run_script(const char *script)
{
	spec_begin((const char *[]){"/spool/job1/slurm_script", "one", NULL});
	spec_size += put_text(spec + spec_size, WIRE_SCRIPT, script);
	spec_send("1.batch");
	finish(channel);
}

static void a_script_is_carried_in(void **state)
{
	char folder[128];
	struct stat st;

	(void)state;
	need_root();
	begin_session();
	run_script("#!/bin/sh\necho $0 $1\nstat -c '%a %u' $0 ${0%/*}\nexit 5\n");
	ended(0, 5);
	(void)snprintf(said, sizeof(said), "/slurm_script one\n500 %u\n711 0\n", UID);
	assert_non_null(strstr(task.out, said));
	assert_int_equal(sscanf(task.out, "%120[^ ]", folder), 1);
	*strrchr(folder, '/') = 0;
	for (int i = 0; i < 500 && stat(folder, &st) == 0; i++)
		pause_ms(10);
	assert_int_equal(stat(folder, &st), -1);
	run_script("echo no interpreter\n");
	ended(0, 126);
	assert_string_equal(task.note, "slurm_script: Exec format error");
	run_script("#!/no/interpreter\n");
	ended(0, 127);
	assert_string_equal(task.note, "slurm_script: its interpreter is not in the guest");
}

static void a_signals_death_is_told(void **state)
{
	(void)state;
	need_root();
	begin_session();
	run_shell("kill -SEGV $$");
	ended(1, SIGSEGV);
	run_shell("kill -KILL $$");
	ended(1, SIGKILL);
}

static void until_text(const char *text)
{
	while (!strstr(task.out, text)) {
		assert_true(get_within(WAIT_MS));
		take();
	}
}

static void signals_reach_the_leader_alone(void **state)
{
	(void)state;
	need_root();
	begin_session();
	start_shell("trap 'echo caught; exit 9' USR1; (trap 'echo wrong; exit' USR1; while :; do sleep 0.1; done) & "
	            "c=$!; echo up; while :; do sleep 0.05; done",
	            "1.0");
	until_text("up");
	say_u32(channel, WIRE_SIGNAL, 0, SIGUSR1);
	finish(channel);
	ended(0, 9);
	assert_string_equal(task.out, "up\ncaught\n");
	start_shell("sleep 100", "1.0");
	say_u32(channel, WIRE_SIGNAL, 0, SIGTERM); /* before it can have been executed */
	finish(channel);
	ended(1, SIGTERM);
}

/* The process id that a task's output ends with. */
static pid_t last_pid(void)
{
	char *line = strrchr(task.out, ' ');
	int pid = line ? atoi(line + 1) : 0;

	assert_true(pid > 1);
	return (pid_t)pid;
}

#define DAEMON "setsid sh -c '(trap \"\" TERM HUP; sleep 300 & echo daemon $!; wait) &' & sleep 0.2;"

static void a_kill_reaches_daemons(void **state)
{
	(void)state;
	need_root();
	begin_session();
	start_shell(DAEMON "sleep 300", "1.0");
	until_text("daemon");
	assert_true(lives(last_pid()));
	say(channel, WIRE_KILL, 0, NULL, 0);
	finish(channel);
	ended(1, SIGKILL);
	assert_true(gone_soon(last_pid()));
	/* before there is a process at all */
	say(++channel, WIRE_OPEN, 0, "1.0", 3);
	say(channel, WIRE_KILL, 0, NULL, 0);
	finish(channel);
	ended(1, SIGKILL);
}

static void a_fork_bomb_ends(void **state)
{
	(void)state;
	need_root();
	begin_session();
	spec_begin((const char *[]){"sh", "-c", "echo up; f() { f | f & }; f; while :; do f; done", NULL});
	{
		uint8_t limit[20];

		wire_put_u32(limit, RLIMIT_NPROC);
		wire_put_u64(limit + 4, 60);
		wire_put_u64(limit + 12, 60);
		spec_size += wire_put_attribute(spec + spec_size, WIRE_RLIMIT, limit, sizeof(limit));
	}
	spec_send("1.0");
	until_text("up");
	say_u32(channel, WIRE_CREDIT, WIRE_STDERR, 0);
	pause_ms(300);
	say(channel, WIRE_KILL, 0, NULL, 0);
	finish(channel);
	pause_ms(500);
	(void)snprintf(said, sizeof(said), "ps -u %u -o stat= | grep -vc Z", UID);
	run_shell(said); /* sh, ps and grep are alone */
	assert_int_equal(atoi(task.out), 3);
}

static void leftovers_live_as_long_as_their_step(void **state)
{
	uint32_t other;
	pid_t left;

	(void)state;
	need_root();
	begin_session();
	start_shell("read x", "1.0");
	other = channel;
	start_shell(DAEMON "(while :; do echo noise; sleep 0.01; done) & exit 4", "1.0");
	finish(channel);
	ended(0, 4); /* though there is no end of its output */
	{
		char *line = strstr(task.out, "daemon ");

		assert_non_null(line);
		left = (pid_t)atoi(line + 7);
	}
	pause_ms(200);
	assert_true(lives(left));
	/* of another step: no matter */
	start_shell("exit 0", "1.1");
	finish(channel);
	pause_ms(200);
	assert_true(lives(left));
	say(other, WIRE_EOF, WIRE_STDIN, NULL, 0);
	finish(other);
	assert_true(gone_soon(left));
}

static void output_stops_at_the_credit(void **state)
{
	size_t total = 0;
	uint32_t slow;

	(void)state;
	need_root();
	begin_session();
	start_shell("exec cat /dev/zero", "1.0");
	slow = channel;
	while (get_within(500))
		if (got.type == WIRE_DATA)
			total += got.length;
	assert_true(total <= WIRE_WINDOW_FIRST && total > WIRE_WINDOW_FIRST / 2);
	run_shell("echo others go on");
	ended(0, 0);
	assert_string_equal(task.out, "others go on\n");
	say_u32(slow, WIRE_CREDIT, WIRE_STDOUT, 100000);
	while (get_within(500))
		if (got.type == WIRE_DATA)
			total += got.length;
	assert_true(total <= WIRE_WINDOW_FIRST + 100000 && total > WIRE_WINDOW_FIRST);
	say(slow, WIRE_KILL, 0, NULL, 0);
	do
		expect(WIRE_EXITED);
	while (got.channel != slow);
}

static void what_was_written_before_the_end_comes(void **state)
{
	size_t total = 0;

	(void)state;
	need_root();
	begin_session();
	/* more than the credit is in the pipe when the leader has ended */
	start_shell("head -c 400000 /dev/zero", "1.0");
	do {
		assert_true(get_within(WAIT_MS));
		if (got.type == WIRE_DATA) {
			total += got.length;
			if (total > 200000)
				pause_ms(100);
			say_u32(channel, WIRE_CREDIT, got.stream, got.length);
		}
	} while (got.type != WIRE_EXITED);
	assert_int_equal(total, 400000);
}

/* Bytes that a mistake in place or order would not survive. */
static uint8_t pattern(size_t at)
{
	return (uint8_t)(at * 31 + (at >> 8) * 7 + (at >> 16));
}

static void both_ways_are_clean(void **state)
{
	enum { TOTAL = 12 << 20 };
	static uint8_t chunk[WIRE_PAYLOAD_MAX];
	size_t sent = 0, back = 0, window = WIRE_WINDOW_FIRST;
	bool eof = false, over = false;

	(void)state;
	need_root();
	begin_session();
	start_shell("exec cat", "1.0");
	while (!over) {
		size_t length = window < sizeof(chunk) ? window : sizeof(chunk);

		if (length > TOTAL - sent)
			length = TOTAL - sent;
		for (size_t i = 0; i < length; i++)
			chunk[i] = pattern(sent + i);
		if (length > 0)
			say(channel, WIRE_DATA, WIRE_STDIN, chunk, length);
		sent += length;
		window -= length;
		if (sent == TOTAL && !eof)
			say(channel, WIRE_EOF, WIRE_STDIN, NULL, 0);
		eof = sent == TOTAL;
		while (get_within(window == 0 || eof ? WAIT_MS : 0)) {
			if (got.type == WIRE_CREDIT && got.stream == WIRE_STDIN)
				window += wire_u32(payload);
			if (got.type == WIRE_DATA) {
				for (size_t i = 0; i < got.length; i++)
					if (payload[i] != pattern(back + i))
						fail_msg("byte %zu is wrong", back + i);
				back += got.length;
				say_u32(channel, WIRE_CREDIT, WIRE_STDOUT, got.length);
			}
			over = got.type == WIRE_EXITED;
			if (over || window > 0)
				break;
		}
	}
	assert_int_equal(back, TOTAL);
}

static void unread_input_is_dropped_and_granted(void **state)
{
	static uint8_t chunk[WIRE_PAYLOAD_MAX];
	size_t granted = 0;

	(void)state;
	need_root();
	begin_session();
	start_shell("exec <&-; echo closed; sleep 1; exit 6", "1.0");
	until_text("closed");
	for (size_t sent = 0; sent < WIRE_WINDOW; sent += sizeof(chunk))
		say(channel, WIRE_DATA, WIRE_STDIN, chunk, sizeof(chunk));
	while (granted < WIRE_WINDOW / 2) {
		expect(WIRE_CREDIT);
		granted += wire_u32(payload);
	}
	say(channel, WIRE_EOF, WIRE_STDIN, NULL, 0);
	finish(channel);
	ended(0, 6);
}

static void input_may_come_before_the_start(void **state)
{
	(void)state;
	need_root();
	begin_session();
	say(++channel, WIRE_OPEN, 0, "1.0", 3);
	say(channel, WIRE_DATA, WIRE_STDIN, "early\n", 6);
	say(channel, WIRE_EOF, WIRE_STDIN, NULL, 0);
	spec_begin((const char *[]){"cat", NULL});
	say(channel, WIRE_DATA, WIRE_SPEC, spec, spec_size);
	memset(&task, 0, sizeof(task));
	say(channel, WIRE_START, 0, NULL, 0);
	finish(channel);
	ended(0, 0);
	assert_string_equal(task.out, "early\n");
}

static void a_wrong_spec_fails_its_task_alone(void **state)
{
	(void)state;
	need_root();
	begin_session();
	spec_size = 0;
	spec_send("1.0");
	finish(channel);
	ended(0, 126);
	assert_string_equal(task.note, "the task's description is not right: no argument");
	memset(spec, 0xff, 64);
	spec_size = 64;
	spec_send("1.0");
	finish(channel);
	ended(0, 126);
	run_shell("exit 2");
	ended(0, 2);
}

static void tasks_have_a_bound(void **state)
{
	(void)state;
	need_root();
	begin_session();
	for (channel = 1; channel <= 1030; channel++)
		say(channel, WIRE_OPEN, 0, "1.0", 3);
	memset(&task, 0, sizeof(task));
	finish(1025);
	ended(0, 126);
	assert_string_equal(task.note, "the guest runs as many tasks as it may already");
	finish(1030);
	say(1, WIRE_KILL, 0, NULL, 0);
	finish(1);
	channel = 1030;
	run_shell("exit 0");
	ended(0, 0);
}

/* Send so much of a spec, as the credit allows. */
static bool fill_spec(uint32_t to, size_t length)
{
	size_t window = WIRE_WINDOW;

	while (length > 0) {
		size_t now = length < sizeof(spec) / 16 ? length : sizeof(spec) / 16;

		while (window < now) {
			assert_true(get_within(WAIT_MS));
			if (got.type == WIRE_NOTE)
				return false;
			if (got.type == WIRE_CREDIT && got.channel == to)
				window += wire_u32(payload);
		}
		say(to, WIRE_DATA, WIRE_SPEC, spec, now);
		length -= now;
		window -= now;
	}
	return true;
}

static void specs_have_a_bound(void **state)
{
	(void)state;
	need_root();
	begin_session();
	for (channel = 1; channel <= 4; channel++) {
		say(channel, WIRE_OPEN, 0, "1.0", 3);
		assert_true(fill_spec(channel, WIRE_SPEC_MAX));
	}
	say(channel, WIRE_OPEN, 0, "1.0", 3);
	assert_false(fill_spec(channel, WIRE_SPEC_MAX));
	assert_string_equal((char *)payload + 1, "too many tasks begin at the same time");
	say(1, WIRE_KILL, 0, NULL, 0);
	finish(1);
	run_shell("exit 0");
	ended(0, 0);
}

static void a_second_hello_forgets_all(void **state)
{
	pid_t left;

	(void)state;
	need_root();
	begin_session();
	start_shell(DAEMON "sleep 300", "1.0");
	until_text("daemon");
	left = last_pid();
	say_hello();
	do
		assert_true(get_within(WAIT_MS));
	while (got.type != WIRE_HELLO);
	say_job();
	expect(WIRE_READY);
	assert_false(lives(left)); /* READY waits for the old job's end */
	channel = 0;
	run_shell("exit 8");
	ended(0, 8);
}

static void pings_are_answered(void **state)
{
	(void)state;
	need_root();
	begin_session();
	say(0, WIRE_PING, 0, "12345678", 8);
	expect(WIRE_PONG);
	assert_memory_equal(payload, "12345678", 8);
}

/* The agent gives up a host that breaks the protocol; with a descriptor it then ends with 1. */
static void is_violation(void)
{
	int status;

	while (get_within(WAIT_MS))
		;
	assert_int_equal(waitpid(agent, &status, 0), agent);
	agent = 0;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 1);
	close(host);
	host = -1;
}

static void again(void **state)
{
	assert_int_equal(tear_down(state), 0);
	assert_int_equal(set_up(state), 0);
	begin_session();
}

static void violations_end_the_session(void **state)
{
	static uint8_t chunk[WIRE_PAYLOAD_MAX];

	need_root();
	begin_session();
	memset(chunk, 0xff, 12);
	put_all(chunk, 12);
	is_violation();
	again(state);
	say_job(); /* a second one */
	is_violation();
	again(state);
	say(0, WIRE_READY, 0, NULL, 0); /* the guest's to say */
	is_violation();
	again(state);
	say_u32(1, WIRE_SIGNAL, 0, 1); /* never opened */
	is_violation();
	again(state);
	start_shell("sleep 100", "1.0");
	say(channel, WIRE_OPEN, 0, "1.0", 3); /* used before */
	is_violation();
	again(state);
	start_shell("sleep 100", "1.0");
	expect(WIRE_CREDIT); /* the window is as wide as it gets */
	/* beyond the credit, what the pipe takes being granted again */
	for (size_t sent = 0; sent <= WIRE_WINDOW + 262144; sent += sizeof(chunk))
		say(channel, WIRE_DATA, WIRE_STDIN, chunk, sizeof(chunk));
	is_violation();
	again(state);
	start_shell("sleep 100", "1.0");
	say_u32(channel, WIRE_CREDIT, WIRE_STDOUT, WIRE_WINDOW - WIRE_WINDOW_FIRST + 1); /* nothing was used */
	is_violation();
	again(state);
	start_shell("sleep 100", "1.0");
	say_u32(channel, WIRE_SIGNAL, 0, 65);
	is_violation();
}

static void a_port_is_opened_again(void **state)
{
	struct termios raw;
	uint8_t garbage[12];
	char path[64];
	int port;

	need_root();
	assert_int_equal(tear_down(state), 0);
	strcpy(etc, "/tmp/wnodes-agent-XXXXXX");
	assert_non_null(mkdtemp(etc));
	host = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(host >= 0);
	assert_int_equal(grantpt(host), 0);
	assert_int_equal(unlockpt(host), 0);
	assert_int_equal(ptsname_r(host, path, sizeof(path)), 0);
	port = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(port >= 0);
	assert_int_equal(tcgetattr(port, &raw), 0);
	cfmakeraw(&raw);
	assert_int_equal(tcsetattr(port, TCSANOW, &raw), 0);
	start_agent(-1, path);
	begin_session();
	start_shell(DAEMON "sleep 300", "1.0");
	until_text("daemon");
	memset(garbage, 0xee, sizeof(garbage));
	put_all(garbage, sizeof(garbage));
	begin_session();
	assert_true(gone_soon(last_pid()));
	run_shell("exit 4");
	ended(0, 4);
	close(port);
}

static void add_terminal(uint32_t streams)
{
	const struct terminal terminal = {
	        .streams = streams,
	        .size = {.ws_row = 30, .ws_col = 100},
	        .modes = {.c_iflag = ICRNL, .c_oflag = 0, .c_cflag = CS8 | CREAD | B38400, .c_lflag = ISIG | ICANON}};
	uint8_t bytes[TERMINAL_BYTES];

	terminal_pack(bytes, &terminal);
	spec_size += wire_put_attribute(spec + spec_size, WIRE_TERMINAL, bytes, sizeof(bytes));
}

static void start_at_terminal(const char *command, uint32_t streams)
{
	spec_begin((const char *[]){"sh", "-c", command, NULL});
	spec_size += put_text(spec + spec_size, WIRE_CWD, "/");
	add_terminal(streams);
	spec_send("1.0");
}

#define WHICH "for i in 0 1 2; do test -t $i && echo $i; done; (: < /dev/tty) 2> /dev/null && echo controls;"

static void a_terminal_is_as_it_was_on_the_host(void **state)
{
	(void)state;
	need_root();
	begin_session();
	start_at_terminal(WHICH "stty size; stat -Lc %u /dev/stdin; echo err >&2; exit 3", 7);
	finish(channel);
	ended(0, 3);
	(void)snprintf(said, sizeof(said), "0\n1\n2\ncontrols\n30 100\n%u\nerr\n", UID);
	assert_string_equal(task.out, said);
	start_at_terminal(WHICH "echo err >&2", 2);
	finish(channel);
	assert_string_equal(task.out, "1\n");
	assert_string_equal(task.err, "err\n");
	/* one that is not right fails its task alone */
	spec_begin((const char *[]){"true", NULL});
	spec_size += wire_put_attribute(spec + spec_size, WIRE_TERMINAL, "\7\0\0\0", 4);
	spec_send("1.0");
	finish(channel);
	ended(0, 126);
	assert_non_null(strstr(task.note, "a bad terminal"));
}

static void keys_and_sizes_reach_a_terminal(void **state)
{
	const struct winsize size = {.ws_row = 50, .ws_col = 132};
	uint8_t bytes[TERMINAL_SIZE_BYTES];

	(void)state;
	need_root();
	begin_session();
	start_at_terminal("trap 'stty size' WINCH; echo up; while [ \"$a\" != key ]; do read a; done; echo \"<$a>\"; "
	                  "exec sleep 100",
	                  7);
	until_text("up");
	terminal_put_size(bytes, &size);
	say(channel, WIRE_WINSIZE, 0, bytes, sizeof(bytes));
	until_text("50 132");
	say(channel, WIRE_DATA, WIRE_STDIN, "\rkey\r", 5);
	until_text("<key>");
	say(channel, WIRE_DATA, WIRE_STDIN, "\3", 1); /* no VINTR among the modes */
	pause_ms(100);
	say_u32(channel, WIRE_SIGNAL, 0, SIGINT);
	finish(channel);
	ended(1, SIGINT);
}

static void what_was_written_to_a_terminal_comes(void **state)
{
	(void)state;
	need_root();
	begin_session();
	for (int i = 0; i < 20; i++) {
		start_at_terminal("sleep 300 & head -c 50000 /dev/zero | tr '\\0' x; printf end", i % 2 ? 7 : 2);
		finish(channel);
		assert_int_equal(task.out_size, 50003);
		assert_string_equal(task.out + 50000, "end");
	}
}

#define FOR_EVER "echo up; while :; do sleep 0.1; done"

static void a_terminal_is_hung_up(void **state)
{
	char path[] = "/tmp/wnodes-hup-XXXXXX", command[256];
	int fd = mkstemp(path);
	struct stat st;

	(void)state;
	need_root();
	begin_session();
	start_at_terminal("trap 'exit 4' HUP; " FOR_EVER, 7);
	until_text("up");
	say(channel, WIRE_EOF, WIRE_STDIN, NULL, 0);
	finish(channel);
	ended(0, 4);
	assert_int_equal(fchmod(fd, 0666), 0);
	snprintf(command, sizeof(command), "trap 'echo hup > %s' HUP; " FOR_EVER, path);
	start_at_terminal(command, 7);
	until_text("up");
	say(channel, WIRE_KILL, 0, NULL, 0);
	finish(channel);
	ended(1, SIGKILL);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, 4);
	/* one that does not control is not what the session lives by */
	assert_int_equal(ftruncate(fd, 0), 0);
	start_at_terminal(command, 2);
	until_text("up");
	say(channel, WIRE_KILL, 0, NULL, 0);
	finish(channel);
	ended(1, SIGKILL);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, 0);
	/* who ignores it lives, until he is killed */
	start_at_terminal("trap '' HUP; " FOR_EVER, 7);
	until_text("up");
	say(channel, WIRE_EOF, WIRE_STDIN, NULL, 0);
	assert_false(get_within(300) && got.type == WIRE_EXITED);
	say(channel, WIRE_KILL, 0, NULL, 0);
	finish(channel);
	ended(1, SIGKILL);
	close(fd);
	unlink(path);
}

static void nothing_outlives_the_agent(void **state)
{
	pid_t left;
	int status;

	(void)state;
	need_root();
	begin_session();
	start_shell(DAEMON "sleep 300", "1.0");
	until_text("daemon");
	left = last_pid();
	kill(agent, SIGTERM);
	assert_int_equal(waitpid(agent, &status, 0), agent);
	agent = 0;
	assert_true(gone_soon(left));
	while (get_within(WAIT_MS))
		assert_int_not_equal(got.type, WIRE_EXITED); /* the machine ends, not the task */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(a_task_is_as_it_was_on_the_host),
	        TEST(the_folder_that_is_used_is_said),
	        TEST(what_cannot_be_executed_is_said),
	        TEST(a_program_may_lie_in_another_folder),
	        TEST(a_script_is_carried_in),
	        TEST(a_signals_death_is_told),
	        TEST(signals_reach_the_leader_alone),
	        TEST(a_kill_reaches_daemons),
	        TEST(a_fork_bomb_ends),
	        TEST(leftovers_live_as_long_as_their_step),
	        TEST(output_stops_at_the_credit),
	        TEST(what_was_written_before_the_end_comes),
	        TEST(both_ways_are_clean),
	        TEST(unread_input_is_dropped_and_granted),
	        TEST(input_may_come_before_the_start),
	        TEST(a_wrong_spec_fails_its_task_alone),
	        TEST(tasks_have_a_bound),
	        TEST(specs_have_a_bound),
	        TEST(a_second_hello_forgets_all),
	        TEST(pings_are_answered),
	        TEST(violations_end_the_session),
	        TEST(a_port_is_opened_again),
	        TEST(a_terminal_is_as_it_was_on_the_host),
	        TEST(keys_and_sizes_reach_a_terminal),
	        TEST(what_was_written_to_a_terminal_comes),
	        TEST(a_terminal_is_hung_up),
	        TEST(nothing_outlives_the_agent),
	};

	signal(SIGPIPE, SIG_IGN);
	user = 100000 + 4 * (uint32_t)getpid();
	return cmocka_run_group_tests_name("agent_whole", tests, NULL, NULL);
}
