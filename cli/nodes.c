/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/nodes.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/capture.h"
#include "common/str.h"

#define SINFO_SECONDS 45

static const char sinfo_path[] = WNODES_SLURM_BINDIR "/sinfo", scontrol_path[] = WNODES_SLURM_BINDIR "/scontrol";

/* States in which a node takes jobs; sinfo's suffixes say that it does not answer, sleeps or is about to reboot. */
static bool is_up(const char *state)
{
	static const char *const states[] = {"idle", "mixed", "allocated", "completing", "planned", "reserved"};

	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		if (strcasecmp(state, states[i]) == 0)
			return true;
	return false;
}

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct node *)a)->name, ((const struct node *)b)->name);
}

static int add(struct nodes *nodes, const char *name, size_t length, const char *state)
{
	struct node *list = reallocarray(nodes->list, nodes->count + 1, sizeof(*list));
	struct node *node;

	if (!list)
		return -ENOMEM;
	nodes->list = list;
	node = &list[nodes->count];
	*node = (struct node){0};
	if (str_print(node->name, sizeof(node->name), "%.*s", (int)length, name) < 0)
		return 0;
	(void)snprintf(node->state, sizeof(node->state), "%.*s", (int)strcspn(state, "\n"), state);
	node->is_up = is_up(node->state);
	nodes->count++;
	return 0;
}

/* A node of several partitions has several lines. */
static void drop_twins(struct nodes *nodes)
{
	size_t kept = 0;

	if (nodes->count == 0)
		return;
	qsort(nodes->list, nodes->count, sizeof(*nodes->list), compare);
	for (size_t i = 1; i < nodes->count; i++)
		if (strcmp(nodes->list[i].name, nodes->list[kept].name) != 0)
			nodes->list[++kept] = nodes->list[i];
	nodes->count = kept + 1;
}

int nodes_parse(struct nodes *nodes, const char *text)
{
	int rc = 0;

	while (rc == 0 && *text) {
		size_t line = strcspn(text, "\n"), name = strcspn(text, "|\n");

		if (name > 0 && name < line)
			rc = add(nodes, text, name, text + name + 1);
		text += line + (text[line] == '\n');
	}
	drop_twins(nodes);
	return rc;
}

static struct node *find(const struct nodes *nodes, const char *name)
{
	for (size_t i = 0; i < nodes->count; i++)
		if (strcmp(nodes->list[i].name, name) == 0)
			return &nodes->list[i];
	return NULL;
}

/* The names in the list, as nodes that Slurm does not know until sinfo has told of them. */
static int expand(struct nodes *nodes, const char *list)
{
	const char *const scontrol[] = {scontrol_path, "show", "hostnames", list, NULL};
	char *text = NULL;
	int rc = capture(scontrol, SINFO_SECONDS, &text) == 0 && text ? 0 : -EIO;

	for (const char *name = text; rc == 0 && name && *name;) {
		size_t length = strcspn(name, "\n");

		if (length > 0)
			rc = add(nodes, name, length, "unknown");
		name += length + (name[length] == '\n');
	}
	free(text);
	return rc;
}

/* What sinfo told takes the place of what the list said. */
static void merge(struct nodes *nodes, struct nodes *named)
{
	for (size_t i = 0; i < named->count; i++)
		if (!find(nodes, named->list[i].name))
			(void)add(nodes, named->list[i].name, strlen(named->list[i].name), named->list[i].state);
	drop_twins(nodes);
}

int nodes_load(struct nodes *nodes, const char *list, const char *partition, char *why, size_t size)
{
	const char *const sinfo[] = {sinfo_path, "-h", "-N", "-o", "%N|%T", list ? "-n" : "-p", list ? list : partition,
	                             NULL};
	char *text = NULL;
	int code = capture(sinfo, SINFO_SECONDS, &text);
	int rc = code == 0 && text ? nodes_parse(nodes, text) : -EIO;
	struct nodes named = {0};

	free(text);
	if (rc == 0 && list) {
		rc = expand(&named, list);
		merge(nodes, &named);
		nodes_free(&named);
	}
	if (rc == 0 && nodes->count > 0)
		return 0;
	if (rc < 0)
		(void)snprintf(why, size, "%s fails: does Slurm's controller answer, and is %s a list of nodes?",
		               sinfo[0], list ? list : partition);
	else
		(void)snprintf(why, size, "Slurm has no %s %s", list ? "nodes" : "partition", list ? list : partition);
	return -1;
}

/* A flat object of texts and whole numbers. */
static bool take(struct nodes *nodes, json_t *object)
{
	const char *name = json_string_value(json_object_get(object, "node"));
	struct node *node = name ? find(nodes, name) : NULL;
	const char *key;
	json_t *value;
	int rc = 0;

	if (!node || node->answer.count > 0)
		return false;
	json_object_foreach(object, key, value)
	{
		if (json_is_string(value))
			rc = kv_set(&node->answer, key, json_string_value(value));
		else if (json_is_integer(value))
			rc = kv_setf(&node->answer, key, "%lld", (long long)json_integer_value(value));
		if (rc < 0)
			break;
	}
	for (size_t i = 0; i < node->answer.count; i++)
		str_printable(node->answer.pairs[i].value);
	if (rc == 0)
		return true;
	kv_free(&node->answer);
	return false;
}

size_t nodes_answer(struct nodes *nodes, const char *text)
{
	size_t taken = 0;

	/* an object is a line: srun does not mix the lines of its tasks */
	while (*text) {
		size_t length = strcspn(text, "\n"), blanks = strspn(text, " ");
		json_t *object = NULL;

		if (blanks < length && text[blanks] == '{')
			object = json_loadb(text + blanks, length - blanks, JSON_DISABLE_EOF_CHECK, NULL);
		taken += object && take(nodes, object);
		json_decref(object);
		text += length + (text[length] == '\n');
	}
	return taken;
}

void nodes_free(struct nodes *nodes)
{
	for (size_t i = 0; i < nodes->count; i++)
		kv_free(&nodes->list[i].answer);
	free(nodes->list);
	*nodes = (struct nodes){0};
}
