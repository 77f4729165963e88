/* SPDX-License-Identifier: GPL-2.0-or-later */
/* links: guest/spec.o guest/accounts.o guest/job.o guest/ring.o guest/memory.o guest/port.o guest/log.o */
/* links: guest/etc.o guest/hostkeys.o guest/names.o guest/job_network.o */
/* links: guest/pattern.o guest/programs.o guest/request_multiprog.o common/queue.o common/task_file.o */
/* links: common/range.o common/str.o common/terminal.o common/wire.o */
/* links: guest/small_file.o */
/* The agent's parts that need no process: spec, job, account files, ring, frames. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/wire.h"
#include "guest/accounts.h"
#include "guest/etc.h"
#include "guest/hostkeys.h"
#include "guest/job.h"
#include "guest/names.h"
#include "guest/pattern.h"
#include "guest/port.h"
#include "guest/programs.h"
#include "guest/request_multiprog.h"
#include "guest/ring.h"
#include "guest/spec.h"

static uint8_t bytes[65536];
static size_t size;

static void add(uint16_t tag, const void *value, size_t length)
{
	size += wire_put_attribute(bytes + size, tag, value, length);
}

static void add_text(uint16_t tag, const char *text)
{
	add(tag, text, strlen(text));
}

static void add_u32(uint16_t tag, uint32_t value)
{
	uint8_t number[4];

	wire_put_u32(number, value);
	add(tag, number, 4);
}

static void add_group(uint32_t gid, const char *name)
{
	uint8_t value[256];

	wire_put_u32(value, gid);
	memcpy(value + 4, name, strlen(name));
	add(WIRE_GROUP, value, 4 + strlen(name));
}

static void a_spec_is_read_whole(void **state)
{
	uint8_t limit[20];
	const char *why;
	struct spec spec;

	(void)state;
	size = 0;
	wire_put_u32(limit, 7);
	wire_put_u64(limit + 4, 1024);
	wire_put_u64(limit + 12, UINT64_MAX);
	add_text(WIRE_ARG, "prog");
	add_text(WIRE_ENV, "A=1");
	add_text(WIRE_ARG, "");
	add_text(99, "unknown");
	add_text(WIRE_ARG, "two words\n\xff");
	add_text(WIRE_CWD, "/home");
	add_u32(WIRE_UMASK, 027);
	add(WIRE_RLIMIT, limit, sizeof(limit));
	add_text(WIRE_SCRIPT, "#!/bin/sh\n");
	add(WIRE_FILE, "\6\0\0\0\1\0\0\0o.%t", 12);
	add_text(WIRE_ENV, "PATH=/bin:/usr/bin");
	assert_int_equal(spec_parse(bytes, size, &spec, &why), 0);
	assert_string_equal(spec.argv[0], "prog");
	assert_string_equal(spec.argv[1], "");
	assert_string_equal(spec.argv[2], "two words\n\xff");
	assert_null(spec.argv[3]);
	assert_string_equal(spec.envp[0], "A=1");
	assert_null(spec.envp[2]);
	assert_string_equal(spec_getenv(&spec, "PATH"), "/bin:/usr/bin");
	assert_null(spec_getenv(&spec, "PAT"));
	assert_string_equal(spec.cwd, "/home");
	assert_true(spec.has_umask);
	assert_int_equal(spec.umask, 027);
	assert_int_equal(spec.limit_count, 1);
	assert_int_equal(spec.limits[0].resource, 7);
	assert_int_equal(spec.limits[0].soft, 1024);
	assert_true(spec.limits[0].hard == UINT64_MAX);
	assert_int_equal(spec.script_length, 10);
	assert_memory_equal(spec.script, "#!/bin/sh\n", 10);
	assert_int_equal(spec.file_count, 1);
	assert_int_equal(spec.files[0].streams, 6);
	assert_int_equal(spec.files[0].flags, TASK_FILE_APPEND);
	assert_string_equal(spec.files[0].name, "o.%t");
	spec_free(&spec);
}

static void refused(const char *wanted)
{
	struct spec spec;
	const char *why = NULL;

	assert_int_equal(spec_parse(bytes, size, &spec, &why), -EPROTO);
	assert_non_null(strstr(why, wanted));
}

static const char *variable(const void *context, const char *name)
{
	static const char *const values[] = {"SLURM_JOB_ID",
	                                     "12",
	                                     "SLURM_STEP_ID",
	                                     "3",
	                                     "SLURM_PROCID",
	                                     "7",
	                                     "SLURM_NODEID",
	                                     "1",
	                                     "SLURMD_NODENAME",
	                                     "node.example",
	                                     "USER",
	                                     "alice",
	                                     "SLURM_JOB_NAME",
	                                     "name"};

	(void)context;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i += 2)
		if (strcmp(values[i], name) == 0)
			return values[i + 1];
	return NULL;
}

static void expands(const char *name, enum pattern_scope scope, const char *expected)
{
	char path[64];

	assert_int_equal(pattern_scope(name), scope);
	assert_int_equal(pattern_expand(name, variable, NULL, path, sizeof(path)), 0);
	assert_string_equal(path, expected);
}

static void patterns_are_slurms(void **state)
{
	char path[8];

	(void)state;
	expands("x", PATTERN_JOB, "x");
	expands("%j-%5j-%A-%a-%b-%u-%x-%%", PATTERN_JOB, "12-00012-12-4294967294-4-alice-name-%");
	expands("%t.%3t.%99t", PATTERN_TASK, "7.007.0000000007");
	expands("%n%N", PATTERN_TASK, "1node");
	expands("%s.%J.%4J", PATTERN_STEP, "3.12.3.0012.3");
	expands("%s%t", PATTERN_TASK, "37");
	expands("%%t%y%", PATTERN_JOB, "%t%y%");
	expands("a\\%t", PATTERN_JOB, "a%t");
	assert_int_equal(pattern_expand("1234567", variable, NULL, path, sizeof(path)), 0);
	assert_int_equal(pattern_expand("12345678", variable, NULL, path, sizeof(path)), -ENAMETOOLONG);
	assert_int_equal(pattern_expand("12345%u", variable, NULL, path, sizeof(path)), -ENAMETOOLONG);
	assert_int_equal(pattern_expand("%9t", variable, NULL, path, sizeof(path)), -ENAMETOOLONG);
	assert_int_equal(pattern_expand("1234567%%", variable, NULL, path, sizeof(path)), -ENAMETOOLONG);
}

static void programs(const char *text, int expected_rc, unsigned int expected_line, const char *expected)
{
	struct queue lines = {0};
	unsigned int line = 0;

	assert_int_equal(request_multiprog(text, &lines, &line), expected_rc);
	if (expected_rc < 0)
		assert_int_equal(line, expected_line);
	else
		assert_int_equal(lines.used, strlen(expected));
	if (expected_rc == 0 && lines.used > 0)
		assert_memory_equal(queue_data(&lines), expected, lines.used);
	queue_free(&lines);
}

static void several_programs_become_lines(void **state)
{
	(void)state;
	programs("", 0, 0, "");
	programs("# x\n\n  \n", 0, 0, "");
	programs(" 0-3,5\t a  b \n#x\n* c", 0, 0, "0-3,5 a  b \n* c\n");
	programs("0 a \\\n  b\n1 c\n", 0, 0, "0 a ''  b\n1 c\n");
	programs("0 a \\\n  b\nc\n", -EINVAL, 3, NULL);
	programs("0 a\n1\n", -EINVAL, 2, NULL);
	programs("0 a\\", -EINVAL, 1, NULL);
	programs("0 a\\\\\n", -EINVAL, 1, NULL);
}

static void chooses(const char *lines, uint32_t rank, const char *expected)
{
	char **argv = NULL, text[512] = "";
	int rc = programs_choose(lines, rank, &argv);

	for (char **p = argv; rc == 0 && *p; p++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "[%s]", *p);
	if (rc < 0)
		snprintf(text, sizeof(text), "%d", rc);
	free(argv);
	assert_string_equal(text, expected);
}

static void a_task_chooses_its_program(void **state)
{
	static const char lines[] = "0,4-5 a  b%t-%o '%t  x'\\ y \n7 c ''\n* d %o%\n";
	static const char *const bad[] = {"0 a\n0\n",    "0 a\n0 \n", "x a\n",   "0 'a\n", "0,,1 a\n", "0- a\n",
	                                  "1234567 a\n", "5-4 a\n",   "*,1 a\n", "0  \n",  "\n",       "-1 a\n"};
	char most[4096] = "0-999999,0 ";
	uint32_t tasks;
	unsigned int line;

	(void)state;
	chooses(lines, 0, "[a][b0-0][%t  x y]");
	chooses(lines, 5, "[a][b5-2][%t  x y]");
	chooses(lines, 7, "[c][]");
	chooses(lines, 123456, "[d][123456%]");
	chooses("1 a\n", 0, "-2");
	chooses("1 'a\n", 1, "-22");
	assert_int_equal(programs_check(lines, &tasks, &line), 0);
	assert_int_equal(tasks, 8);
	assert_int_equal(programs_check("* a\n", &tasks, &line), 0);
	assert_int_equal(tasks, 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(programs_check(bad[i], &tasks, &line), -EINVAL);
	/* words and numbers without end */
	for (size_t i = strlen(most); i + 4 < sizeof(most); i += 4)
		memcpy(most + i, "%o %", 5);
	assert_int_equal(programs_check(most, &tasks, &line), 0);
	for (uint32_t rank = 0; rank < 1000000; rank += 99999) {
		char **argv = NULL;

		assert_int_equal(programs_choose(most, rank, &argv), 0);
		free(argv);
	}
}

