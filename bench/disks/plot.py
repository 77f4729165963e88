# SPDX-License-Identifier: GPL-2.0-or-later
"""The paper's figures: throughput per pattern and solution, as SVG by gnuplot."""
import statistics
import subprocess
import tempfile

from . import fio
from .measure import HOST

COLOURS = ("#000000", "#7f7f7f", "#d62728", "#ff7f0e", "#bcbd22", "#2ca02c", "#17becf", "#1f77b4", "#9467bd", "#e377c2",
           "#8c564b", "#c49c94")
TITLES = {HOST: "bare raw on the host", "raw": "raw in the guest", "default": "overlay, all by default"}


def block(results, names, run, kib):
    """A line per pattern; of each solution median, least and most."""
    lines = []
    for pattern, _ in fio.PATTERNS:
        cells = ['"%s"' % pattern.replace(" ", "\\n")]
        for name in names:
            values = results.of("folder", name, run, pattern, kib)
            cells += ["%.3f" % f(values) for f in (statistics.median, min, max)] if values else ["NaN"] * 3
        lines.append(" ".join(cells))
    return "\n".join(lines)


def script(results, names, sizes, title, path):
    height = 330 * len(sizes) + 160
    lines = ["set terminal svg size 1500,%d font 'sans-serif,12' background 'white'" % height,
             "set output '%s'" % path,
             "set multiplot layout %d,2 title \"%s\" margins 0.06,0.99,%g,%g spacing 0.06,%g" % (
                 len(sizes), title, 45 / height, 1 - 150 / height, 75 / height),
             "set style data histograms", "set style histogram errorbars gap 2 lw 1", "set style fill solid noborder",
             "set boxwidth 0.95", "set errorbars lw 0.7 lc rgb 'black'", "set grid ytics", "set logscale y", "set ylabel 'MiB/s, logarithmic' offset 1",
             "set key off"]
    for size in sizes:
        for run in ("first", "second"):
            if size == sizes[0] and run == "first":
                lines.append("set key at screen 0.5, screen %g center top vertical maxrows 4 samplen 1.5 noenhanced" % (1 - 45 / height))
            lines.append("set title 'records of %d KiB, %s run' offset 0,-0.6" % (size, run))
            lines.append("$d%d%s << EOD\n%s\nEOD" % (size, run, block(results, names, run, size)))
            lines.append("plot " + ", ".join(
                "$d%d%s using %d:%d:%d%s lc rgb '%s' title '%s'" % (
                    size, run, 3 * i + 2, 3 * i + 3, 3 * i + 4, ":xtic(1)" if i == 0 else "", COLOURS[i % len(COLOURS)],
                    TITLES.get(name, name))
                for i, name in enumerate(names)))
            lines.append("set key off")
    return "\n".join(lines + ["unset multiplot"]) + "\n"


def draw(results, group, title, path):
    names = [HOST] + [row.name for row in group.rows if ("folder", row.name) in results.rows]
    names = [name for name in names if any(key[:2] == ("folder", name) for key in results.values)]
    with tempfile.NamedTemporaryFile("w", suffix=".gnuplot") as file:
        file.write(script(results, names, group.kib, title, path))
        file.flush()
        subprocess.run(["gnuplot", file.name], check=True, timeout=120)
