/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fetch/image.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/exitcode.h"

#define SECTOR 512U
#define DISK_MAX (UINT64_C(1) << 50)
#define QCOW2_HEADER 72U    /* version 2's, the shorter */
#define QCOW2_EXTENDED 104U /* version 3's */

/* docs/interop/qcow2.txt of QEMU */
enum qcow2_offset {
	AT_VERSION = 4,
	AT_BACKING = 8,
	AT_BACKING_LENGTH = 16,
	AT_CLUSTER_BITS = 20,
	AT_SIZE = 24,
	AT_CRYPT = 32,
	AT_L1_SIZE = 36,
	AT_L1 = 40,
	AT_INCOMPATIBLE = 72,
	AT_HEADER_LENGTH = 100
};
enum qcow2_feature { FEATURE_CORRUPT = 2, FEATURE_DATA_FILE = 4 };

static uint64_t big_endian(const uint8_t *p, unsigned int bytes)
{
	uint64_t value = 0;

	while (bytes-- > 0)
		value = value << 8 | *p++;
	return value;
}

/* What a file begins with that is no raw disk. */
static const char *other_format(const uint8_t *head, size_t length)
{
	static const struct {
		const char *magic;
		size_t length;
		const char *name;
	} formats[] = {{"QFI\xfb", 4, "a qcow2 image"},
	               {"QED\0", 4, "a qed image"},
	               {"KDMV", 4, "a vmdk image"},
	               {"# Disk DescriptorFile", 21, "a vmdk descriptor"},
	               {"<<< ", 4, "a vdi image"},
	               {"conectix", 8, "a vpc image"},
	               {"vhdxfile", 8, "a vhdx image"},
	               {"LUKS\xba\xbe", 6, "a LUKS volume"},
	               {"\x1f\x8b", 2, "still packed with gzip"},
	               {"\xfd"
	                "7zXZ",
	                6, "still packed with xz"},
	               {"\x28\xb5\x2f\xfd", 4, "still packed with zstd"},
	               {"BZh", 3, "still packed with bzip2"},
	               {"<!DOCTYPE", 9, "a page of a web site"},
	               {"<html", 5, "a page of a web site"}};

	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (length >= formats[i].length && memcmp(head, formats[i].magic, formats[i].length) == 0)
			return formats[i].name;
	return NULL;
}

static int wrong(struct fault *fault, const char *what)
{
	return fault_set(fault, EXIT_DATA, "the image %s", what);
}

static int check_features(const uint8_t *head, uint64_t version, struct fault *fault)
{
	uint64_t features = version == 3 ? big_endian(head + AT_INCOMPATIBLE, 8) : 0;

	if (big_endian(head + AT_BACKING, 8) != 0 || big_endian(head + AT_BACKING_LENGTH, 4) != 0)
		return wrong(fault, "has a backing file: convert it into a whole image with qemu-img convert");
	if (features & FEATURE_DATA_FILE)
		return wrong(fault,
		             "keeps its data in another file: convert it into a whole image with qemu-img convert");
	if (features & FEATURE_CORRUPT)
		return wrong(fault, "is marked as corrupt: repair it with qemu-img check -r all");
	if (big_endian(head + AT_CRYPT, 4) != 0)
		return wrong(fault, "is encrypted");
	return 0;
}

/* The table of the first level lies in the file, and is large enough for the disk that the header claims. */
static int check_tables(const uint8_t *head, uint64_t size, struct fault *fault)
{
	uint64_t bits = big_endian(head + AT_CLUSTER_BITS, 4), disk = big_endian(head + AT_SIZE, 8);
	uint64_t entries = big_endian(head + AT_L1_SIZE, 4), table = big_endian(head + AT_L1, 8);
	unsigned int per_entry;

	if (bits < 9 || bits > 21)
		return wrong(fault, "has clusters of an impossible size");
	/* a cluster of entries, 8 bytes each (or 16 with extended L2), of a cluster each */
	per_entry = (unsigned int)(2 * bits - 3);
	if (disk > DISK_MAX || (per_entry < 50 && disk > entries << per_entry))
		return fault_set(fault, EXIT_DATA,
		                 "the image claims a disk of %llu bytes, which its tables do not have",
		                 (unsigned long long)disk);
	if (table > size || entries * 8 > size - table)
		return wrong(fault, "ends before its tables do: it is not whole");
	return 0;
}

static int check_qcow2(const uint8_t *head, size_t length, uint64_t size, uint64_t *bytes, struct fault *fault)
{
	const char *other = other_format(head, length);
	uint64_t version;
	int rc;

	if (length < QCOW2_HEADER || memcmp(head, "QFI\xfb", 4) != 0)
		return fault_set(fault, EXIT_DATA, "the image is declared as qcow2 and is %s",
		                 other ? other : "none: it may be raw");
	version = big_endian(head + AT_VERSION, 4);
	if (version != 2 && version != 3)
		return fault_set(fault, EXIT_DATA, "the image is of qcow2 version %llu, which is unknown",
		                 (unsigned long long)version);
	if (version == 3 && (length < QCOW2_EXTENDED || big_endian(head + AT_HEADER_LENGTH, 4) < QCOW2_EXTENDED))
		return wrong(fault, "ends before its header does: it is not whole");
	rc = check_features(head, version, fault);
	if (rc == 0)
		rc = check_tables(head, size, fault);
	*bytes = big_endian(head + AT_SIZE, 8);
	return rc;
}

int image_check(const uint8_t *head, size_t length, uint64_t size, bool qcow2, uint64_t *bytes, struct fault *fault)
{
	const char *other = other_format(head, length);
	int rc = 0;

	*bytes = size;
	if (qcow2)
		rc = check_qcow2(head, length, size, bytes, fault);
	else if (other)
		rc = fault_set(fault, EXIT_DATA, "the image is declared as raw and is %s", other);
	if (rc < 0)
		return rc;
	if (*bytes == 0 || *bytes > DISK_MAX)
		return fault_set(fault, EXIT_DATA, "the image is a disk of %llu bytes", (unsigned long long)*bytes);
	*bytes = (*bytes + SECTOR - 1) / SECTOR * SECTOR;
	return 0;
}

int image_header(int fd, bool qcow2, uint64_t *bytes, struct fault *fault)
{
	uint8_t head[IMAGE_HEADER];
	struct stat st;
	ssize_t n = pread(fd, head, sizeof(head), 0);

	if (n < 0 || fstat(fd, &st) < 0)
		return fault_set(fault, EXIT_NODE, "cannot read the image: %s", strerror(errno));
	if (!S_ISREG(st.st_mode))
		return wrong(fault, "is no regular file");
	return image_check(head, (size_t)n, (uint64_t)st.st_size, qcow2, bytes, fault);
}
