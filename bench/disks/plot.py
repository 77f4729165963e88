# SPDX-License-Identifier: GPL-2.0-or-later
"""The paper's figures: throughput per pattern and solution, as SVG by gnuplot."""
from common import plot

from . import fio
from .measure import HOST

TITLES = {HOST: "bare raw on the host", "raw": "raw in the guest", "default": "overlay, all by default"}


def lines(results, names, run, kib):
    """A line per pattern."""
    for pattern, _ in fio.PATTERNS:
        yield ['"%s"' % pattern.replace(" ", "\\n")] + \
            [cell for name in names for cell in plot.cells(results.of("folder", name, run, pattern, kib))]


def script(results, names, sizes, title, path):
    height = 330 * len(sizes) + 160
    text = plot.head(1500, height, path)
    text += ["set multiplot layout %d,2 title \"%s\" margins 0.06,0.99,%g,%g spacing 0.06,%g" % (
                 len(sizes), title, 45 / height, 1 - 150 / height, 75 / height),
             "set logscale y", "set ylabel 'MiB/s, logarithmic' offset 1", "set key off"]
    for size in sizes:
        for run in ("first", "second"):
            if size == sizes[0] and run == "first":
                text.append("set key at screen 0.5, screen %g center top vertical maxrows 4 samplen 1.5 noenhanced" % (1 - 45 / height))
            data = "d%d%s" % (size, run)
            text += ["set title 'records of %d KiB, %s run' offset 0,-0.6" % (size, run),
                     plot.block(data, lines(results, names, run, size)),
                     plot.bars(data, [TITLES.get(name, name) for name in names]), "set key off"]
    return text + ["unset multiplot"]


def draw(results, group, title, path):
    names = [HOST] + [row.name for row in group.rows if ("folder", row.name) in results.rows]
    names = [name for name in names if any(key[:2] == ("folder", name) for key in results.values)]
    plot.draw(script(results, names, group.kib, title, path))