static void a_wrong_spec_is_refused(void **state)
{
	(void)state;
	size = 0;
	refused("no argument");
	add(WIRE_ARG, "a\0b", 3);
	refused("NUL");
	size = 0;
	add_text(WIRE_ARG, "a");
	add_text(WIRE_CWD, "");
	refused("directory");
	size = 0;
	add_text(WIRE_ARG, "a");
	add(WIRE_UMASK, "x", 1);
	refused("umask");
	size = 0;
	add(WIRE_FILE, "\2\0\0\0\0\0\0\0", 8);
	refused("file");
	size = 0;
	for (int i = 0; i < 4; i++)
		add(WIRE_FILE, "\2\0\0\0\0\0\0\0x", 9);
	refused("file");
	size = 0;
	add(WIRE_RLIMIT, "x", 1);
	refused("limit");
	size = 0;
	add_text(WIRE_ARG, "abc");
	size--;
	refused("do not fit");
	size = 5;
	refused("do not fit");
}

static int parse_job(struct job *job)
{
	const char *why = NULL;

	*job = (struct job){0};
	return job_parse(job, bytes, size, &why);
}

static void a_job_is_read_and_checked(void **state)
{
	struct job job;

	(void)state;
	size = 0;
	add_text(WIRE_USER, "alice");
	add_u32(WIRE_UID, 4000000000);
	add_u32(WIRE_GID, 100);
	add_group(100, "users");
	add_group(7, "");
	assert_int_equal(parse_job(&job), 0);
	assert_string_equal(job.user, "alice");
	assert_int_equal(job.uid, 4000000000);
	assert_int_equal(job.group_count, 2);
	assert_string_equal(job.groups[1].name, "");
	assert_null(job.hostname);
	job_free(&job);
	add(WIRE_MOUNT, "\2\0\0\0\1\0\0\0/mnt", 12);
	assert_int_equal(parse_job(&job), 0);
	assert_int_equal(job.mount_count, 1);
	assert_string_equal(job.mounts[0].target, "/mnt");
	assert_int_equal(job.mounts[0].number, 2);
	assert_true(job.mounts[0].read_only);
	assert_false(job.mounts[0].virtiofs);
	job_free(&job);
	add(WIRE_MOUNT, "\2\0\0\0\1\0\0\0mnt", 11);
	assert_int_equal(parse_job(&job), -EPROTO);
	size -= 19;
	add(WIRE_MOUNT, "\2\0\0\0", 4);
	assert_int_equal(parse_job(&job), -EPROTO);
	size -= 12;
	add_text(WIRE_USER, "again");
	assert_int_equal(parse_job(&job), -EPROTO);
	size = 0;
	assert_int_equal(parse_job(&job), -EPROTO);
	add_u32(WIRE_GID, 1);
	add_u32(WIRE_UID, 0);
	assert_int_equal(parse_job(&job), -EPROTO);
	size = 0;
	add_u32(WIRE_GID, 1);
	add_u32(WIRE_UID, UINT32_MAX); /* "leave it" to setresuid(2) */
	assert_int_equal(parse_job(&job), -EPROTO);
	size = 0;
	add_u32(WIRE_UID, 5);
	assert_int_equal(parse_job(&job), -EPROTO);
	add_u32(WIRE_GID, UINT32_MAX);
	assert_int_equal(parse_job(&job), -EPROTO);
}

