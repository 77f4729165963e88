/* SPDX-License-Identifier: GPL-2.0-or-later */
/* links: helper/topology.o helper/hugepages.o helper/cgroup_path.o helper/fs.o helper/failure.o */
/* links: common/range.o common/str.o common/kv.o helper/placement.o helper/config_machine.o helper/accelerator.o */
/* links: helper/ini_file.o */
/* libs: -linih */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/exitcode.h"
#include "helper/hugepages.h"
#include "helper/placement.h"
#include "helper/topology.h"

/* A host's sysfs, as far as it is read: made anew for each test. */
static char sysfs[64];

static void put(const char *path, const char *text)
{
	char whole[256];
	FILE *stream;

	(void)snprintf(whole, sizeof(whole), "%s/%s", sysfs, path);
	for (char *slash = strchr(whole + strlen(sysfs) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		(void)mkdir(whole, 0755);
		*slash = '/';
	}
	stream = fopen(whole, "w");
	assert_non_null(stream);
	assert_true(fprintf(stream, "%s\n", text) > 0);
	assert_int_equal(fclose(stream), 0);
}

static void put_cpu(unsigned int cpu, unsigned int node, unsigned int package, unsigned int core)
{
	char path[128], text[16];

	(void)snprintf(path, sizeof(path), "cpu/cpu%u/topology/physical_package_id", cpu);
	(void)snprintf(text, sizeof(text), "%u", package);
	put(path, text);
	(void)snprintf(path, sizeof(path), "cpu/cpu%u/topology/core_id", cpu);
	(void)snprintf(text, sizeof(text), "%u", core);
	put(path, text);
	/* sysfs has a link to a folder of that name */
	(void)snprintf(path, sizeof(path), "cpu/cpu%u/node%u", cpu, node);
	put(path, "");
}

static int setup(void **state)
{
	(void)state;
	(void)snprintf(sysfs, sizeof(sysfs), "/tmp/wnodes-sysfs.XXXXXX");
	return mkdtemp(sysfs) ? 0 : -1;
}

static int teardown(void **state)
{
	char command[96];

	(void)state;
	(void)snprintf(command, sizeof(command), "rm -r %s", sysfs);
	return system(command);
}

/* Two sockets, a node each, of four cores with two threads: CPU n + 8 is the second thread of CPU n's core. */
static void put_dual(void)
{
	for (unsigned int cpu = 0; cpu < 16; cpu++)
		put_cpu(cpu, cpu % 8 / 4, cpu % 8 / 4, cpu % 4);
}

/* Fails unless list's CPUs have this order and shape. */
static void expect(const char *list, const char *order, unsigned int sockets, unsigned int cores, unsigned int threads)
{
	struct topology topology;
	char text[256] = "";

	assert_int_equal(topology_read(&topology, sysfs, list), 0);
	for (unsigned int i = 0; i < topology.count; i++)
		(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%u", i ? "," : "",
		               topology.cpus[i].cpu);
	assert_string_equal(text, order);
	assert_int_equal(topology.sockets, sockets);
	assert_int_equal(topology.cores, cores);
	assert_int_equal(topology.threads, threads);
	topology_free(&topology);
}

static void whole_cores_have_their_threads(void **state)
{
	(void)state;
	put_dual();
	expect("0-3,8-11\n", "0,8,1,9,2,10,3,11", 1, 4, 2);
	expect("1,9", "1,9", 1, 1, 2);
	expect("0-15", "0,8,1,9,2,10,3,11,4,12,5,13,6,14,7,15", 2, 4, 2);
	expect("2-5,10-13", "2,10,3,11,4,12,5,13", 2, 2, 2);
	expect("6", "6", 1, 1, 1);
}

static void what_is_uneven_has_the_shape_that_divides_it(void **state)
{
	(void)state;
	put_dual();
	/* one thread of each */
	expect("0-3", "0,1,2,3", 1, 4, 1);
	/* a core whole and one half */
	expect("0,1,9", "0,1,9", 1, 3, 1);
	/* four cores here, two there: three sockets of two cores, none of which is in both */
	expect("0-5,8-13", "0,8,1,9,2,10,3,11,4,12,5,13", 3, 2, 2);
	expect("0-2,4", "0,1,2,4", 4, 1, 1);
}

static void nodes_follow_each_other(void **state)
{
	struct topology topology;
	uint64_t shares[TOPOLOGY_NODES];

	(void)state;
	put_dual();
	assert_int_equal(topology_read(&topology, sysfs, "0-5,8-13"), 0);
	assert_int_equal(topology.node_count, 2);
	assert_int_equal(topology.nodes[0].node, 0);
	assert_int_equal(topology.nodes[0].cpus, 8);
	assert_int_equal(topology.nodes[1].node, 1);
	assert_int_equal(topology.nodes[1].cpus, 4);
	assert_int_equal(topology_share(&topology, 1000, 1, 64, shares), 0);
	assert_int_equal(shares[0], 667);
	assert_int_equal(shares[1], 333);
	/* hugepages are not divided */
	assert_int_equal(topology_share(&topology, 1000, 2, 64, shares), 0);
	assert_int_equal(shares[0], 668);
	assert_int_equal(shares[1], 332);
	assert_int_equal(topology_share(&topology, 4096, 1024, 64, shares), 0);
	assert_int_equal(shares[1], 1024);
	assert_int_equal(topology_share(&topology, 1001, 2, 64, shares), -ERANGE);
	assert_int_equal(topology_share(&topology, 2048, 1024, 64, shares), -ERANGE);
	assert_int_equal(topology_share(&topology, 180, 1, 64, shares), -ERANGE);
	topology_free(&topology);
	assert_int_equal(topology_read(&topology, sysfs, "0-3,8-11"), 0);
	assert_int_equal(topology.node_count, 1);
	topology_free(&topology);
}

/* The lines of a job with these CPUs, NUMA nodes and memory. */
static struct kv describe(const struct config *config, bool tcg, const char *cpus, const char *mems, const char *mib)
{
	struct record record = {.dirfd = -1, .lock = -1};
	struct kv machine = {0};
	struct topology topology;

	assert_int_equal(kv_set(&record.kv, "memory_mib", mib), 0);
	assert_int_equal(kv_set(&record.kv, "cpuset_mems", mems), 0);
	assert_int_equal(topology_read(&topology, sysfs, cpus), 0);
	assert_int_equal(placement_cpus(&topology, &record, config, tcg, &machine), 0);
	topology_free(&topology);
	kv_free(&record.kv);
	return machine;
}

static void a_job_on_two_nodes_has_two_cells(void **state)
{
	static struct config config;
	struct kv machine;

	(void)state;
	put_dual();
	machine = describe(&config, false, "2-4,10-12", "0-1", "4000");
	assert_string_equal(kv_get(&machine, "cpus"), "2,10,3,11,4,12");
	assert_string_equal(kv_get(&machine, "topology.sockets"), "3");
	assert_string_equal(kv_get(&machine, "topology.threads"), "2");
	assert_string_equal(kv_get(&machine, "numa.0.node"), "0");
	assert_string_equal(kv_get(&machine, "numa.0.vcpus"), "4");
	assert_string_equal(kv_get(&machine, "numa.0.memory_mib"), "2667");
	assert_string_equal(kv_get(&machine, "numa.1.node"), "1");
	assert_string_equal(kv_get(&machine, "numa.1.vcpus"), "2");
	assert_string_equal(kv_get(&machine, "numa.1.memory_mib"), "1333");
	assert_null(kv_get(&machine, "numa.2.node"));
	assert_null(kv_get(&machine, "numa_strict"));
	kv_free(&machine);
	config.machine.numa_strict = CONFIG_YES;
	machine = describe(&config, true, "2-4,10-12", NULL, "4000");
	assert_string_equal(kv_get(&machine, "topology.cores"), "2");
	assert_string_equal(kv_get(&machine, "topology.threads"), "1");
	assert_string_equal(kv_get(&machine, "numa_strict"), "yes");
	kv_free(&machine);
}

static void without_memory_on_each_there_are_no_cells(void **state)
{
	static struct config config;
	static const char *const without[][3] = {
	        {"0-3", "0-1", "4000"}, {"2-5", "0", "4000"}, {"2-5", "0,2-3", "4000"}, {"2-5", "0-1", "100"}};
	struct kv machine;

	(void)state;
	put_dual();
	for (size_t i = 0; i < sizeof(without) / sizeof(without[0]); i++) {
		machine = describe(&config, false, without[i][0], without[i][1], without[i][2]);
		assert_null(kv_get(&machine, "numa.0.node"));
		assert_non_null(kv_get(&machine, "cpus"));
		kv_free(&machine);
	}
	config.machine.numa = CONFIG_NO;
	machine = describe(&config, false, "2-5", "0-1", "4000");
	assert_null(kv_get(&machine, "numa.0.node"));
	kv_free(&machine);
}

/* As AMD's NPS=2 and Intel's sub-NUMA clusters: two nodes in a socket, with core numbers that go on. */
static void a_node_within_a_socket_is_a_socket(void **state)
{
	(void)state;
	for (unsigned int cpu = 0; cpu < 8; cpu++)
		put_cpu(cpu, cpu / 4, 0, cpu);
	expect("0-7", "0,1,2,3,4,5,6,7", 2, 4, 1);
	expect("2-5", "2,3,4,5", 2, 2, 1);
	expect("0-2", "0,1,2", 1, 3, 1);
}

static void core_numbers_may_repeat_in_dies(void **state)
{
	(void)state;
	for (unsigned int cpu = 0; cpu < 4; cpu++)
		put_cpu(cpu, 0, 0, cpu % 2);
	put("cpu/cpu0/topology/die_id", "0");
	put("cpu/cpu1/topology/die_id", "0");
	put("cpu/cpu2/topology/die_id", "1");
	put("cpu/cpu3/topology/die_id", "1");
	expect("0-3", "0,1,2,3", 1, 4, 1);
}

static void what_sysfs_does_not_say_is_no_topology(void **state)
{
	struct topology topology;

	(void)state;
	put_cpu(0, 0, 0, 0);
	put("cpu/cpu1/topology/core_id", "1");
	put("cpu/cpu2/topology/core_id", "-1");
	put("cpu/cpu2/topology/physical_package_id", "-1");
	assert_int_equal(topology_read(&topology, sysfs, "0"), 0);
	topology_free(&topology);
	assert_int_equal(topology_read(&topology, sysfs, "0-1"), -ENOENT);
	assert_int_equal(topology_read(&topology, sysfs, "2"), -ENOENT);
	assert_int_equal(topology_read(&topology, sysfs, "7"), -ENOENT);
	assert_int_equal(topology_read(&topology, sysfs, ""), -EINVAL);
	assert_int_equal(topology_read(&topology, sysfs, "0-"), -EINVAL);
}

static void hugepages_are_counted(void **state)
{
	struct failure why = {0};

	(void)state;
	put("kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "100");
	put("kernel/mm/hugepages/hugepages-2048kB/resv_hugepages", "20");
	put("kernel/mm/hugepages/hugepages-2048kB/nr_overcommit_hugepages", "10");
	put("kernel/mm/hugepages/hugepages-2048kB/surplus_hugepages", "5");
	assert_int_equal(hugepages_check(sysfs, 2048, 170, &why), 0);
	assert_int_equal(hugepages_check(sysfs, 2048, 172, &why), -EIO);
	assert_int_equal(why.code, EXIT_NODE);
	assert_string_equal(why.message,
	                    "the machine needs 86 hugepages of 2 MiB, and the node has 85 free: raise nr_hugepages, "
	                    "or hugepages = no in wnodes.conf");
	assert_int_equal(hugepages_check(sysfs, 1048576, 1024, &why), -EIO);
	assert_string_equal(why.message, "the node's kernel has no hugepages of 1024 MiB, which hugepages of "
	                                 "wnodes.conf asks for");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(whole_cores_have_their_threads, setup, teardown),
	        cmocka_unit_test_setup_teardown(what_is_uneven_has_the_shape_that_divides_it, setup, teardown),
	        cmocka_unit_test_setup_teardown(nodes_follow_each_other, setup, teardown),
	        cmocka_unit_test_setup_teardown(a_job_on_two_nodes_has_two_cells, setup, teardown),
	        cmocka_unit_test_setup_teardown(without_memory_on_each_there_are_no_cells, setup, teardown),
	        cmocka_unit_test_setup_teardown(a_node_within_a_socket_is_a_socket, setup, teardown),
	        cmocka_unit_test_setup_teardown(core_numbers_may_repeat_in_dies, setup, teardown),
	        cmocka_unit_test_setup_teardown(what_sysfs_does_not_say_is_no_topology, setup, teardown),
	        cmocka_unit_test_setup_teardown(hugepages_are_counted, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
