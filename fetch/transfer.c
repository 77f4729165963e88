/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fetch/transfer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/exitcode.h"
#include "common/str.h"
#include "fetch/report.h"

#define REPORT_MS 500U
#define PACKING_SLACK (UINT64_C(1) << 20) /* that a packed image may be larger than itself, with an eighth of it */
#define SYNC_MS 15000U /* what a power loss may cost; more often would cost those whose network is fast */

int transfer_fail(struct transfer *transfer, enum verdict verdict, int code, const char *format, ...)
{
	char text[FAULT_TEXT];
	va_list arguments;

	if (transfer->fault.code != 0)
		return -EIO;
	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	transfer->verdict = verdict;
	return fault_set(&transfer->fault, code, "%s: %s", transfer->url->shown, text);
}

uint64_t transfer_left(const struct transfer *transfer)
{
	uint64_t now = clock_steady();

	return now < transfer->deadline ? transfer->deadline - now : 0;
}

uint64_t transfer_offset(const struct transfer *transfer, const char **validator)
{
	*validator = notes_validator(&transfer->notes);
	if (!*validator || strcmp(transfer->notes.url, transfer->url->id) != 0)
		return 0;
	return transfer->received;
}

void transfer_forget(struct transfer *transfer)
{
	transfer->notes = (struct notes){0};
	(void)notes_save(&transfer->notes, transfer->options->notes_fd);
}

/* An error of our own file system: another source would not help, but the image's size is the source's. */
static int write_failed(struct transfer *transfer, int rc)
{
	unsigned long long size = transfer->part.size, max = transfer->options->max;

	if (rc == -EFBIG)
		return transfer_fail(transfer, VERDICT_NEXT, EXIT_DATA,
		                     "the image is larger than the %llu bytes allowed", max);
	if (rc == -ENOSPC || rc == -EDQUOT)
		return transfer_fail(transfer, VERDICT_STOP, EXIT_NODE,
		                     "no space left for the image in the cache's file system after %llu bytes", size);
	return transfer_fail(transfer, VERDICT_STOP, EXIT_NODE, "cannot write the image to the cache: %s",
	                     strerror(-rc));
}

static int take(void *context, const void *data, size_t length)
{
	struct transfer *transfer = context;
	int rc = part_write(&transfer->part, data, length);

	return rc < 0 ? write_failed(transfer, rc) : 0;
}

static int unpack_failed(struct transfer *transfer, int rc)
{
	const char *name = transfer->unpack.kind ? transfer->unpack.kind->name : "";

	if (rc == -ENOMEM)
		return transfer_fail(transfer, VERDICT_NEXT, EXIT_DATA,
		                     "cannot unpack it (%s): that takes more memory than %llu MiB", name,
		                     (unsigned long long)(UNPACK_MEMORY >> 20));
	return transfer_fail(transfer, VERDICT_NEXT, EXIT_DATA, "cannot unpack it (%s): %s", name,
	                     transfer->unpack.why ? transfer->unpack.why : "it is damaged");
}

/* Only what is stored as it comes can be continued by another process. */
static int save_notes(struct transfer *transfer)
{
	static const struct notes none;
	const struct notes *notes = &transfer->notes;
	int rc;

	if (transfer->url->packing != PACKING_NONE || !notes_validator(notes))
		notes = &none;
	rc = notes_save(notes, transfer->options->notes_fd);
	return rc < 0 ? write_failed(transfer, rc) : 0;
}

/* A strong entity tag: in quotes. */
static bool is_strong(const char *etag)
{
	size_t length = strlen(etag);

	return length >= 2 && etag[0] == '"' && etag[length - 1] == '"';
}

static int begin_anew(struct transfer *transfer, const struct answer *answer)
{
	struct notes *notes = &transfer->notes;
	int rc;

	*notes = (struct notes){.total = answer->total};
	(void)str_print(notes->url, sizeof(notes->url), "%s", transfer->url->id);
	(void)str_print(notes->boot, sizeof(notes->boot), "%s", transfer->boot);
	if (is_strong(answer->etag))
		(void)str_print(notes->etag, sizeof(notes->etag), "%s", answer->etag);
	(void)str_print(notes->modified, sizeof(notes->modified), "%s", answer->modified);
	transfer->received = 0;
	unpack_close(&transfer->unpack);
	rc = unpack_open(&transfer->unpack, transfer->url->packing, take, transfer);
	if (rc < 0)
		return unpack_failed(transfer, rc);
	rc = part_begin(&transfer->part, 0);
	return rc < 0 ? write_failed(transfer, rc) : save_notes(transfer);
}

