/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/grow_fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/str.h"
#include "common/wire.h"

struct grow_fs_kind {
	uint32_t magic; /* of statfs(2) */
	int (*open)(struct grow_fs *fs);
	int (*size)(const struct grow_fs *fs, int node, uint64_t *bytes);
	int (*resize)(const struct grow_fs *fs, uint64_t bytes);
};

/* ioctl(2), whose request is an int to musl and an unsigned long to glibc; returns a negative errno. */
static int call(int fd, unsigned int request, void *argument)
{
	long rc = syscall(SYS_ioctl, fd, request, argument);

	return rc < 0 ? -errno : (int)rc;
}

/* The device's number is the files', but with btrfs. */
static int open_any(struct grow_fs *fs)
{
	struct stat st;

	if (fstat(fs->fd, &st) < 0)
		return -errno;
	fs->device = st.st_dev;
	return 0;
}

/* --- ext2, ext3, ext4 --- */

#define EXT4_IOC_RESIZE_FS _IOW('f', 16, uint64_t) /* blocks; fs/ext4/ext4.h, since 3.3 */

/* of its superblock, fs/ext4/ext4.h */
#define EXT_PLACE 1024
#define EXT_BLOCKS 4
#define EXT_BLOCK_SHIFT 24
#define EXT_MAGIC 56
#define EXT_INCOMPATIBLE 96
#define EXT_64BIT 0x80U
#define EXT_BLOCKS_HIGH 336

static int ext_size(const struct grow_fs *fs, int node, uint64_t *bytes)
{
	uint8_t block[1024];
	ssize_t length = pread(node, block, sizeof(block), EXT_PLACE);
	uint32_t shift = wire_u32(block + EXT_BLOCK_SHIFT);
	uint64_t blocks = wire_u32(block + EXT_BLOCKS);

	(void)fs;
	if (length != (ssize_t)sizeof(block))
		return length < 0 ? -errno : -EIO;
	if (block[EXT_MAGIC] != 0x53 || block[EXT_MAGIC + 1] != 0xef || shift > 6)
		return -EINVAL;
	if (wire_u32(block + EXT_INCOMPATIBLE) & EXT_64BIT)
		blocks |= (uint64_t)wire_u32(block + EXT_BLOCKS_HIGH) << 32;
	*bytes = blocks << (10 + shift);
	return 0;
}

static int ext_resize(const struct grow_fs *fs, uint64_t bytes)
{
	struct statfs st;
	uint64_t blocks;

	if (fstatfs(fs->fd, &st) < 0)
		return -errno;
	blocks = bytes / (uint64_t)st.f_bsize;
	return call(fs->fd, EXT4_IOC_RESIZE_FS, &blocks);
}

/* --- xfs --- */

/* struct xfs_fsop_geom_v1 of fs/xfs/libxfs/xfs_fs.h */
struct xfs_geometry {
	uint32_t block, unused[6], imaxpct;
	uint64_t blocks, unused2[3];
	uint8_t unused3[16];
	uint32_t unused4[7];
};

struct xfs_growfs {
	uint64_t blocks;
	uint32_t imaxpct;
};

#define XFS_IOC_FSGEOMETRY_V1 _IOR('X', 100, struct xfs_geometry)
#define XFS_IOC_FSGROWFSDATA _IOW('X', 110, struct xfs_growfs)
_Static_assert(sizeof(struct xfs_geometry) == 112 && sizeof(struct xfs_growfs) == 16, "xfs's ioctls");

static int xfs_size(const struct grow_fs *fs, int node, uint64_t *bytes)
{
	struct xfs_geometry geometry = {0};
	int rc = call(fs->fd, XFS_IOC_FSGEOMETRY_V1, &geometry);

	(void)node;
	*bytes = geometry.blocks * geometry.block;
	return rc;
}

static int xfs_resize(const struct grow_fs *fs, uint64_t bytes)
{
	struct xfs_geometry geometry = {0};
	struct xfs_growfs growfs = {0};
	int rc = call(fs->fd, XFS_IOC_FSGEOMETRY_V1, &geometry);

	if (rc < 0)
		return rc;
	growfs.blocks = bytes / geometry.block;
	growfs.imaxpct = geometry.imaxpct;
	rc = call(fs->fd, XFS_IOC_FSGROWFSDATA, &growfs);
	/* what xfs calls its lock that somebody has */
	return rc == -EWOULDBLOCK ? -EBUSY : rc;
}

