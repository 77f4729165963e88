#!/usr/bin/env python3
# clock.py COMMAND…: by how many ms the guest's clock is ahead of this host's, and how
# many ms the question and its answer took; of several answers the quickest counts.
# COMMAND runs a loop there that prints its time as `SECONDS MICROSECONDS` for each
# line that it reads.
import subprocess
import sys
import time

guest = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
best = None
for _ in range(12):
    before = time.time()
    guest.stdin.write("\n")
    seconds, micros = guest.stdout.readline().split()
    after = time.time()
    ahead = int(seconds) + int(micros) / 1e6 - (before + after) / 2
    if best is None or after - before < best[0]:
        best = (after - before, ahead)
guest.stdin.close()
guest.wait()
print(round(best[1] * 1000), round(best[0] * 1000))
