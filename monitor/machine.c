/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "monitor/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <libxml/xmlstring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "common/str.h"

#define MACHINE_VCPUS_MAX 255U /* q35 without an interrupt-remapping IOMMU */
#define MACHINE_MEMORY_MAX (16ULL << 20)

/* Reads keys until the first that is wrong; then says which, and why. */
struct reader {
	const struct kv *kv;
	char *why;
	int rc;
};

static void reader_fail(struct reader *reader, const char *key, const char *problem)
{
	if (reader->rc == 0)
		(void)str_print(reader->why, MACHINE_WHY_MAX, "machine description: %s %s", key, problem);
	reader->rc = -EINVAL;
}

static bool is_text(const char *text)
{
	for (const unsigned char *p = (const unsigned char *)text; *p; p++)
		if (*p < 0x20 || *p == 0x7f)
			return false;
	return xmlCheckUTF8((const unsigned char *)text) != 0;
}

static const char *read_optional(struct reader *reader, const char *key)
{
	const char *value = kv_get(reader->kv, key);

	if (value && !is_text(value)) {
		reader_fail(reader, key, "is not printable UTF-8");
		return NULL;
	}
	return value && *value ? value : NULL;
}

static const char *read_text(struct reader *reader, const char *key)
{
	const char *value = read_optional(reader, key);

	if (!value)
		reader_fail(reader, key, "is missing");
	return value;
}

static const char *read_name(struct reader *reader, const char *key)
{
	const char *value = read_text(reader, key);

	if (value && !str_is_name(value))
		reader_fail(reader, key, "is not a name");
	return value;
}

static const char *read_path(struct reader *reader, const char *key, bool optional)
{
	const char *value = optional ? read_optional(reader, key) : read_text(reader, key);

	if (value && !str_is_path(value))
		reader_fail(reader, key, "is not an absolute path");
	return value;
}

static uint64_t read_number(struct reader *reader, const char *key, uint64_t min, uint64_t max)
{
	uint64_t number = min;
	int rc = kv_get_u64(reader->kv, key, min, max, &number);

	if (rc == -ENOENT)
		reader_fail(reader, key, "is missing");
	else if (rc < 0)
		reader_fail(reader, key, rc == -ERANGE ? "is out of range" : "is not a number");
	return number;
}

/* A name in the catalogue, or the path of its user's own file. */
static const char *read_image(struct reader *reader)
{
	const char *value = read_text(reader, "image");

	if (value && !str_is_name(value) && !str_is_path(value))
		reader_fail(reader, "image", "is neither a name nor a path");
	return value;
}

/* One of the words in the NULL-ended choices. */
static const char *read_choice(struct reader *reader, const char *key, const char *const *choices)
{
	const char *value = read_text(reader, key);

	for (; value && *choices; choices++)
		if (strcmp(value, *choices) == 0)
			return value;
	if (value)
		reader_fail(reader, key, "has an unknown value");
	return value;
}

static bool read_answer(struct reader *reader, const char *key)
{
	static const char *const answers[] = {"yes", "no", NULL};
	const char *answer = read_choice(reader, key, answers);

	return answer && strcmp(answer, "yes") == 0;
}

static const char *read_uuid(struct reader *reader)
{
	static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
	const char *value = read_text(reader, "uuid");

	if (!value)
		return NULL;
	for (size_t i = 0; i < sizeof(form); i++) {
		bool fits =
		        form[i] == 'x' ? value[i] && strchr("0123456789abcdefABCDEF", value[i]) : value[i] == form[i];

		if (!fits) {
			reader_fail(reader, "uuid", "is not a UUID");
			return NULL;
		}
	}
	return value;
}

/* The number before the ':' of `GID:NAME`, which ends at end. */
static int read_gid(const char *text, const char *end, gid_t *gid)
{
	const char *colon = memchr(text, ':', (size_t)(end - text));
	char digits[16];
	uint64_t number;
	int rc;

	if (!colon || (size_t)(colon - text) >= sizeof(digits))
		return -EINVAL;
	memcpy(digits, text, (size_t)(colon - text));
	digits[colon - text] = 0;
	rc = str_u64(digits, 0, UINT32_MAX - 1, &number);
	if (rc == 0)
		*gid = (gid_t)number;
	return rc;
}

static void read_groups(struct reader *reader, struct machine *machine)
{
	const char *text = machine->groups = read_text(reader, "groups");
	size_t count = 1;

	if (!text)
		return;
	for (const char *p = text; *p; p++)
		count += *p == ',';
	machine->group_ids = calloc(count, sizeof(*machine->group_ids));
	if (!machine->group_ids) {
		reader_fail(reader, "groups", "do not fit in memory");
		return;
	}
	for (size_t i = 0; i < count; i++) {
		const char *end = strchrnul(text, ',');

		if (read_gid(text, end, &machine->group_ids[i]) < 0)
			reader_fail(reader, "groups", "is not GID:NAME,...");
		text = end + 1;
	}
	machine->group_count = count;
	if (count > NGROUPS_MAX)
		reader_fail(reader, "groups", "has too many groups");
	if (machine->group_ids[0] != machine->gid)
		reader_fail(reader, "groups", "does not begin with gid");
}

