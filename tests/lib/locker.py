#!/usr/bin/env python3
"""Hold every lock on a file that a reader can, where QEMU looks for them: locker.py FILE"""
import fcntl
import struct
import sys
import time

F_OFD_SETLK = 37
files = []
for start in range(100, 110), range(200, 210):
    for byte in start:
        f = open(sys.argv[1], "rb")
        fcntl.fcntl(f, F_OFD_SETLK, struct.pack("hhqqixxxx", fcntl.F_RDLCK, 0, byte, 1, 0))
        files.append(f)
print("locked", flush=True)
time.sleep(60)