static char users[] = "users", nameless[] = "";
static struct job_group groups[] = {{100, users}, {4711, nameless}};
static struct job alice = {
        .user = "alice", .home = "/home/alice", .shell = "/bin/sh", .uid = 1000, .gid = 100, .groups = groups};

static void passwd_becomes(const struct job *job, const char *old, const char *wanted)
{
	char user[65], *text;

	assert_int_equal(accounts_passwd(old, job, &text, user, sizeof(user)), 0);
	if (wanted)
		assert_string_equal(text, wanted);
	else
		assert_null(text);
	free(text);
}

#define ROOT "root:x:0:0:root:/root:/bin/sh\n"
#define ALICE "alice:*:1000:100:alice:/home/alice:/bin/sh\n"

static void users_are_known_by_number_and_name(void **state)
{
	struct job job = alice;

	(void)state;
	passwd_becomes(&alice, "", ALICE);
	passwd_becomes(&alice, ROOT, ROOT ALICE);
	passwd_becomes(&alice, "root:x:0:0:root:/root:/bin/sh", ROOT ALICE); /* no newline at the end */
	passwd_becomes(&alice, ROOT "alice:x:1000:5:Own:/x:/bin/sh\n", NULL);
	/* the number, or the name, is another's: ours comes first */
	passwd_becomes(&alice, ROOT "debian:x:1000:5::/:/bin/sh\n", ALICE ROOT "debian:x:1000:5::/:/bin/sh\n");
	passwd_becomes(&alice, ROOT "alice:x:77:5::/:/bin/sh\n", ALICE ROOT "alice:x:77:5::/:/bin/sh\n");
	passwd_becomes(&alice, "# x\n\n+::::::\nbad:x:y:0\n", "# x\n\n+::::::\nbad:x:y:0\n" ALICE);
	/* root's name is root's */
	job.user = "root";
	passwd_becomes(&job, ROOT, ROOT "u1000:*:1000:100:u1000:/home/alice:/bin/sh\n");
	job.user = "a:b\nc";
	passwd_becomes(&job, ROOT, ROOT "u1000:*:1000:100:u1000:/home/alice:/bin/sh\n");
	job.user = NULL;
	job.home = "/x:0:0";
	job.shell = "/no/such/shell";
	passwd_becomes(&job, "", "u1000:*:1000:100:u1000:/:/bin/sh\n");
}

