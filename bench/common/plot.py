# SPDX-License-Identifier: GPL-2.0-or-later
"""Figures as SVG by gnuplot."""
import statistics
import subprocess
import tempfile

COLOURS = ("#000000", "#7f7f7f", "#d62728", "#ff7f0e", "#bcbd22", "#2ca02c", "#17becf", "#1f77b4", "#9467bd", "#e377c2",
           "#8c564b", "#c49c94")


def head(width, height, path):
    return ["set terminal svg size %d,%d font 'sans-serif,12' background 'white'" % (width, height),
            "set output '%s'" % path,
            "set style data histograms", "set style histogram errorbars gap 2 lw 1", "set style fill solid noborder",
            "set boxwidth 0.95", "set errorbars lw 0.7 lc rgb 'black'", "set grid ytics"]


def cells(values):
    """A bar: median, least and most; none where there are no values."""
    return ["%.3f" % f(values) for f in (statistics.median, min, max)] if values else ["NaN"] * 3


def block(name, lines):
    """Data of that name; a line is the words of its title and its bars' cells."""
    return "$%s << EOD\n%s\nEOD" % (name, "\n".join(" ".join(line) for line in lines))


def bars(name, titles, colours=COLOURS):
    """A bar of each title in each of the lines of block()."""
    return "plot " + ", ".join(
        "$%s using %d:%d:%d%s lc rgb '%s' title '%s'" % (
            name, 3 * i + 2, 3 * i + 3, 3 * i + 4, ":xtic(1)" if i == 0 else "", colours[i % len(colours)], title)
        for i, title in enumerate(titles))


def draw(lines):
    with tempfile.NamedTemporaryFile("w", suffix=".gnuplot") as file:
        file.write("\n".join(lines) + "\n")
        file.flush()
        subprocess.run(["gnuplot", file.name], check=True, timeout=120)
