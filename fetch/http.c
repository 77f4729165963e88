/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One try of a source of http or https. */
#include "fetch/transfer.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/exitcode.h"
#include "common/str.h"
#include "fetch/header.h"

#define REDIRECTS 5U
#define SLOWEST 1024U        /* bytes in a second, over the time of a stall */
#define REFUSAL (64U << 10)  /* of an answer that is not the file, more is not read */
#define WAIT_MOST 60         /* seconds that we let a server have us wait */
#define RECEIVE (256L << 10) /* bytes at once: less where a rate is set, so that it stays even */
#define RECEIVE_LEAST (4L << 10)

struct http {
	CURL *curl;
	struct transfer *transfer;
	struct url at; /* where we are, after redirects */
	struct header header;
	struct curl_slist *fields;
	char text[CURL_ERROR_SIZE];
	long status;
	size_t refused;    /* bytes of an answer that is not the file */
	uint64_t heard_at; /* of clock_steady(): when the last bytes came */
	bool begun;
};

static int begin(struct http *http)
{
	const struct header *header = &http->header;
	struct answer answer = {.etag = header->etag, .modified = header->modified, .total = NOTES_UNKNOWN};
	curl_off_t length = -1;

	http->begun = true;
	if (header->encoded && http->transfer->url->packing == PACKING_NONE)
		return transfer_fail(http->transfer, VERDICT_NEXT, EXIT_DATA,
		                     "the server sends it in an encoding that nobody asked for");
	if (http->status == 206) {
		answer.begin = header->has_range ? header->begin : NOTES_UNKNOWN;
		answer.total = header->total;
	} else if (curl_easy_getinfo(http->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length) == CURLE_OK &&
	           length >= 0) {
		answer.total = (uint64_t)length;
	}
	return transfer_begin(http->transfer, &answer);
}

static size_t on_header(char *line, size_t one, size_t length, void *data)
{
	struct http *http = data;

	header_line(&http->header, line, one * length);
	return one * length;
}

static size_t on_data(char *bytes, size_t one, size_t length, void *data)
{
	struct http *http = data;

	length *= one;
	if (!http->begun) {
		(void)curl_easy_getinfo(http->curl, CURLINFO_RESPONSE_CODE, &http->status);
		if (http->status != 200 && http->status != 206) {
			http->refused += length;
			return http->refused <= REFUSAL ? length : 0;
		}
		if (begin(http) < 0)
			return 0;
	}
	if (transfer_data(http->transfer, bytes, length) < 0)
		return 0;
	http->heard_at = clock_steady();
	return length;
}

/* libcurl's own limit on slowness takes an average, which a fast beginning keeps up for long. */
static int on_progress(void *data, curl_off_t total, curl_off_t now, curl_off_t up_total, curl_off_t up_now)
{
	const struct http *http = data;

	(void)total;
	(void)now;
	(void)up_total;
	(void)up_now;
	return clock_steady() - http->heard_at >= UINT64_C(1000) * http->transfer->options->stall;
}

/* Names of protocols became strings with 7.85. */
static CURLcode set_protocols(CURL *curl)
{
#if LIBCURL_VERSION_NUM >= 0x075500
	return curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
#else
	return curl_easy_setopt(curl, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
}

static CURLcode set_tls(CURL *curl, const struct get_options *options)
{
	CURLcode code = curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);

	if (code == CURLE_OK)
		code = curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
	if (code == CURLE_OK)
		code = curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (code == CURLE_OK && options->ca_file) {
		code = curl_easy_setopt(curl, CURLOPT_CAINFO, options->ca_file);
		if (code == CURLE_OK)
			code = curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
	}
	return code;
}

/* The waits. A limit on the rate is no stall. */
static CURLcode set_limits(CURL *curl, const struct get_options *options)
{
	long slowest = options->rate > 0 && options->rate < 2 * SLOWEST ? (long)(options->rate / 2) : (long)SLOWEST;
	CURLcode code = curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)options->stall);

	if (code == CURLE_OK)
		code = curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, slowest > 0 ? slowest : 1L);
	if (code == CURLE_OK)
		code = curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)options->stall);
	if (code == CURLE_OK)
		code = curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	return code;
}