static void group_becomes(const char *old, const char *wanted)
{
	char *text;

	assert_int_equal(accounts_group(old, &alice, "alice", &text), 0);
	if (wanted)
		assert_string_equal(text, wanted);
	else
		assert_null(text);
	free(text);
}

static void groups_are_known_by_number_and_name(void **state)
{
	(void)state;
	alice.group_count = 2;
	group_becomes("", "users:x:100:alice\ng4711:x:4711:alice\n");
	group_becomes("users:x:100:\nat:x:4711:bob\n", "users:x:100:alice\nat:x:4711:bob,alice\n");
	group_becomes("users:x:100:alice\nat:x:4711:bob,alice\n", NULL);
	group_becomes("users:x:100:malice\nat:x:4711:alice,bob\n", "users:x:100:malice,alice\nat:x:4711:alice,bob\n");
	group_becomes("u:x:100:\nat:x:4711:alice\n", "users:x:100:alice\nu:x:100:\nat:x:4711:alice\n");
	group_becomes("users:x:7:\nat:x:4711:alice\n", "users:x:100:alice\nusers:x:7:\nat:x:4711:alice\n");
	group_becomes("users:x:0:\nat:x:4711:alice\n", "users:x:0:\nat:x:4711:alice\ng100:x:100:alice\n");
}

