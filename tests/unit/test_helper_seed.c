/* SPDX-License-Identifier: GPL-2.0-or-later */
/* links: helper/seed.o helper/iso9660.o helper/child.o helper/harden.o helper/fs.o helper/journal.o helper/failure.o */
/* links: common/kv.o common/log.o common/str.o */
/* The seed's file system, by the eyes of libisofs (xorriso) and libblkid, and the process that writes it. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/exitcode.h"
#include "helper/child.h"
#include "helper/iso9660.h"
#include "helper/seed.h"

static uid_t user; /* this process's alone */
static char folder[] = "/tmp/wnodes-seed-XXXXXX";

static int set_up(void **state)
{
	(void)state;
	return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int tear_down(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return chdir("/") == 0 && system(command) == 0 ? 0 : -1;
}

/* What a command says, without the last newline. */
static const char *says(const char *command)
{
	static char text[4096];
	FILE *stream = popen(command, "r");
	size_t length;

	assert_non_null(stream);
	length = fread(text, 1, sizeof(text) - 1, stream);
	text[length] = 0;
	text[length > 0 && text[length - 1] == '\n' ? length - 1 : length] = 0;
	assert_int_equal(pclose(stream), 0);
	return text;
}

static int write_image(const char *label, const struct iso9660_file *files, size_t count)
{
	int fd = open("image", O_WRONLY | O_CREAT | O_TRUNC, 0600);
	int rc = iso9660_write(fd, label, files, count);

	assert_true(fd >= 0);
	close(fd);
	return rc;
}

/* Sizes around a sector's, none, and one of many sectors. */
static void others_read_what_is_written(void **state)
{
	static uint8_t bytes[300001];
	const struct iso9660_file files[] = {{"empty", bytes, 0},
	                                     {"less.than-a-sector", bytes, 2047},
	                                     {"many.sectors", bytes, sizeof(bytes)},
	                                     {"more_than_a_sector", bytes, 2049},
	                                     {"one-sector.abcdefghijklmnopqrs", bytes, 2048}};
	static uint8_t found[sizeof(bytes) + 1];
	char name[64];
	FILE *file;

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7 + i / 251);
	assert_int_equal(write_image("cidata", files, 5), 0);
	assert_string_equal(says("blkid -p -s LABEL -s TYPE -o value image | sort | xargs"), "cidata iso9660");
	assert_string_equal(says("xorriso -report_about WARNING -ecma119_map lowercase -indev stdio:image "
	                         "-osirrox on -extract / out 2>&1 | sed '/^xorriso [0-9.]* : /d; /^$/d'"),
	                    "");
	assert_string_equal(says("ls out | xargs"),
	                    "empty less.than-a-sector many.sectors more_than_a_sector one-sector.abcdefghijklmnopqrs");
	for (size_t i = 0; i < 5; i++) {
		snprintf(name, sizeof(name), "out/%s", files[i].name);
		file = fopen(name, "r");
		assert_non_null(file);
		assert_int_equal(fread(found, 1, sizeof(found), file), files[i].size);
		assert_memory_equal(found, bytes, files[i].size);
		fclose(file);
	}
}

