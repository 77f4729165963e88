/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "monitor/capabilities.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libvirt/libvirt.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/str.h"
#include "common/write.h"
#include "monitor/driver.h"
#include "monitor/folder.h"
#include "monitor/namespace.h"

#define FILE_MAX (8U << 20) /* bytes; libvirt 9 writes 0.2 MB */
#define FILES_MAX 64U
#define LOCK "lock"

/* What the cache's content depends on, as far as it can be told without libvirt; it checks more. */
static int stamp_text(const struct machine *machine, char *text, size_t size)
{
	unsigned long version = 0;
	struct utsname kernel;
	struct stat st;

	if (stat(machine->emulator, &st) < 0 || uname(&kernel) < 0)
		return -errno;
	if (virGetVersion(&version, NULL, NULL) < 0)
		return -EIO;
	return str_print(text, size, "%s %ju %jd.%ld libvirt %lu kernel %s %s\n", machine->emulator,
	                 (uintmax_t)st.st_size, (intmax_t)st.st_ctim.tv_sec, st.st_ctim.tv_nsec, version,
	                 kernel.release, kernel.version);
}

/* In the probing process: fill the cache, bound into a root folder of its own. */
static int probe(const struct capabilities *capabilities, const struct machine *machine)
{
	char why[NAMESPACE_WHY_MAX];
	virConnectPtr connection;
	char *text;
	int rc;

	if (unshare(CLONE_NEWNS) < 0)
		return -errno;
	rc = namespace_root(why);
	if (rc == 0)
		rc = namespace_bind(capabilities->path, NAMESPACE_CACHE, true);
	if (rc < 0)
		return rc;
	if (virEventRegisterDefaultImpl() < 0)
		return -EIO;
	connection = driver_open(NULL);
	if (!connection)
		return -EIO;
	text = virConnectGetDomainCapabilities(connection, machine->emulator, "x86_64", machine->machine,
	                                       machine->kvm ? "kvm" : "qemu", 0);
	rc = text ? 0 : -EIO;
	free(text);
	return rc;
}

/* The first of several jobs probes; the others wait for it here. SIGALRM ends what takes too long. */
static _Noreturn void probe_process(const struct capabilities *capabilities, const struct machine *machine,
                                    const char *stamp, pid_t parent)
{
	int lock, rc = 0;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		_exit(1);
	(void)alarm(CAPABILITIES_SECONDS);
	lock = openat(capabilities->folder, LOCK, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (lock < 0 || flock(lock, LOCK_EX) < 0)
		_exit(1);
	if (!folder_stamp_holds(capabilities->folder, stamp)) {
		rc = probe(capabilities, machine);
		if (rc == 0)
			rc = folder_stamp_write(capabilities->folder, stamp);
	}
	_exit(rc < 0);
}

static int probe_and_wait(const struct capabilities *capabilities, const struct machine *machine, const char *stamp)
{
	pid_t parent = getpid();
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		probe_process(capabilities, machine, stamp, parent);
	if (pid < 0)
		return -errno;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	if (WIFSIGNALED(status))
		return -ETIMEDOUT;
	return WEXITSTATUS(status) == 0 ? 0 : -EIO;
}

/* Copy in's size bytes, which is a cache file's, to out. */
static int copy_bytes(int in, int out, size_t size)
{
	char *buffer = malloc(size + 1);
	size_t used = 0;
	ssize_t n = 1;
	int rc;

	if (!buffer)
		return -ENOMEM;
	while (used < size && n > 0) {
		n = read(in, buffer + used, size - used);
		used += n > 0 ? (size_t)n : 0;
	}
	rc = used == size ? write_all(out, buffer, size) : -EIO;
	free(buffer);
	return rc;
}

static int copy_file(int from, int to, const char *name)
{
	struct stat st;
	int rc = 0, out = -1;
	int in = openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (in < 0)
		return -errno;
	if (fstat(in, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > FILE_MAX)
		goto out;
	out = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	rc = out < 0 ? -errno : copy_bytes(in, out, (size_t)st.st_size);
out:
	if (out >= 0)
		close(out);
	close(in);
	return rc;
}

/* Call each for every NAME.xml in the folder path; the first error ends it. */
static int each_file(const char *path, int (*each)(void *opaque, const char *name), void *opaque)
{
	DIR *folder = opendir(path);
	struct dirent *entry;
	unsigned int files = 0;
	int rc = 0;

	if (!folder)
		return -errno;
	while (rc == 0 && files < FILES_MAX && (entry = readdir(folder))) {
		const char *suffix = strrchr(entry->d_name, '.');

		if (!suffix || strcmp(suffix, ".xml") != 0)
			continue;
		files++;
		rc = each(opaque, entry->d_name);
	}
	(void)closedir(folder);
	return rc;
}

struct copy {
	int from, to;
};

static int copy_each(void *opaque, const char *name)
{
	const struct copy *copy = opaque;

	return copy_file(copy->from, copy->to, name);
}

struct sum {
	const char *path;
	uint64_t value;
};

/* libvirt replaces a file by renaming another over it, which changes the inode's number. */
static int sum_each(void *opaque, const char *name)
{
	struct sum *sum = opaque;
	char path[PATH_MAX];
	struct stat st;

	if (str_print(path, sizeof(path), "%s/%s", sum->path, name) < 0 || lstat(path, &st) < 0)
		return -EIO;
	sum->value += ((uint64_t)st.st_ino << 32) + (uint64_t)st.st_size;
	return 0;
}

static uint64_t sum_copy(void)
{
	char path[PATH_MAX];
	struct sum sum = {namespace_path(path, NAMESPACE_CACHE), 0};

	return each_file(sum.path, sum_each, &sum) < 0 ? 0 : sum.value;
}

int capabilities_open(struct capabilities *capabilities, const struct machine *machine)
{
	int rc;

	capabilities->folder = -1;
	capabilities->copied = 0;
	/* one for each accelerator: what libvirt finds without /dev/kvm is not valid with it */
	rc = str_print(capabilities->path, sizeof(capabilities->path), "%s/%s", machine->cache_dir,
	               machine->kvm ? "kvm" : "tcg");
	if (rc < 0)
		return rc;
	rc = folder_make(capabilities->path);
	if (rc < 0)
		return rc;
	capabilities->folder = open(capabilities->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return capabilities->folder < 0 ? -errno : 0;
}

int capabilities_prepare(struct capabilities *capabilities, const struct machine *machine)
{
	char stamp[FOLDER_STAMP_MAX];
	char path[PATH_MAX];
	struct copy copy = {capabilities->folder, -1};
	int rc;

	if (capabilities->folder < 0)
		return -EBADF;
	rc = stamp_text(machine, stamp, sizeof(stamp));
	if (rc == 0 && !folder_stamp_holds(capabilities->folder, stamp))
		rc = probe_and_wait(capabilities, machine, stamp);
	if (rc < 0)
		return rc;
	copy.to = open(namespace_path(path, NAMESPACE_CACHE), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (copy.to < 0)
		return -errno;
	rc = each_file(capabilities->path, copy_each, &copy);
	close(copy.to);
	capabilities->copied = sum_copy();
	return rc;
}

void capabilities_close(struct capabilities *capabilities)
{
	if (capabilities->folder < 0)
		return;
	if (capabilities->copied && sum_copy() != capabilities->copied)
		(void)unlinkat(capabilities->folder, FOLDER_STAMP, 0);
	close(capabilities->folder);
	capabilities->folder = -1;
}
