/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fetch/digest.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/exitcode.h"
#include "fetch/filter.h"
#include "fetch/report.h"

#define BLOCK (1U << 20)
#define AHEAD (8U << 20) /* is being read while a block is digested */

static int digest_file(int fd, EVP_MD_CTX *context, uint8_t *block, struct fault *fault)
{
	off_t offset = 0;
	ssize_t n;

	do {
		(void)posix_fadvise(fd, offset + BLOCK, AHEAD, POSIX_FADV_WILLNEED);
		n = pread(fd, block, BLOCK, offset);
		if (n < 0 && errno != EINTR)
			return fault_set(fault, EXIT_NODE, "cannot read the image: %s", strerror(errno));
		if (n > 0 && EVP_DigestUpdate(context, block, (size_t)n) != 1)
			return fault_set(fault, EXIT_NODE, "OpenSSL cannot make a SHA-256");
		if (n > 0)
			offset += n;
	} while (n != 0);
	return 0;
}

static int report_digest(EVP_MD_CTX *context, struct fault *fault)
{
	unsigned char value[EVP_MAX_MD_SIZE];
	char text[2 * EVP_MAX_MD_SIZE + 1] = "";
	unsigned int length = 0;

	if (EVP_DigestFinal_ex(context, value, &length) != 1)
		return fault_set(fault, EXIT_NODE, "OpenSSL cannot make a SHA-256");
	for (unsigned int i = 0; i < length; i++)
		(void)snprintf(text + 2 * (size_t)i, 3, "%02x", value[i]);
	return report("sha256", "%s", text) < 0 ? fault_set(fault, EXIT_NODE, "nobody reads the digest") : 0;
}

int digest(int fd, struct fault *fault)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	uint8_t *block = malloc(BLOCK);
	int rc;

	/* what OpenSSL opens, it opens before the filter */
	if (!context || !block || EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1)
		rc = fault_set(fault, EXIT_NODE, "OpenSSL cannot make a SHA-256");
	else
		rc = filter_digest(fault);
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	if (rc == 0)
		rc = digest_file(fd, context, block, fault);
	if (rc == 0)
		rc = report_digest(context, fault);
	EVP_MD_CTX_free(context);
	free(block);
	return rc;
}
