/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wnodes-helper: the one setuid program. wnodes-helper(8). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/exitcode.h"
#include "common/log.h"
#include "helper/args.h"
#include "helper/harden.h"
#include "helper/verbs.h"

enum who { REAL_ROOT, ANYBODY };

#define B ARG_BIT

static const struct entry {
	const char *name;
	verb *run;
	enum who who;
	uint32_t required, optional; /* arguments */
	unsigned int seconds;        /* after which it gives up: before the plugin does, after its own waits */
	const char *late;
} table[] = {
        {"prepare", verb_prepare, REAL_ROOT, B(ARG_NODE) | B(ARG_JOB) | B(ARG_RESTART) | B(ARG_UID) | B(ARG_GID),
         B(ARG_IMAGE) | B(ARG_PARTITION) | B(ARG_CPUS) | B(ARG_CONSOLE) | B(ARG_BOOT_TIMEOUT) | B(ARG_OPTION_ERROR) |
                 B(ARG_MOUNT) | B(ARG_ACCOUNT) | B(ARG_DIGEST) | B(ARG_DISK) | B(ARG_NETWORK),
         14, "wnodes-helper: prepare took too long\n"},
        {"allocate", verb_allocate, REAL_ROOT, B(ARG_NODE) | B(ARG_JOB) | B(ARG_MEMORY) | B(ARG_PARENT), B(ARG_GIDS), 9,
         "wnodes-helper: allocate took too long\n"},
        {"start", verb_start, ANYBODY, B(ARG_NODE) | B(ARG_JOB), 0, 14, "wnodes-helper: start took too long\n"},
        {"destroy", verb_destroy, REAL_ROOT, B(ARG_NODE) | B(ARG_JOB), 0, 50, "wnodes-helper: destroy took too long\n"},
        {"sweep", verb_sweep, REAL_ROOT, 0, B(ARG_NODE) | B(ARG_KEEP_QUARANTINE), 600,
         "wnodes-helper: sweep took too long\n"},
        {"check", verb_check, REAL_ROOT, 0, B(ARG_DEEP), 86400, "wnodes-helper: check took too long\n"},
        {"fetch", verb_fetch, ANYBODY, B(ARG_IMAGE), 0, 60, "wnodes-helper: fetch took too long\n"},
        {"evict", verb_evict, REAL_ROOT, 0, B(ARG_IMAGE) | B(ARG_DIGEST) | B(ARG_ALL), 600,
         "wnodes-helper: evict took too long\n"},
        {"images", verb_images, ANYBODY, 0, 0, 60, "wnodes-helper: images took too long\n"},
        {"status", verb_status, ANYBODY, 0, B(ARG_NODE) | B(ARG_JOB), 20, "wnodes-helper: status took too long\n"},
};

#undef B

static const struct entry *main_find(const char *name)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (strcmp(table[i].name, name) == 0)
			return &table[i];
	return NULL;
}

static int main_run(const struct entry *entry, int argc, char **argv, const struct caller *caller)
{
	struct failure why = {0};
	struct args args;
	int code;

	if (entry->who == REAL_ROOT && caller->uid != 0) {
		(void)failure_set(&why, EXIT_DENIED, "%s is for root alone", entry->name);
		code = why.code;
	} else if (args_parse(argc, argv, entry->required, entry->required | entry->optional, &args, &why) < 0) {
		code = why.code;
	} else {
		harden_deadline(entry->late, entry->seconds);
		code = entry->run(caller, &args, &why);
	}
	if (code != 0 && why.code)
		log_error("%s", why.message);
	return code;
}

int main(int argc, char **argv)
{
	const struct entry *entry;
	struct caller caller;

	harden(&caller);
	/*
	 * What a user is answered is his alone, or he could flood the node's
	 * log; why his machine failed is there by launch() and by destroy.
	 */
	log_open("wnodes-helper", caller.uid == 0);
	entry = argc >= 2 ? main_find(argv[1]) : NULL;
	if (!entry) {
		log_error("usage: wnodes-helper prepare|allocate|start|destroy|sweep|check|images|fetch|evict|status "
		          "--NAME VALUE …");
		return EXIT_USAGE;
	}
	return main_run(entry, argc - 2, argv + 2, &caller);
}
