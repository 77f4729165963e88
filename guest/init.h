/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a guest without any other init needs of its process 1. */
#ifndef WNODES_GUEST_INIT_H
#define WNODES_GUEST_INIT_H

#include <stdbool.h>

/**
 * As process 1: mount what is missing, bring the loopback device up, and
 * fork. Returns in the child, which is to be the agent. The parent stays
 * process 1 for ever: it reaps, forks another child where that one ends, and
 * on SIGTERM, SIGINT (Ctrl-Alt-Del), SIGPWR, SIGUSR1 or SIGUSR2 (what
 * busybox's halt, poweroff and reboot send) powers the machine off.
 */
void init_become(void);

/** Whether process 1 is this program: no other program manages the guest. */
bool init_is_agent(void);

#endif
