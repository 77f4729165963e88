/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/iso9660.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/write.h"

#define SECTOR 2048U
#define SYSTEM_SECTORS 16U /* before the descriptors; empty */

/* Each of these is one sector, but the files, which follow each other. */
enum { AT_PRIMARY = SYSTEM_SECTORS, AT_TERMINATOR, AT_TABLE_LITTLE, AT_TABLE_BIG, AT_ROOT, AT_FILES };

#define NO_NAME "\0" /* of the folder itself */
#define PARENT "\1"
#define TABLE_SIZE 10U /* bytes of a path table with the root alone */
#define FLAG_FOLDER 2U

static void put_u16_both(uint8_t *to, uint16_t number)
{
	to[0] = to[3] = (uint8_t)number;
	to[1] = to[2] = (uint8_t)(number >> 8);
}

static void put_u32_little(uint8_t *to, uint32_t number)
{
	for (unsigned int i = 0; i < 4; i++)
		to[i] = (uint8_t)(number >> (8 * i));
}

static void put_u32_big(uint8_t *to, uint32_t number)
{
	for (unsigned int i = 0; i < 4; i++)
		to[3 - i] = (uint8_t)(number >> (8 * i));
}

static void put_u32_both(uint8_t *to, uint32_t number)
{
	put_u32_little(to, number);
	put_u32_big(to + 4, number);
}

/* Texts of descriptors are filled up with blanks. */
static void put_text(uint8_t *to, const char *text, size_t size)
{
	size_t length = strlen(text);

	memset(to, ' ', size);
	memcpy(to, text, length < size ? length : size);
}

static uint32_t sectors(size_t bytes)
{
	return (uint32_t)((bytes + SECTOR - 1) / SECTOR);
}

/* A directory record (ECMA-119, 9.1) with a name of length bytes; its size. */
static size_t put_record(uint8_t *to, uint32_t sector, uint32_t size, unsigned int flags, const char *name,
                         size_t length)
{
	size_t record = 33 + length + (length % 2 == 0);
	time_t now = time(NULL);
	struct tm utc = {0};

	gmtime_r(&now, &utc);
	memset(to, 0, record);
	to[0] = (uint8_t)record;
	put_u32_both(to + 2, sector);
	put_u32_both(to + 10, size);
	to[18] = (uint8_t)utc.tm_year;
	to[19] = (uint8_t)(utc.tm_mon + 1);
	to[20] = (uint8_t)utc.tm_mday;
	to[21] = (uint8_t)utc.tm_hour;
	to[22] = (uint8_t)utc.tm_min;
	to[23] = (uint8_t)utc.tm_sec;
	to[25] = (uint8_t)flags;
	put_u16_both(to + 28, 1); /* the volume's number */
	to[32] = (uint8_t)length;
	memcpy(to + 33, name, length);
	return record;
}

/* The primary volume descriptor (8.4), which leads to the rest. */
static void put_primary(uint8_t *to, const char *label, uint32_t all)
{
	static const char no_date[17] = "0000000000000000";

	to[0] = 1;
	memcpy(to + 1, "CD001", 5);
	to[6] = 1;
	put_text(to + 8, "", 32);
	put_text(to + 40, label, 32);
	put_u32_both(to + 80, all);
	put_u16_both(to + 120, 1);
	put_u16_both(to + 124, 1);
	put_u16_both(to + 128, SECTOR);
	put_u32_both(to + 132, TABLE_SIZE);
	put_u32_little(to + 140, AT_TABLE_LITTLE);
	put_u32_big(to + 148, AT_TABLE_BIG);
	(void)put_record(to + 156, AT_ROOT, SECTOR, FLAG_FOLDER, NO_NAME, 1);
	put_text(to + 190, "", 813 - 190);
	for (size_t date = 813; date < 881; date += sizeof(no_date))
		memcpy(to + date, no_date, sizeof(no_date));
	to[881] = 1;
}

static void put_terminator(uint8_t *to)
{
	to[0] = 255;
	memcpy(to + 1, "CD001", 5);
	to[6] = 1;
}

/* A path table (9.4) that has the root alone. */
static void put_table(uint8_t *to, int big)
{
	to[0] = 1;
	if (big)
		put_u32_big(to + 2, AT_ROOT);
	else
		put_u32_little(to + 2, AT_ROOT);
	to[big ? 7 : 6] = 1;
}

/* "user-data" becomes "USER-DATA.;1"; its length, 0 where it is no name for a file. */
static size_t put_name(char *to, const char *name)
{
	size_t length = strlen(name);
	size_t dots = 0;

	if (length == 0 || length > ISO9660_NAME_MAX || name[0] == '.')
		return 0;
	for (size_t i = 0; i < length; i++) {
		if (!islower((unsigned char)name[i]) && !isdigit((unsigned char)name[i]) && !strchr("-_.", name[i]))
			return 0;
		dots += name[i] == '.';
		to[i] = (char)toupper((unsigned char)name[i]);
	}
	if (dots > 1)
		return 0;
	if (dots == 0)
		to[length++] = '.';
	to[length++] = ';';
	to[length++] = '1';
	return length;
}

static int put_root(uint8_t *to, const struct iso9660_file *files, size_t count)
{
	char name[ISO9660_NAME_MAX + 3];
	uint32_t sector = AT_FILES;
	size_t length;

	to += put_record(to, AT_ROOT, SECTOR, FLAG_FOLDER, NO_NAME, 1);
	to += put_record(to, AT_ROOT, SECTOR, FLAG_FOLDER, PARENT, 1);
	for (size_t i = 0; i < count; i++) {
		length = put_name(name, files[i].name);
		if (length == 0 || files[i].size > UINT32_MAX ||
		    (i > 0 && strcmp(files[i - 1].name, files[i].name) >= 0))
			return -EINVAL;
		to += put_record(to, sector, (uint32_t)files[i].size, 0, name, length);
		sector += sectors(files[i].size);
	}
	return 0;
}

/* The file, filled up to whole sectors. */
static int write_file(int fd, const struct iso9660_file *file)
{
	static const uint8_t zeros[SECTOR];
	int rc = write_all(fd, file->bytes, file->size);

	return rc == 0 ? write_all(fd, zeros, (size_t)sectors(file->size) * SECTOR - file->size) : rc;
}

int iso9660_write(int fd, const char *label, const struct iso9660_file *files, size_t count)
{
	static uint8_t head[AT_FILES][SECTOR];
	uint32_t all = AT_FILES;
	int rc;

	if (count > ISO9660_FILES_MAX || strlen(label) > ISO9660_NAME_MAX)
		return -EINVAL;
	for (size_t i = 0; i < count; i++)
		all += sectors(files[i].size);
	memset(head, 0, sizeof(head));
	put_primary(head[AT_PRIMARY], label, all);
	put_terminator(head[AT_TERMINATOR]);
	put_table(head[AT_TABLE_LITTLE], 0);
	put_table(head[AT_TABLE_BIG], 1);
	rc = put_root(head[AT_ROOT], files, count);
	if (rc == 0)
		rc = write_all(fd, head, sizeof(head));
	for (size_t i = 0; rc == 0 && i < count; i++)
		rc = write_file(fd, &files[i]);
	return rc;
}
