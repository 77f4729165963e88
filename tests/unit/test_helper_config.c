/* SPDX-License-Identifier: GPL-2.0-or-later */
/* links: helper/config_device.o helper/pci_address.o */
/* links: helper/config.o helper/ini_file.o helper/failure.o helper/fs.o helper/list.o common/str.o common/mounts.o */
/* links: helper/config_network.o helper/ipv4.o common/mac.o common/sha256.o common/network_option.o */
/* links: helper/image/catalogue.o common/kv.o */
/* links: helper/machine.o helper/state.o helper/record.o helper/journal.o */
/* links: helper/config_disk.o common/disk_option.o */
/* links: common/command_names.o helper/config_partition.o helper/image/access.o */
/* links: helper/config_machine.o */
/* links: tests/unit/config_says.o */
/* libs: -linih */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/exitcode.h"
#include "helper/config.h"
#include "helper/config_machine.h"
#include "helper/config_partition.h"
#include "helper/image/catalogue.h"
#include "helper/ini_file.h"
#include "helper/list.h"
#include "helper/machine.h"
#include "tests/unit/config_says.h"

static struct image image;

static const char *image_says(const char *text)
{
	static struct failure why;
	FILE *stream = fmemopen((void *)(uintptr_t)text, strlen(text), "r");

	assert_non_null(stream);
	why = (struct failure){0};
	if (image_read(&image, stream, "I", &why) < 0)
		assert_int_equal(why.code, EXIT_NODE);
	fclose(stream);
	return why.message;
}

static void reads_a_whole_file(void **state)
{
	(void)state;
	assert_string_equal(config_says("# a comment\n"
	                                "[site]\n"
	                                "accelerator = tcg\n"
	                                "memory_reserve=128M   ; why\n"
	                                "mount_transport = virtiofs\n"
	                                "slurmd_spool_dir = /var/spool/%n/slurmd\n"
	                                "\n"
	                                "[policy]\n"
	                                "allow_users = alice, bob\n"
	                                "network = quiet\n"
	                                "[network quiet]\n"
	                                "type = none\n"),
	                    "");
	assert_int_equal(config.accelerator, ACCELERATOR_TCG);
	assert_int_equal(config.memory_reserve, 128 << 20);
	assert_int_equal(config.mount_transport, MOUNT_TRANSPORT_VIRTIOFS);
	assert_int_equal(config.tb_cache, 64 << 20);
	assert_string_equal(config.allow_users, "alice, bob");
	assert_string_equal(config_network(&config, config.network.names[0])->type, "none");
	assert_string_equal(config_network(&config, "user")->type, "user");
	assert_null(config_network(&config, "other"));
}

static void an_empty_file_is_the_defaults(void **state)
{
	(void)state;
	assert_string_equal(config_says("\n"), "");
	assert_int_equal(config.accelerator, ACCELERATOR_AUTO);
	assert_int_equal(config.mount_transport, MOUNT_TRANSPORT_AUTO);
	assert_string_equal(config.virtiofsd, "/usr/libexec/virtiofsd");
	assert_int_equal(config.boot_timeout, 300);
	assert_string_equal(config.network.names[0], "user");
}

