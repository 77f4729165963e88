/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What programs do with files, one line each: its name, and `ok` or what went
 * wrong. Run in a folder on the host and in a machine, the outputs tell the
 * difference. Static, so that it runs in any guest.
 *
 *   probe FOLDER     an empty one
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#define BEYOND_4G (INT64_C(5) << 30)
#define ENTRIES 1000
#define APPENDS 200

/* A check returns 0, a positive errno, or -1: it was done, and came out wrong. */
#define WRONG (-1)
#define TRY(call)                                                                                                      \
	do {                                                                                                           \
		if ((call) < 0)                                                                                        \
			return errno;                                                                                  \
	} while (0)
#define EXPECT(condition)                                                                                              \
	do {                                                                                                           \
		if (!(condition))                                                                                      \
			return WRONG;                                                                                  \
	} while (0)

static int make(const char *name, const char *text)
{
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0644);

	if (fd >= 0 && write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		return -1;
	return fd;
}

static int holds(const char *name, const char *text)
{
	char buffer[256] = "";
	int fd = open(name, O_RDONLY);

	TRY(fd);
	TRY(read(fd, buffer, sizeof(buffer) - 1));
	close(fd);
	EXPECT(strcmp(buffer, text) == 0);
	return 0;
}

static int check_symlink(void)
{
	char target[64] = "";

	TRY(make("s.file", "s"));
	TRY(symlink("s.file", "s.link"));
	TRY(readlink("s.link", target, sizeof(target)));
	EXPECT(strcmp(target, "s.file") == 0);
	TRY(symlink("nowhere", "s.broken"));
	EXPECT(open("s.broken", O_RDONLY) < 0 && errno == ENOENT);
	return holds("s.link", "s");
}

static int check_hard_link(void)
{
	struct stat one, other;

	TRY(make("h.one", "h"));
	TRY(link("h.one", "h.other"));
	TRY(stat("h.one", &one));
	TRY(stat("h.other", &other));
	EXPECT(one.st_ino == other.st_ino && one.st_nlink == 2);
	return holds("h.other", "h");
}

static int check_rename(void)
{
	TRY(make("r.one", "new"));
	TRY(make("r.two", "old"));
	TRY(rename("r.one", "r.two"));
	EXPECT(access("r.one", F_OK) < 0 && errno == ENOENT);
	TRY(mkdir("r.folder", 0755));
	TRY(rename("r.two", "r.folder/three"));
	TRY(rename("r.folder", "r.other"));
	return holds("r.other/three", "new");
}

static int check_rename_open(void)
{
	int fd = make("ro.one", "a");

	TRY(fd);
	TRY(rename("ro.one", "ro.two"));
	TRY(write(fd, "b", 1));
	TRY(close(fd));
	return holds("ro.two", "ab");
}

static int check_exchange(void)
{
	TRY(make("x.one", "1"));
	TRY(make("x.two", "2"));
	TRY(syscall(SYS_renameat2, AT_FDCWD, "x.one", AT_FDCWD, "x.two", 2));
	return holds("x.one", "2");
}

static int check_exclusive(void)
{
	TRY(make("e", ""));
	EXPECT(open("e", O_WRONLY | O_CREAT | O_EXCL, 0644) < 0 && errno == EEXIST);
	return 0;
}

/* Two processes append; nothing is lost. */
static int check_append(void)
{
	struct stat st;
	pid_t child;
	int status, fd;

	TRY(make("a", ""));
	child = fork();
	fd = open("a", O_WRONLY | O_APPEND);
	TRY(fd);
	for (int i = 0; i < APPENDS; i++)
		TRY(write(fd, "0123456789abcde\n", 16));
	TRY(close(fd));
	if (child == 0)
		_exit(0);
	TRY(waitpid(child, &status, 0));
	EXPECT(status == 0);
	TRY(stat("a", &st));
	EXPECT(st.st_size == 2 * APPENDS * 16);
	return 0;
}

