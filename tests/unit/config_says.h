/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the helper makes of a wnodes.conf, for tests of its sections. */
#ifndef WNODES_TESTS_UNIT_CONFIG_SAYS_H
#define WNODES_TESTS_UNIT_CONFIG_SAYS_H

#include "helper/config.h"

/* What was read last. */
extern struct config config;

/* What reading text as wnodes.conf, called F, says; "" is no error. It lives until the next call. */
const char *config_says(const char *text);

#endif
