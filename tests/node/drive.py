#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Boots the emulated compute node that tests/node/build put into FOLDER and runs the
subjects in it, one after the other: tests/node/drive.py FOLDER NAME SUBJECT…
Its disks and share are in FOLDER/NAME: several may run at once.

A subject is a script, tests/node/subjects/SUBJECT.bash. Of its output, lines `ok TEXT`
and `not ok TEXT` are counted. The word `reset` instead of a subject cuts the node's power
and boots it again. What passed and failed is in FOLDER/NAME/counts at the end, two numbers.
WNODES_NODE_SUBJECT_SECONDS is what a subject may take, 480 unless set.
"""

import os
import pathlib
import signal
import sys
import time

sys.dont_write_bytecode = True
import node  # noqa: E402

SUBJECT_SECONDS = int(os.environ.get("WNODES_NODE_SUBJECT_SECONDS", 480))
SILENT_SECONDS = 240
begun = time.monotonic()


def say(text):
    print(f"[{sys.argv[2]} {time.monotonic() - begun:6.1f}] {text}", flush=True)


def run_subject(port, name):
    passed = failed = 0
    for line in port.run(f"subjects/{name}.bash", SUBJECT_SECONDS, SILENT_SECONDS):
        if isinstance(line, int):
            if line != 0:
                say(f"not ok {name} ended with {line}")
                failed += 1
        else:
            passed += line.startswith("ok ")
            failed += line.startswith("not ok ")
            say(line)
    if passed + failed == 0:
        say(f"not ok {name} tested nothing")
        failed = 1
    return passed, failed


def run_all(folder, work, subjects):
    passed = failed = 0
    qemu = node.start(folder, work, kept=False)
    try:
        port = node.Port(work, 0)
        say(f"the node is up, {port.wait_boot():.1f} s after its start")
        for name in subjects:
            say(f"== {name}")
            if name == "reset":
                say(f"the node is up, {port.reset():.1f} s after its power went")
                continue
            good, bad = run_subject(port, name)
            passed += good
            failed += bad
            if bad and name == subjects[0]:
                raise node.Broken("no more can be tested")
    except node.Broken as error:
        say(f"not ok {error}")
        failed += 1
        console = (work / "console").read_text(errors="replace") if (work / "console").exists() else ""
        print("".join(f"  {line}\n" for line in console.splitlines()[-30:]), flush=True)
    finally:
        qemu.kill()
        qemu.wait()
    return passed, failed


def main():
    folder = pathlib.Path(sys.argv[1]).resolve()
    work = folder / sys.argv[2]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(130))
    node.prepare(folder, work)
    passed, failed = run_all(folder, work, sys.argv[3:])
    (work / "counts").write_text(f"{passed} {failed}\n")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
