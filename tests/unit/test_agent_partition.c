/* SPDX-License-Identifier: GPL-2.0-or-later */
/* links: guest/partition.o guest/partition_gpt.o common/wire.o */
/*
 * Partition tables, made by sfdisk and fdisk on a file that then becomes
 * larger: what grow writes is what sfdisk and sgdisk hold for right, and what
 * it does not understand it leaves alone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/size.h"
#include "guest/partition.h"

#define BEHIND "another partition lies behind it"

static char path[] = "/tmp/test-partition.XXXXXX.disk";

/* The exit code of a shell's command, $f in it being the file. */
static int shell(const char *command)
{
	int rc = system(command);

	return WIFEXITED(rc) ? WEXITSTATUS(rc) : -1;
}

static void resize(uint64_t bytes)
{
	assert_int_equal(truncate(path, (off_t)bytes), 0);
}

/* A new file of 64 MiB, with the table that sfdisk makes of a script. */
static void make(const char *script)
{
	char command[512];

	resize(0);
	resize(64 * MIB);
	(void)snprintf(command, sizeof(command), "printf '%s' | sfdisk -q $f 2>&1", script);
	assert_int_equal(shell(command), 0);
}

static struct partition_disk open_file(uint32_t sector)
{
	struct partition_disk disk = {.fd = open(path, O_RDWR), .sector = sector};
	struct stat st;

	assert_true(disk.fd >= 0);
	assert_int_equal(fstat(disk.fd, &st), 0);
	disk.sectors = (uint64_t)st.st_size / sector;
	return disk;
}

/* The partition as sfdisk tells it. */
static struct partition look(unsigned int number)
{
	struct partition partition = {.number = number};
	unsigned long long start = 0, count = 0;
	char command[256];
	FILE *pipe;

	(void)snprintf(command, sizeof(command),
	               "sfdisk -d $f 2> /dev/null | sed -n \"s|^${f}%u :.*start= *\\([0-9]*\\),.*size= "
	               "*\\([0-9]*\\),.*|\\1 \\2|p\"",
	               number);
	pipe = popen(command, "r");
	assert_non_null(pipe);
	assert_int_equal(fscanf(pipe, "%llu %llu", &start, &count), 2);
	assert_int_equal(pclose(pipe), 0);
	partition.start = start;
	partition.count = count;
	return partition;
}

/* What partition_plan() says; with `write`, done, too. */
static int grow(unsigned int number, bool write, const char **why)
{
	struct partition_disk disk = open_file(512);
	struct partition partition = look(number);
	struct partition_change change;
	int rc = partition_plan(&disk, &partition, &change, why);

	if (rc == 1) {
		if (write)
			assert_int_equal(partition_write(&disk, &change), 0);
		partition_free(&change);
	}
	close(disk.fd);
	return rc;
}

static void refuses(unsigned int number, const char *reason)
{
	const char *why = NULL;

	assert_int_equal(grow(number, false, &why), 0);
	if (reason)
		assert_string_equal(why, reason);
	else
		assert_null(why);
}

/* Partition `number` grows to the end, with `gap` sectors left; the tools find nothing wrong; again, there is nothing
 * to do. */
static void grows(unsigned int number, uint64_t bytes, uint64_t gap)
{
	struct partition before = look(number), after;
	const char *why = NULL;

	resize(bytes);
	assert_int_equal(grow(number, true, &why), 1);
	assert_null(why);
	after = look(number);
	assert_int_equal(after.start, before.start);
	assert_int_equal(after.start + after.count, bytes / 512 - gap);
	assert_int_equal(shell("sfdisk -V -q $f > /dev/null 2>&1"), 0);
	refuses(number, NULL);
}

static void gpt_is_right(void)
{
	assert_int_equal(shell("PATH=$PATH:/usr/sbin:/sbin sgdisk -v $f | grep -q '^No problems found'"), 0);
}

static void gpt_grows(void **state)
{
	(void)state;
	make("label: gpt\\n,+\\n");
	grows(1, 3 * 1024 * MIB, 2048);
	gpt_is_right();
	/* again, from what we wrote; a length that is no multiple of anything */
	grows(1, 5 * 1024 * MIB + UINT64_C(512) * 777, 777);
	gpt_is_right();
	/* beyond what an MBR can say */
	grows(1, 3 * 1024 * 1024 * MIB, 2048);
	gpt_is_right();
}

