/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"
#include "common/exitcode.h"
#include "common/str.h"

/* The phases of a start, in the order in which they come. */
static const struct phase {
	const char *key, *what;
} phases[] = {
        {"t.prepared", "prepared (prolog)"},
        {"t.allocated", "allocated (extern step)"},
        {"t.starting", "start begun"},
        {"t.fetching", "waits for its image"},
        {"t.disk", "disk being made"},
        {"t.vf", "virtual functions handed over"},
        {"t.devices", "PCI devices handed over"},
        {"t.monitor", "monitor runs"},
        {"t.libvirt", "libvirt ready"},
        {"t.created", "machine created"},
        {"t.booting", "machine runs"},
        {"t.hello", "agent says hello"},
        {"t.ready", "ready for tasks"},
        {"t.failed", "failed"},
};

#define PHASES (sizeof(phases) / sizeof(phases[0]))

static const char *get(const struct kv *block, const char *key)
{
	const char *value = kv_get(block, key);

	return value ? value : "-";
}

static void since(const struct kv *block, char *text, size_t size)
{
	uint64_t latest = 0, at;
	struct tm tm;
	time_t seconds;

	for (size_t i = 0; i < PHASES; i++)
		if (kv_get_u64(block, phases[i].key, 0, UINT64_MAX, &at) == 0 && at > latest)
			latest = at;
	seconds = (time_t)(latest / 1000);
	if (!latest || !localtime_r(&seconds, &tm) || strftime(text, size, "%FT%T", &tm) == 0)
		snprintf(text, size, "-");
}

/* A machine that stands still with its suspended job is paused, whatever it was at. */
static const char *shown_state(const struct kv *block)
{
	const char *state = get(block, "state"), *paused = kv_get(block, "paused");
	bool runs = strcmp(state, "ready") == 0 || strcmp(state, "booting") == 0;

	return runs && paused && strcmp(paused, "on") == 0 ? "paused" : state;
}

static void print_table(const struct blocks *blocks)
{
	char when[32];

	printf("%-10s %-12s %-20s %-10s %-19s %5s %8s\n", "JOB", "NODE", "IMAGE", "STATE", "SINCE", "CPUS", "MIB");
	for (size_t i = 0; i < blocks->count; i++) {
		const struct kv *block = &blocks->list[i];

		since(block, when, sizeof(when));
		printf("%-10s %-12s %-20s %-10s %-19s %5s %8s\n", get(block, "job"), get(block, "node"),
		       get(block, "image"), shown_state(block), when, get(block, "vcpus"), get(block, "memory_mib"));
		if (kv_get(block, "message"))
			printf("           %s\n", kv_get(block, "message"));
	}
}

static const char *get_network(const struct kv *block, unsigned int number, const char *part)
{
	char key[32];

	snprintf(key, sizeof(key), "network.%u.%s", number, part);
	return kv_get(block, key);
}

/* The record has PF INDEX. */
static void print_vf(const char *vf)
{
	const char *index = vf ? strchr(vf, ' ') : NULL;

	if (index)
		printf(", VF %s of %.*s", index + 1, (int)(index - vf), vf);
}

/*
 * network lan (bridge): 02:00:00:00:10:01, 10.1.2.10/24, VLAN 12
 * network fast (sriov): 02:00:00:00:10:02, VF 3 of 0000:41:00.0
 * network user (user): 02:00:00:00:10:03, by slirp
 */
static void print_networks(const struct kv *block)
{
	const char *name;

	for (unsigned int i = 0; (name = get_network(block, i, "name")); i++) {
		const char *type = get_network(block, i, "type"), *mac = get_network(block, i, "mac");
		const char *address = get_network(block, i, "address"), *vlan = get_network(block, i, "vlan");
		const char *backend = get_network(block, i, "backend");
		bool has_vlan = vlan && strcmp(vlan, "0") != 0;

		printf("  network %s (%s)%s%s%s%s%s%s%s%s", name, type ? type : "-", mac ? ": " : "", mac ? mac : "",
		       address ? ", " : "", address ? address : "", has_vlan ? ", VLAN " : "", has_vlan ? vlan : "",
		       backend ? ", by " : "", backend ? backend : "");
		print_vf(get_network(block, i, "vf"));
		printf("\n");
	}
}

/* One machine, with what of its boot took how long. */
static void print_one(const struct kv *block)
{
	uint64_t first = 0, previous = 0, at;
	char when[32];

	since(block, when, sizeof(when));
	printf("job %s on %s: image %s, %s CPUs, %s MiB, %s since %s\n", get(block, "job"), get(block, "node"),
	       get(block, "image"), get(block, "vcpus"), get(block, "memory_mib"), shown_state(block), when);
	if (kv_get(block, "message"))
		printf("  %s\n", kv_get(block, "message"));
	print_networks(block);
	for (size_t i = 0; i < PHASES; i++) {
		if (kv_get_u64(block, phases[i].key, 0, UINT64_MAX, &at) < 0)
			continue;
		if (!first)
			first = previous = at;
		printf("  %8.3f s  (+%.3f)  %s\n", (double)(int64_t)(at - first) / 1000.0,
		       (double)(int64_t)(at - previous) / 1000.0, phases[i].what);
		previous = at;
	}
	if (kv_get(block, "vf_ms"))
		printf("  of that, %s ms were spent on virtual functions, from lease to hand-over: lease %s, "
		       "attributes %s, vfio-pci %s\n",
		       kv_get(block, "vf_ms"), get(block, "vf_ms.lease"), get(block, "vf_ms.set"),
		       get(block, "vf_ms.bind"));
}

int cli_status(char **argv)
{
	const char *arguments[8] = {"status"};
	struct blocks blocks = {0};
	const char *job = NULL;
	bool json = false;
	uint64_t id;
	int code;

	for (; *argv; argv++) {
		if (strcmp(*argv, "--json") == 0) {
			json = true;
		} else if (!job && str_u64(*argv, 1, UINT32_MAX, &id) == 0) {
			job = *argv;
		} else {
			fprintf(stderr,
			        "wnodes: status: '%s' is not a job's number: usage: wnodes status [--json] [JOB]\n",
			        *argv);
			return EXIT_USAGE;
		}
	}
	if (job) {
		arguments[1] = "--job";
		arguments[2] = job;
	}
	code = cli_helper(arguments, &blocks);
	if (code == 0 && json)
		cli_print_json(&blocks);
	else if (code == 0 && job)
		for (size_t i = 0; i < blocks.count; i++)
			print_one(&blocks.list[i]);
	else if (code == 0)
		print_table(&blocks);
	if (code == 0 && job && blocks.count == 0) {
		fprintf(stderr, "wnodes: no virtual machine of job %s here that you may see\n", job);
		code = EXIT_USAGE;
	}
	blocks_free(&blocks);
	return code;
}
