# SPDX-License-Identifier: GPL-2.0-or-later
"""What was measured, as CSV: facts and what is missing as comments, medians with their spread."""
import csv
import statistics

SPREAD = ("n", "median", "min", "max")


def spread(values):
    return [len(values)] + ["%.2f" % f(values) for f in (statistics.median, min, max)]


def listed(values):
    return " ".join("%.2f" % value for value in values)


def ratio(values, against):
    """Median of the rounds' ratios to another row's, both as {round: value}; None where there is none."""
    pairs = [value / against[turn] for turn, value in values.items() if against.get(turn)]
    return statistics.median(pairs) if pairs else None


def show_ratio(number):
    return "" if number is None else "%.3f" % number


def write_csv(path, facts, columns, lines, missing):
    """missing: of each row the words that name it, and why."""
    with open(path, "w", newline="") as file:
        for fact in facts:
            file.write("# %s\n" % fact)
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(lines)
        for *words, why in missing:
            file.write("# not measured: %s: %s\n" % (", ".join(words), why))
