#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Boots the emulated compute node that tests/node/build put into FOLDER and runs the
subjects in it, one after the other: tests/node/drive.py FOLDER NAME SUBJECT…
Its disks and share are in FOLDER/NAME: several may run at once.

A subject is a script, tests/node/subjects/SUBJECT.bash. Of its output, lines `ok TEXT`
and `not ok TEXT` are counted. The word `reset` instead of a subject cuts the node's power
and boots it again. What passed and failed is in FOLDER/NAME/counts at the end, two numbers.

Where the node itself stands still, which its emulator has made it do now and then, a fresh
one is booted, installed by the first subject, and the subject runs once more; twice for all
nodes in FOLDER. Subjects in which something failed, two at most, run
once more in a fresh node, and that counts: the emulated CPUs lose machines, too. What failed
the first time is printed all the same, and named at the end: `unsteady: SUBJECT`.
WNODES_NODE_SUBJECT_SECONDS is what a subject may take, 480 unless set; with
WNODES_NODE_ONCE what failed does not run once more.
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
FRESH = 2  # nodes that are booted in the place of those that their emulator lost
begun = time.monotonic()


def say(text):
    print(f"[{sys.argv[2]} {time.monotonic() - begun:6.1f}] {text}", flush=True)


def run_subject(port, watch, name):
    passed = failed = 0
    for line in port.run(f"subjects/{name}.bash", SUBJECT_SECONDS, SILENT_SECONDS, watch):
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


class Run:
    """The subjects that are to run in a node, and what passed and failed in each."""

    def __init__(self, folder, work, subjects):
        self.folder = folder
        self.work = work
        self.subjects = subjects
        self.todo = list(range(len(subjects)))
        self.counts = [(0, 0)] * len(subjects)
        self.unsteady = []

    def subject(self, index, port, watch):
        name = self.subjects[index]
        say(f"== {name}")
        if name == "reset":
            say(f"the node is up, {port.reset():.1f} s after its power went")
            return
        self.counts[index] = run_subject(port, watch, name)
        if index == 0 and self.counts[0][1]:
            raise node.Broken("no more can be tested")

    def boot(self):
        """Boots a fresh node and runs in it what is to do."""
        node.prepare(self.folder, self.work)
        qemu = node.start(self.folder, self.work, kept=False)
        try:
            port, watch = node.Port(self.work, 0), node.Port(self.work, 1)
            say(f"the node is up, {port.wait_boot():.1f} s after its start")
            while self.todo:
                self.subject(self.todo[0], port, watch)
                del self.todo[0]
        finally:
            qemu.kill()
            qemu.wait()

    def after_reset(self, index):
        """Whether the subject is about what a reset does."""
        return "reset" in self.subjects and index >= self.subjects.index("reset") - 1

    def repeat(self):
        """Whether a fresh node is to go on, twice for all the nodes: then what was begun is to do again."""
        for number in range(FRESH):
            try:
                (self.folder / f"fresh{number}").touch(exist_ok=False)
                break
            except FileExistsError:
                pass
        else:
            return False
        rest = self.todo
        if self.after_reset(rest[0]):
            rest = range(self.subjects.index("reset") - 1, len(self.subjects))
        self.todo = [0, *(index for index in rest if index > 0)]
        return True

    def failing(self):
        return [index for index, (_, failed) in enumerate(self.counts) if failed]

    def again(self):
        """Whether what failed is to run once more."""
        failing = self.failing()
        if "WNODES_NODE_ONCE" in os.environ or self.unsteady or not failing or len(failing) > 2 or 0 in failing:
            return False
        self.unsteady = failing
        resets = any(self.after_reset(index) for index in failing)
        self.todo = [index for index in range(len(self.subjects))
                     if index == 0 or index in failing or resets and self.after_reset(index)]
        say("== once more, in a fresh node: " + " ".join(self.subjects[index] for index in failing))
        return True

    def all(self):
        while self.todo or self.again():
            try:
                self.boot()
            except node.Broken as error:
                console = (self.work / "console").read_text(errors="replace")
                repeats = isinstance(error, node.Still) and not node.has_said_why(console) and self.repeat()
                say(f"{error}: its emulator's fault, a fresh one goes on" if repeats else f"not ok {error}")
                print("".join(f"  {line}\n" for line in console.splitlines()[-30:]), flush=True)
                if not repeats:
                    self.counts.append((0, 1))
                    return
        for index in self.unsteady:
            if index not in self.failing():
                say(f"unsteady: {self.subjects[index]}")


def main():
    folder = pathlib.Path(sys.argv[1]).resolve()
    work = folder / sys.argv[2]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(130))
    run = Run(folder, work, sys.argv[3:])
    run.all()
    passed, failed = (sum(numbers) for numbers in zip(*run.counts))
    (work / "counts").write_text(f"{passed} {failed}\n")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
