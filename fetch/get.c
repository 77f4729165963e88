/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fetch/get.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/clock.h"
#include "common/exitcode.h"
#include "fetch/report.h"
#include "fetch/transfer.h"

#define TRIES 5U
#define WAIT_MS 500U     /* before the second try; twice as long before each after it */
#define PROGRESS_MS 100U /* before a try after one that got on */

/* What an earlier process left, where its notes say of what it is the beginning. */
static int take_up(struct transfer *transfer, struct fault *fault)
{
	const struct get_options *options = transfer->options;
	struct notes *notes = &transfer->notes;
	struct stat st;
	uint64_t size;
	int rc;

	notes_load(notes, options->notes_fd);
	if (fstat(options->part_fd, &st) < 0)
		return fault_set(fault, EXIT_NODE, "cannot look at the part: %s", strerror(errno));
	size = (uint64_t)st.st_size;
	if ((notes->boot[0] == 0 || strcmp(notes->boot, transfer->boot) != 0) && size > notes->synced)
		size = notes->synced;
	if (notes->url[0] == 0 || size > notes->total || size > options->max) {
		*notes = (struct notes){0};
		return 0;
	}
	(void)snprintf(notes->boot, sizeof(notes->boot), "%s", transfer->boot);
	rc = transfer_continue(transfer, size);
	return rc < 0 ? fault_set(fault, EXIT_NODE, "cannot continue the part: %s", strerror(-rc)) : 0;
}

/* The pause after the try of that number, 1 and up. */
static uint64_t pause_of(const struct transfer *transfer, unsigned int number)
{
	uint64_t left = transfer_left(transfer);
	uint64_t ms = number == 0 ? PROGRESS_MS : (uint64_t)WAIT_MS << (number - 1);

	if (ms < transfer->wait * UINT64_C(1000))
		ms = transfer->wait * UINT64_C(1000);
	return ms < left ? ms : left;
}

static enum verdict try_once(struct transfer *transfer)
{
	transfer->fault = (struct fault){0};
	transfer->verdict = VERDICT_AGAIN;
	transfer->slow = false;
	transfer->wait = 0;
	if (transfer_is_whole(transfer))
		return transfer_finish(transfer) == 0 ? VERDICT_DONE : transfer->verdict;
	return transfer->url->scheme == URL_FILE ? file_try(transfer) : http_try(transfer);
}

static enum verdict give_up(struct transfer *transfer)
{
	char last[FAULT_TEXT];

	(void)snprintf(last, sizeof(last), "%s", transfer->fault.text);
	(void)fault_set(&transfer->fault, EXIT_NODE, "not done within %u seconds; %s", transfer->options->timeout,
	                last);
	return VERDICT_STOP;
}

/* As often as it is worth it. A source that gets on has all its tries again. */
static enum verdict try_source(struct transfer *transfer)
{
	unsigned int number = 0;

	transfer->highest = 0;
	for (;;) {
		enum verdict verdict = try_once(transfer);

		if (verdict != VERDICT_AGAIN)
			return verdict;
		number = transfer->received > transfer->highest && !transfer->slow ? 0 : number + 1;
		if (transfer->received > transfer->highest)
			transfer->highest = transfer->received;
		if (number >= TRIES)
			return VERDICT_NEXT;
		clock_nap(pause_of(transfer, number));
		if (transfer_left(transfer) == 0)
			return give_up(transfer);
	}
}

/* What each source had to say; a failure that may pass outweighs one that does not. */
static void add_fault(struct fault *all, const struct fault *one)
{
	size_t used = strlen(all->text);

	(void)snprintf(all->text + used, sizeof(all->text) - used, "%s%s", used > 0 ? "; " : "", one->text);
	if (all->code != EXIT_NODE)
		all->code = one->code;
}

static int try_all(struct transfer *transfer, struct fault *fault)
{
	const struct get_options *options = transfer->options;

	for (size_t i = 0; i < options->count; i++) {
		enum verdict verdict;

		transfer->url = &options->sources[i];
		if (report("source", "%s", transfer->url->shown) < 0)
			return fault_set(fault, EXIT_NODE, "nobody reads the progress");
		verdict = try_source(transfer);
		if (verdict == VERDICT_DONE)
			return 0;
		if (verdict == VERDICT_STOP) {
			*fault = transfer->fault;
			return -EIO;
		}
		add_fault(fault, &transfer->fault);
	}
	return -EIO;
}

int get(const struct get_options *options, struct fault *fault)
{
	struct transfer transfer = {.options = options, .deadline = clock_steady() + UINT64_C(1000) * options->timeout};
	int rc;

	notes_boot(transfer.boot);
	if (part_open(&transfer.part, options->part_fd, options->max) < 0)
		return fault_set(fault, EXIT_NODE, "out of memory");
	rc = take_up(&transfer, fault);
	if (rc == 0)
		rc = try_all(&transfer, fault);
	/* the next process finds all that came */
	(void)part_flush(&transfer.part);
	unpack_close(&transfer.unpack);
	part_close(&transfer.part);
	return rc;
}