static void gpt_keeps_names_and_the_others(void **state)
{
	(void)state;
	make("label: gpt\\n,10M,U,,bootable\\n,10M,S\\nname=root,type=L\\n");
	assert_int_equal(shell("sfdisk -d $f | grep -v \"^last-lba\\|^${f}3\" > $f.before"), 0);
	grows(3, 200 * MIB, 2048);
	gpt_is_right();
	assert_int_equal(shell("sfdisk -d $f | grep -v \"^last-lba\\|^${f}3\" | cmp -s - $f.before && rm $f.before"),
	                 0);
	assert_int_equal(shell("sfdisk -d $f | grep -q \"^${f}3.*name=.root\""), 0);
	/* the lowest number need not be first on the disk */
	make("label: gpt\\n30M,\\n10M,10M\\n");
	grows(1, 200 * MIB, 2048);
	gpt_is_right();
}

static void gpt_with_large_sectors(void **state)
{
	struct partition_disk disk;
	struct partition partition = {.number = 1, .start = 256, .count = (63 * MIB) / 4096 - 256};
	struct partition_change change;
	const char *why;

	(void)state;
	resize(0);
	resize(64 * MIB);
	assert_int_equal(shell("printf 'g\\nn\\n1\\n256\\n16127\\nw\\n' | fdisk -b 4096 $f > /dev/null 2>&1"), 0);
	resize(100 * MIB);
	disk = open_file(4096);
	assert_int_equal(partition_plan(&disk, &partition, &change, &why), 1);
	assert_int_equal(change.count, 99 * MIB / 4096 - 256);
	assert_int_equal(partition_write(&disk, &change), 0);
	partition_free(&change);
	close(disk.fd);
	/* a damaged backup is told of */
	assert_int_equal(shell("fdisk -b 4096 -l $f 2>&1 | grep -q '1 *256 *25343 '"), 0);
	assert_int_equal(shell("fdisk -b 4096 -l $f 2>&1 | grep -qi 'backup\\|corrupt\\|mismatch'"), 1);
}

static void mbr_grows(void **state)
{
	(void)state;
	make("label: dos\\n,+,L,*\\n");
	grows(1, 3 * 1024 * MIB, 0);
	assert_int_equal(shell("sfdisk -d $f | grep -q bootable"), 0);
	make("label: dos\\n,10M\\n,10M\\n,\\n");
	grows(3, 200 * MIB + 512, 1);
	/* 32 bits of sectors, and no more */
	resize(3 * 1024 * 1024 * MIB);
	assert_int_equal(grow(3, true, &(const char *){NULL}), 1);
	assert_int_equal(look(3).start + look(3).count, (UINT64_C(1) << 32) - 2048);
	refuses(3, NULL);
}

static void what_cannot_grow(void **state)
{
	(void)state;
	make("label: gpt\\n,20M\\n,\\n");
	refuses(1, NULL); /* nothing would be gained */
	resize(200 * MIB);
	refuses(1, BEHIND);
	make("label: dos\\n,20M\\n,\\n");
	refuses(1, NULL);
	resize(200 * MIB);
	refuses(1, BEHIND);
	/* Debian's: swap in an extended partition behind the root's */
	make("label: dos\\n,30M\\n,,E\\n,10M,S\\n");
	resize(200 * MIB);
	refuses(1, BEHIND);
	refuses(5, "it is a logical partition");
}

static void less_than_a_mebibyte_is_nothing(void **state)
{
	(void)state;
	make("label: dos\\n,+\\n");
	refuses(1, NULL);
	resize(65 * MIB - 512);
	refuses(1, NULL);
	/* 33 sectors are the backup's */
	make("label: gpt\\n,+\\n");
	refuses(1, NULL);
	resize(64 * MIB + UINT64_C(512) * 32);
	refuses(1, NULL);
	resize(64 * MIB + UINT64_C(512) * 33);
	grows(1, 64 * MIB + UINT64_C(512) * 33, 33);
}

