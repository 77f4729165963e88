/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "monitor/xml.h"

#include <limits.h>
#include <stdarg.h>

#include "common/str.h"

void xml_open(struct xml *xml, const char *name)
{
	xml->failed |= xmlTextWriterStartElement(xml->writer, BAD_CAST name) < 0;
}

void xml_close(struct xml *xml)
{
	xml->failed |= xmlTextWriterEndElement(xml->writer) < 0;
}

void xml_attribute(struct xml *xml, const char *name, const char *value)
{
	xml->failed |= xmlTextWriterWriteAttribute(xml->writer, BAD_CAST name, BAD_CAST value) < 0;
}

void xml_format(struct xml *xml, const char *name, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	xml->failed |= xmlTextWriterWriteVFormatAttribute(xml->writer, BAD_CAST name, format, arguments) < 0;
	va_end(arguments);
}

void xml_text(struct xml *xml, const char *name, const char *text)
{
	xml->failed |= xmlTextWriterWriteElement(xml->writer, BAD_CAST name, BAD_CAST text) < 0;
}

void xml_number(struct xml *xml, const char *name, const char *unit, uint64_t number)
{
	xml_open(xml, name);
	if (unit)
		xml_attribute(xml, "unit", unit);
	xml->failed |= xmlTextWriterWriteFormatString(xml->writer, "%llu", (unsigned long long)number) < 0;
	xml_close(xml);
}

void xml_leaf(struct xml *xml, const char *name, const char *attribute, const char *value)
{
	xml_open(xml, name);
	if (attribute)
		xml_attribute(xml, attribute, value);
	xml_close(xml);
}

void xml_path(struct xml *xml, const char *name, const char *attribute, const char *root, const char *part)
{
	char path[PATH_MAX];

	xml->failed |= str_print(path, sizeof(path), "%s/%s", root, part) < 0;
	if (attribute)
		xml_leaf(xml, name, attribute, path);
	else
		xml_text(xml, name, path);
}

void xml_slot(struct xml *xml, unsigned int slot)
{
	xml_open(xml, "address");
	xml_attribute(xml, "type", "pci");
	xml_attribute(xml, "bus", "0");
	xml_format(xml, "slot", "%u", slot);
	xml_close(xml);
}