static CURLcode set_callbacks(struct http *http)
{
	CURL *curl = http->curl;
	uint64_t rate = http->transfer->options->rate;
	long receive = rate == 0 || rate / 4 > RECEIVE ? RECEIVE : (long)rate / 4;
	CURLcode code = curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, http->text);

	if (code == CURLE_OK)
		code = curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
	if (code == CURLE_OK)
		code = curl_easy_setopt(curl, CURLOPT_HEADERDATA, http);
	if (code == CURLE_OK)
		code = curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
	if (code == CURLE_OK)
		code = curl_easy_setopt(curl, CURLOPT_WRITEDATA, http);
	if (code == CURLE_OK)
		code = curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
	if (code == CURLE_OK)
		code = curl_easy_setopt(curl, CURLOPT_XFERINFODATA, http);
	if (code == CURLE_OK)
		code = curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
	if (code == CURLE_OK)
		code = curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, receive > RECEIVE_LEAST ? receive : RECEIVE_LEAST);
	return code;
}

static CURLcode set_session(struct http *http)
{
	CURL *curl = http->curl;
	CURLcode code = set_protocols(curl);

	if (code == CURLE_OK)
		code = set_tls(curl, http->transfer->options);
	if (code == CURLE_OK)
		code = set_limits(curl, http->transfer->options);
	if (code == CURLE_OK)
		code = set_callbacks(http);
	/* redirects are followed below, where what they lead to is known */
	if (code == CURLE_OK)
		code = curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	if (code == CURLE_OK)
		code = curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	if (code == CURLE_OK)
		code = curl_easy_setopt(curl, CURLOPT_USERAGENT, "wnodes-fetch/" WNODES_VERSION);
	if (code == CURLE_OK)
		code = curl_easy_setopt(curl, CURLOPT_PROXY, "");
	return code;
}

/* The rest of a file that was begun, and only of that version of it. */
static CURLcode set_range(struct http *http)
{
	char range[48], field[NOTES_VALIDATOR + 16];
	const char *validator;
	uint64_t offset = transfer_offset(http->transfer, &validator);
	struct curl_slist *fields;
	CURLcode code;

	if (offset == 0)
		return curl_easy_setopt(http->curl, CURLOPT_RANGE, NULL);
	(void)str_print(range, sizeof(range), "%llu-", (unsigned long long)offset);
	(void)str_print(field, sizeof(field), "If-Range: %s", validator);
	fields = curl_slist_append(http->fields, field);
	if (!fields)
		return CURLE_OUT_OF_MEMORY;
	http->fields = fields;
	code = curl_easy_setopt(http->curl, CURLOPT_HTTPHEADER, http->fields);
	return code == CURLE_OK ? curl_easy_setopt(http->curl, CURLOPT_RANGE, range) : code;
}

/* A source's credentials are for its own host, port and scheme alone. */
static CURLcode set_request(struct http *http)
{
	const struct url *source = http->transfer->url;
	bool same = strcmp(source->origin, http->at.origin) == 0;
	CURLcode code = curl_easy_setopt(http->curl, CURLOPT_URL, http->at.request);

	if (code == CURLE_OK)
		code = curl_easy_setopt(http->curl, CURLOPT_USERNAME, same ? source->user : NULL);
	if (code == CURLE_OK)
		code = curl_easy_setopt(http->curl, CURLOPT_PASSWORD, same ? source->password : NULL);
	if (code == CURLE_OK)
		code = curl_easy_setopt(http->curl, CURLOPT_TIMEOUT_MS, (long)transfer_left(http->transfer) + 1);
	return code;
}

static int timed_out(struct http *http)
{
	struct transfer *transfer = http->transfer;

	if (transfer_left(transfer) == 0)
		return transfer_late(transfer);
	transfer->slow = true;
	return transfer_fail(transfer, VERDICT_AGAIN, EXIT_NODE,
	                     "the server stalls: within %u seconds nothing, or next to nothing, came",
	                     transfer->options->stall);
}

/* What libcurl says; a certificate does not become right by asking again. */
static int curl_failed(struct http *http, CURLcode code)
{
	const char *text = http->text[0] != 0 ? http->text : curl_easy_strerror(code);
	enum verdict verdict = VERDICT_AGAIN;

	switch (code) {
	case CURLE_OPERATION_TIMEDOUT:
	case CURLE_ABORTED_BY_CALLBACK:
		return timed_out(http);
	case CURLE_PARTIAL_FILE:
		return transfer_fail(http->transfer, VERDICT_AGAIN, EXIT_NODE, "the connection ended after %llu bytes",
		                     (unsigned long long)http->transfer->received);
	case CURLE_OUT_OF_MEMORY:
		verdict = VERDICT_STOP;
		break;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_URL_MALFORMAT:
		verdict = VERDICT_NEXT;
		break;
	default:
		break;
	}
	return transfer_fail(http->transfer, verdict, EXIT_NODE, "%s", text);
}