static void errors_have_file_and_line(void **state)
{
	(void)state;
	assert_string_equal(config_says("[site]\ntypo = 1\n"), "F:2: unknown key 'typo' in [site]");
	assert_string_equal(config_says("[sites]\n"), "F:1: unknown section [sites]");
	assert_string_equal(config_says("\n[sites]\na=b\n"), "F:2: unknown section [sites]");
	assert_string_equal(config_says("emulator = /x\n"), "F:1: a value before the first section");
	assert_string_equal(config_says("[site]\n\nnonsense\n"), "F:3: neither a section nor `key = value`");
	assert_string_equal(config_says("[site]\ntb_cache=64M\ntb_cache=64M\n"), "F:3: tb_cache is given twice");
	assert_string_equal(config_says("[site]\n[policy]\n[site]\n"), "F:3: section [site] is given twice");
	assert_string_equal(config_says("[site]\naccelerator = xen\n"),
	                    "F:2: accelerator: 'xen' is not auto, kvm or tcg");
	assert_string_equal(config_says("[site]\nmount_transport = nfs\n"),
	                    "F:2: mount_transport: 'nfs' is not auto, 9p or virtiofs");
	assert_string_equal(config_says("[site]\nemulator = qemu\n"), "F:2: emulator: 'qemu' is not an absolute path");
	assert_string_equal(config_says("[site]\nboot_timeout = 0\n"),
	                    "F:2: boot_timeout: '0' is not a number of seconds from 1 to 86400");
	assert_string_equal(config_says("[site]\nmemory_reserve = 1\n"),
	                    "F:2: memory_reserve: '1' is not a size from 64 to 65536 MiB");
	/* of two keys that do not go together the later one's */
	assert_string_equal(config_says("[site]\nboot_timeout_max = 5\n\n"),
	                    "F:2: boot_timeout is more than boot_timeout_max");
	assert_string_equal(config_says("[site]\nboot_timeout_max = 5\nboot_timeout = 6\n[policy]\n"),
	                    "F:3: boot_timeout is more than boot_timeout_max");
	assert_string_equal(config_says("[policy]\nallow_users = a,,b\n"),
	                    "F:2: allow_users is a list of names separated by commas");
	assert_string_equal(config_says("[policy]\nallow_users =\n"),
	                    "F:2: allow_users is a list of names separated by commas");
	assert_string_equal(config_says("[site]\n  [policy]\n"), "F:2: a section's heading begins its line");
	assert_string_equal(config_says("[site\n"), "F:1: not a section's heading");
	assert_string_equal(config_says("[site]\nemulator = /a\x01\n"), "F:2: a control character");
}

static void disks_are_checked(void **state)
{
	(void)state;
	assert_string_equal(config_says("[disk]\nmode = raw\nmodes = raw, overlay\nprealloc = falloc\ncache = none\n"
	                                "io = native\niothread = yes\ndiscard = ignore\ncluster_size = 2M\n"
	                                "extended_l2 = no\nsize_max = 10G\n"),
	                    "");
	assert_string_equal(config.disk.mode, "raw");
	assert_string_equal(config.disk.modes, "raw, overlay");
	assert_string_equal(config.disk.io, "native");
	assert_true(config.disk.iothread);
	assert_false(config.disk.extended_l2);
	assert_int_equal(config.disk.cluster_size, 2 << 20);
	assert_int_equal(config.disk.size_max, UINT64_C(10) << 30);
	assert_string_equal(config_says("\n"), "");
	assert_string_equal(config.disk.mode, "overlay");
	assert_string_equal(config.disk.modes, "overlay, snapshot, raw");
	assert_string_equal(config.disk.cache, "unsafe");
	assert_true(config.disk.extended_l2);
	assert_string_equal(config_says("[disk]\nmode = block\ndevices = /dev/sdb1, /dev/sdc1\n"), "");
	assert_string_equal(config.disk.modes, "overlay, snapshot, raw, block");
	assert_string_equal(config.disk.devices, "/dev/sdb1,/dev/sdc1");
	assert_string_equal(config_says("[disk]\nmodes = overlay, block\nthin_pool = vg0/thin\n"), "");
	assert_string_equal(config.disk.thin_pool, "vg0/thin");
	assert_string_equal(config_disk_cache(&config.disk, "block"), "none");
	assert_string_equal(config_disk_cache(&config.disk, "overlay"), "unsafe");
	assert_string_equal(config_says("[disk]\nthin_pool = vg0/thin\nmodes = overlay, block\ncache = unsafe\n"), "");
	assert_string_equal(config_disk_cache(&config.disk, "block"), "unsafe");
	assert_string_equal(config_says("[disk]\ndevices = /dev/sdb\nmodes = overlay, block\n"), "");
	assert_string_equal(config_disk_cache(&config.disk, "block"), "unsafe");
}

