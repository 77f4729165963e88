/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "monitor/packet.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "common/exitcode.h"
#include "common/str.h"

#define PACKET_FDS_MAX 4U

enum packet_text { TEXT_NONE, TEXT_SOME, TEXT_ANY, TEXT_WORD };

static const struct packet_form {
	const char *word;
	enum packet_sender sender;
	enum packet_kind kind;
	enum packet_text text;
	const char *const *words; /* of TEXT_WORD */
} packet_forms[] = {
        {"state", FROM_OWNER, PACKET_STATE, TEXT_WORD, (const char *const[]){"booting", "ready", NULL}},
        {"time", FROM_OWNER, PACKET_TIME, TEXT_WORD, (const char *const[]){"libvirt", "created", "hello", NULL}},
        {"end", FROM_OWNER, PACKET_END, TEXT_SOME, NULL},
        {"log", FROM_OWNER, PACKET_LOG, TEXT_SOME, NULL},
        {"pause", FROM_OWNER, PACKET_PAUSE, TEXT_WORD, (const char *const[]){"on", "off", NULL}},
        {"hello", FROM_RELAY, PACKET_HELLO, TEXT_ANY, NULL},
        {"ready", FROM_RELAY, PACKET_READY, TEXT_NONE, NULL},
        {"broken", FROM_RELAY, PACKET_BROKEN, TEXT_SOME, NULL},
        {"panic", FROM_RELAY, PACKET_PANIC, TEXT_NONE, NULL},
        {"silent", FROM_RELAY, PACKET_SILENT, TEXT_NONE, NULL},
        {"restarted", FROM_RELAY, PACKET_RESTARTED, TEXT_NONE, NULL},
        {"unfit", FROM_RELAY, PACKET_UNFIT, TEXT_SOME, NULL},
        {"console", FROM_RELAY, PACKET_CONSOLE, TEXT_SOME, NULL},
};

static const struct packet_form *packet_form(const char *word, enum packet_sender sender)
{
	for (size_t i = 0; i < sizeof(packet_forms) / sizeof(packet_forms[0]); i++)
		if (packet_forms[i].sender == sender && strcmp(packet_forms[i].word, word) == 0)
			return &packet_forms[i];
	return NULL;
}

static bool is_one_of(const char *text, const char *const *words)
{
	for (; *words; words++)
		if (strcmp(text, *words) == 0)
			return true;
	return false;
}

/* "CODE TEXT" at packet->text */
static int packet_parse_end(struct packet *packet)
{
	static const int codes[] = {EXIT_USAGE, EXIT_MACHINE, EXIT_NODE, EXIT_DENIED};
	char *space = strchr(packet->text, ' ');
	uint64_t code;

	if (!space)
		return -EPROTO;
	*space = 0;
	if (str_u64(packet->text, 0, 255, &code) < 0)
		return -EPROTO;
	packet->text = space + 1;
	packet->code = (int)code;
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (packet->code == codes[i] && *packet->text)
			return 0;
	return -EPROTO;
}

int packet_parse(struct packet *packet, size_t length, enum packet_sender sender)
{
	const struct packet_form *form;
	char *space;

	if (length == 0 || length > PACKET_MAX || memchr(packet->bytes, 0, length))
		return -EPROTO;
	packet->bytes[length] = 0;
	str_printable(packet->bytes);
	packet->code = 0;
	packet->text = "";
	space = strchr(packet->bytes, ' ');
	if (space) {
		*space = 0;
		packet->text = space + 1;
	}
	form = packet_form(packet->bytes, sender);
	if (!form || (form->text != TEXT_ANY && (form->text == TEXT_NONE) != (*packet->text == 0)))
		return -EPROTO;
	if (form->text == TEXT_WORD && !is_one_of(packet->text, form->words))
		return -EPROTO;
	packet->kind = form->kind;
	return form->kind == PACKET_END || form->kind == PACKET_UNFIT ? packet_parse_end(packet) : 0;
}

int packet_receive(int socket, struct packet *packet, enum packet_sender sender)
{
	ssize_t length;
	int rc;

	do {
		length = recv(socket, packet->bytes, PACKET_MAX, MSG_DONTWAIT | MSG_TRUNC);
	} while (length < 0 && errno == EINTR);
	if (length < 0)
		return -errno;
	if (length == 0)
		return 0;
	rc = packet_parse(packet, (size_t)length, sender);
	return rc < 0 ? rc : 1;
}

int packet_send(int socket, const char *format, ...)
{
	char text[PACKET_MAX + 1];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	str_printable(text);
	return send(socket, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int packet_send_fds(int socket, const char *word, const int *fds, size_t count)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(PACKET_FDS_MAX * sizeof(int))];
	} control = {0};
	struct iovec iov = {(void *)(uintptr_t)word, strlen(word)};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
	struct cmsghdr *header = &control.align;

	if (count > PACKET_FDS_MAX)
		return -EINVAL;
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(count * sizeof(int));
	memcpy(CMSG_DATA(header), fds, count * sizeof(int));
	message.msg_control = control.bytes;
	message.msg_controllen = CMSG_SPACE(count * sizeof(int));
	return sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}
