#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# attach.py DEVICE TAP…: tries to attach to each tap as whoever runs this.
import errno
import fcntl
import os
import struct
import sys

TUNSETIFF, IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 0x400454CA, 0x0002, 0x1000, 0x4000
for name in sys.argv[2:]:
    tun = os.open(sys.argv[1], os.O_RDWR)
    try:
        fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI | IFF_VNET_HDR))
        print("attached")
    except OSError as error:
        print(errno.errorcode[error.errno])
