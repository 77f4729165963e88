#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# ear.py NETDEV: a line for each frame that comes in there: source, destination,
# type, and of ARP and IPv4 the sender's address.
import socket
import sys

PACKET_OUTGOING = 4
ears = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
ears.bind((sys.argv[1], 0))
while True:
    frame, (_, _, kind, _, _) = ears.recvfrom(65536)
    if kind == PACKET_OUTGOING or len(frame) < 14:
        continue
    source, destination = frame[6:12].hex(":"), frame[0:6].hex(":")
    protocol = int.from_bytes(frame[12:14], "big")
    rest = ""
    if protocol == 0x0806 and len(frame) >= 32:
        rest = " " + ".".join(str(byte) for byte in frame[28:32])
    elif protocol == 0x0800 and len(frame) >= 34:
        rest = " " + ".".join(str(byte) for byte in frame[26:30])
    print("%s %s 0x%04x%s" % (source, destination, protocol, rest))
