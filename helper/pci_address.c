/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "helper/pci.h"

int pci_parse(const char *text, struct pci_address *address)
{
	static const char form[] = "xxxx:xx:xx.f";

	for (size_t i = 0; i < sizeof(form); i++) {
		char c = (char)tolower((unsigned char)text[i]);
		bool fits = form[i] == 'x'   ? isxdigit((unsigned char)c) != 0
		            : form[i] == 'f' ? c >= '0' && c <= '7'
		                             : c == form[i];

		if (!fits)
			return -EINVAL;
		address->name[i] = c;
	}
	/* a slot has five bits */
	return address->name[8] > '1' ? -EINVAL : 0;
}

bool pci_is(const struct pci_address *one, const struct pci_address *other)
{
	return strcmp(one->name, other->name) == 0;
}
