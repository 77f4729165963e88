# SPDX-License-Identifier: GPL-2.0-or-later
"""What is measured: rows, which are machines with a disk of a kind, in groups
whose machines run at the same time and are measured in turn."""
from dataclasses import dataclass

CACHES = ("unsafe", "writeback", "none", "writethrough", "directsync")
KEYS = ("cache", "io", "iothread", "cluster_size", "extended_l2")  # of wnodes.conf's [disk]


@dataclass(frozen=True)
class Row:
    """A machine; what is empty is left to the product's defaults."""
    mode: str = ""
    prealloc: str = ""
    cache: str = ""
    io: str = ""
    iothread: str = ""
    cluster_size: str = ""
    extended_l2: str = ""
    guest_fs: str = "ext4"

    @property
    def name(self):
        words = [self.mode or "overlay"]
        words += ["%s=%s" % (key, getattr(self, key)) for key in ("prealloc",) + KEYS if getattr(self, key)]
        if self.guest_fs != "ext4":
            words.append("in " + self.guest_fs)
        return " ".join(words) if words != ["overlay"] or self.mode else "default"

    @property
    def options(self):
        """sbatch's."""
        return ["--vm-disk=" + (self.mode or "overlay") + (",prealloc=" + self.prealloc if self.prealloc else "")] \
            if self.mode or self.prealloc else []


@dataclass(frozen=True)
class Group:
    place: str  # "folder", or the file system to mount there from a file
    rows: tuple
    reference: Row  # raw in the guest, what the others are compared to; one of rows
    kib: tuple  # record sizes
    mib: int = 16  # of each file: one per record size
    sqlite: tuple = ()  # of rows
    figure: bool = False  # it is what is plotted


def mode(row):
    """What its disk is, with whatever cache."""
    return (row.mode or "overlay") + (" prealloc=" + row.prealloc if row.prealloc else "")


def selected():
    """The paper's solutions and ours, in the folder; then the default on each file system."""
    raw = Row("raw")
    durable = Row("overlay", cache="none", io="native")
    rows = (raw, Row(), Row("overlay", prealloc="metadata"), Row("snapshot"), Row("overlay", cache="writeback"), durable,
            Row("raw", cache="none", io="native"), Row("block", cache="none", io="native"),
            Row("raw", guest_fs="ext3"), Row("overlay", guest_fs="ext3"))
    groups = [Group("folder", rows, raw, (4, 64, 1024), sqlite=(Row(), raw, durable), figure=True)]
    groups += [Group(place, (raw, Row()), raw, (64,)) for place in ("ext4", "xfs", "btrfs")]
    return groups


def ios(cache):
    """The ways of I/O that QEMU takes with this cache, the usual one first."""
    return ("native", "threads", "io_uring") if cache in ("none", "directsync") else ("threads", "io_uring")


def matrix(place, cache, io):
    """Each mode and preallocation; a snapshot's disk is an overlay's, so it is there without the latter."""
    how = {"cache": cache, "io": io}
    raw = Row("raw", **how)
    rows = [raw, Row("overlay", **how), Row("snapshot", **how), Row("block", **how)]
    rows += [Row("overlay", prealloc, **how) for prealloc in ("metadata", "falloc", "full")]
    rows += [Row("raw", prealloc, **how) for prealloc in ("falloc", "full")]
    return Group(place, tuple(rows), raw, (64,))


def everything():
    """Each mode and preallocation by the usual way of I/O, then the default's by the other ways."""
    yield from selected()
    for cache in CACHES:
        yield from (matrix(place, cache, ios(cache)[0]) for place in ("folder", "xfs", "btrfs"))
    raw = Row("raw")
    yield Group("folder", (raw, *(Row("overlay", cache=cache, io=io) for cache in CACHES for io in ios(cache))), raw, (64,))


def defaults():
    """What the defaults of [disk] ought to be: one key changed at a time."""
    raw = Row("raw")
    clusters = tuple(Row("overlay", cluster_size=size, extended_l2="no") for size in ("16K", "32K", "64K", "128K", "256K", "2M"))
    subclusters = tuple(Row("overlay", cluster_size=size, extended_l2="yes") for size in ("32K", "64K", "128K", "256K", "2M"))
    ways = tuple(Row("overlay", cache=cache, io=io) for cache in ("unsafe", "none") for io in ios(cache))
    threads = tuple(Row("overlay", cache=cache, iothread=word) for cache in ("unsafe", "none") for word in ("no", "yes"))
    for rows in (clusters, subclusters, ways, threads):
        yield Group("folder", (raw, Row()) + rows, raw, (4, 64, 1024))


# with the minutes that each may take, and the GiB of the folder that it needs
PLANS = {"selected": (selected, 10, 8), "all": (everything, 60, 16), "defaults": (defaults, 30, 8)}
