# SPDX-License-Identifier: GPL-2.0-or-later
"""Shells that stay, on the host and in machines: a script runs at once, without a step of its own."""
import os
import select
import subprocess
import tempfile
import time

from common.cluster import Failed

END_SECONDS = 10


class Shell:
    def __init__(self, argv):
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, cwd="/")
        self.number = 0
        self.buffer = b""

    def begin(self, script):
        self.number += 1
        text = "{ %s\n} </dev/null 2>&1; code=$?; echo; echo over %d $code\n" % (script, self.number)
        try:
            self.process.stdin.write(text.encode())
            self.process.stdin.flush()
        except BrokenPipeError:
            raise Failed(self.last_words()) from None

    def line(self, end):
        """Until time.monotonic() is end."""
        while b"\n" not in self.buffer:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                raise Failed("no answer within its time")
            data = os.read(self.process.stdout.fileno(), 65536)
            if not data:
                raise Failed(self.last_words())
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line.decode(errors="replace")

    def end(self, seconds):
        """What the script that was begun last has said; Failed with its last line where it failed."""
        until, lines = time.monotonic() + seconds, []
        while True:
            line = self.line(until)
            words = line.split()
            if len(words) == 3 and words[0] == "over":
                if int(words[1]) < self.number:  # of one that was given up
                    lines = []
                    continue
                break
            if line:
                lines.append(line)
        if words[2] != "0":
            # timeout's, as coreutils and busybox have it
            raise Failed("not over within its time" if words[2] in ("124", "143") else
                         (lines or ["it ended with " + words[2]])[-1])
        return "\n".join(lines)

    def run(self, script, seconds):
        self.begin(script)
        return self.end(seconds)

    def last_words(self):
        self.errors.seek(0)
        lines = self.errors.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "its shell has ended"

    def close(self):
        try:
            self.process.stdin.close()
        except BrokenPipeError:  # its machine has gone before
            pass
        try:
            self.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.errors.close()