static void read_identity(struct reader *reader, struct machine *machine)
{
	(void)read_number(reader, "job", 1, UINT32_MAX);
	machine->job = kv_get(reader->kv, "job");
	(void)read_number(reader, "restart", 0, UINT32_MAX);
	machine->restart = kv_get(reader->kv, "restart");
	machine->node = read_name(reader, "node");
	machine->name = read_name(reader, "name");
	machine->uuid = read_uuid(reader);
	machine->image = read_image(reader);
	machine->uid = (uid_t)read_number(reader, "uid", 1, UINT32_MAX - 1);
	machine->gid = (gid_t)read_number(reader, "gid", 0, UINT32_MAX - 1);
	machine->user = read_text(reader, "user");
	machine->home = read_optional(reader, "home");
	machine->shell = read_optional(reader, "shell");
	/* as passwd(5) reads empty fields */
	machine->home = machine->home ? machine->home : "/";
	machine->shell = machine->shell ? machine->shell : "/bin/sh";
	machine->hostname = read_optional(reader, "hostname");
	read_groups(reader, machine);
}

/* `cpus`: as many numbers as the machine has vCPUs, each once. */
static void read_pins(struct reader *reader, struct machine *machine)
{
	const char *text = read_optional(reader, "cpus");
	unsigned int count = 0;

	if (!text || reader->rc < 0)
		return;
	machine->cpus = calloc(machine->vcpus, sizeof(*machine->cpus));
	if (!machine->cpus) {
		reader_fail(reader, "cpus", "do not fit in memory");
		return;
	}
	while (*text && count < machine->vcpus) {
		size_t length = strspn(text, "0123456789");

		if (length == 0 || length > 5 || (text[length] && text[length] != ','))
			break;
		machine->cpus[count++] = (unsigned int)strtoul(text, NULL, 10);
		text += length;
		text += *text == ',' && text[1];
	}
	if (*text || count != machine->vcpus)
		reader_fail(reader, "cpus", "is not a CPU for each vCPU");
}

static void read_cpus(struct reader *reader, struct machine *machine)
{
	machine->sockets = (unsigned int)read_number(reader, "topology.sockets", 1, MACHINE_VCPUS_MAX);
	machine->cores = (unsigned int)read_number(reader, "topology.cores", 1, MACHINE_VCPUS_MAX);
	machine->threads = (unsigned int)read_number(reader, "topology.threads", 1, MACHINE_VCPUS_MAX);
	machine->topoext = read_optional(reader, "topoext") != NULL;
	if (machine->sockets * machine->cores * machine->threads != machine->vcpus)
		reader_fail(reader, "topology.sockets by topology.cores by topology.threads",
		            "is not the number of vCPUs");
	read_pins(reader, machine);
}

/* `numa.N.PART`, from min to max; false: there is no cell N. */
static bool read_cell_part(struct reader *reader, unsigned int number, const char *part, uint64_t min, uint64_t max,
                           uint64_t *value)
{
	char key[32];

	(void)str_print(key, sizeof(key), "numa.%u.%s", number, part);
	if (!kv_get(reader->kv, key))
		return false;
	*value = read_number(reader, key, min, max);
	return true;
}

static void read_cells(struct reader *reader, struct machine *machine)
{
	uint64_t node, vcpus, mib, memory = 0;
	unsigned int first = 0;

	machine->numa_strict = read_optional(reader, "numa_strict") != NULL;
	while (machine->cell_count < MACHINE_CELLS_MAX &&
	       read_cell_part(reader, machine->cell_count, "node", 0, 1023, &node) &&
	       read_cell_part(reader, machine->cell_count, "vcpus", 1, machine->vcpus, &vcpus) &&
	       read_cell_part(reader, machine->cell_count, "memory_mib", 1, machine->memory_mib, &mib)) {
		machine->cells[machine->cell_count++] =
		        (struct machine_cell){(unsigned int)node, first, (unsigned int)vcpus, mib};
		first += (unsigned int)vcpus;
		memory += mib;
	}
	if (machine->cell_count > 0 && (first != machine->vcpus || memory != machine->memory_mib))
		reader_fail(reader, "numa", "is not all vCPUs and all memory");
}