/* --- btrfs --- */

/* include/uapi/linux/btrfs.h */
struct btrfs_fs_info {
	uint64_t id_max, devices;
	uint8_t unused[1008];
};

struct btrfs_device_info {
	uint64_t id;
	uint8_t uuid[16];
	uint64_t used, bytes, unused[379];
	char path[1024];
};

struct btrfs_arguments {
	int64_t fd;
	char name[4088];
};

#define BTRFS_IOC_RESIZE _IOW(0x94, 3, struct btrfs_arguments)
#define BTRFS_IOC_DEV_INFO _IOWR(0x94, 30, struct btrfs_device_info)
#define BTRFS_IOC_FS_INFO _IOR(0x94, 31, struct btrfs_fs_info)
_Static_assert(sizeof(struct btrfs_fs_info) == 1024 && sizeof(struct btrfs_device_info) == 4096 &&
                       sizeof(struct btrfs_arguments) == 4096,
               "btrfs's ioctls");

static int btrfs_info(const struct grow_fs *fs, struct btrfs_device_info *info)
{
	memset(info, 0, sizeof(*info));
	info->id = fs->id;
	return call(fs->fd, BTRFS_IOC_DEV_INFO, info);
}

/* Its files' device number is nobody's: the device is known by its path. */
static int btrfs_open(struct grow_fs *fs)
{
	struct btrfs_device_info info;
	struct btrfs_fs_info all;
	struct stat st;
	int rc = call(fs->fd, BTRFS_IOC_FS_INFO, &all);

	if (rc < 0)
		return rc;
	if (all.devices != 1)
		return -EXDEV;
	fs->id = all.id_max;
	rc = btrfs_info(fs, &info);
	if (rc < 0)
		return rc;
	info.path[sizeof(info.path) - 1] = 0;
	if (stat(info.path, &st) < 0)
		return -errno;
	fs->device = st.st_rdev;
	return S_ISBLK(st.st_mode) ? 0 : -ENOTBLK;
}

static int btrfs_size(const struct grow_fs *fs, int node, uint64_t *bytes)
{
	struct btrfs_device_info info;
	int rc = btrfs_info(fs, &info);

	(void)node;
	*bytes = info.bytes;
	return rc;
}

static int btrfs_resize(const struct grow_fs *fs, uint64_t bytes)
{
	struct btrfs_arguments arguments = {0};
	int rc;

	(void)str_print(arguments.name, sizeof(arguments.name), "%llu:%llu", (unsigned long long)fs->id,
	                (unsigned long long)bytes);
	rc = call(fs->fd, BTRFS_IOC_RESIZE, &arguments);
	/* an operation under way: BTRFS_ERROR_DEV_EXCL_RUN_IN_PROGRESS, or EINPROGRESS before 3.12 */
	return rc > 0 || rc == -EINPROGRESS ? -EBUSY : rc;
}

/* --- any --- */

static const struct grow_fs_kind kinds[] = {
        {0xef53, open_any, ext_size, ext_resize},
        {0x58465342, open_any, xfs_size, xfs_resize},
        {0x9123683e, btrfs_open, btrfs_size, btrfs_resize},
};

int grow_fs_open(struct grow_fs *fs, const char *path)
{
	struct statfs st = {0};
	int rc = -ENOTSUP;

	memset(fs, 0, sizeof(*fs));
	fs->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fs->fd < 0)
		return -errno;
	if (fstatfs(fs->fd, &st) < 0)
		rc = -errno;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if ((uint32_t)st.f_type == kinds[i].magic) {
			fs->kind = &kinds[i];
			rc = fs->kind->open(fs);
		}
	}
	if (rc < 0)
		grow_fs_close(fs);
	return rc;
}

int grow_fs_size(const struct grow_fs *fs, int node, uint64_t *bytes)
{
	return fs->kind->size(fs, node, bytes);
}

int grow_fs_resize(const struct grow_fs *fs, uint64_t bytes)
{
	return fs->kind->resize(fs, bytes);
}

void grow_fs_close(struct grow_fs *fs)
{
	if (fs->fd >= 0)
		close(fs->fd);
	fs->fd = -1;
}
