/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/leader.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/str.h"
#include "guest/command.h"
#include "guest/links.h"
#include "guest/oom.h"
#include "guest/redirect.h"
#include "guest/report.h"
#include "guest/small_file.h"

#define PATH_DEFAULT "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"
#define NOT_FOUND 127
#define NOT_EXECUTABLE 126

/* Where hosts keep their programs; a guest may keep the same ones in another of these. */
static const char *const program_folders[] = {"/usr/local/bin", "/usr/bin", "/bin", "/usr/local/sbin",
                                              "/usr/sbin",      "/sbin",    NULL};

static _Noreturn void fail(const struct leader *leader, int code)
{
	ssize_t rc;

	do
		rc = write(leader->failed, "F", 1);
	while (rc < 0 && errno == EINTR);
	_exit(code);
}

static void reset_signals(void)
{
	/* by the kernel's own call: the C library keeps a few signals, which may come ignored, to itself */
	static const unsigned long action[4]; /* the default one */
	sigset_t none;

	for (int number = 1; number < 65; number++)
		syscall(SYS_rt_sigaction, number, action, NULL, 8);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static rlim_t limit_value(uint64_t value)
{
	return value == UINT64_MAX ? RLIM_INFINITY : (rlim_t)value;
}

/* The most open files that the kernel grants to anybody. */
static rlim_t files_most(void)
{
	char text[32];

	return small_file_read("/proc/sys/fs/nr_open", text, sizeof(text)) > 0 ? (rlim_t)strtoull(text, NULL, 10)
	                                                                       : 1048576;
}

static void clamp(struct rlimit *limit, rlim_t most)
{
	if (limit->rlim_max > most)
		limit->rlim_max = most;
	if (limit->rlim_cur > most)
		limit->rlim_cur = most;
}

/* Set one limit; what this kernel does not grant becomes the nearest that it does. */
static void set_limit(const struct spec_limit *wanted)
{
	struct rlimit limit = {.rlim_cur = limit_value(wanted->soft), .rlim_max = limit_value(wanted->hard)}, now;
	int resource = (int)wanted->resource;

	if (wanted->resource >= RLIM_NLIMITS || getrlimit(resource, &now) < 0)
		return;
	if (limit.rlim_cur > limit.rlim_max)
		limit.rlim_cur = limit.rlim_max;
	if (setrlimit(resource, &limit) == 0)
		return;
	if (resource == RLIMIT_NOFILE) {
		clamp(&limit, files_most());
		if (setrlimit(resource, &limit) == 0)
			return;
	}
	clamp(&limit, now.rlim_max);
	setrlimit(resource, &limit);
}

static void set_limits(const struct leader *leader)
{
	struct rlimit files = {.rlim_cur = leader->files, .rlim_max = leader->files_hard};

	setrlimit(RLIMIT_NOFILE, &files);
	for (size_t i = 0; i < leader->spec->limit_count; i++)
		set_limit(&leader->spec->limits[i]);
}

/* Where the guest has not all of the CPUs, those that it has; where it has none of them, all. */
static void bind_to_cpus(const struct spec *spec)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	for (size_t i = 0; i < 8 * spec->affinity_length; i++)
		if (spec->affinity[i / 8] & 1U << i % 8)
			CPU_SET(i, &set);
	if (spec->affinity_length > 0)
		sched_setaffinity(0, sizeof(set), &set);
}

/* Before the limits: with those there may be no memory to be had. */
static void take_groups(const struct leader *leader)
{
	const struct job *job = leader->job;
	gid_t *groups = calloc(job->group_count + 1, sizeof(*groups));

	for (size_t i = 0; groups && i < job->group_count; i++)
		groups[i] = job->groups[i].gid;
	if (!groups || setgroups(job->group_count, groups) < 0) {
		report_note(leader->report, 1, "the task cannot take its groups: %s", strerror(errno));
		fail(leader, NOT_EXECUTABLE);
	}
	free(groups);
}

static void become_user(const struct leader *leader)
{
	const struct job *job = leader->job;
	const char *step = NULL;

	if (setresgid(job->gid, job->gid, job->gid) < 0)
		step = "its group";
	else if (setresuid(job->uid, job->uid, job->uid) < 0)
		step = "its user";
	else if (getuid() != job->uid || geteuid() != job->uid || setuid(0) == 0)
		step = "its user for good";
	if (step) {
		report_note(leader->report, 1, "the task cannot take %s: %s", step, strerror(errno));
		fail(leader, NOT_EXECUTABLE);
	}
}

/* As the user, who may enter less than root. */
static void enter_folder(const struct leader *leader)
{
	const char *wanted = leader->spec->cwd, *home = leader->job->home, *used;

	if (wanted && chdir(wanted) == 0)
		return;
	if (home && home[0] == '/' && chdir(home) == 0)
		used = home;
	else if (chdir("/tmp") == 0)
		used = "/tmp";
	else
		used = chdir("/") == 0 ? "/" : ".";
	if (wanted)
		report_note(leader->report, 0, "the working directory %.480s is not in the guest; using %.480s", wanted,
		            used);
}

