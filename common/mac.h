/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WNODES_COMMON_MAC_H
#define WNODES_COMMON_MAC_H

/* A machine's own, on the network user. No guest shares that with another, so one address serves all. */
#define MAC_ADDRESS "52:54:00:12:34:56"

#endif
