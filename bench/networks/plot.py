# SPDX-License-Identifier: GPL-2.0-or-later
"""The paper's figure 3: throughput in both directions with several machines, and latency."""
from common import plot

from .plan import DIRECTIONS, LATENCY, THROUGHPUT
from .report import counts, names

TITLES = {"bridge": "bridge, virtio", "macvtap": "macvtap, virtio", "passt": "user, passt", "slirp": "user, slirp", "vf": "VF"}
FAR_APART = 20  # above that ratio a linear scale would show the largest alone


def lines(values, measure, direction, numbers, titles):
    for number, title in zip(numbers, titles):
        yield ['"%s"' % title] + [cell for name in names(values) for cell in plot.cells(values.get((name, measure, direction, number)))]


def scale(values, measure):
    """The same for both directions."""
    all_of_them = [value for key, some in values.items() if key[1] == measure for value in some]
    least, most = max(min(all_of_them, default=1), 0.001), max(all_of_them, default=1)
    if most > FAR_APART * least:
        return ["set logscale y", "set yrange [%g:%g]" % (least / 2, most * 2)], ", logarithmic"
    return ["unset logscale y", "set yrange [0:%g]" % (most * 1.1)], ""


def panel(values, measure, direction, title, unit):
    numbers = counts(values) if measure == THROUGHPUT else [1]
    titles = ["%d machine%s" % (number, "s" if number > 1 else "") for number in numbers] if measure == THROUGHPUT else [" "]
    how, words = scale(values, measure)
    data = measure + direction
    return how + ["set title '%s' offset 0,-0.6" % title, "set ylabel '%s%s' offset 1" % (unit, words),
                  plot.block(data, lines(values, measure, direction, numbers, titles)),
                  plot.bars(data, [TITLES.get(name, name) for name in names(values)]), "set key off"]


def script(facts, values, path):
    title = "\\n".join(fact for fact in facts if fact.startswith(("machine:", "this is")))
    text = plot.head(1500, 470, path) + [
        "set multiplot title \"%s\"" % title.replace('"', "'"), "set tmargin screen 0.75", "set bmargin screen 0.1",
        "set key at screen 0.5, screen 0.87 center top vertical maxrows 1 samplen 1.5 noenhanced"]
    for (left, right), measure, direction, name, unit in (
            ((0.065, 0.415), THROUGHPUT, DIRECTIONS[0], "inbound", "Mbit/s"),
            ((0.475, 0.825), THROUGHPUT, DIRECTIONS[1], "outbound", "Mbit/s"),
            ((0.89, 0.99), LATENCY, "", "latency, one machine", "µs there and back")):
        text += ["set lmargin screen %g" % left, "set rmargin screen %g" % right]
        text += panel(values, measure, direction, name, unit)
    return text + ["unset multiplot"]


def draw(facts, values, path):
    plot.draw(script(facts, values, path))
