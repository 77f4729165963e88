/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "common/paths.h"
#include "common/str.h"
#include "helper/accelerator.h"
#include "helper/check.h"
#include "helper/fs.h"
#include "helper/hugepages.h"
#include "helper/virtiofsd.h"

#define SPACE_LOW (UINT64_C(1) << 30)

void check_program(struct check *check, const char *path, const char *what, bool setuid)
{
	struct stat st;
	int fd = fs_open_file(path, NULL);

	if (fd < 0) {
		check_problem(check, "%s%s: %s", what, path, fs_error(fd));
		return;
	}
	if (fstat(fd, &st) == 0 && (st.st_mode & S_IXOTH) == 0)
		check_problem(check, "%s%s must be executable by everybody (chmod %s)", what, path,
		              setuid ? "4755" : "0755");
	else if (setuid && (st.st_mode & S_ISUID) == 0)
		check_problem(check, "%s%s must be set-user-ID root (chmod 4755)", what, path);
	else if (!setuid && (st.st_mode & (S_ISUID | S_ISGID)) != 0)
		check_problem(check, "%s%s must not be set-user-ID or set-group-ID (chmod 0755)", what, path);
	close(fd);
}

static void check_programs(struct check *check)
{
	check_program(check, WNODES_HELPER, "", true);
	check_program(check, WNODES_MONITOR, "", false);
	check_program(check, WNODES_RELAY, "", false);
	check_program(check, WNODES_RUN, "", false);
	check_program(check, check->config->emulator, "[site] emulator ", false);
	check_program(check, check->config->qemu_img, "[site] qemu_img ", false);
}

static void check_virtiofsd(struct check *check)
{
	struct failure why = {0};
	struct kv kv = {0};

	if (check->config->mount_transport == MOUNT_TRANSPORT_VIRTIOFS && kv_set(&kv, "mount.0.source", "/") == 0 &&
	    virtiofsd_choose(check->config, CHECK_NOBODY, CHECK_NOBODY, &kv, &why) < 0)
		check_problem(check, "%s", why.message);
	kv_free(&kv);
}

static void check_accelerator(struct check *check)
{
	struct failure why = {0};
	bool tcg = false;

	if (accelerator_choose(check->config, &tcg, &why) < 0)
		check_problem(check, "%s", why.message);
	else if (tcg && check->config->accelerator == ACCELERATOR_AUTO && access("/dev/kvm", F_OK) == 0)
		check_note(check, "machines are emulated, and slow: /dev/kvm is not open to everybody (0666), or the "
		                  "CPU cannot virtualize");
	else if (tcg && check->config->accelerator == ACCELERATOR_AUTO)
		check_note(check, "machines are emulated, and slow: there is no /dev/kvm");
}

static void check_hugepages(struct check *check)
{
	uint64_t kib = check->config->machine.hugepage_kib;
	struct failure why = {0};

	if (kib && hugepages_check(HUGEPAGES_SYSFS, kib, kib >> 10, &why) < 0)
		check_note(check, "[machine] hugepages: %s", why.message);
}

bool check_folder(struct check *check, const char *path, const char *what, mode_t forbidden, mode_t needed)
{
	char parent[PATH_MAX];
	struct stat st = {0};
	int fd = fs_open_folder(path, 0);

	if (fd == -ENOENT && fs_split(path, parent)) {
		fd = fs_open_folder(parent, 0);
		if (fd < 0)
			check_problem(check, "%s%s: its folder %s: %s", what, path, parent, fs_error(fd));
		else
			close(fd);
		return false;
	}
	if (fd < 0) {
		check_problem(check, "%s%s: %s", what, path, fs_error(fd));
		return false;
	}
	if (fstat(fd, &st) == 0 && (st.st_mode & forbidden) != 0)
		check_problem(check, "%s%s is open to others than root (chmod go=)", what, path);
	else if ((st.st_mode & needed) != needed)
		check_problem(check, "%s%s must let everybody pass (chmod a+x)", what, path);
	close(fd);
	return true;
}