static void bad_disks_have_file_and_line(void **state)
{
	static const char *const wrong[][2] = {
	        {"mode = row\n", "F:2: mode: 'row' is not overlay, snapshot, raw or block"},
	        {"modes = overlay raw\n", "F:2: modes is a list of overlay, snapshot, raw and block"},
	        {"modes = overlay,\n", "F:2: modes is a list of overlay, snapshot, raw and block"},
	        {"iothread = 1\n", "F:2: iothread: '1' is not yes or no"},
	        {"cluster_size = 5K\n", "F:2: cluster_size: '5K' is not a power of two from 4K to 2M"},
	        {"cluster_size = 4M\n", "F:2: cluster_size: '4M' is not a power of two from 4K to 2M"},
	        {"size_max = 1\n", "F:2: size_max: '1' is not a size from 1M to 1024T, or 0 for no limit"},
	        {"devices = /dev/a, b\n", "F:2: devices is a list of absolute paths separated by commas"},
	        {"devices = /dev/a, /dev/a\n", "F:2: devices: /dev/a is given twice"},
	        {"thin_pool = a/b/c\n", "F:2: thin_pool: 'a/b/c' is not VG/POOL, two names of LVM"},
	        {"size = 1G\n", "F:2: unknown key 'size' in [disk]"},
	        {"io = native\n", "F:2: io = native needs cache = none or directsync, not unsafe"},
	        {"io = native\n\ncache = writeback\n",
	         "F:4: io = native needs cache = none or directsync, not writeback"},
	        {"prealloc = full\nextended_l2 = no\n", "F:3: prealloc = full needs extended_l2 = yes"},
	        {"mode = raw\nprealloc = metadata\n", "F:3: mode = raw cannot have prealloc = metadata"},
	        {"cluster_size = 8K\n", "F:2: a cluster_size below 16K needs extended_l2 = no"},
	        {"mode = block\n", "F:2: mode block needs devices or thin_pool"},
	        {"modes = overlay, block\n", "F:2: mode block needs devices or thin_pool"},
	        {"devices = /dev/a\nthin_pool = a/b\n", "F:3: devices and thin_pool: give one of them"},
	        {"modes = raw\n", "F:2: mode = overlay is not one of modes, raw"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		char text[128];

		(void)snprintf(text, sizeof(text), "[disk]\n%s", wrong[i][0]);
		assert_string_equal(config_says(text), wrong[i][1]);
	}
	assert_string_equal(image_says("[image]\nsource = file:///x\ndisk_mode = row\n"),
	                    "I:3: disk_mode: 'row' is not overlay, snapshot, raw or block");
	assert_string_equal(image_says("[image]\nsource = file:///x\ndisk_modes = a\n"),
	                    "I:3: disk_modes is a list of overlay, snapshot, raw and block");
	assert_string_equal(image_says("[image]\nsource = file:///x\ndisk_size = big\n"),
	                    "I:3: disk_size: 'big' is not a size");
	assert_string_equal(image_says("[image]\nsource = file:///x\ndisk_mode = raw\ndisk_modes = overlay\n"),
	                    "I:4: disk_mode = raw is not one of disk_modes, overlay");
	assert_string_equal(image_says("[image]\nsource = file:///x\ndisk_mode = raw\ndisk_modes = overlay, raw\n"
	                               "disk_size = 20G\n"),
	                    "");
	assert_int_equal(image.disk_size, UINT64_C(20) << 30);
}

static void policy_is_checked(void **state)
{
	(void)state;
	assert_string_equal(config_says("[policy]\nallow_accounts = a, b\nallow_partitions = p\nallow_none = yes\n"
	                                "machines_max = 3\noverlay_max = 1G\nuser_images = yes\n"
	                                "user_images_agent = cloud-init\nuser_images_slurm_commands = squeue\n"
	                                "[partition p]\nimage = el9:x\n[partition q]\nimage = el8\n"
	                                "allow_none = no\n"),
	                    "");
	assert_int_equal(config.machines_max, 3);
	assert_int_equal(config.overlay_max, 1 << 30);
	assert_string_equal(config.user_commands, "squeue");
	assert_string_equal(config.user_images_agent, "cloud-init");
	assert_string_equal(config_partition(&config, "p")->image, "el9:x");
	assert_true(config_partition_allows_none(&config, config_partition(&config, "p")));
	assert_false(config_partition_allows_none(&config, config_partition(&config, "q")));
	assert_null(config_partition(&config, "r"));
	assert_null(config_partition(&config, NULL));
	assert_string_equal(config_says("[partition p]\nimage = el9\n"), "");
	assert_false(config_partition_allows_none(&config, config_partition(&config, "p")));
	assert_string_equal(config.user_commands, "");
	assert_string_equal(config_says("[partition a/b]\n"), "F:1: 'a/b' is not a partition's name");
	assert_string_equal(config_says("[partition p]\n"), "F:1: [partition p] has no image");
	assert_string_equal(config_says("[site]\n[partition p]\nallow_none = yes\n[partition q]\nimage = el9\n"),
	                    "F:2: [partition p] has no image");
	assert_string_equal(config_says("[partition p]\nimage = none\n"), "F:2: image: 'none' is not an image's name");
	assert_string_equal(config_says("[partition p]\nimage = /x\n"), "F:2: image: '/x' is not an image's name");
	assert_string_equal(config_says("[partition p]\nimages = x\n"), "F:2: unknown key 'images' of a partition");
	assert_string_equal(config_says("[partition p]\nallow_none = 1\n"), "F:2: allow_none: '1' is not yes or no");
	assert_string_equal(config_says("[policy]\nallow_none = maybe\n"), "F:2: allow_none: 'maybe' is not yes or no");
	assert_string_equal(config_says("[policy]\nmachines_max = -1\n"),
	                    "F:2: machines_max: '-1' is not a number from 0 to 100000");
	assert_string_equal(config_says("[policy]\nuser_images_slurm_commands = rm\n"),
	                    "F:2: user_images_slurm_commands is yes, no, or a list of commands");
}

static void machines_are_placed(void **state)
{
	(void)state;
	assert_string_equal(config_says("[machine]\npinning = yes\nnuma = yes\nnuma_mode = strict\nhugepages = 1G\n"
	                                "memory_prealloc = yes\nfree_page_reporting = no\n"),
	                    "");
	assert_int_equal(config.machine.pinning, CONFIG_YES);
	assert_int_equal(config.machine.numa_strict, CONFIG_YES);
	assert_int_equal(config.machine.hugepage_kib, 1 << 20);
	assert_int_equal(config.machine.prealloc, CONFIG_YES);
	assert_false(config_machine_reports(&config));
	assert_string_equal(config_says("[machine]\n"), "");
	assert_true(config_machine_reports(&config));
	assert_string_equal(config_says("[machine]\nhugepages = 2M\n"), "");
	assert_false(config_machine_reports(&config));
	assert_string_equal(config_says("[machine]\npin = yes\n"), "F:2: unknown key 'pin' in [machine]");
	assert_string_equal(config_says("[machine]\npinning = auto\n"), "F:2: pinning: 'auto' is not yes or no");
	assert_string_equal(config_says("[machine]\nhugepages = 4M\n"), "F:2: hugepages: '4M' is not no, 2M or 1G");
	assert_string_equal(config_says("[machine]\nnuma_mode = bind\n"),
	                    "F:2: numa_mode: 'bind' is not preferred or strict");
}

/* In whichever order they come. */
static void contradictions_are_found_in_their_line(void **state)
{
	static const char *const pairs[][3] = {
	        {"free_page_reporting = yes", "hugepages = 2M", "free_page_reporting = yes and hugepages"},
	        {"free_page_reporting = yes", "memory_prealloc = yes", "free_page_reporting = yes and memory_prealloc"},
	        {"numa = yes", "pinning = no", "numa = yes needs CPUs that are pinned"},
	        {"numa = no", "numa_mode = strict", "numa_mode has no meaning"},
	        {"numa = no", "numa_mode = preferred", "numa_mode has no meaning"}};
	char text[256], start[128];

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		(void)snprintf(start, sizeof(start), "F:3: %s", pairs[i][2]);
		(void)snprintf(text, sizeof(text), "[machine]\n%s\n%s\n", pairs[i][0], pairs[i][1]);
		assert_memory_equal(config_says(text), start, strlen(start));
		(void)snprintf(text, sizeof(text), "[machine]\n%s\n%s\n", pairs[i][1], pairs[i][0]);
		assert_memory_equal(config_says(text), start, strlen(start));
	}
}