/* Byte `offset` of the file becomes another. */
static void damage(uint64_t offset)
{
	struct partition_disk disk = open_file(512);
	uint8_t byte;

	assert_int_equal(pread(disk.fd, &byte, 1, (off_t)offset), 1);
	byte ^= 0x40;
	assert_int_equal(pwrite(disk.fd, &byte, 1, (off_t)offset), 1);
	close(disk.fd);
}

static void damaged_tables_are_left_alone(void **state)
{
	/* signature, length, checksum, place of the entries, their checksum; type and end of the first entry; the last
	 * one */
	static const uint64_t places[] = {512,      512 + 12, 512 + 16,  512 + 72,
	                                  512 + 88, 1024,     1024 + 40, 1024 + 127 * 128};
	const char *why;

	(void)state;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		struct partition_disk disk;
		struct partition partition;
		struct partition_change change;

		make("label: gpt\\n,+\\n");
		partition = look(1);
		resize(200 * MIB);
		damage(places[i]);
		disk = open_file(512);
		assert_int_equal(partition_plan(&disk, &partition, &change, &why), 0);
		assert_string_equal(why, "the GPT is damaged");
		close(disk.fd);
	}
}

static void strange_tables_are_left_alone(void **state)
{
	struct partition_disk disk;
	struct partition partition;
	struct partition_change change;
	const char *why;

	(void)state;
	/* what the kernel has is not what the table says */
	make("label: gpt\\n,+\\n");
	partition = look(1);
	resize(200 * MIB);
	disk = open_file(512);
	partition.count--;
	assert_int_equal(partition_plan(&disk, &partition, &change, &why), 0);
	assert_string_equal(why, "the partition table is not the one that the kernel has read");
	partition.number = 7;
	assert_int_equal(partition_plan(&disk, &partition, &change, &why), 0);
	assert_non_null(why);
	close(disk.fd);
	/* a partition of the GPT that is in the MBR, too */
	assert_int_equal(shell("PATH=$PATH:/usr/sbin:/sbin sgdisk -h 1:EE $f > /dev/null 2>&1"), 0);
	refuses(1, "the MBR beside the GPT has partitions, too");
	/* none at all */
	resize(0);
	resize(64 * MIB);
	disk = open_file(512);
	assert_int_equal(partition_plan(&disk, &partition, &change, &why), 0);
	assert_string_equal(why, "the partition table is neither GPT nor MBR");
	close(disk.fd);
	/* a file that ends within its table */
	resize(100);
	disk = open_file(512);
	assert_true(partition_plan(&disk, &partition, &change, &why) < 0);
	close(disk.fd);
}

static void what_fails_is_undone(void **state)
{
	struct partition_disk disk;
	struct partition partition;
	struct partition_change change;
	const char *why;

	(void)state;
	for (size_t bad = 0; bad < PARTITION_PIECES; bad++) {
		make("label: gpt\\n,+\\n");
		partition = look(1);
		resize(200 * MIB);
		assert_int_equal(shell("cp --sparse=always $f $f.before"), 0);
		disk = open_file(512);
		assert_int_equal(partition_plan(&disk, &partition, &change, &why), 1);
		assert_int_equal(change.pieces, PARTITION_PIECES);
		change.piece[bad].offset = UINT64_MAX - 4095;
		assert_int_equal(partition_write(&disk, &change), -EINVAL);
		partition_free(&change);
		close(disk.fd);
		assert_int_equal(shell("cmp -s $f $f.before && rm $f.before"), 0);
	}
}

static int begin(void **state)
{
	int fd = mkstemps(path, 5);

	(void)state;
	if (fd >= 0)
		close(fd);
	return fd < 0 ? -1 : setenv("f", path, 1);
}

static int end(void **state)
{
	(void)state;
	return unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(gpt_grows),
	        cmocka_unit_test(gpt_keeps_names_and_the_others),
	        cmocka_unit_test(gpt_with_large_sectors),
	        cmocka_unit_test(mbr_grows),
	        cmocka_unit_test(what_cannot_grow),
	        cmocka_unit_test(less_than_a_mebibyte_is_nothing),
	        cmocka_unit_test(damaged_tables_are_left_alone),
	        cmocka_unit_test(strange_tables_are_left_alone),
	        cmocka_unit_test(what_fails_is_undone),
	};

	return cmocka_run_group_tests_name("agent_partition", tests, begin, end);
}