static void read_memory(struct reader *reader, struct machine *machine)
{
	static const char *const consoles[] = {"serial", "virtio", NULL};
	const char *console = read_choice(reader, "console_type", consoles);

	if (kv_get(reader->kv, "hugepage_kib"))
		machine->hugepage_kib = read_number(reader, "hugepage_kib", 2048, 1U << 20);
	machine->memory_prealloc = read_optional(reader, "memory_prealloc") != NULL;
	machine->free_page_reporting = read_optional(reader, "free_page_reporting") != NULL;
	machine->console_virtio = console && strcmp(console, "virtio") == 0;
}

static void read_hardware(struct reader *reader, struct machine *machine)
{
	static const char *const accelerators[] = {"tcg", "kvm", NULL};
	static const char *const virtios[] = {"modern", "transitional", NULL};
	const char *accelerator = read_choice(reader, "accelerator", accelerators);
	const char *virtio = read_choice(reader, "virtio", virtios);

	machine->kvm = accelerator && strcmp(accelerator, "kvm") == 0;
	machine->emulator = read_path(reader, "emulator", false);
	machine->machine = read_name(reader, "machine");
	machine->transitional = virtio && strcmp(virtio, "transitional") == 0;
	machine->vcpus = (unsigned int)read_number(reader, "vcpus", 1, MACHINE_VCPUS_MAX);
	machine->memory_mib = read_number(reader, "memory_mib", 1, MACHINE_MEMORY_MAX);
	if (!machine->kvm)
		machine->tb_cache_mib = read_number(reader, "tb_cache_mib", 1, 4096);
	read_cpus(reader, machine);
	read_cells(reader, machine);
	read_memory(reader, machine);
}

static void read_networks(struct reader *reader, struct machine *machine)
{
	const char *key, *problem;
	int count = machine_network_read(reader->kv, machine->networks, &key, &problem);

	if (count < 0)
		reader_fail(reader, key, problem);
	else
		machine->network_count = (unsigned int)count;
	machine->passt = read_path(reader, "passt", true);
	for (unsigned int i = 0; i < machine->network_count; i++)
		if (machine->networks[i].passt && !machine->passt)
			reader_fail(reader, "passt", "is missing");
}

static void read_devices(struct reader *reader, struct machine *machine)
{
	const char *key, *problem;

	if (machine_device_read(reader->kv, &machine->devices, &key, &problem) < 0)
		reader_fail(reader, key, problem);
}

/* How QEMU is to use the disk. */
static void read_disk_driver(struct reader *reader, struct machine *machine)
{
	static const char *const formats[] = {"qcow2", "raw", NULL};
	static const char *const caches[] = {"unsafe", "writeback", "none", "writethrough", "directsync", NULL};
	static const char *const ios[] = {"threads", "native", "io_uring", NULL};
	static const char *const discards[] = {"unmap", "ignore", NULL};

	machine->disk_format = read_choice(reader, "disk.format", formats);
	machine->disk_cache = read_choice(reader, "disk.cache", caches);
	machine->disk_io = read_choice(reader, "disk.io", ios);
	machine->disk_discard = read_choice(reader, "disk.discard", discards);
	machine->disk_iothread = read_answer(reader, "disk.iothread");
}

/* MAJOR:MINOR */
static dev_t read_device(struct reader *reader, const char *key)
{
	const char *value = read_text(reader, key);
	unsigned int major = 0, minor = 0;
	char end;

	if (value && sscanf(value, "%u:%u%c", &major, &minor, &end) != 2)
		reader_fail(reader, key, "is not MAJOR:MINOR");
	return makedev(major, minor);
}

static void read_disk(struct reader *reader, struct machine *machine)
{
	static const char *const kinds[] = {"overlay", "snapshot", "raw", "block", NULL};
	static const char *const types[] = {"file", "block", NULL};
	static const char *const bases[] = {"qcow2", "raw", NULL};
	const char *kind = read_choice(reader, "disk.kind", kinds);
	const char *type = read_choice(reader, "disk.type", types);

	machine->disk_path = read_path(reader, "disk.path", false);
	machine->disk_unnamed = kind && strcmp(kind, "snapshot") == 0;
	machine->disk_block = type && strcmp(type, "block") == 0;
	if (machine->disk_block)
		machine->disk_device = read_device(reader, "disk.device");
	read_disk_driver(reader, machine);
	if (kind && (machine->disk_unnamed || strcmp(kind, "overlay") == 0)) {
		machine->disk_base = read_path(reader, "disk.base", false);
		machine->disk_base_format = read_choice(reader, "disk.base_format", bases);
		machine->disk_base_own = read_optional(reader, "disk.base_own") != NULL;
	}
}