static void long_lines(void **state)
{
	char text[600];

	(void)state;
	memset(text, 'x', sizeof(text));
	memcpy(text, "[site]\nemulator = /", 19);
	memcpy(text + 500, "\n", 2);
	assert_string_equal(config_says(text),
	                    "F:2: the line is too long; continue it on a line that begins with a blank");
}

static void continued_values(void **state)
{
	(void)state;
	assert_string_equal(image_says("[image]\nsource = file:///a\nkernel=/k\ncmdline = root=/dev/vda\n"
	                               "   quiet ; not this\n\tconsole=ttyS0\nmemory_min=1G\n"),
	                    "");
	assert_string_equal(image.cmdline, "root=/dev/vda quiet console=ttyS0");
	assert_int_equal(image.memory_min, 1 << 30);
	/* an indented first line of a section continues nothing */
	assert_string_equal(image_says("[image]\n  source = file:///a\n"), "");
	assert_string_equal(image.source, "/a");
}

static void images(void **state)
{
	(void)state;
	assert_string_equal(image_says("[image]\nsource = file:///img/a.qcow2\n"), "");
	assert_string_equal(image.format, "qcow2");
	assert_int_equal(image.memory_min, 256 << 20);
	assert_string_equal(image_says("[image]\nformat = raw\n"), "I:1: [image] has no source");
	assert_string_equal(image_says("# nothing\n"), "I: there is no [image] in it");
	assert_string_equal(image_says("[image]\nsource = https://x/y\n"),
	                    "I:2: a source of http or https needs sha256");
	assert_string_equal(image_says("[image]\nsource = file://host/y\n"),
	                    "I:2: source: 'file://host/y' is not http://…, https://… or file:///PATH");
	assert_string_equal(image_says("[image]\nsource = file:///a/../b\n"),
	                    "I:2: source: 'file:///a/../b' is not http://…, https://… or file:///PATH");
	assert_string_equal(image_says("[image]\nsource=file:///a\nformat=vmdk\n"),
	                    "I:3: format: 'vmdk' is not qcow2 or raw");
	assert_string_equal(image_says("[image]\nsource=file:///a\nsha256=12\n"), "I:3: sha256 is 64 digits of 0-9a-f");
	assert_string_equal(image_says("[image]\nsource=file:///a\nagent=ssh\n"),
	                    "I:3: agent: 'ssh' is not builtin or cloud-init");
	assert_string_equal(image_says("[image]\nsource=file:///a\nmachine=virt\n"),
	                    "I:3: machine: 'virt' is not q35 or pc");
	assert_string_equal(image_says("[image]\nsource=file:///a\nvirtio=legacy\n"),
	                    "I:3: virtio: 'legacy' is not modern or transitional");
	assert_string_equal(image_says("[image]\nsource=file:///a\n"), "");
	assert_string_equal(image.machine, "q35");
	assert_false(image.cloud_init || image.transitional);
	assert_string_equal(
	        image_says("[image]\nsource=file:///a\nagent=cloud-init\nmachine=pc\nvirtio=transitional\n"), "");
	assert_string_equal(image.machine, "pc");
	assert_true(image.cloud_init && image.transitional);
	assert_string_equal(image_says("[image]\nsource=file:///a\ninitrd=/i\n"),
	                    "I:3: initrd and cmdline need a kernel");
	assert_string_equal(image_says("[site]\n"), "I:1: unknown section [site]");
	assert_string_equal(image_says("[image]\nsource=file:///a\nmemory_min=lots\n"), "I:3: memory_min is a size");
}

