/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/init.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "guest/log.h"

#define FORK_MS 100L  /* before another child is forked */
#define END_SECONDS 2 /* for the tasks, before the machine is powered off */

static const struct {
	const char *type, *path, *parent;
	unsigned long flags;
	const char *options;
} mounts[] = {
        {"proc", "/proc", "/", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL},
        {"sysfs", "/sys", "/", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL},
        {"devtmpfs", "/dev", "/", MS_NOSUID, "mode=0755"},
        {"devpts", "/dev/pts", "/dev", MS_NOSUID | MS_NOEXEC, "gid=5,mode=620,ptmxmode=666"},
        {"tmpfs", "/dev/shm", "/dev", MS_NOSUID | MS_NODEV, "mode=1777"},
        {"tmpfs", "/run", "/", MS_NOSUID | MS_NODEV, "mode=0755"},
        {"tmpfs", "/tmp", "/", MS_NOSUID | MS_NODEV, "mode=1777"},
};

/* Something is mounted on path: it lies on another device than its parent. */
static bool is_mounted(const char *path, const char *parent)
{
	struct stat own, above;

	return stat(path, &own) == 0 && stat(parent, &above) == 0 && own.st_dev != above.st_dev;
}

static void mount_missing(void)
{
	for (size_t i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++) {
		mkdir(mounts[i].path, 0755);
		if (is_mounted(mounts[i].path, mounts[i].parent))
			continue;
		if (mount(mounts[i].type, mounts[i].path, mounts[i].type, mounts[i].flags, mounts[i].options) < 0)
			agent_log("%s cannot be mounted: %s", mounts[i].path, strerror(errno));
	}
}

/* Shells and programs want these; devtmpfs does not make them. Those that are there stay. */
static void link_descriptors(void)
{
	static const char *const links[][2] = {{"/proc/self/fd", "/dev/fd"},
	                                       {"/proc/self/fd/0", "/dev/stdin"},
	                                       {"/proc/self/fd/1", "/dev/stdout"},
	                                       {"/proc/self/fd/2", "/dev/stderr"}};

	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		if (symlink(links[i][0], links[i][1]) < 0 && errno != EEXIST)
			agent_log("%s cannot be made: %s", links[i][1], strerror(errno));
}

static void loopback_up(void)
{
	struct ifreq request = {.ifr_name = "lo"};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return;
	if (ioctl(fd, SIOCGIFFLAGS, &request) == 0) {
		request.ifr_flags |= IFF_UP | IFF_RUNNING;
		ioctl(fd, SIOCSIFFLAGS, &request);
	}
	close(fd);
}

static _Noreturn void power_off(pid_t agent)
{
	struct timespec time = {.tv_sec = END_SECONDS};
	sigset_t child;

	agent_log("powering off");
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	/* The agent's end is the tasks' end. */
	kill(agent, SIGTERM);
	while (waitpid(agent, NULL, WNOHANG) == 0 && sigtimedwait(&child, NULL, &time) == SIGCHLD)
		;
	kill(-1, SIGKILL);
	sync();
	reboot(RB_POWER_OFF);
	reboot((int)RB_HALT_SYSTEM);
	for (;;)
		pause();
}

/* Wait until the agent has ended. */
static void keep(pid_t agent)
{
	bool lives = true;
	sigset_t all;
	pid_t pid;
	int number;

	sigfillset(&all);
	while (lives) {
		number = sigwaitinfo(&all, NULL);
		while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
			lives = lives && pid != agent;
		if (number == SIGTERM || number == SIGINT || number == SIGPWR || number == SIGUSR1 || number == SIGUSR2)
			power_off(agent);
	}
	agent_log("the agent has ended; another is started");
}

void init_become(void)
{
	struct timespec time = {.tv_nsec = FORK_MS * 1000000L};
	sigset_t all;
	pid_t pid;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	umask(0);
	mount_missing();
	umask(022);
	agent_log_open(true);
	link_descriptors();
	loopback_up();
	reboot(RB_DISABLE_CAD); /* it becomes a SIGINT */
	for (;;) {
		pid = fork();
		if (pid == 0)
			return;
		if (pid > 0)
			keep(pid);
		nanosleep(&time, NULL);
	}
}

bool init_is_agent(void)
{
	struct stat first, own;

	return stat("/proc/1/exe", &first) == 0 && stat("/proc/self/exe", &own) == 0 && first.st_dev == own.st_dev &&
	       first.st_ino == own.st_ino;
}
