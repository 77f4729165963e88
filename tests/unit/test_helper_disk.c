/* SPDX-License-Identifier: GPL-2.0-or-later */
/* links: helper/disk/qcow2_size.o */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "helper/disk/qcow2.h"

/* The size of a qcow2 that is allocated in full, by QEMU's word. */
static uint64_t measured(uint64_t disk, uint64_t cluster, bool extended)
{
	char command[256], line[128];
	uint64_t bytes = 0;
	FILE *stream;

	(void)snprintf(command, sizeof(command),
	               "qemu-img measure -O qcow2 -o cluster_size=%" PRIu64
	               ",extended_l2=%s,preallocation=full --size %" PRIu64,
	               cluster, extended ? "on" : "off", disk);
	stream = popen(command, "r");
	assert_non_null(stream);
	while (fgets(line, sizeof(line), stream))
		(void)sscanf(line, "fully allocated size: %" SCNu64, &bytes);
	assert_int_equal(pclose(stream), 0);
	assert_true(bytes > disk);
	return bytes;
}

/* Neither less than QEMU may need, nor so much more that a node's limit would lie. */
static void the_most_of_a_qcow2_is_qemus(void **state)
{
	static const uint64_t disks[] = {1 << 20, (64 << 20) + 512, UINT64_C(20) << 30, UINT64_C(1) << 40};
	static const struct {
		uint64_t cluster;
		bool extended;
	} kinds[] = {{4096, false}, {65536, false}, {2 << 20, false}, {16384, true}, {65536, true}, {2 << 20, true}};

	(void)state;
	if (access("/usr/bin/qemu-img", X_OK) < 0)
		skip();
	for (size_t i = 0; i < sizeof(disks) / sizeof(disks[0]); i++) {
		for (size_t j = 0; j < sizeof(kinds) / sizeof(kinds[0]); j++) {
			uint64_t cluster = kinds[j].cluster;
			uint64_t most = qcow2_most(disks[i], cluster, kinds[j].extended);
			uint64_t qemu = measured(disks[i], cluster, kinds[j].extended);

			assert_in_range(most, qemu, qemu + qemu / 1000 + 32 * cluster + (1 << 20));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_most_of_a_qcow2_is_qemus),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
