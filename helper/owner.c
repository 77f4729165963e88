/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/owner.h"

#include <errno.h>
#include <inttypes.h>
#include <slurm/slurm.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/str.h"

/* Exported by every libslurm since 20.11, and in no header. */
extern int slurm_stepd_connect(const char *directory, const char *nodename, slurm_step_id_t *step_id,
                               uint16_t *protocol_version);
extern uid_t slurm_stepd_get_uid(int fd, uint16_t protocol_version);

/*
 * Whether the step's socket takes connections: only its absence, or that
 * nobody listens any more, says that the job is not here.
 */
static int owner_probe(const char *spool, const char *node, uint32_t job)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct ucred peer = {0};
	socklen_t size = sizeof(peer);
	int rc = str_print(address.sun_path, sizeof(address.sun_path), "%s/%s_%" PRIu32 ".%" PRIu32, spool, node, job,
	                   (uint32_t)SLURM_EXTERN_CONT);
	int fd;

	if (rc < 0)
		return rc;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		rc = errno == ECONNREFUSED ? -ENOENT : -errno;
	else if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 || peer.uid != 0)
		rc = -EPERM;
	close(fd);
	return rc;
}

/* Slurm's folder may be SlurmUser's; in one that others write to, a socket could bear another's name. */
static int owner_check_spool(const char *spool)
{
	struct stat st;

	if (stat(spool, &st) < 0)
		return errno == ENOENT ? -ENOTDIR : -errno;
	return S_ISDIR(st.st_mode) && (st.st_mode & (S_IWGRP | S_IWOTH)) == 0 ? 0 : -EPERM;
}

int owner_of_job(const char *spool, const char *node, uint32_t job, uid_t *uid)
{
	slurm_step_id_t step = {.job_id = job, .step_id = SLURM_EXTERN_CONT, .step_het_comp = NO_VAL};
	uint16_t protocol = 0;
	int rc = owner_check_spool(spool);
	int fd;

	if (rc == 0)
		rc = owner_probe(spool, node, job);
	if (rc < 0)
		return rc;
#if SLURM_VERSION_NUMBER >= SLURM_VERSION_NUM(23, 2, 0)
	slurm_init(NULL);
#endif
	fd = slurm_stepd_connect(spool, node, &step, &protocol);
	if (fd < 0)
		return -EIO;
	*uid = slurm_stepd_get_uid(fd, protocol);
	close(fd);
	return *uid == (uid_t)-1 ? -EIO : 0;
}
