/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fetch/info.h"

#include <jansson.h>
#include <string.h>

#include "common/exitcode.h"

/* Keys of an image that needs more than itself, whatever they say. */
static const char *of_other_files(const json_t *info)
{
	static const char *const keys[] = {"backing-filename", "full-backing-filename", "backing-filename-format",
	                                   "backing-image"};
	const json_t *data = json_object_get(json_object_get(info, "format-specific"), "data");

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (json_object_get(info, keys[i]))
			return "has a backing file";
	if (json_object_get(data, "data-file"))
		return "keeps its data in another file";
	if (json_is_true(json_object_get(data, "corrupt")))
		return "is corrupt";
	if (json_is_true(json_object_get(info, "encrypted")) || json_object_get(data, "encrypt"))
		return "is encrypted";
	return NULL;
}

static int check(const json_t *info, bool qcow2, uint64_t *bytes, struct fault *fault)
{
	const char *declared = qcow2 ? "qcow2" : "raw";
	const char *format = json_string_value(json_object_get(info, "format"));
	const json_t *size = json_object_get(info, "virtual-size");
	const char *what = of_other_files(info);

	if (!format || strcmp(format, declared) != 0)
		return fault_set(fault, EXIT_DATA, "the image is declared as %s, and qemu-img says %.32s", declared,
		                 format ? format : "nothing");
	if (what)
		return fault_set(fault, EXIT_DATA, "qemu-img says that the image %s", what);
	if (!json_is_integer(size) || json_integer_value(size) < 0)
		return fault_set(fault, EXIT_DATA, "qemu-img does not say the image's virtual size");
	*bytes = (uint64_t)json_integer_value(size);
	return 0;
}

int info_parse(const char *text, size_t length, bool qcow2, uint64_t *bytes, struct fault *fault)
{
	json_error_t error;
	json_t *info = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
	int rc;

	if (!info || !json_is_object(info))
		rc = fault_set(fault, EXIT_DATA, "qemu-img's answer cannot be read: %s",
		               info ? "it is no object" : error.text);
	else
		rc = check(info, qcow2, bytes, fault);
	json_decref(info);
	return rc;
}
