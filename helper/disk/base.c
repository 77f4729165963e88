/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/disk/base.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/exitcode.h"

#define SECTOR 512U

static uint64_t big_endian(const unsigned char *p, unsigned int bytes)
{
	uint64_t value = 0;

	while (bytes-- > 0)
		value = value << 8 | *p++;
	return value;
}

/* docs/interop/qcow2.txt of QEMU: magic, version, offset of the backing file's name, …, size at 24, features at 72 */
static int base_qcow2(int fd, const char *path, uint64_t *bytes, struct failure *why)
{
	unsigned char header[80];
	uint64_t version;

	if (pread(fd, header, sizeof(header), 0) != (ssize_t)sizeof(header) || memcmp(header, "QFI\xfb", 4) != 0)
		return failure_set(why, EXIT_NODE, "%s is not a qcow2 image", path);
	version = big_endian(header + 4, 4);
	if (version != 2 && version != 3)
		return failure_set(why, EXIT_NODE, "%s: qcow2 version %llu is unknown", path,
		                   (unsigned long long)version);
	if (big_endian(header + 8, 8) != 0)
		return failure_set(why, EXIT_NODE, "%s has a backing file itself: convert it into a whole image", path);
	if (version == 3 && (big_endian(header + 72, 8) & 4) != 0)
		return failure_set(why, EXIT_NODE, "%s keeps its data in another file: convert it into a whole image",
		                   path);
	*bytes = big_endian(header + 24, 8);
	return 0;
}

int base_size(int fd, const char *path, bool qcow2, uint64_t *bytes, struct failure *why)
{
	struct stat st;
	int rc;

	if (qcow2) {
		rc = base_qcow2(fd, path, bytes, why);
		if (rc < 0)
			return rc;
	} else if (fstat(fd, &st) == 0) {
		*bytes = (uint64_t)st.st_size;
	} else {
		return failure_set(why, EXIT_NODE, "%s: %s", path, strerror(errno));
	}
	if (*bytes == 0 || *bytes > UINT64_C(1) << 50)
		return failure_set(why, EXIT_NODE, "%s: a disk of %llu bytes", path, (unsigned long long)*bytes);
	*bytes = (*bytes + SECTOR - 1) / SECTOR * SECTOR;
	return 0;
}