static void account_files_are_replaced_whole(void **state)
{
	char folder[] = "/tmp/wnodes-test-XXXXXX", path[64], text[256] = "";
	struct stat st;
	FILE *file;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/passwd", folder);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(ROOT, file);
	fclose(file);
	assert_int_equal(chmod(path, 0640), 0);
	accounts_apply(&alice, folder);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	file = fopen(path, "r");
	assert_non_null(file);
	assert_int_not_equal(fread(text, 1, sizeof(text) - 1, file), 0);
	fclose(file);
	assert_string_equal(text, ROOT ALICE);
	unlink(path);
	snprintf(path, sizeof(path), "%s/group", folder);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	unlink(path);
	assert_int_equal(rmdir(folder), 0); /* no temporary file is left */
	accounts_apply(&alice, "/proc");    /* cannot be written: not fatal */
}

static void a_ring_keeps_order_over_its_end(void **state)
{
	struct ring ring = {0};
	uint8_t out[50000];
	uint8_t next = 0, expected = 0;
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(ring_reserve(&ring, 1000), 0);
	for (int round = 0; round < 200; round++) {
		size_t length = 1 + (size_t)(round * 977) % 5000;
		ssize_t got;

		assert_int_equal(ring_reserve(&ring, ring.used + length), 0);
		for (size_t i = 0; i < length; i++)
			out[i] = next++;
		ring_put(&ring, out, length);
		got = ring_write(&ring, ends[1], 1 + (size_t)(round * 3571) % 6000);
		assert_true(got > 0);
		assert_int_equal(read(ends[0], out, sizeof(out)), got);
		for (ssize_t i = 0; i < got; i++)
			assert_int_equal(out[i], expected++);
	}
	ring_free(&ring);
	close(ends[0]);
	close(ends[1]);
}

