# SPDX-License-Identifier: GPL-2.0-or-later
"""fio's jobs in iozone's patterns, and what fio says of them."""
import json

PATTERNS = (("write", "write"), ("rewrite", "write"), ("read", "read"), ("reread", "read"),
            ("random read", "randread"), ("random write", "randwrite"))
RUNS = ("first", "second")
WRITES = ("write", "rewrite", "random write")
RANDOM_SECONDS = 0.25  # the most that a random pattern lasts: small records may take minutes

# Buffered, as iozone does it, with the flush in the time of what writes (its -e) and no pages of the file in the
# system's cache before a pattern begins (its -U), since a disk is measured and not that cache.
GLOBAL = """[global]
ioengine=psync
thread=1
stonewall
fallocate=none
create_on_open=1
invalidate=1
randrepeat=1
size=%dm
"""


def jobs(kib, mib, target, between=None):
    """Both runs by one fio, whose start takes seconds under emulation. A file per record size; target(number of the file)
    gives the lines that say where it lies; between is a command that fio executes before the second run."""
    lines = [GLOBAL % mib]
    for run in RUNS:
        if run == "second" and between:
            lines += ["[between]", "ioengine=null", "rw=read", "bs=4k", "size=4k", "exec_prerun=" + between]
        for number, size in enumerate(kib):
            lines += patterns(run, size, target(number))
    return "\n".join(lines) + "\n"


def patterns(run, size, where):
    lines = []
    for name, rw in PATTERNS:
        lines += ["[%s %s %d]" % (run, name, size), "rw=" + rw, "bs=%dk" % size, where]
        if name in WRITES:
            lines.append("end_fsync=1")
        if rw.startswith("rand"):
            lines.append("runtime=%dms" % (RANDOM_SECONDS * 1000))
    return lines


def in_folder(folder):
    return lambda number: "directory=%s\nfilename=%d" % (folder, number)


def in_file(path, offset_mib, mib):
    """A file after the other inside one file, as a guest's lie in its disk."""
    return lambda number: "filename=%s\noffset=%dm" % (path, offset_mib + number * mib)


def results(text):
    """{(run, pattern, KiB): MiB/s} of fio's JSON."""
    rates = {}
    for job in json.loads(text[text.index("{"):])["jobs"]:
        if job["error"]:
            raise ValueError("fio's job '%s' failed with error %d" % (job["jobname"], job["error"]))
        if job["jobname"] == "between":
            continue
        run, rest = job["jobname"].split(" ", 1)
        name, size = rest.rsplit(" ", 1)
        rates[run, name, int(size)] = job["write" if name in WRITES else "read"]["bw_bytes"] / 1048576
    return rates
