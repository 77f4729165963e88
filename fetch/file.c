/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One try of a source of file: what the node can read by itself. */
#include "fetch/transfer.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/exitcode.h"
#include "common/str.h"

#define BLOCK (UINT64_C(1) << 20)

static int version(int fd, char *etag, size_t size, uint64_t *total)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	*total = (uint64_t)st.st_size;
	return str_print(etag, size, "\"%jd.%09ld-%jd-%ju\"", (intmax_t)st.st_mtim.tv_sec, st.st_mtim.tv_nsec,
	                 (intmax_t)st.st_size, (uintmax_t)st.st_ino);
}

static int file_begin(struct transfer *transfer, int fd, char *etag, size_t size)
{
	struct answer answer = {.etag = etag, .modified = ""};
	const char *validator;
	int rc = version(fd, etag, size, &answer.total);

	if (rc < 0)
		return transfer_fail(transfer, VERDICT_NEXT, EXIT_NODE, "%s",
		                     rc == -EINVAL ? "it is no regular file" : strerror(-rc));
	answer.begin = transfer_offset(transfer, &validator);
	if (answer.begin > 0 && (strcmp(validator, etag) != 0 || answer.begin > answer.total))
		answer.begin = 0;
	if (lseek(fd, (off_t)answer.begin, SEEK_SET) < 0)
		return transfer_fail(transfer, VERDICT_NEXT, EXIT_NODE, "%s", strerror(errno));
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	return transfer_begin(transfer, &answer);
}

static int file_copy(struct transfer *transfer, int fd, uint8_t *block)
{
	int rc = 0;

	while (rc == 0) {
		ssize_t n = read(fd, block, BLOCK);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return transfer_fail(transfer, VERDICT_AGAIN, EXIT_NODE, "%s", strerror(errno));
		if (n == 0)
			return 0;
		rc = transfer_data(transfer, block, (size_t)n);
	}
	return rc;
}

static int file_run(struct transfer *transfer, int fd, uint8_t *block)
{
	char before[NOTES_VALIDATOR], after[NOTES_VALIDATOR];
	uint64_t total;
	int rc = file_begin(transfer, fd, before, sizeof(before));

	if (rc == 0)
		rc = file_copy(transfer, fd, block);
	if (rc == 0 && (version(fd, after, sizeof(after), &total) < 0 || strcmp(before, after) != 0)) {
		transfer_forget(transfer);
		rc = transfer_fail(transfer, VERDICT_AGAIN, EXIT_NODE, "it changed while it was read");
	}
	return rc == 0 ? transfer_finish(transfer) : rc;
}

enum verdict file_try(struct transfer *transfer)
{
	/* not waiting for a writer, where it is a pipe */
	int fd = open(transfer->url->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	uint8_t *block = malloc(BLOCK);

	if (!block)
		(void)transfer_fail(transfer, VERDICT_STOP, EXIT_NODE, "out of memory");
	else if (fd < 0)
		(void)transfer_fail(transfer, VERDICT_NEXT, EXIT_NODE, "%s", strerror(errno));
	else if (file_run(transfer, fd, block) == 0)
		transfer->verdict = VERDICT_DONE;
	if (fd >= 0)
		(void)close(fd);
	free(block);
	return transfer->verdict;
}
