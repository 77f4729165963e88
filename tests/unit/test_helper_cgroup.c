/* SPDX-License-Identifier: GPL-2.0-or-later */
/* links: helper/cgroup_path.o common/range.o common/str.o */
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

#include "helper/cgroup_path.h"

static struct cgroup_layout layout;

static const char v1[] = "9:name=systemd:/system.slice/slurmd.service\n"
                         "8:pids:/\n"
                         "6:freezer:/slurm/uid_1000/job_7\n"
                         "5:devices:/\n"
                         "4:memory:/slurm/uid_1000/job_7/step_extern\n"
                         "3:cpuset:/slurm/uid_1000/job_7/step_extern\n"
                         "2:cpu,cpuacct:/\n"
                         "0::/system.slice/slurmd.service\n";

static void v1_single_slurmd(void **state)
{
	(void)state;
	assert_int_equal(cgroup_layout(v1, 7, 1000, &layout), 0);
	assert_false(layout.unified);
	assert_string_equal(layout.job, "/slurm/uid_1000/job_7");
	/* neither the freezer nor systemd's */
	assert_int_equal(layout.count, 5);
	assert_string_equal(layout.names[0], "pids");
	assert_string_equal(layout.names[4], "cpu");
}

static void v1_several_slurmds(void **state)
{
	(void)state;
	assert_int_equal(cgroup_layout("4:memory:/slurm_n1/uid_0/job_12/step_extern/task_special\n"
	                               "6:freezer:/slurm_n1/uid_0/job_12/step_extern\n",
	                               12, 0, &layout),
	                 0);
	assert_string_equal(layout.job, "/slurm_n1/uid_0/job_12");
	/* in a container's part of the hierarchy */
	assert_int_equal(
	        cgroup_layout("3:cpuset:/docker/ab/slurm/uid_5/job_1/step_extern\n4:memory:/\n", 1, 5, &layout), 0);
	assert_string_equal(layout.job, "/docker/ab/slurm/uid_5/job_1");
}

static void v1_memory_goes_first(void **state)
{
	(void)state;
	assert_int_equal(cgroup_layout("1:cpu:/a/uid_5/job_1/step_extern\n2:cpuset:/b/uid_5/job_1/step_extern\n"
	                               "3:memory:/c/uid_5/job_1/step_extern\n",
	                               1, 5, &layout),
	                 0);
	assert_string_equal(layout.job, "/c/uid_5/job_1");
}

static void v1_refuses_others(void **state)
{
	(void)state;
	assert_int_equal(cgroup_layout(v1, 8, 1000, &layout), -EINVAL);
	assert_int_equal(cgroup_layout(v1, 7, 1001, &layout), -EINVAL);
	assert_int_equal(cgroup_layout("4:memory:/slurm/uid_1000/job_71/step_extern\n", 7, 1000, &layout), -EINVAL);
	assert_int_equal(cgroup_layout("4:memory:/uid_1000/job_7\n", 7, 1000, &layout), -EINVAL);
	assert_int_equal(cgroup_layout("4:memory:/\n6:freezer:/slurm/uid_1000/job_7\n", 7, 1000, &layout), -ENOENT);
	assert_int_equal(cgroup_layout("4:memory:/user.slice\n", 7, 1000, &layout), -ENOENT);
	assert_int_equal(cgroup_layout("", 7, 1000, &layout), -ENOENT);
	assert_int_equal(cgroup_layout("nonsense\n4:memory\n", 7, 1000, &layout), -ENOENT);
}

static void v2(void **state)
{
	(void)state;
	assert_int_equal(cgroup_layout("0::/system.slice/slurmstepd.scope/job_7/step_extern/slurm\n", 7, 1000, &layout),
	                 0);
	assert_true(layout.unified);
	assert_int_equal(layout.count, 1);
	assert_string_equal(layout.names[0], "unified");
	assert_string_equal(layout.job, "/system.slice/slurmstepd.scope/job_7");
	assert_int_equal(cgroup_layout("0::/system.slice/n1_slurmstepd.scope/job_7/step_extern\n", 7, 1000, &layout),
	                 0);
	assert_string_equal(layout.job, "/system.slice/n1_slurmstepd.scope/job_7");
	/* 26.05: an SLUID */
	assert_int_equal(
	        cgroup_layout("0::/system.slice/slurmstepd.scope/s2WNTB1Y4G5V00/step_extern/slurm\n", 7, 1000, &layout),
	        0);
	assert_string_equal(layout.job, "/system.slice/slurmstepd.scope/s2WNTB1Y4G5V00");
}

