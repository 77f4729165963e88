/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "monitor/driver.h"

#include <errno.h>
#include <libvirt/virterror.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "common/str.h"
#include "monitor/domain.h"
#include "monitor/namespace.h"

static char driver_problem[512];

/*
 * dynamic_ownership=0: with 1 libvirt gives kernel and initrd to the job's
 * user. stdio_handler=file: there is no virtlogd. hugetlbfs_mount=[]: libvirt
 * would make and chown folders in every hugetlbfs of the host.
 */
static const char driver_conf[] = "stdio_handler = \"file\"\n"
                                  "cgroup_controllers = []\n"
                                  "security_driver = \"none\"\n"
                                  "remember_owner = 0\n"
                                  "dynamic_ownership = 0\n"
                                  "namespaces = []\n"
                                  "seccomp_sandbox = 1\n"
                                  "max_core = 0\n"
                                  "dump_guest_core = 0\n"
                                  "hugetlbfs_mount = []\n";

static void driver_problem_set(const char *text, int rc)
{
	(void)snprintf(driver_problem, sizeof(driver_problem), "%s%s%s", text, rc < 0 ? ": " : "",
	               rc < 0 ? strerror(-rc) : "");
}

const char *driver_error(void)
{
	const char *text = virGetLastErrorMessage();

	if (driver_problem[0])
		return driver_problem;
	driver_problem_set(text, 0);
	str_printable(driver_problem);
	return driver_problem;
}

/* libvirt's default handler prints to stderr; driver_error() is asked instead. */
static void driver_quiet(void *opaque, virErrorPtr error)
{
	(void)opaque;
	(void)error;
}

int driver_environment(void)
{
	static const char *const environment[][2] = {
	        {"PATH", "/usr/sbin:/usr/bin:/sbin:/bin"},
	        {"HOME", "/"},
	        {"LC_ALL", "C"},
	        /* its log is full of what it may not do here, which is meant so; driver_error() has what counts */
	        {"LIBVIRT_LOG_OUTPUTS", "4:file:/dev/null"},
	        {"DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent"},
	};

	if (clearenv() != 0)
		return -ENOMEM;
	for (size_t i = 0; i < sizeof(environment) / sizeof(environment[0]); i++)
		if (setenv(environment[i][0], environment[i][1], 1) < 0)
			return -errno;
	return 0;
}

static int driver_write_conf(const struct machine *machine)
{
	char path[PATH_MAX];
	FILE *stream = fopen(namespace_path(path, "etc/qemu.conf"), "wxe");
	int rc;

	if (!stream)
		return -errno;
	rc = fputs(driver_conf, stream);
	if (rc >= 0 && machine)
		rc = fprintf(stream, "user = \"+%u\"\ngroup = \"+%u\"\n", machine->uid, machine->gid);
	if (fclose(stream) != 0 || rc < 0)
		return -EIO;
	return 0;
}

/* The connection's URI with the root's path escaped. */
static void driver_uri(char *uri, size_t size)
{
	size_t length = (size_t)snprintf(uri, size, "qemu:///embed?root=");

	for (const char *p = NAMESPACE_ROOT; *p && length + 4 < size; p++) {
		bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || strchr("0123456789/._-", *p);

		length += (size_t)snprintf(uri + length, size - length, plain ? "%c" : "%%%02X", (unsigned char)*p);
	}
}

virConnectPtr driver_open(const struct machine *machine)
{
	char uri[3 * PATH_MAX];
	int rc = driver_write_conf(machine);

	driver_problem[0] = 0;
	if (rc < 0) {
		driver_problem_set("qemu.conf cannot be written", rc);
		return NULL;
	}
	virSetErrorFunc(NULL, driver_quiet);
	driver_uri(uri, sizeof(uri));
	return virConnectOpen(uri);
}

/* The longest socket's path of a machine: libvirt's own, to QEMU's monitor. */
static int driver_check_paths(const struct machine *machine)
{
	char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	/* libvirt takes the first 20 characters of the name */
	int rc =
	        str_print(path, sizeof(path), "%s/lib/qemu/domain-1-%.20s/monitor.sock", NAMESPACE_ROOT, machine->name);

	if (rc < 0)
		driver_problem_set("the run folder " NAMESPACE_ROOT " has too long a path for sockets", 0);
	return rc;
}

virDomainPtr driver_create(virConnectPtr connection, const struct machine *machine)
{
	virDomainPtr domain = NULL;
	char *xml;

	driver_problem[0] = 0;
	if (driver_check_paths(machine) < 0)
		return NULL;
	xml = domain_xml(machine, NAMESPACE_ROOT);
	if (xml)
		domain = virDomainCreateXML(connection, xml, VIR_DOMAIN_START_PAUSED);
	else
		driver_problem_set("no memory for the domain's XML", 0);
	free(xml);
	return domain;
}