void check_space(struct check *check, const char *path)
{
	struct statvfs fs;
	uint64_t left;

	if (statvfs(path, &fs) < 0)
		return;
	left = (uint64_t)fs.f_bavail * fs.f_frsize;
	if (left < SPACE_LOW)
		check_note(check, "%s has %llu MiB left", path, (unsigned long long)(left >> 20));
	if ((fs.f_flag & ST_RDONLY) != 0)
		check_problem(check, "%s is on a file system that is mounted read-only", path);
}

/* Jobs' run folders are for their users by an ACL: not every file system has one. */
static void check_acl(struct check *check)
{
	char name[32];
	int run = fs_open_folder(WNODES_RUNDIR, 0);
	int fd, rc;

	if (run < 0)
		return;
	(void)str_print(name, sizeof(name), ".check.%d", (int)getpid());
	fd = fs_open_child(run, name, true, 0700);
	rc = fd < 0 ? fd : fs_allow_reader(fd, CHECK_NOBODY);
	if (rc == -EOPNOTSUPP)
		check_problem(check, "the file system of " WNODES_RUNDIR " has no ACLs");
	else if (rc < 0)
		check_problem(check, WNODES_RUNDIR ": %s", strerror(-rc));
	if (fd >= 0)
		close(fd);
	(void)fs_remove_folder(run, name);
	close(run);
}

static void check_folders(struct check *check)
{
	const char *overlays = check->config->overlay_dir;

	(void)check_folder(check, WNODES_STATEDIR, "", 0, S_IXOTH);
	(void)check_folder(check, WNODES_JOBS, "", S_IRWXG | S_IRWXO, 0);
	if (check_folder(check, overlays, "[site] overlay_dir ", S_IRWXG | S_IRWXO, 0))
		check_space(check, overlays);
	if (check_folder(check, WNODES_RUNDIR, "", 0, S_IXOTH))
		check_acl(check);
}

/* slurmd's own folder, of any node: which are this host's, the host does not know. */
static void check_spool(struct check *check)
{
	char pattern[PATH_MAX];
	struct stat st;
	glob_t found = {0};

	if (config_spool(check->config, "*", pattern) < 0) {
		check_problem(check, "[site] slurmd_spool_dir = %s: of Slurm's patterns only %%n works here",
		              check->config->slurmd_spool_dir);
		return;
	}
	if (glob(pattern, GLOB_NOSORT, NULL, &found) != 0)
		check_problem(check,
		              "[site] slurmd_spool_dir = %s is not there: no slurmd has run here, or SlurmdSpoolDir of "
		              "slurm.conf is another",
		              check->config->slurmd_spool_dir);
	for (size_t i = 0; i < found.gl_pathc; i++)
		if (stat(found.gl_pathv[i], &st) == 0 && (st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
			check_problem(check, "%s: others than its owner may write to it", found.gl_pathv[i]);
	globfree(&found);
}

static void check_mounts(struct check *check)
{
	const struct mounts *mounts = &check->config->mounts;
	struct stat st;

	for (unsigned int i = 0; i < mounts->count; i++) {
		const struct mounts_entry *entry = &mounts->entries[i];

		if (stat(entry->source, &st) < 0 && !(entry->flags & MOUNTS_OPTIONAL))
			check_problem(check, "[mounts] %s: %s", entry->source, strerror(errno));
		else if (stat(entry->source, &st) == 0 && !S_ISDIR(st.st_mode))
			check_problem(check, "[mounts] %s is no directory", entry->source);
	}
}

void check_node(struct check *check)
{
	check_programs(check);
	check_virtiofsd(check);
	check_accelerator(check);
	check_hugepages(check);
	check_folders(check);
	check_spool(check);
	check_mounts(check);
}