#define SHA "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void where_an_image_comes_from(void **state)
{
	(void)state;
	assert_string_equal(image_says("[image]\nsource = https://x/y.zst  http://z/y\n  file:///a\nsha256=" SHA "\n"),
	                    "");
	assert_string_equal(image.sources, "https://x/y.zst http://z/y file:///a");
	assert_string_equal(image.source, "");
	assert_string_equal(image.sha256, SHA);
	assert_true(image_is_cached(&image));
	assert_string_equal(
	        image_says("[image]\nsource = file:///a\nsha256=" SHA "\nsize_max=2G\nvirtual_size_max = 3G\n"), "");
	assert_true(image_is_cached(&image));
	assert_int_equal(image.size_max, UINT64_C(2) << 30);
	assert_int_equal(image.virtual_size_max, UINT64_C(3) << 30);
	assert_string_equal(image_says("[image]\nsource = file:///a\n"), "");
	assert_false(image_is_cached(&image));
	assert_string_equal(image.source, "/a");
	assert_string_equal(image_says("[image]\nsource = file:///a file:///b\n"), "I:2: several sources need sha256");
	assert_string_equal(image_says("[image]\nsource = file:///a.xz\n"),
	                    "I:2: a compressed source needs sha256, the digest of what is in it");
	assert_string_equal(image_says("[image]\nsource =\n"), "I:2: source is empty");
	assert_string_equal(image_says("[image]\nsource = http://x/y, http://z/y\n"),
	                    "I:2: source: URLs are separated by blanks; write a comma at the end of one as %2C");
	assert_string_equal(image_says("[image]\nsource = ftp://x/y\n"),
	                    "I:2: source: 'ftp://x/y' is not http://…, https://… or file:///PATH");
	assert_string_equal(image_says("[image]\nsource = http:///y\n"),
	                    "I:2: source: 'http:///y' is not http://…, https://… or file:///PATH");
	assert_string_equal(image_says("[image]\nsource = http://x/\xc3\xa4\n"),
	                    "I:2: source: a character that no URL has; write it as %XX");
	assert_string_equal(image_says("[image]\nsource=file:///a\nsize_max=0\n"), "I:3: size_max: '0' is not a size");
}

