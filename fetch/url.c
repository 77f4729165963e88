/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fetch/url.h"

#include <curl/curl.h>
#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/url.h"

static int copy_part(CURLU *handle, CURLUPart part, unsigned int flags, char **copy)
{
	char *text = NULL;
	CURLUcode code = curl_url_get(handle, part, &text, flags);

	*copy = NULL;
	if (code == CURLUE_NO_USER || code == CURLUE_NO_PASSWORD || code == CURLUE_NO_HOST || code == CURLUE_NO_PORT)
		return 0;
	if (code != CURLUE_OK)
		return code == CURLUE_OUT_OF_MEMORY ? -ENOMEM : -EINVAL;
	*copy = strdup(text);
	curl_free(text);
	return *copy ? 0 : -ENOMEM;
}

static bool ends_in(const char *path, const char *end)
{
	size_t length = strlen(path), tail = strlen(end);

	return length > tail && strcmp(path + length - tail, end) == 0;
}

enum packing url_packing(const char *path)
{
	if (ends_in(path, ".gz"))
		return PACKING_GZIP;
	if (ends_in(path, ".xz"))
		return PACKING_XZ;
	return ends_in(path, ".zst") ? PACKING_ZSTD : PACKING_NONE;
}

static int set_scheme(struct url *url, CURLU *handle, const char **why)
{
	char *scheme;
	int rc = copy_part(handle, CURLUPART_SCHEME, 0, &scheme);

	if (rc < 0 || !scheme)
		return rc < 0 ? rc : -EINVAL;
	*why = "its scheme is not http, https or file";
	if (strcmp(scheme, "http") == 0)
		url->scheme = URL_HTTP;
	else if (strcmp(scheme, "https") == 0)
		url->scheme = URL_HTTPS;
	else if (strcmp(scheme, "file") == 0)
		url->scheme = URL_FILE;
	else
		rc = -EINVAL;
	free(scheme);
	return rc;
}

static int set_shown(struct url *url)
{
	size_t length;

	if (!url->request)
		return -EINVAL;
	length = strlen(url->request);
	url->shown = malloc(length + 1);
	if (!url->shown)
		return -ENOMEM;
	(void)url_show(url->shown, url->request, length);
	return 0;
}

/* The rest of the handle loses its parts one by one: credentials, then the query, then the path. */
static int set_texts(struct url *url, CURLU *handle)
{
	int rc = copy_part(handle, CURLUPART_USER, CURLU_URLDECODE, &url->user);

	if (rc == 0)
		rc = copy_part(handle, CURLUPART_PASSWORD, CURLU_URLDECODE, &url->password);
	if (rc == 0)
		rc = copy_part(handle, CURLUPART_PATH, CURLU_URLDECODE, &url->path);
	(void)curl_url_set(handle, CURLUPART_USER, NULL, 0);
	(void)curl_url_set(handle, CURLUPART_PASSWORD, NULL, 0);
	(void)curl_url_set(handle, CURLUPART_OPTIONS, NULL, 0);
	(void)curl_url_set(handle, CURLUPART_FRAGMENT, NULL, 0);
	if (rc == 0)
		rc = copy_part(handle, CURLUPART_URL, 0, &url->request);
	if (rc == 0)
		rc = set_shown(url);
	(void)curl_url_set(handle, CURLUPART_QUERY, NULL, 0);
	(void)curl_url_set(handle, CURLUPART_PATH, "/", 0);
	if (rc == 0)
		rc = copy_part(handle, CURLUPART_URL, CURLU_DEFAULT_PORT, &url->origin);
	return rc;
}

static int set_id(struct url *url, const char *text)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int length = 0;

	if (EVP_Digest(text, strlen(text), digest, &length, EVP_sha256(), NULL) != 1)
		return -ENOMEM;
	for (unsigned int i = 0; i < length && 2 * i + 2 < sizeof(url->id); i++)
		(void)snprintf(url->id + 2 * (size_t)i, 3, "%02x", digest[i]);
	return 0;
}

int url_parse(struct url *url, const char *text, const char **why)
{
	CURLU *handle = curl_url();
	CURLUcode code;
	int rc;

	*url = (struct url){0};
	*why = "it is no URL";
	if (!handle)
		return -ENOMEM;
	code = curl_url_set(handle, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME);
	rc = code == CURLUE_OUT_OF_MEMORY ? -ENOMEM : code == CURLUE_OK ? 0 : -EINVAL;
	if (rc == 0)
		rc = set_scheme(url, handle, why);
	if (rc == 0) {
		*why = "it is no URL";
		rc = set_texts(url, handle);
	}
	if (rc == 0)
		rc = url->path ? set_id(url, text) : -EINVAL;
	if (rc == 0)
		url->packing = url_packing(url->path);
	else
		url_free(url);
	curl_url_cleanup(handle);
	return rc;
}

void url_free(struct url *url)
{
	free(url->request);
	free(url->shown);
	free(url->origin);
	free(url->user);
	free(url->password);
	free(url->path);
	*url = (struct url){0};
}

bool url_may_redirect(const struct url *from, const struct url *to)
{
	if (to->scheme == URL_FILE)
		return false;
	return from->scheme == to->scheme || to->scheme == URL_HTTPS;
}