/* Where a redirect leads. Returns 1 to go there, or -EIO. */
static int redirect(struct http *http)
{
	struct transfer *transfer = http->transfer;
	struct url next = {0};
	const char *why;
	char *target = NULL;

	(void)curl_easy_getinfo(http->curl, CURLINFO_REDIRECT_URL, &target);
	if (!target)
		return transfer_fail(transfer, VERDICT_NEXT, EXIT_NODE, "status %ld without a Location", http->status);
	if (url_parse(&next, target, &why) < 0)
		return transfer_fail(transfer, VERDICT_NEXT, EXIT_NODE, "redirected to where we do not go: %s", why);
	if (!url_may_redirect(&http->at, &next)) {
		(void)transfer_fail(transfer, VERDICT_NEXT, EXIT_NODE, "redirected to %s, which is refused",
		                    next.shown);
		url_free(&next);
		return -EIO;
	}
	url_free(&http->at);
	http->at = next;
	return 1;
}

static int refused(struct http *http)
{
	struct transfer *transfer = http->transfer;
	curl_off_t wait = 0;

	if (http->status == 416) {
		/* the file is shorter than what we have of it */
		transfer_forget(transfer);
		return transfer_fail(transfer, VERDICT_AGAIN, EXIT_NODE,
		                     "the server has another version, or is at odds "
		                     "with itself over the file's length (416)");
	}
	if (http->status >= 500 || http->status == 408 || http->status == 425 || http->status == 429) {
		(void)curl_easy_getinfo(http->curl, CURLINFO_RETRY_AFTER, &wait);
		transfer->wait = wait > WAIT_MOST ? WAIT_MOST : wait > 0 ? (unsigned int)wait : 0;
		return transfer_fail(transfer, VERDICT_AGAIN, EXIT_NODE, "the server answers %ld", http->status);
	}
	return transfer_fail(transfer, VERDICT_NEXT, EXIT_NODE, "the server answers %ld", http->status);
}

/* One request. Returns 0 when the image is whole, 1 where it is redirected, or -EIO with the transfer's fault. */
static int request(struct http *http)
{
	CURLcode code = set_request(http);

	http->begun = false;
	http->refused = 0;
	http->text[0] = 0;
	http->status = 0;
	http->heard_at = clock_steady();
	if (code == CURLE_OK)
		code = curl_easy_perform(http->curl);
	(void)curl_easy_getinfo(http->curl, CURLINFO_RESPONSE_CODE, &http->status);
	if (http->transfer->fault.code != 0)
		return -EIO;
	if (code != CURLE_OK && http->refused <= REFUSAL)
		return curl_failed(http, code);
	if (http->status >= 300 && http->status < 400)
		return redirect(http);
	if (http->status != 200 && http->status != 206)
		return refused(http);
	if (!http->begun && begin(http) < 0)
		return -EIO;
	return transfer_finish(http->transfer);
}

static int http_run(struct http *http)
{
	CURLcode code = set_session(http);
	const char *why;
	int rc;

	if (code == CURLE_OK)
		code = set_range(http);
	if (code != CURLE_OK)
		return curl_failed(http, code);
	if (url_parse(&http->at, http->transfer->url->request, &why) < 0)
		return transfer_fail(http->transfer, VERDICT_NEXT, EXIT_NODE, "%s", why);
	for (unsigned int i = 0; i <= REDIRECTS; i++) {
		rc = request(http);
		if (rc <= 0)
			return rc;
	}
	return transfer_fail(http->transfer, VERDICT_NEXT, EXIT_NODE, "more than %u redirects", REDIRECTS);
}

enum verdict http_try(struct transfer *transfer)
{
	struct http http = {.transfer = transfer, .curl = curl_easy_init()};

	if (!http.curl)
		(void)transfer_fail(transfer, VERDICT_STOP, EXIT_NODE, "out of memory");
	else if (http_run(&http) == 0)
		transfer->verdict = VERDICT_DONE;
	curl_easy_cleanup(http.curl);
	curl_slist_free_all(http.fields);
	url_free(&http.at);
	return transfer->verdict;
}
