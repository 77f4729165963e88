/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/url.h"

#include <string.h>
#include <strings.h>

/* Where the host's part of url[length] begins, behind the scheme: as libcurl takes it, one slash is enough. */
static size_t url_authority(const char *url, size_t length)
{
	size_t colon = strcspn(url, ":/"), at;

	if (colon + 1 >= length || url[colon] != ':' || url[colon + 1] != '/')
		return 0;
	at = colon + 1 + strspn(url + colon + 1, "/");
	return at < length ? at : length;
}

char *url_show(char *to, const char *url, size_t length)
{
	size_t plain = strcspn(url, "?#"), begin, end, host;

	if (plain > length)
		plain = length;
	begin = url_authority(url, plain);
	end = begin + strcspn(url + begin, "/");
	host = begin;
	if (strncasecmp(url, "file:", 5) != 0) /* whose path may have one */
		for (size_t i = begin; i < end && i < plain; i++)
			host = url[i] == '@' ? i + 1 : host;
	memcpy(to, url, begin);
	memcpy(to + begin, url + host, plain - host);
	to += begin + plain - host;
	*to = 0;
	return to;
}
