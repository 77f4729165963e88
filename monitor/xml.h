/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libxml2's writer with errors that stick: only a lack of memory, told at the end. */
#ifndef WNODES_MONITOR_XML_H
#define WNODES_MONITOR_XML_H

#include <libxml/xmlwriter.h>
#include <stdbool.h>
#include <stdint.h>

struct xml {
	xmlTextWriterPtr writer;
	bool failed;
};

/** Begin the element name; xml_close() ends the innermost one. */
void xml_open(struct xml *xml, const char *name);
void xml_close(struct xml *xml);

/** An attribute of the element that was begun last. */
void xml_attribute(struct xml *xml, const char *name, const char *value);
void xml_format(struct xml *xml, const char *name, const char *format, ...) __attribute__((format(printf, 3, 4)));

/** <name>text</name> */
void xml_text(struct xml *xml, const char *name, const char *text);

/** <name unit='unit'>number</name>; unit may be NULL. */
void xml_number(struct xml *xml, const char *name, const char *unit, uint64_t number);

/** <name attribute='value'/>; attribute may be NULL. */
void xml_leaf(struct xml *xml, const char *name, const char *attribute, const char *value);

/** <name attribute='root/part'/>, or with attribute NULL <name>root/part</name>. */
void xml_path(struct xml *xml, const char *name, const char *attribute, const char *root, const char *part);

/** The address of a device: this slot of the root bus. */
void xml_slot(struct xml *xml, unsigned int slot);

#endif