static void what_cannot_be_said_in_it_is_refused(void **state)
{
	const struct iso9660_file good = {"good", "", 0};
	static const char *const names[] = {"",       ".hidden", "Capital", "two.dots.here",
	                                    "sl/ash", "semi;1",  "blank x", "abcdefghijklmnopqrstuvwxyz.12345"};
	struct iso9660_file files[ISO9660_FILES_MAX + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_int_equal(write_image("x", &(struct iso9660_file){names[i], "", 0}, 1), -EINVAL);
	assert_int_equal(write_image("x", (struct iso9660_file[]){good, {"a", "", 0}}, 2), -EINVAL);
	assert_int_equal(write_image("x", (struct iso9660_file[]){good, good}, 2), -EINVAL);
	assert_int_equal(write_image("a label that is longer than it may be", &good, 1), -EINVAL);
	for (size_t i = 0; i <= ISO9660_FILES_MAX; i++)
		files[i] = good;
	assert_int_equal(write_image("x", files, ISO9660_FILES_MAX + 1), -EINVAL);
	assert_int_equal(iso9660_write(open("/dev/full", O_WRONLY | O_CLOEXEC), "x", &good, 1), -ENOSPC);
}

static void the_network_is_the_machines(void **state)
{
	static const char *const keys[][2] = {{"networks", "2"},
	                                      {"network.0.mac", "52:54:00:12:34:56"},
	                                      {"network.0.dhcp", "yes"},
	                                      {"network.1.mac", "02:00:00:00:10:00"},
	                                      {"network.1.dhcp", "no"},
	                                      {"network.1.address", "10.1.2.10/24"},
	                                      {"network.1.gateway", "10.1.2.1"},
	                                      {"network.1.dns", "10.1.2.1 10.1.2.2"},
	                                      {"network.1.mtu", "9000"}};
	char text[1024];
	struct kv machine = {0};

	(void)state;
	assert_int_equal(kv_set(&machine, "networks", "0"), 0);
	assert_int_equal(seed_network_config(&machine, text, sizeof(text)), 0);
	assert_string_equal(text, "version: 2\nethernets: {}\n");
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		assert_int_equal(kv_set(&machine, keys[i][0], keys[i][1]), 0);
	assert_int_equal(seed_network_config(&machine, text, sizeof(text)), 0);
	assert_string_equal(text, "version: 2\n"
	                          "ethernets:\n"
	                          "  eth0:\n"
	                          "    match: {macaddress: \"52:54:00:12:34:56\"}\n"
	                          "    set-name: eth0\n"
	                          "    dhcp4: true\n"
	                          "    optional: true\n"
	                          "  eth1:\n"
	                          "    match: {macaddress: \"02:00:00:00:10:00\"}\n"
	                          "    set-name: eth1\n"
	                          "    dhcp4: false\n"
	                          "    optional: true\n"
	                          "    addresses: [\"10.1.2.10/24\"]\n"
	                          "    gateway4: \"10.1.2.1\"\n"
	                          "    mtu: 9000\n"
	                          "    nameservers:\n"
	                          "      addresses:\n"
	                          "        - \"10.1.2.1\"\n"
	                          "        - \"10.1.2.2\"\n");
	for (size_t size = 16; size < strlen(text); size += 16)
		assert_int_equal(seed_network_config(&machine, (char[1024]){0}, size), -ENAMETOOLONG);
	assert_int_equal(kv_set(&machine, "networks", "3"), 0);
	assert_int_equal(seed_network_config(&machine, text, sizeof(text)), -EINVAL);
	kv_free(&machine);
}

static int is_the_user(void *context)
{
	char groups[8];
	gid_t group = 0;

	(void)context;
	snprintf(groups, sizeof(groups), "%d", getgroups(1, &group));
	dprintf(STDERR_FILENO, "uid %u\ngid %u\ngroup %u\n\n", getuid(), getegid(), group);
	return strcmp(groups, "1") == 0 && setuid(0) < 0 ? 3 : 0;
}

static _Noreturn int sleeps(void *context)
{
	(void)context;
	for (;;)
		pause();
}

static int dies(void *context)
{
	(void)context;
	return raise(SIGTERM);
}

static int does_well(void *context)
{
	dprintf(STDERR_FILENO, "a warning\n");
	return *(int *)context;
}

/* What running the program, or work, as a child says. */
static const char *child_says(const char *program, int (*work)(void *), void *context, uid_t uid)
{
	static struct failure why;
	char *const argv[] = {"x", NULL};
	const struct child child = {.program = program,
	                            .argv = argv,
	                            .work = work,
	                            .context = context,
	                            .uid = uid,
	                            .gid = user + 1,
	                            .out = -1};

	why = (struct failure){0};
	if (child_run(&child, "It", 1000, &why) < 0)
		assert_int_equal(why.code, EXIT_NODE);
	return why.message;
}

static void a_child_is_the_user_for_a_bounded_time(void **state)
{
	char expected[96];
	int zero = 0;

	(void)state;
	if (geteuid() != 0)
		skip();
	(void)snprintf(expected, sizeof(expected), "It: uid %u gid %u group %u", user, user + 1, user + 1);
	assert_string_equal(child_says(NULL, does_well, &zero, user), "");
	assert_string_equal(child_says(NULL, is_the_user, NULL, user), expected);
	assert_string_equal(child_says(NULL, sleeps, NULL, user), "It: Connection timed out");
	assert_string_equal(child_says(NULL, dies, NULL, user), "It: killed by signal 15");
	assert_string_equal(child_says("/bin/false", NULL, NULL, user), "It: exit code 1");
	assert_string_equal(child_says("/bin/true", NULL, NULL, user), "");
	assert_string_equal(child_says("/no/program", NULL, NULL, user),
	                    "It: cannot execute /no/program: No such file or directory");
	/* never root */
	assert_string_equal(child_says(NULL, does_well, &zero, 0), "It: cannot become the user 0");
}

static int looks_into(void *context)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", *(int *)context);
	return open(path, O_RDONLY | O_DIRECTORY) >= 0;
}

/* Whether its user's other processes may look into such a child; -1 where it could not be tried. */
static int is_open_to_its_user(bool hidden)
{
	char *const argv[] = {"sleep", "10", NULL};
	struct child sleeper = {.program = "/bin/sleep",
	                        .argv = argv,
	                        .uid = user,
	                        .gid = user + 1,
	                        .hidden = hidden,
	                        .out = -1,
	                        .err = -1};
	int pid = child_start(&sleeper), status;
	const struct child looker = {
	        .work = looks_into, .context = &pid, .uid = user, .gid = user + 1, .out = -1, .err = -1};
	char path[64], program[64] = "";

	(void)snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	for (int i = 0; i < 1000 && !strstr(program, hidden ? "memfd:" : "sleep"); i++) {
		(void)usleep(1000);
		memset(program, 0, sizeof(program));
		(void)!readlink(path, program, sizeof(program) - 1);
	}
	status = child_wait(child_start(&looker), 1000);
	(void)kill(pid, SIGKILL);
	(void)child_wait(pid, 1000);
	return WIFEXITED(status) && strstr(program, hidden ? "memfd:" : "sleep") ? WEXITSTATUS(status) : -1;
}

static void a_hidden_program_is_closed_to_its_user(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(is_open_to_its_user(false), 1);
	assert_int_equal(is_open_to_its_user(true), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(others_read_what_is_written),
	        cmocka_unit_test(what_cannot_be_said_in_it_is_refused),
	        cmocka_unit_test(the_network_is_the_machines),
	        cmocka_unit_test(a_child_is_the_user_for_a_bounded_time),
	        cmocka_unit_test(a_hidden_program_is_closed_to_its_user),
	};

	user = 100000 + 4 * (uid_t)getpid();
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