static void frames_come_whole_however_they_are_cut(void **state)
{
	static uint8_t text[WIRE_PAYLOAD_MAX];
	struct wire_frame frame = {.channel = 3, .type = WIRE_DATA};
	const uint8_t *payload;
	struct port port;
	const char *why;
	uint8_t header[WIRE_HEADER];
	int ends[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	assert_int_equal(port_init(&port, NULL, ends[0]), 0);
	assert_int_equal(port_open(&port), 0);
	for (uint32_t length = 1; length <= WIRE_PAYLOAD_MAX; length = length * 3 + 1) {
		frame.length = length;
		wire_put_header(header, &frame);
		memset(text, (int)length, length);
		assert_int_equal(write(ends[1], header, 5), 5);
		assert_int_equal(port_fill(&port), 0);
		assert_int_equal(port_next(&port, &frame, &payload, &why), 0);
		assert_int_equal(write(ends[1], header + 5, 7), 7);
		assert_int_equal(write(ends[1], text, length), length);
		assert_int_equal(port_fill(&port), 0);
		assert_int_equal(port_next(&port, &frame, &payload, &why), 1);
		assert_int_equal(frame.length, length);
		assert_memory_equal(payload, text, length);
		assert_int_equal(port_next(&port, &frame, &payload, &why), 0);
	}
	memset(header, 0xff, sizeof(header));
	assert_int_equal(write(ends[1], header, sizeof(header)), sizeof(header));
	assert_int_equal(port_fill(&port), 0);
	assert_int_equal(port_next(&port, &frame, &payload, &why), -EPROTO);
	close(ends[1]);
	assert_int_equal(port_fill(&port), 1);
	port_close(&port);
	ring_free(&port.out);
}

static void a_port_that_nobody_reads_has_a_bound(void **state)
{
	struct wire_frame frame = {.length = 8, .type = WIRE_PONG};
	struct port port;
	int ends[2], zero = open("/dev/zero", O_RDONLY), puts = 0, data = 0;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	assert_int_equal(port_init(&port, NULL, ends[0]), 0);
	while (port_put_data(&port, 1, WIRE_STDOUT, zero, 65536) > 0 && ++data < 1000)
		assert_int_equal(port_flush(&port), 0);
	assert_true(data < 100);
	assert_int_equal(port_put_data(&port, 1, WIRE_STDOUT, zero, 65536), -ENOBUFS);
	while (port_put(&port, &frame, "12345678") && ++puts < 100000)
		;
	assert_true(puts > 100 && puts < 100000); /* DATA leaves room for other frames */
	close(zero);
	close(ends[1]);
	assert_true(port_flush(&port) == 0); /* it waits for POLLOUT */
	port_close(&port);
	ring_free(&port.out);
}

static void the_hostname_is_known_in_hosts(void **state)
{
	char *text, *again;

	(void)state;
	assert_int_equal(names_hosts("127.0.0.1 localhost\n127.0.1.1 image", "n1-5", &text), 0);
	assert_string_equal(text, "127.0.1.1 n1-5 # wnodes\n127.0.0.1 localhost\n127.0.1.1 image\n");
	assert_int_equal(names_hosts(text, "n2.example.org", &again), 0);
	assert_string_equal(again, "127.0.1.1 n2.example.org n2 # wnodes\n127.0.0.1 localhost\n127.0.1.1 image\n");
	free(text);
	free(again);
}

static void a_machine_is_named(void **state)
{
	struct job job = {.uuid = "4EBCF1D7-86b1-4e91-9ab7-330be9b2d4ff"}, broken = {.uuid = "4ebcf1d7"};
	char folder[] = "/tmp/wnodes-names-XXXXXX", path[64];
	char *text;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/machine-id", folder);
	names_apply(&broken, folder);
	assert_int_equal(access(path, F_OK), -1);
	names_apply(&job, folder);
	assert_int_equal(etc_read(path, &text), 0);
	assert_string_equal(text, "4ebcf1d786b14e919ab7330be9b2d4ff\n");
	free(text);
	unlink(path);
	rmdir(folder);
}

/* hostkeys_renew(), and its child's end; then the key of that type, or "" */
static void renew(const char *folder, const char *uuid, char *key, int room)
{
	char path[128];
	FILE *file;

	hostkeys_renew(folder, uuid);
	while (waitpid(-1, NULL, 0) > 0)
		;
	snprintf(path, sizeof(path), "%s/etc/ssh/ssh_host_ed25519_key.pub", folder);
	file = fopen(path, "r");
	if (!file || !fgets(key, room, file))
		key[0] = 0;
	if (file)
		fclose(file);
}

static void host_keys_are_the_machines_own(void **state)
{
	char folder[] = "/tmp/wnodes-keys-XXXXXX", command[512], key[512], second[512];

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(command, sizeof(command),
	         "cd %s && mkdir -p etc/ssh sys/class/dmi/id run && echo ABC > sys/class/dmi/id/product_uuid", folder);
	assert_int_equal(system(command), 0);
	renew(folder, "abc", key, sizeof(key));
	assert_string_equal(key, ""); /* no server */
	snprintf(command, sizeof(command),
	         "cd %s/etc/ssh && touch sshd_config && echo image > ssh_host_ed25519_key.pub && touch -d '2020-01-01' "
	         "ssh_host_*",
	         folder);
	assert_int_equal(system(command), 0);
	renew(folder, "abc", key, sizeof(key));
	assert_int_equal(strncmp(key, "ssh-ed25519 ", 12), 0);
	/* made since the boot, by this machine: it stays */
	renew(folder, "abc", second, sizeof(second));
	assert_string_equal(key, second);
	/* the machine has been handed on */
	renew(folder, "def", second, sizeof(second));
	assert_int_equal(strncmp(second, "ssh-ed25519 ", 12), 0);
	assert_string_not_equal(key, second);
	snprintf(command, sizeof(command), "rm -r %s", folder);
	assert_int_equal(system(command), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_spec_is_read_whole),
	        cmocka_unit_test(patterns_are_slurms),
	        cmocka_unit_test(a_task_chooses_its_program),
	        cmocka_unit_test(several_programs_become_lines),
	        cmocka_unit_test(a_wrong_spec_is_refused),
	        cmocka_unit_test(a_job_is_read_and_checked),
	        cmocka_unit_test(users_are_known_by_number_and_name),
	        cmocka_unit_test(groups_are_known_by_number_and_name),
	        cmocka_unit_test(account_files_are_replaced_whole),
	        cmocka_unit_test(the_hostname_is_known_in_hosts),
	        cmocka_unit_test(a_machine_is_named),
	        cmocka_unit_test(host_keys_are_the_machines_own),
	        cmocka_unit_test(a_ring_keeps_order_over_its_end),
	        cmocka_unit_test(frames_come_whole_however_they_are_cut),
	        cmocka_unit_test(a_port_that_nobody_reads_has_a_bound),
	};

	return cmocka_run_group_tests_name("agent_parts", tests, NULL, NULL);
}