static void aliases_and_tags(void **state)
{
	(void)state;
	assert_string_equal(image_says("[image]\nalias = el9:2026-10\n"), "");
	assert_string_equal(image.alias, "el9:2026-10");
	assert_string_equal(image_says("[image]\nalias = el9\nformat = raw\n"),
	                    "I:2: alias stands alone in its [image]");
	assert_string_equal(image_says("[image]\nalias = a/b\n"),
	                    "I:2: alias: 'a/b' is not an image's NAME or NAME:TAG");
	assert_true(image_is_name("el9"));
	assert_true(image_is_name("el9:2026-10"));
	assert_false(image_is_name("el9:"));
	assert_false(image_is_name(":el9"));
	assert_false(image_is_name("a:b:c"));
}

static void the_cache_and_the_fetch(void **state)
{
	(void)state;
	assert_string_equal(config_says("[cache]\ndir = /c\nsize_max = 100G\nage_max = 30d\n"
	                                "[fetch]\nca_file=/ca\nrate=10M\nstall_timeout=5\ntimeout=50\nsize_max=1G\n"),
	                    "");
	assert_string_equal(config.cache_dir, "/c");
	assert_int_equal(config.cache_size_max, UINT64_C(100) << 30);
	assert_int_equal(config.cache_age_max, 30 * 86400);
	assert_int_equal(config.fetch_rate, 10 << 20);
	assert_int_equal(config.fetch_stall_timeout, 5);
	assert_int_equal(config.fetch_timeout, 50);
	assert_string_equal(config_says("[cache]\nage_max = 90\n"), "");
	assert_int_equal(config.cache_age_max, 90);
	assert_int_equal(config.fetch_size_max, UINT64_C(64) << 30);
	assert_string_equal(config_says("[cache]\nage_max = 1w\n"),
	                    "F:2: age_max: '1w' is not a number of seconds, or of days (30d), up to 3650 days");
	assert_string_equal(config_says("[cache]\nage_max = d\n"),
	                    "F:2: age_max: 'd' is not a number of seconds, or of days (30d), up to 3650 days");
	assert_string_equal(config_says("[fetch]\ntimeout = 0\n"),
	                    "F:2: timeout: '0' is not a number of seconds from 1 to 86400");
}

static void an_images_name_is_checked(void **state)
{
	static const char *const names[] = {"", ".", "a:", ":a", "a:b:c", "..", "../x", "a/b", "-v", "a b", "a\n"};
	struct failure why;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		why = (struct failure){0};
		assert_int_equal(image_load(&image, names[i], &why), -EINVAL);
		assert_int_equal(why.code, EXIT_USAGE);
	}
}

