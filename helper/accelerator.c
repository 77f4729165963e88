/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/accelerator.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/exitcode.h"

bool accelerator_cpu_has(const char *flag)
{
	size_t length = strlen(flag);
	FILE *file = fopen("/proc/cpuinfo", "re");
	char *line = NULL;
	size_t size = 0;
	bool found = false;

	if (!file)
		return false;
	while (!found && getline(&line, &size, file) > 0) {
		if (strncmp(line, "flags", 5) != 0)
			continue;
		for (const char *p = line; !found && (p = strstr(p + 1, flag));)
			found = p[-1] == ' ' && strchr(" \n", p[length]);
		break;
	}
	free(line);
	fclose(file);
	return found;
}

/* QEMU runs as the job's user: that everybody may open it is what udev sets up. */
static bool kvm_opens(void)
{
	int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	struct stat st;
	bool usable;

	if (fd < 0)
		return false;
	usable = fstat(fd, &st) == 0 && (st.st_mode & 0006) == 0006;
	close(fd);
	return usable;
}

int accelerator_choose(const struct config *config, bool *tcg, struct failure *why)
{
	bool kvm = config->accelerator != ACCELERATOR_TCG && kvm_opens();

	if (config->accelerator == ACCELERATOR_KVM && !kvm)
		return failure_set(why, EXIT_NODE,
		                   "wnodes.conf says accelerator = kvm, and /dev/kvm is missing or not open to "
		                   "everybody (0666)");
	*tcg = !kvm ||
	       (config->accelerator == ACCELERATOR_AUTO && !accelerator_cpu_has("vmx") && !accelerator_cpu_has("svm"));
	return 0;
}
