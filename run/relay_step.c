/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The steps that have tasks here: each has one client that says its messages. */
#include "run/relay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct relay_step *step_get(struct relay *relay, const uint8_t *name, size_t length)
{
	struct relay_step *step;

	for (step = relay->clients.steps; step; step = step->next)
		if (strlen(step->name) == length && memcmp(step->name, name, length) == 0)
			return step;
	step = calloc(1, sizeof(*step));
	if (!step)
		return NULL;
	memcpy(step->name, name, length);
	step->next = relay->clients.steps;
	relay->clients.steps = step;
	return step;
}

static void step_appoint(struct relay_step *step, struct relay_client *client)
{
	step->speaker = client;
	if (client)
		relay_client_send(client, WIRE_SPEAKER, 0, NULL, 0);
}

int relay_step_join(struct relay_client *client, const uint8_t *name, size_t length)
{
	struct relay_step *step;

	/* a name is compared and kept as text */
	if (length > WIRE_STEP_MAX || memchr(name, 0, length))
		return -EPROTO;
	step = step_get(client->relay, name, length);
	if (!step)
		return -ENOMEM;
	step->members++;
	client->step = step;
	if (!step->speaker)
		step_appoint(step, client);
	return 0;
}

/* Of the steps without tasks the newest are kept: another rank may come yet, to whom nothing new is to be said. */
static void forget_old(struct relay *relay)
{
	struct relay_step **link = &relay->clients.steps, *step;
	unsigned int kept = 0;

	while ((step = *link)) {
		if (step->members > 0 || ++kept <= RELAY_STEPS_ENDED) {
			link = &step->next;
			continue;
		}
		*link = step->next;
		free(step);
	}
}

void relay_steps_free(struct relay *relay)
{
	struct relay_step *step;

	while ((step = relay->clients.steps)) {
		relay->clients.steps = step->next;
		free(step);
	}
}

static struct relay_client *step_candidate(const struct relay *relay, const struct relay_step *step)
{
	for (size_t i = 0; i < relay->clients.open_count; i++)
		if (relay->clients.open[i]->step == step && relay->clients.open[i]->fd >= 0)
			return relay->clients.open[i];
	return NULL;
}

void relay_step_leave(struct relay_client *client)
{
	struct relay_step *step = client->step;

	if (!step)
		return;
	client->step = NULL;
	step->members--;
	if (step->speaker == client)
		step_appoint(step, step->members > 0 ? step_candidate(client->relay, step) : NULL);
	if (step->members == 0)
		forget_old(client->relay);
}

/* FNV-1a. A guest that makes two notes collide silences itself alone. */
static uint64_t digest(const uint8_t *bytes, size_t length)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
	return hash;
}

bool relay_step_is_news(struct relay_client *client, const uint8_t *note, size_t length)
{
	struct relay_step *step = client->step;
	uint64_t hash = digest(note, length);

	if (!step)
		return true;
	for (uint32_t i = 0; i < step->note_count; i++)
		if (step->notes[i] == hash)
			return false;
	if (step->note_count < RELAY_STEP_NOTES)
		step->notes[step->note_count++] = hash;
	return true;
}
