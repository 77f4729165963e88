# SPDX-License-Identifier: GPL-2.0-or-later
"""What was measured, as CSV and as text."""
import math
import statistics

from common import report

from . import fio, plan
from .measure import HOST

MACHINES_MIN = 5  # emulated machines differ by a fifth for all their lives, whatever they do: fewer say nothing of a mode
COLUMNS = ("place", "solution", "guest_fs", "mode", "prealloc", "cache", "io", "iothread", "cluster_size", "extended_l2",
           "run", "pattern", "record_kib", "unit", *report.SPREAD, "ratio_to_raw", "ratio_to_host", "values")


def unit(pattern):
    return {"SQLite build-up": "s", "create": "ms", "remove": "ms"}.get(pattern, "MiB/s")


def ratio(results, key, other):
    """Median of the rounds' ratios to the other row, None where there is none."""
    place, _, run, pattern, kib = key
    return report.ratio(results.values[key], results.values.get((place, other, run, pattern, kib), {}))


def line(results, key):
    place, name, run, pattern, kib = key
    row = results.rows.get((place, name))
    values = results.of(*key)
    ratios = [ratio(results, key, other) for other in (results.references.get((place, name)), HOST)]
    settings = [getattr(row, column) if row else "" for column in COLUMNS[2:10]]
    return [place, name] + settings + [run, pattern, kib or "", unit(pattern)] + report.spread(values) + \
        [report.show_ratio(r) for r in ratios] + [report.listed(values)]


def write_csv(path, results, facts):
    report.write_csv(path, facts, COLUMNS, [line(results, key) for key in results.values], results.missing)


def mean_ratio(results, place, name, run, patterns):
    """Geometric mean over the patterns and record sizes of the ratios to raw in the guest."""
    keys = [key for key in results.values if key[:3] == (place, name, run) and key[3] in patterns]
    ratios = [r for r in (ratio(results, key, results.references.get((place, name))) for key in keys) if r]
    return math.exp(statistics.fmean(map(math.log, ratios))) if ratios else None


def show(number):
    return "%8.2f" % number if number is not None else "%8s" % "-"


def print_ratios(results, say):
    say("ratios to raw in the guest: geometric means over record sizes of the rounds' medians")
    say("  %-58s %17s %17s" % ("", "writes", "reads"))
    say("  %-58s %8s %8s %8s %8s" % ("", "first", "second", "first", "second"))
    modes = {}
    for (place, name), row in results.rows.items():
        ratios = four_ratios(results, place, name)
        if any(ratios):
            say("  %-58s %s" % ("%s: %s" % (place, name), " ".join(map(show, ratios))))
        if all(ratios) and results.references[place, name] != name and row.guest_fs == "ext4":
            modes.setdefault(plan.mode(row), []).append(ratios)
    for mode, machines in modes.items():
        if len(machines) >= MACHINES_MIN:
            say("  %-58s %s" % ("median of %d machines: %s" % (len(machines), mode),
                                " ".join(map(show, map(statistics.median, zip(*machines))))))


def four_ratios(results, place, name):
    """Writes on the first and second run, reads on the first and second."""
    reads = tuple(name for name, _ in fio.PATTERNS if name not in fio.WRITES)
    return [mean_ratio(results, place, name, run, patterns) for patterns in (fio.WRITES, reads) for run in fio.RUNS]


def print_others(results, say):
    for key in results.values:
        place, name, _, pattern, _ = key
        values = results.of(*key)
        if unit(pattern) == "MiB/s":
            continue
        against = ratio(results, key, HOST)
        say("  %-16s %-60s median %8.2f %s (%.2f to %.2f, %d)%s" % (
            pattern, "%s: %s" % (place, name), statistics.median(values), unit(pattern), min(values), max(values), len(values),
            ", %.2f of the host's" % against if against and name != HOST else ""))


def print_aims(results, say):
    for run, aim in (("first", 0.8), ("second", 0.95)):
        got = mean_ratio(results, "folder", "default", run, fio.WRITES)
        say("  the default's writes on the %s run: %s of raw in the guest (aim: at least %.2f)" %
            (run, "%.2f" % got if got else "nothing to say", aim))
    key = ("folder", "default", "second", "SQLite build-up", 0)
    got = ratio(results, key, HOST) if key in results.values else None
    if got:
        say("  SQLite in the guest takes %.2f times what it takes on the host's disk durably (aim: under 1)" % got)