static int check_map_private(void)
{
	int fd = make("mp", "mapped");
	char *map;

	TRY(fd);
	map = mmap(NULL, 6, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		return errno;
	map[0] = 'M';
	EXPECT(memcmp(map, "Mapped", 6) == 0);
	return holds("mp", "mapped");
}

static int check_map_shared(void)
{
	int fd = make("ms", "mapped");
	char *map, text[7] = "";

	TRY(fd);
	map = mmap(NULL, 6, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return errno;
	map[0] = 'M';
	TRY(msync(map, 6, MS_SYNC));
	TRY(pread(fd, text, 6, 0));
	EXPECT(strcmp(text, "Mapped") == 0);
	TRY(munmap(map, 6));
	TRY(close(fd));
	return holds("ms", "Mapped");
}

static int check_attributes(void)
{
	char value[64] = "", names[256] = "";

	TRY(make("xa", ""));
	TRY(setxattr("xa", "user.test", "value", 5, 0));
	TRY(getxattr("xa", "user.test", value, sizeof(value)));
	EXPECT(strcmp(value, "value") == 0);
	TRY(listxattr("xa", names, sizeof(names)));
	EXPECT(strcmp(names, "user.test") == 0);
	TRY(removexattr("xa", "user.test"));
	EXPECT(getxattr("xa", "user.test", value, sizeof(value)) < 0 && errno == ENODATA);
	return 0;
}

/* Whether another process is kept out. */
static int check_lock(const char *name, int (*lock)(int fd))
{
	int fd = make(name, ""), status;
	pid_t child;

	TRY(fd);
	TRY(lock(fd));
	child = fork();
	if (child == 0) {
		int rc = lock(open(name, O_RDWR));

		_exit(rc < 0 ? errno : 0);
	}
	TRY(waitpid(child, &status, 0));
	EXPECT(WIFEXITED(status) && (WEXITSTATUS(status) == EAGAIN || WEXITSTATUS(status) == EACCES));
	return 0;
}

static int lock_flock(int fd)
{
	return flock(fd, LOCK_EX | LOCK_NB);
}

static int lock_fcntl(int fd)
{
	struct flock lock = {.l_type = F_WRLCK};

	return fcntl(fd, F_SETLK, &lock);
}

static int lock_ofd(int fd)
{
	struct flock lock = {.l_type = F_WRLCK};

	return fcntl(fd, 37 /* F_OFD_SETLK */, &lock);
}

static int check_flock(void)
{
	return check_lock("l.flock", lock_flock);
}

static int check_fcntl(void)
{
	return check_lock("l.fcntl", lock_fcntl);
}

static int check_ofd(void)
{
	return check_lock("l.ofd", lock_ofd);
}

static int check_both_locks(void)
{
	int fd = make("l.both", "");

	TRY(fd);
	TRY(lock_flock(fd));
	TRY(lock_fcntl(fd));
	return 0;
}

static int check_unlinked(void)
{
	int fd = make("u", "gone");
	char text[8] = "";

	TRY(fd);
	TRY(unlink("u"));
	EXPECT(access("u", F_OK) < 0 && errno == ENOENT);
	TRY(write(fd, "!", 1));
	TRY(pread(fd, text, 7, 0));
	EXPECT(strcmp(text, "gone!") == 0);
	return 0;
}

static int check_unlinked_stat(void)
{
	int fd = make("us", "gone");
	struct stat st;

	TRY(fd);
	TRY(unlink("us"));
	TRY(fstat(fd, &st));
	TRY(ftruncate(fd, 1));
	TRY(fchmod(fd, 0600));
	return 0;
}

static int check_sparse(void)
{
	int fd = make("big", "begin");
	char text[4] = "";
	struct stat st;

	TRY(fd);
	TRY(pwrite(fd, "end", 3, BEYOND_4G));
	TRY(fsync(fd));
	TRY(fstat(fd, &st));
	EXPECT(st.st_size == BEYOND_4G + 3 && st.st_blocks < 100000);
	TRY(pread(fd, text, 3, BEYOND_4G));
	EXPECT(strcmp(text, "end") == 0);
	TRY(ftruncate(fd, 3));
	TRY(close(fd));
	return holds("big", "beg");
}

static int check_entries(void)
{
	const struct dirent *entry;
	char name[32];
	int count = 0;
	DIR *folder;

	TRY(mkdir("many", 0755));
	for (int i = 0; i < ENTRIES; i++) {
		snprintf(name, sizeof(name), "many/%d", i);
		TRY(symlink("x", name));
	}
	folder = opendir("many");
	while (folder && (entry = readdir(folder)))
		count += entry->d_name[0] != '.' && entry->d_type == DT_LNK;
	EXPECT(count == ENTRIES);
	rewinddir(folder);
	while ((entry = readdir(folder)))
		if (entry->d_name[0] != '.')
			TRY(unlinkat(dirfd(folder), entry->d_name, 0));
	TRY(rmdir("many"));
	return 0;
}

static int check_modes(void)
{
	struct stat st;

	umask(027);
	TRY(close(open("m", O_CREAT | O_WRONLY, 0777)));
	umask(022);
	TRY(stat("m", &st));
	EXPECT((st.st_mode & 07777) == 0750 && st.st_uid == getuid() && st.st_gid == getgid());
	TRY(chmod("m", 02600));
	TRY(stat("m", &st));
	EXPECT((st.st_mode & 07777) == 02600);
	TRY(chmod("m", 0));
	EXPECT(open("m", O_RDONLY) < 0 && errno == EACCES);
	return 0;
}

static int check_times(void)
{
	const struct timespec times[2] = {{1000000000, 123456789}, {1200000000, 987654321}};
	struct stat st;

	TRY(make("t", "t"));
	TRY(utimensat(AT_FDCWD, "t", times, 0));
	TRY(stat("t", &st));
	EXPECT(st.st_mtim.tv_sec == times[1].tv_sec && st.st_atim.tv_sec == times[0].tv_sec);
	return 0;
}

static int check_nanoseconds(void)
{
	const struct timespec times[2] = {{1000000000, 123456789}, {1200000000, 987654321}};
	struct stat st;

	TRY(make("tn", "t"));
	TRY(utimensat(AT_FDCWD, "tn", times, 0));
	TRY(stat("tn", &st));
	EXPECT(st.st_mtim.tv_nsec == times[1].tv_nsec);
	return 0;
}

static int check_names(void)
{
	static const char odd[] = "o \n\t*'\"\\\303\244\377;$(x)";
	char name[256];

	memset(name, 'n', 255);
	name[255] = 0;
	TRY(make(name, "long"));
	TRY(make(odd, "odd"));
	EXPECT(holds(odd, "odd") == 0);
	return holds(name, "long");
}

static int check_not_empty(void)
{
	TRY(mkdir("ne", 0755));
	TRY(make("ne/file", ""));
	EXPECT(rmdir("ne") < 0 && errno == ENOTEMPTY);
	return 0;
}

static int check_allocate(void)
{
	int fd = make("al", "");

	TRY(fd);
	TRY(fallocate(fd, 0, 0, 65536));
	return 0;
}

static int check_punch(void)
{
	int fd = make("pu", "xxxx");

	TRY(fd);
	TRY(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4));
	return 0;
}

static int check_hole(void)
{
	int fd = make("ho", "");

	TRY(fd);
	TRY(pwrite(fd, "x", 1, 1 << 20));
	EXPECT(lseek(fd, 0, SEEK_DATA) == 1 << 20);
	return 0;
}

static int check_fifo(void)
{
	TRY(mkfifo("fifo", 0600));
	return 0;
}

static int check_socket(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "sock"};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	TRY(fd);
	TRY(bind(fd, (struct sockaddr *)&address, sizeof(address)));
	return 0;
}

