/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stands in a folder that somebody moves away, and tries to get out of it: by
 * `..`, by its name, by a file handle after the kernel has forgotten it. Prints
 * what it could read. Root's in a guest; static, so that it runs in any.
 *
 *   stander FOLDER GO     GO: a file that comes when FOLDER has been moved
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WAIT_SECONDS 30
#define LEVELS 8

/* The names in the folder that fd is, and the text of its file `secret`. */
static void look(const char *how, int fd)
{
	char text[256];
	const struct dirent *entry;
	int listed = openat(fd, ".", O_RDONLY | O_DIRECTORY);
	int secret = openat(fd, "secret", O_RDONLY);
	DIR *folder = listed < 0 ? NULL : fdopendir(listed);
	ssize_t length = secret < 0 ? -1 : read(secret, text, sizeof(text));

	printf("%s: %s:", how, folder ? "listed" : strerror(errno));
	while (folder && (entry = readdir(folder)))
		printf(" %s", entry->d_name);
	printf("\n%.*s", length > 0 ? (int)length : 0, text);
	if (folder)
		closedir(folder);
	if (secret >= 0)
		close(secret);
}

/* From fd upwards, one step at a time. */
static void climb(const char *how, int fd)
{
	for (int i = 0; i < LEVELS && fd >= 0; i++) {
		int above = openat(fd, "..", O_RDONLY | O_DIRECTORY);

		look(how, fd);
		close(fd);
		fd = above;
	}
}

static void forget(void)
{
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY);

	if (fd < 0 || write(fd, "3", 1) != 1)
		printf("drop_caches: %s\n", strerror(errno));
	if (fd >= 0)
		close(fd);
}

int main(int argc, char **argv)
{
	struct {
		struct file_handle handle;
		unsigned char bytes[MAX_HANDLE_SZ];
	} room = {.handle.handle_bytes = MAX_HANDLE_SZ};
	int mount, top = argc == 3 ? open(".", O_RDONLY | O_DIRECTORY) : -1;

	if (top < 0 || chdir(argv[1]) < 0) {
		perror("stander FOLDER GO");
		return 64;
	}
	if (name_to_handle_at(AT_FDCWD, ".", &room.handle, &mount, 0) < 0)
		printf("name_to_handle_at: %s\n", strerror(errno));
	puts("ready");
	fflush(stdout);
	for (int i = 0; faccessat(top, argv[2], F_OK, 0) < 0; i++) {
		if (i == WAIT_SECONDS * 10)
			return 75;
		(void)usleep(100000);
	}
	look("standing", AT_FDCWD);
	climb("standing", open(".", O_RDONLY | O_DIRECTORY));
	climb("above", open("..", O_RDONLY | O_DIRECTORY));
	forget();
	climb("standing, forgotten", open(".", O_RDONLY | O_DIRECTORY));
	if (chdir("/") < 0)
		return 70;
	forget();
	mount = open_by_handle_at(top, &room.handle, O_RDONLY | O_DIRECTORY);
	if (mount < 0)
		printf("open_by_handle_at: %s\n", strerror(errno));
	climb("by its handle", mount);
	puts("done");
	return 0;
}