static int continue_there(struct transfer *transfer, const struct answer *answer)
{
	struct notes *notes = &transfer->notes;
	const char *validator;

	if (answer->begin != transfer_offset(transfer, &validator) ||
	    (answer->total != NOTES_UNKNOWN && notes->total != NOTES_UNKNOWN && answer->total != notes->total) ||
	    (answer->etag[0] != 0 && notes->etag[0] != 0 && strcmp(answer->etag, notes->etag) != 0)) {
		transfer_forget(transfer);
		return transfer_fail(transfer, VERDICT_AGAIN, EXIT_NODE,
		                     "the server answers a request for a part with another part");
	}
	if (answer->total != NOTES_UNKNOWN)
		notes->total = answer->total;
	/* of this boot from now on */
	return save_notes(transfer);
}

int transfer_continue(struct transfer *transfer, uint64_t size)
{
	int rc = unpack_open(&transfer->unpack, PACKING_NONE, take, transfer);

	if (rc == 0)
		rc = part_begin(&transfer->part, size);
	transfer->received = size;
	return rc;
}

bool transfer_is_whole(const struct transfer *transfer)
{
	const char *validator;
	uint64_t offset = transfer_offset(transfer, &validator);

	return offset > 0 && offset == transfer->notes.total;
}

int transfer_begin(struct transfer *transfer, const struct answer *answer)
{
	int rc;

	if (answer->total != NOTES_UNKNOWN && transfer->url->packing == PACKING_NONE &&
	    answer->total > transfer->options->max)
		return write_failed(transfer, -EFBIG);
	rc = answer->begin == 0 ? begin_anew(transfer, answer) : continue_there(transfer, answer);
	transfer->paced_at = clock_steady();
	transfer->paced = 0;
	if (rc == 0 && transfer->notes.total != NOTES_UNKNOWN &&
	    report("total", "%llu", (unsigned long long)transfer->notes.total) < 0)
		rc = transfer_fail(transfer, VERDICT_STOP, EXIT_NODE, "nobody reads the progress");
	return rc;
}

static int report_progress(struct transfer *transfer, bool at_once)
{
	uint64_t now = clock_steady();

	if (!at_once && now - transfer->reported_at < REPORT_MS)
		return 0;
	transfer->reported_at = now;
	if (report("transferred", "%llu", (unsigned long long)transfer->received) < 0 ||
	    report("size", "%llu", (unsigned long long)transfer->part.size) < 0)
		return transfer_fail(transfer, VERDICT_STOP, EXIT_NODE, "nobody reads the progress");
	return 0;
}

static int checkpoint(struct transfer *transfer)
{
	struct notes *notes = &transfer->notes;
	uint64_t now = clock_steady();

	if (transfer->url->packing != PACKING_NONE || now - transfer->synced_at < SYNC_MS)
		return 0;
	transfer->synced_at = now;
	if (fdatasync(transfer->part.fd) < 0)
		return write_failed(transfer, -errno);
	notes->synced = transfer->part.written;
	return save_notes(transfer);
}

/* Naps until what came in this try is no more than the rate allows. */
static void keep_rate(struct transfer *transfer, size_t length)
{
	uint64_t rate = transfer->options->rate, passed, due, left;

	transfer->paced += length;
	if (rate == 0)
		return;
	passed = clock_steady() - transfer->paced_at;
	due = (uint64_t)((double)transfer->paced * 1000 / (double)rate);
	left = transfer_left(transfer);
	if (due > passed)
		clock_nap(due - passed < left ? due - passed : left);
}

int transfer_late(struct transfer *transfer)
{
	return transfer_fail(transfer, VERDICT_STOP, EXIT_NODE, "not done within %u seconds",
	                     transfer->options->timeout);
}

int transfer_data(struct transfer *transfer, const void *data, size_t length)
{
	int rc;

	if (transfer_left(transfer) == 0)
		return transfer_late(transfer);
	rc = unpack_feed(&transfer->unpack, data, length);
	if (rc < 0)
		return transfer->fault.code != 0 ? -EIO : unpack_failed(transfer, rc);
	transfer->received += length;
	/* what unpacks to nothing, without end */
	if (transfer->received > transfer->options->max + transfer->options->max / 8 + PACKING_SLACK)
		return write_failed(transfer, -EFBIG);
	rc = checkpoint(transfer);
	if (rc == 0)
		rc = report_progress(transfer, false);
	if (rc == 0)
		keep_rate(transfer, length);
	return rc;
}

int transfer_finish(struct transfer *transfer)
{
	const struct notes *notes = &transfer->notes;
	int rc;

	if (notes->total != NOTES_UNKNOWN && transfer->received != notes->total)
		return transfer_fail(transfer, VERDICT_AGAIN, EXIT_NODE, "it ended after %llu of %llu bytes",
		                     (unsigned long long)transfer->received, (unsigned long long)notes->total);
	rc = unpack_finish(&transfer->unpack);
	if (rc < 0)
		return transfer->fault.code != 0 ? -EIO : unpack_failed(transfer, rc);
	rc = part_end(&transfer->part);
	if (rc < 0)
		return write_failed(transfer, rc);
	if (transfer->part.size == 0)
		return transfer_fail(transfer, VERDICT_NEXT, EXIT_DATA, "it is empty");
	return report_progress(transfer, true);
}
