/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Make a program set-user-ID as it is created, in the working directory: 0 where any call made one. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static int is_set(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && (st.st_mode & S_ISUID);
}

int main(void)
{
	(void)umask(0);
	(void)open("suid-open", O_CREAT | O_WRONLY, 04755);
	(void)mknod("suid-mknod", S_IFREG | 04755, 0);
	return is_set("suid-open") || is_set("suid-mknod") ? 0 : 1;
}
