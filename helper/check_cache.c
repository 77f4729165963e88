/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/paths.h"
#include "helper/check.h"
#include "helper/fs.h"
#include "helper/image/cache.h"
#include "helper/image/fetcher.h"

/* Who fetches reads it with his own rights. */
static void check_ca_file(struct check *check)
{
	const char *path = check->config->fetch_ca_file;
	struct stat st;
	int fd = path[0] ? fs_open_file(path, NULL) : 0;

	if (!path[0])
		return;
	if (fd < 0)
		check_problem(check, "[fetch] ca_file %s: %s", path, fs_error(fd));
	else if (fstat(fd, &st) == 0 && !(st.st_mode & S_IROTH))
		check_problem(check, "[fetch] ca_file %s must be readable by everybody (chmod 0644)", path);
	if (fd >= 0)
		close(fd);
}

void check_cache(struct check *check)
{
	struct fetcher fetcher;
	struct failure why = {0};

	if (!check->cached)
		return;
	check_program(check, WNODES_FETCH, "", false);
	if (fetcher_open(&fetcher, &why) < 0)
		check_problem(check, "%s", why.message);
	check_ca_file(check);
	if (check_folder(check, check->config->cache_dir, "[cache] dir ", S_IRWXG | S_IRWXO, 0))
		check_space(check, check->config->cache_dir);
}

void check_base(struct check *check, const struct image *image)
{
	struct failure why = {0};

	check->cached = true;
	/* where there is no folder yet, none is made */
	if (access(check->config->cache_dir, F_OK) == 0 && cache_verify(check->config, image, check->deep, &why) < 0 &&
	    why.code)
		check_problem(check, "%s", why.message);
}
