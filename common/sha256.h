/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WNODES_COMMON_SHA256_H
#define WNODES_COMMON_SHA256_H

#include <stddef.h>

#define SHA256_SIZE 32U

/** The SHA-256 (FIPS 180-4) of data[size] into hash[SHA256_SIZE]. */
void sha256(const void *data, size_t size, unsigned char *hash);

#endif