static int check_unnamed(void)
{
	int fd = open(".", O_TMPFILE | O_RDWR, 0600);

	TRY(fd);
	TRY(write(fd, "x", 1));
	return 0;
}

static int check_direct(void)
{
	int fd = open("di", O_RDWR | O_CREAT | O_DIRECT, 0600);
	static _Alignas(4096) char page[4096];

	TRY(fd);
	TRY(pwrite(fd, page, sizeof(page), 0));
	TRY(pread(fd, page, sizeof(page), 0));
	return 0;
}

static int check_inotify(void)
{
	int fd = inotify_init1(IN_NONBLOCK);
	char event[512];

	TRY(fd);
	TRY(inotify_add_watch(fd, ".", IN_CREATE));
	TRY(make("in", ""));
	TRY(read(fd, event, sizeof(event)));
	return 0;
}

static const struct check {
	const char *name;
	int (*run)(void);
} checks[] = {
        {"symbolic links", check_symlink},
        {"hard links", check_hard_link},
        {"rename", check_rename},
        {"rename of an open file", check_rename_open},
        {"rename with RENAME_EXCHANGE", check_exchange},
        {"O_EXCL", check_exclusive},
        {"O_APPEND by two processes", check_append},
        {"mmap, private", check_map_private},
        {"mmap, shared", check_map_shared},
        {"extended attributes", check_attributes},
        {"flock", check_flock},
        {"fcntl locks", check_fcntl},
        {"open file description locks", check_ofd},
        {"flock and fcntl by one process", check_both_locks},
        {"unlinked while open", check_unlinked},
        {"fstat, ftruncate, fchmod when unlinked", check_unlinked_stat},
        {"a sparse file beyond 4 GiB", check_sparse},
        {"a directory of 1000 entries", check_entries},
        {"modes, umask and owner", check_modes},
        {"times", check_times},
        {"times to the nanosecond", check_nanoseconds},
        {"long and odd names", check_names},
        {"a directory that is not empty", check_not_empty},
        {"fallocate", check_allocate},
        {"punching holes", check_punch},
        {"SEEK_DATA", check_hole},
        {"FIFOs", check_fifo},
        {"socket files", check_socket},
        {"O_TMPFILE", check_unnamed},
        {"O_DIRECT", check_direct},
        {"inotify", check_inotify},
};

int main(int argc, char **argv)
{
	if (argc != 2 || chdir(argv[1]) < 0) {
		perror("probe FOLDER");
		return 64;
	}
	umask(022);
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		int rc = checks[i].run();

		printf("%s: %s\n", checks[i].name, rc == 0 ? "ok" : rc < 0 ? "wrong" : strerror(rc));
		fflush(stdout);
	}
	return 0;
}