static void v2_refuses_others(void **state)
{
	(void)state;
	assert_int_equal(cgroup_layout("0::/s.scope/job_8/step_extern/slurm\n", 7, 1000, &layout), -EINVAL);
	assert_int_equal(cgroup_layout("0::/s.scope/whatever/step_extern/slurm\n", 7, 1000, &layout), -EINVAL);
	assert_int_equal(cgroup_layout("0::/s.scope/job_7/step_0/user/task_0\n", 7, 1000, &layout), -ENOENT);
	assert_int_equal(cgroup_layout("0::/job_7/step_externs/x\n", 7, 1000, &layout), -ENOENT);
	assert_int_equal(cgroup_layout("0::/step_extern\n", 7, 1000, &layout), -EINVAL);
}

static const char mounts[] =
        "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
        "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:3 - cgroup cgroup rw,cpu,cpuacct\n"
        "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
        "36 31 0:33 /docker/ab /sys/fs/cgroup/devices rw - cgroup cgroup rw,devices\n"
        "37 31 0:34 / /bad\\040path rw - cgroup cgroup rw,freezer\n"
        "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";

static void hierarchies_are_located(void **state)
{
	char path[CGROUP_PATH];

	(void)state;
	assert_int_equal(cgroup_locate(mounts, "memory", "/slurm/uid_1/job_2", path), 0);
	assert_string_equal(path, "/sys/fs/cgroup/memory/slurm/uid_1/job_2");
	assert_int_equal(cgroup_locate(mounts, "memory", "/", path), 0);
	assert_string_equal(path, "/sys/fs/cgroup/memory");
	assert_int_equal(cgroup_locate(mounts, "cpu", "/x", path), 0);
	assert_string_equal(path, "/sys/fs/cgroup/cpu,cpuacct/x");
	assert_int_equal(cgroup_locate(mounts, "unified", "/x", path), 0);
	assert_string_equal(path, "/sys/fs/cgroup/unified/x");
	assert_int_equal(cgroup_locate(mounts, "devices", "/docker/ab/slurm", path), 0);
	assert_string_equal(path, "/sys/fs/cgroup/devices/slurm");
	assert_int_equal(cgroup_locate(mounts, "devices", "/docker/abc", path), -ENOENT);
	assert_int_equal(cgroup_locate(mounts, "freezer", "/x", path), -ENOENT);
	assert_int_equal(cgroup_locate(mounts, "mem", "/x", path), -ENOENT);
}

static void cpus_are_counted(void **state)
{
	(void)state;
	assert_int_equal(cgroup_count_cpus("0\n"), 1);
	assert_int_equal(cgroup_count_cpus("0-3,8,10-11\n"), 7);
	assert_int_equal(cgroup_count_cpus(""), 0);
	assert_int_equal(cgroup_count_cpus("\n"), 0);
	assert_int_equal(cgroup_count_cpus("3-1"), 0);
	assert_int_equal(cgroup_count_cpus("1,x"), 0);
	assert_int_equal(cgroup_count_cpus("0-4294967295"), 0);
}

static void parents(void **state)
{
	char path[] = "/a/uid_1/job_2/vm";

	(void)state;
	assert_true(cgroup_up(path, "vm"));
	assert_string_equal(path, "/a/uid_1/job_2");
	assert_false(cgroup_up(path, "uid_"));
	assert_true(cgroup_up(path, "job_"));
	assert_true(cgroup_up(path, ""));
	assert_false(cgroup_up(path, ""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(v1_single_slurmd),
	        cmocka_unit_test(v1_several_slurmds),
	        cmocka_unit_test(v1_memory_goes_first),
	        cmocka_unit_test(v1_refuses_others),
	        cmocka_unit_test(v2),
	        cmocka_unit_test(v2_refuses_others),
	        cmocka_unit_test(hierarchies_are_located),
	        cmocka_unit_test(cpus_are_counted),
	        cmocka_unit_test(parents),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
