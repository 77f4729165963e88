# SPDX-License-Identifier: GPL-2.0-or-later
"""What was measured, as CSV and as text."""
import csv
import statistics

from common import report

from .plan import DIRECTIONS, HOST, LATENCY, THROUGHPUT, UNITS

COLUMNS = ("network", "measure", "direction", "machines", "unit", *report.SPREAD, "ratio_to_host", "values")


def ratio(results, key):
    return report.ratio(results.values[key], results.values.get((HOST, *key[1:]), {}))


def line(results, key):
    values = list(results.values[key].values())
    return [*key, UNITS[key[1]]] + report.spread(values) + [report.show_ratio(ratio(results, key)), report.listed(values)]


def write_csv(path, results, facts):
    report.write_csv(path, facts, COLUMNS, [line(results, key) for key in results.values], results.missing)


def read_csv(path):
    """Facts, and {(network, measure, direction, machines): [values]}."""
    with open(path, newline="") as file:
        lines = file.read().splitlines()
    facts = [text[2:] for text in lines if text.startswith("# ")]
    rows = csv.DictReader(text for text in lines if not text.startswith("#"))
    return facts, {(row["network"], row["measure"], row["direction"], int(row["machines"])):
                   [float(value) for value in row["values"].split()] for row in rows}


def names(values):
    """Of networks, as they were measured, the host first."""
    found = list(dict.fromkeys(key[0] for key in values))
    return sorted(found, key=lambda name: name != HOST)


def counts(values):
    return sorted({key[3] for key in values if key[1] == THROUGHPUT})


def cell(results, key):
    if key not in results.values:
        return "%19s" % "-"
    share = ratio(results, key)
    return "%10.0f (%s)" % (statistics.median(results.values[key].values()), "%6.3f" % share if share else "")


def print_medians(results, say):
    """A line a network: throughput of each number of machines, in Mbit/s, and latency; in brackets how it is to the host."""
    numbers = counts(results.values)
    for direction in DIRECTIONS:
        say("%s, Mbit/s, median (of the host's)" % direction)
        say("  %-12s %s" % ("machines", " ".join("%19d" % number for number in numbers)))
        for name in names(results.values):
            say("  %-12s %s" % (name, " ".join(cell(results, (name, THROUGHPUT, direction, number)) for number in numbers)))
    say("latency, us, median of the rounds' medians (of the host's)")
    for name in names(results.values):
        say("  %-12s %s" % (name, cell(results, (name, LATENCY, "", 1))))
    for name, why in results.missing:
        say("not measured: %s: %s" % (name, why))