static void read_boot(struct reader *reader, struct machine *machine)
{
	machine->seed = read_path(reader, "seed", true);
	machine->kernel = read_path(reader, "kernel", true);
	machine->initrd = read_path(reader, "initrd", true);
	machine->cmdline = read_optional(reader, "cmdline");
	if (machine->cmdline && strlen(machine->cmdline) > MACHINE_CMDLINE_MAX)
		reader_fail(reader, "cmdline", "is too long");
	if (!machine->kernel && machine->initrd)
		reader_fail(reader, "initrd", "needs a kernel");
	if (!machine->kernel && machine->cmdline)
		reader_fail(reader, "cmdline", "needs a kernel");
}

/* `mount.N.PART`; NULL where there is none. Any bytes that a path may have: it goes into no XML. */
static const char *read_mount_part(struct reader *reader, unsigned int number, const char *part)
{
	char key[32];

	(void)str_print(key, sizeof(key), "mount.%u.%s", number, part);
	return kv_get(reader->kv, key);
}

static int compare_targets(const void *one, const void *other)
{
	return strcmp(((const struct mounts_entry *)one)->target, ((const struct mounts_entry *)other)->target);
}

static void read_mounts(struct reader *reader, struct machine *machine)
{
	struct mounts *mounts = &machine->mounts;
	char why[MOUNTS_WHY_SIZE];
	const char *source;

	for (unsigned int i = 0; (source = read_mount_part(reader, i, "source")); i++) {
		const char *options = read_mount_part(reader, i, "options");
		unsigned int flags = 0;

		if (!options) {
			reader_fail(reader, "mount", "has no options");
			return;
		}
		flags |= strncmp(options, "ro", 2) == 0 ? MOUNTS_READ_ONLY : 0U;
		flags |= strstr(options, " optional") ? MOUNTS_OPTIONAL : 0U;
		flags |= strstr(options, " site") ? MOUNTS_SITE : 0U;
		if (mounts_add(mounts, source, read_mount_part(reader, i, "target"), flags, why) < 0)
			reader_fail(reader, "mount", why);
	}
	/* what lies in another's directory comes after it */
	qsort(mounts->entries, mounts->count, sizeof(mounts->entries[0]), compare_targets);
}

/* The reaper kills whatever is in it, so a wrong one shall not get so far. */
static bool is_machines_cgroup(const char *path)
{
	const char *last = strrchr(path, '/');

	return last && last != path && strcmp(last, "/vm") == 0;
}

static void read_place(struct reader *reader, struct machine *machine)
{
	const char *unified = read_path(reader, "cgroup.unified", true);

	machine->console = read_path(reader, "console", true);
	machine->commands = read_optional(reader, "slurm_commands");
	machine->boot_timeout = (unsigned int)read_number(reader, "boot_timeout", 1, 7U * 86400U);
	machine->run_dir = read_path(reader, "run_dir", false);
	machine->cache_dir = read_path(reader, "cache_dir", false);
	machine->lock = read_path(reader, "lock", false);
	machine->cgroup_memory = read_path(reader, "cgroup.memory", true);
	machine->freezer = read_path(reader, "freezer", true);
	machine->cgroup = machine->cgroup_memory;
	if (!machine->cgroup_memory && unified) {
		machine->cgroup_unified = true;
		machine->cgroup_memory = unified;
		machine->cgroup = unified;
	}
	if (!machine->cgroup)
		machine->cgroup = read_path(reader, "cgroup.cpuset", true);
	if (!machine->cgroup)
		reader_fail(reader, "cgroup.memory or cgroup.unified", "is missing");
	else if (!is_machines_cgroup(machine->cgroup))
		reader_fail(reader, "cgroup", "is not a job's .../vm");
}

int machine_check(struct machine *machine, char *why)
{
	struct reader reader = {&machine->kv, why, 0};

	why[0] = 0;
	read_identity(&reader, machine);
	read_hardware(&reader, machine);
	read_networks(&reader, machine);
	read_devices(&reader, machine);
	read_disk(&reader, machine);
	read_boot(&reader, machine);
	read_place(&reader, machine);
	machine->virtiofsd = read_path(&reader, "virtiofsd", true);
	read_mounts(&reader, machine);
	return reader.rc;
}

int machine_load(struct machine *machine, const char *path, char *why)
{
	int rc;

	*machine = (struct machine){0};
	rc = kv_load(&machine->kv, AT_FDCWD, path);
	if (rc < 0) {
		(void)str_print(why, MACHINE_WHY_MAX, "machine description cannot be read: %s", strerror(-rc));
		return rc;
	}
	return machine_check(machine, why);
}

unsigned int machine_step_seconds(const struct machine *machine)
{
	bool touched = machine->devices.group_count > 0 || machine->memory_prealloc;

	return MACHINE_STEP_SECONDS + (touched ? (unsigned int)(machine->memory_mib >> 10) : 0U);
}

void machine_free(struct machine *machine)
{
	free(machine->group_ids);
	free(machine->cpus);
	kv_free(&machine->kv);
	*machine = (struct machine){0};
}