static void a_machines_hostname(void **state)
{
	static const char *const good[] = {"%n-%j", "vm%j", "%n", "a", "wn.%n.example.org", "a-b%j"};
	static const char *const bad[] = {"", "-a", ".a", "a-", "a.", "a..b", "%x", "a%", "a b", "a_b", "%n/%j", "a%%"};
	const char *long_node = "a-node-whose-name-is-quite-as-long-as-a-hostname-can-ever-be-123";
	char name[MACHINE_HOSTNAME_MAX + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(config_is_hostname(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(config_is_hostname(bad[i]));
	assert_string_equal(config_says(""), "");
	assert_int_equal(machine_hostname(config.hostname, "n1", 42, name), 0);
	assert_string_equal(name, "n1-42");
	assert_int_equal(machine_hostname("%j.%n", "my_node:1", 7, name), 0);
	assert_string_equal(name, "7.my-node-1");
	assert_int_equal(machine_hostname("%n-%j", long_node, 4294967294U, name), 0);
	assert_int_equal(strlen(name), MACHINE_HOSTNAME_MAX);
	assert_string_equal(strrchr(name, '-'), "-4294967294");
	assert_string_equal(config_says("[site]\nhostname = %n_%j\n"),
	                    "F:2: hostname: '%n_%j' is not a hostname: letters, digits, - and . with %n (node) and %j "
	                    "(job)");
}

static void the_spool_folder_is_the_nodes(void **state)
{
	char spool[PATH_MAX];

	(void)state;
	config_default(&config);
	(void)snprintf(config.slurmd_spool_dir, sizeof(config.slurmd_spool_dir), "/a/%%n/b.%%n");
	assert_int_equal(config_spool(&config, "n1", spool), 0);
	assert_string_equal(spool, "/a/n1/b.n1");
	(void)snprintf(config.slurmd_spool_dir, sizeof(config.slurmd_spool_dir), "/a/%%h");
	assert_int_equal(config_spool(&config, "n1", spool), -EINVAL);
	memset(config.slurmd_spool_dir, 'x', sizeof(config.slurmd_spool_dir));
	memcpy(config.slurmd_spool_dir, "/%n", 3);
	config.slurmd_spool_dir[PATH_MAX - 1] = 0;
	assert_int_equal(config_spool(&config, "a-long-name-of-a-node", spool), -ENAMETOOLONG);
}

static void commands_are_listed(void **state)
{
	(void)state;
	assert_string_equal(config_says(""), "");
	assert_string_equal(config.commands, COMMAND_NAMES);
	assert_string_equal(config_says("[policy]\nslurm_commands = squeue, sinfo\n"), "");
	assert_string_equal(config.commands, "squeue,sinfo");
	assert_string_equal(config_says("[policy]\nslurm_commands = sh\n"),
	                    "F:2: slurm_commands is yes, no, or a list of commands");
	assert_false(config.other_images);
	assert_string_equal(config_says("[policy]\nslurm_images = any\n"), "");
	assert_true(config.other_images);
	assert_string_equal(config_says("[policy]\nslurm_images = own\n"), "");
	assert_false(config.other_images);
	assert_string_equal(config_says("[policy]\nslurm_images = yes\n"),
	                    "F:2: slurm_images: 'yes' is not own or any");
	assert_string_equal(image_says("[image]\nsource = file:///x\nslurm_commands = no\n"), "");
	assert_string_equal(image.commands, "");
}

static void lists(void **state)
{
	const char *at = " ab cd ,, efghijkl\t,efg";
	char entry[6];

	(void)state;
	at = list_next(at, entry, sizeof(entry));
	assert_string_equal(entry, "ab cd");
	at = list_next(at, entry, sizeof(entry));
	assert_string_equal(entry, "");
	at = list_next(at, entry, sizeof(entry));
	assert_string_equal(entry, "");
	at = list_next(at, entry, sizeof(entry));
	assert_string_equal(entry, "efg");
	assert_null(at);
	assert_true(list_has("a, bc ,d", "bc", 2));
	assert_true(list_has("a, bc ,d", "d", 1));
	assert_false(list_has("a, bc ,d", "b", 1));
	assert_false(list_has("a, bc ,d", "", 0));
	assert_true(list_is_valid("a"));
	assert_false(list_is_valid(""));
	assert_false(list_is_valid("a,"));
}

static void the_hosts_directories(void **state)
{
	(void)state;
	assert_string_equal(config_says("[mounts]\n/home = rw\n/data= /mnt/data  ro\toptional\n"), "");
	assert_int_equal(config.mounts.count, 2);
	assert_string_equal(config.mounts.entries[0].target, "/home");
	assert_int_equal(config.mounts.entries[0].flags, MOUNTS_SITE);
	assert_string_equal(config.mounts.entries[1].source, "/data");
	assert_string_equal(config.mounts.entries[1].target, "/mnt/data");
	assert_int_equal(config.mounts.entries[1].flags, MOUNTS_SITE | MOUNTS_READ_ONLY | MOUNTS_OPTIONAL);
	assert_string_equal(config_says("[mounts]\n/a = /b\n"), "F:2: /a: say ro or rw");
	assert_string_equal(config_says("[mounts]\n/a = rw ro\n"), "F:2: /a: say ro or rw, once");
	assert_string_equal(config_says("[mounts]\n\n/a = rw now\n"),
	                    "F:3: 'now': a directory of the host has ro or rw, and optional");
	assert_string_equal(config_says("[mounts]\nhome = rw\n"),
	                    "F:2: 'home' is not an absolute path without '.' and '..'");
	assert_string_equal(config_says("[mounts]\n/a = /b ro\n/c = /b ro\n"),
	                    "F:3: /b in the guest is given twice: the site mounts a directory there");
	assert_string_equal(config_says("[mounts]\n/a = ro\n/a = ro\n"), "F:3: /a is given twice");
}

static char reports[1024];

static void note_report(void *context, const char *message)
{
	size_t used = strlen(reports);

	assert_ptr_equal(context, &config);
	(void)snprintf(reports + used, sizeof(reports) - used, "%s|", message);
}

static void all_errors_of_a_file_can_be_had(void **state)
{
	(void)state;
	reports[0] = 0;
	ini_file_report(note_report, &config);
	(void)config_says("[site]\ncolour = blue\nboot_timeout = 7\nhostname = -\n[network /]\ntype = x\n"
	                  "[site\n[site]\nboot_timeout = 8\n[policy]\nnetwork = none\n");
	ini_file_report(NULL, NULL);
	assert_string_equal(
	        reports, "F:2: unknown key 'colour' in [site]|"
	                 "F:4: hostname: '-' is not a hostname: letters, digits, - and . with %n (node) and %j (job)|"
	                 "F:5: '/' is not a network's name|F:7: not a section's heading|"
	                 "F:8: section [site] is given twice|");
	assert_int_equal(config.boot_timeout, 7);
	assert_int_equal(config.network_count, 0);
	assert_string_equal(config.network.names[0], "none");
	assert_string_equal(config_says("[site]\ncolour = blue\nsize = 1\n"), "F:2: unknown key 'colour' in [site]");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(disks_are_checked),
	        cmocka_unit_test(bad_disks_have_file_and_line),
	        cmocka_unit_test(reads_a_whole_file),
	        cmocka_unit_test(an_empty_file_is_the_defaults),
	        cmocka_unit_test(errors_have_file_and_line),
	        cmocka_unit_test(machines_are_placed),
	        cmocka_unit_test(contradictions_are_found_in_their_line),
	        cmocka_unit_test(policy_is_checked),
	        cmocka_unit_test(long_lines),
	        cmocka_unit_test(continued_values),
	        cmocka_unit_test(images),
	        cmocka_unit_test(where_an_image_comes_from),
	        cmocka_unit_test(aliases_and_tags),
	        cmocka_unit_test(the_cache_and_the_fetch),
	        cmocka_unit_test(an_images_name_is_checked),
	        cmocka_unit_test(a_machines_hostname),
	        cmocka_unit_test(the_spool_folder_is_the_nodes),
	        cmocka_unit_test(commands_are_listed),
	        cmocka_unit_test(lists),
	        cmocka_unit_test(the_hosts_directories),
	        cmocka_unit_test(all_errors_of_a_file_can_be_had),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
