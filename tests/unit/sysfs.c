/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/sysfs.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "helper/pci.h"

#define FIFOS 32

static char root[PATH_MAX];
static pid_t kernel = -1;

static _Noreturn void broken(const char *what)
{
	fprintf(stderr, "tests/unit/sysfs: %s: %s\n", what, strerror(errno));
	abort();
}

static char *at(const char *path)
{
	static char text[4][PATH_MAX];
	static unsigned int next;
	char *to = text[next++ % 4];

	if (snprintf(to, PATH_MAX, "%s/%s", root, path[0] == '/' ? path + 1 : path) >= PATH_MAX)
		broken(path);
	return to;
}

/* The folders above it. */
static void make_folders(const char *path)
{
	char part[PATH_MAX];

	for (const char *slash = strchr(path + strlen(root) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		(void)snprintf(part, sizeof(part), "%.*s", (int)(slash - path), path);
		if (mkdir(part, 0755) < 0 && errno != EEXIST)
			broken(part);
	}
}

void sysfs_put(const char *path, const char *text)
{
	const char *to = at(path);
	FILE *stream;

	make_folders(to);
	stream = fopen(to, "we");
	if (!stream || fputs(text, stream) < 0 || fclose(stream) != 0)
		broken(to);
}

const char *sysfs_get(const char *path)
{
	static char text[4096];
	FILE *stream = fopen(at(path), "re");
	size_t length = stream ? fread(text, 1, sizeof(text) - 1, stream) : 0;

	if (!stream)
		broken(path);
	(void)fclose(stream);
	text[length] = 0;
	return text;
}

void sysfs_link(const char *path, const char *target)
{
	const char *to = at(path);

	make_folders(to);
	(void)unlink(to);
	if (symlink(target, to) < 0)
		broken(to);
}

static int drop(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void sysfs_drop(const char *path)
{
	if (nftw(at(path), drop, 16, FTW_DEPTH | FTW_PHYS) < 0)
		broken(path);
}

void sysfs_block(const char *path)
{
	(void)unlink(at(path));
	if (mkfifo(at(path), 0600) < 0)
		broken(path);
}

/* `PATH -> LINK`, `PATH/` or `PATH: contents` */
static void make_line(char *line)
{
	char *link = strstr(line, " -> "), *text = strstr(line, ": ");
	size_t length = strlen(line);

	if (link) {
		*link = 0;
		sysfs_link(line, link + 4);
	} else if (text) {
		*text = 0;
		for (char *bar = text + 2; (bar = strchr(bar, '|'));)
			*bar = '\n';
		sysfs_put(line, text + 2);
	} else if (length > 0 && line[length - 1] == '/') {
		make_folders(at(line));
	}
}

const char *sysfs_make(const char *state)
{
	char name[64], line[1024];
	FILE *stream;

	(void)snprintf(name, sizeof(name), "tests/unit/sysfs/%s", state);
	stream = fopen(name, "re");
	if (!stream)
		broken(name);
	(void)snprintf(root, sizeof(root), "%s/wnodes-sysfs.XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	if (!mkdtemp(root))
		broken(root);
	while (fgets(line, sizeof(line), stream)) {
		line[strcspn(line, "\n")] = 0;
		if (line[0] == '/')
			make_line(line);
	}
	(void)fclose(stream);
	sysfs_put("dev/vfio/vfio", "");
	pci_set_root(root);
	return root;
}

void sysfs_remove(void)
{
	if (kernel > 0) {
		(void)kill(kernel, SIGKILL);
		(void)waitpid(kernel, NULL, 0);
		kernel = -1;
	}
	if (root[0])
		sysfs_drop("");
	root[0] = 0;
	pci_set_root("");
}

static void bind_driver(const struct pci_address *device, const char *driver)
{
	char path[PATH_MAX], target[PATH_MAX], node[64];
	unsigned int group;

	(void)snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/driver", device->name);
	(void)snprintf(target, sizeof(target), "../../../../bus/pci/drivers/%s", driver);
	sysfs_link(path, target);
	(void)snprintf(path, sizeof(path), "sys/bus/pci/drivers/%s/%s", driver, device->name);
	sysfs_link(path, "device");
	if (strcmp(driver, "vfio-pci") == 0 && pci_group(device, &group) == 0) {
		(void)snprintf(node, sizeof(node), "dev/vfio/%u", group);
		sysfs_put(node, "");
	}
}

/* The driver that knows the device. */
static const char *driver_of(const struct pci_address *device)
{
	uint32_t vendor = 0, id = 0, class = 0;

	(void)pci_identify(device, &vendor, &id, &class);
	return id == 0x10ca ? "igbvf" : id == 0x10c9 ? "igb" : "";
}

static void act(const char *file, const char *text)
{
	struct pci_address device;
	char is[PCI_NAME_SIZE], override[PCI_NAME_SIZE], path[PATH_MAX], driver[PCI_NAME_SIZE];
	const char *name = strstr(file, "/drivers/");
	unsigned int group;

	if (pci_parse(text, &device) < 0 || pci_driver(&device, is) < 0 || pci_override(&device, override) < 0)
		return;
	if (!name) {
		const char *found = override[0] ? override : driver_of(&device);

		if (!is[0] && found[0])
			bind_driver(&device, found);
		return;
	}
	(void)snprintf(driver, sizeof(driver), "%.*s", (int)strcspn(name + 9, "/"), name + 9);
	if (strcmp(strrchr(file, '/'), "/bind") == 0) {
		if (!is[0] && strcmp(driver, override[0] ? override : driver_of(&device)) == 0)
			bind_driver(&device, driver);
	} else if (strcmp(is, driver) == 0) {
		if (strcmp(is, "vfio-pci") == 0 && pci_group(&device, &group) == 0) {
			(void)snprintf(path, sizeof(path), "dev/vfio/%u", group);
			(void)unlink(at(path));
		}
		(void)snprintf(path, sizeof(path), "sys/bus/pci/drivers/%s/%s", driver, device.name);
		sysfs_drop(path);
		(void)snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/driver", device.name);
		sysfs_drop(path);
	}
}

static _Noreturn void kernel_run(const glob_t *files, struct pollfd *fifos)
{
	char text[64];

	for (;;) {
		if (poll(fifos, files->gl_pathc, -1) < 0)
			_exit(1);
		for (size_t i = 0; i < files->gl_pathc; i++) {
			ssize_t n = fifos[i].revents & POLLIN ? read(fifos[i].fd, text, sizeof(text) - 1) : 0;

			if (n <= 0)
				continue;
			text[n] = 0;
			act(files->gl_pathv[i], text);
		}
	}
}

void sysfs_start_kernel(void)
{
	struct pollfd fifos[FIFOS];
	glob_t files = {0};

	if (glob(at("sys/bus/pci/drivers/*/bind"), 0, NULL, &files) != 0 ||
	    glob(at("sys/bus/pci/drivers/*/unbind"), GLOB_APPEND, NULL, &files) != 0 ||
	    glob(at("sys/bus/pci/drivers_probe"), GLOB_APPEND, NULL, &files) != 0 || files.gl_pathc > FIFOS)
		broken("drivers");
	for (size_t i = 0; i < files.gl_pathc; i++) {
		if (unlink(files.gl_pathv[i]) < 0 || mkfifo(files.gl_pathv[i], 0600) < 0)
			broken(files.gl_pathv[i]);
		/* open to write, too: it has no end */
		fifos[i] = (struct pollfd){.fd = open(files.gl_pathv[i], O_RDWR | O_CLOEXEC), .events = POLLIN};
		if (fifos[i].fd < 0)
			broken(files.gl_pathv[i]);
	}
	kernel = fork();
	if (kernel == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		kernel_run(&files, fifos);
	}
	for (size_t i = 0; i < files.gl_pathc; i++)
		close(fifos[i].fd);
	globfree(&files);
}
