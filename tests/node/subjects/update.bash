# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# The product is replaced by what was built last: tests/node/shell install.
. /share/subjects/lib.bash

check() { wnodes check; }

step 60 "no machine runs" no_leftovers
step 60 "the product is replaced" put_product
step 90 "wnodes check finds nothing wrong" check
