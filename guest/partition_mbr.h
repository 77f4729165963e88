/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is where in an MBR. Numbers are little-endian, as on the wire. */
#ifndef WNODES_GUEST_PARTITION_MBR_H
#define WNODES_GUEST_PARTITION_MBR_H

#define MBR_LENGTH 512U
#define MBR_ENTRIES 4U
#define MBR_PROTECTIVE 0xee /* the type that says: there is a GPT */
/* in an entry */
#define MBR_TYPE 4
#define MBR_END_CHS 5
#define MBR_START 8
#define MBR_COUNT 12

/** Where entry n is, from 1 on. */
static inline unsigned int mbr_entry(unsigned int n)
{
	return 446 + 16 * (n - 1);
}

#endif