/* execve(2), which only returns with errno set; keeps the errno that says most if several folders are tried. */
static void try(const struct leader *leader, const char *folder, size_t length, const char *name, int *error)
{
	char path[PATH_MAX];

	if (str_print(path, sizeof(path), "%.*s%s%s", (int)length, folder, length ? "/" : "", name) < 0) {
		if (*error == ENOENT)
			*error = ENAMETOOLONG;
		return;
	}
	execve(path, leader->spec->argv, leader->spec->envp);
	if (errno == ENOENT && access(path, F_OK) == 0)
		errno = ELIBBAD; /* it is there: what it names to run it is not */
	if (errno != ENOENT && errno != ENOTDIR && (*error == ENOENT || *error == ENAMETOOLONG || *error == EACCES))
		*error = errno;
}

static void try_path(const struct leader *leader, const char *name, int *error)
{
	const char *folder = spec_getenv(leader->spec, "PATH");
	size_t length;

	if (!folder)
		folder = PATH_DEFAULT;
	for (;; folder += length + 1) {
		length = strcspn(folder, ":");
		try(leader, folder, length, name, error);
		if (!folder[length])
			break;
	}
}

/* The name within one of the program folders that path names, or NULL. */
static const char *program_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash || !slash[1])
		return NULL;
	for (const char *const *folder = program_folders; *folder; folder++)
		if (strlen(*folder) == (size_t)(slash - path) && strncmp(path, *folder, (size_t)(slash - path)) == 0)
			return slash + 1;
	return NULL;
}

/* Where Slurm's commands have no place but the agent's own folder. */
static void extend_path(const struct leader *leader)
{
	const char *path = spec_getenv(leader->spec, "PATH");
	char **variable = leader->spec->envp, *longer;

	if (!leader->job->commands || !path || !links_need_path() ||
	    asprintf(&longer, "PATH=%s:%s", path, COMMAND_FOLDER) < 0)
		return;
	while (strncmp(*variable, "PATH=", 5) != 0)
		variable++;
	*variable = longer;
}

/* Returns what errno says about why it could not be done. */
static int execute(const struct leader *leader)
{
	const char *name = leader->script ? leader->script : leader->spec->argv[0];
	const char *program = program_name(name);
	int error = ENOENT;

	if (!strchr(name, '/')) {
		if (name[0])
			try_path(leader, name, &error);
		return error;
	}
	try(leader, "", 0, name, &error);
	if (error != ENOENT || !program)
		return error;
	/* srun has resolved the name in the host's folders. */
	try_path(leader, program, &error);
	for (const char *const *folder = program_folders; *folder; folder++)
		try(leader, *folder, strlen(*folder), program, &error);
	return error;
}

static int execute_fallback(const struct leader *leader, const char *name)
{
	int error = ENOENT;

	report_note(leader->report, 1, "%.450s is not in the guest: %.450s in its place", name, leader->spec->fallback);
	leader->spec->argv[0] = (char *)leader->spec->fallback;
	leader->spec->argv[1] = NULL;
	try(leader, "", 0, leader->spec->fallback, &error);
	return error;
}

static void take_descriptors(const struct leader *leader)
{
	for (int i = 0; i < 3; i++)
		if (dup2(leader->std[i], i) < 0)
			fail(leader, NOT_EXECUTABLE);
	/* job control: the keys of the terminal that is stdin are this session's */
	if ((leader->spec->terminal.streams & TERMINAL_STDIN) && ioctl(STDIN_FILENO, TIOCSCTTY, 0) < 0) {
		report_note(leader->report, 1, "the task cannot take its terminal: %s", strerror(errno));
		fail(leader, NOT_EXECUTABLE);
	}
}

/*
 * As on the host: a process group whose parent is of its session. The kernel
 * drops a SIGTSTP that would stop a group without one.
 */
static void begin_group(const struct leader *leader)
{
	if (leader->in_session && !isatty(leader->std[0]))
		setpgid(0, 0);
	else
		setsid();
}

_Noreturn void leader_run(const struct leader *leader)
{
	const char *name = leader->script ? "slurm_script" : leader->spec->argv[0];
	int error, record;

	begin_group(leader);
	oom_expose();
	take_descriptors(leader);
	take_groups(leader);
	record = redirect_begin(leader);
	umask(leader->spec->has_umask ? leader->spec->umask : 022);
	bind_to_cpus(leader->spec);
	set_limits(leader);
	become_user(leader);
	enter_folder(leader);
	if (redirect_open(leader, record) < 0)
		fail(leader, NOT_EXECUTABLE);
	if (leader->script)
		leader->spec->argv[0] = (char *)leader->script;
	extend_path(leader);
	reset_signals();
	error = execute(leader);
	if (error == ENOENT && leader->spec->fallback)
		error = execute_fallback(leader, name);
	if (error == ELIBBAD)
		report_note(leader->report, 1, "%.900s: its interpreter is not in the guest", name);
	else
		report_note(leader->report, 1, "%.900s: %s", name[0] ? name : "''", strerror(error));
	fail(leader, error == ENOENT || error == ENOTDIR || error == ELIBBAD ? NOT_FOUND : NOT_EXECUTABLE);
}
