"""Plots as SVG, written by hand so that the same figures give the same bytes: one line a ratio, on a logarithmic axis."""

import dataclasses
import math
from html import escape

LABEL_WIDTH, PLOT_WIDTH, ROW_HEIGHT, TOP, BOTTOM = 420, 460, 24, 46, 40
INK, FAINT, DOT, BAR, AIM = "#222222", "#d0d0d0", "#2a6fb0", "#c23b22", "#3a8f3a"
MARKS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 4, 6, 8, 10, 15, 20, 30, 50, 100)


@dataclasses.dataclass(frozen=True)
class Row:
    label: str
    values: list
    spread: object  # Of the values; None where there are none.
    at_least: float | None
    aim: float | None


class Axis:
    """From ratios to pixels; 1 is always in sight."""

    def __init__(self, values):
        values = [value for value in values if value and value > 0] + [1.0]
        low, high = min(values) / 1.15, max(values) * 1.15
        self.low = max((mark for mark in MARKS if mark <= low), default=low)
        self.high = min((mark for mark in MARKS if mark >= high), default=high)

    def x(self, value):
        share = math.log(value / self.low) / math.log(self.high / self.low)
        return LABEL_WIDTH + PLOT_WIDTH * min(1.0, max(0.0, share))

    def marks(self):
        return [mark for mark in MARKS if self.low <= mark <= self.high]


def _line(x1, y1, x2, y2, colour, width=1, dash=""):
    style = f' stroke-dasharray="{dash}"' if dash else ""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" stroke-width="{width}"{style}/>'


def _text(x, y, text, anchor="start", size=12, weight="normal"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" font-weight="{weight}" '
            f'fill="{INK}">{escape(text)}</text>')


def _row(row, axis, y):
    yield _text(LABEL_WIDTH - 10, y + 4, row.label, "end", 11)
    for demand, colour in ((row.at_least, BAR), (row.aim, AIM)):
        if demand is not None:
            yield _line(axis.x(demand), y - 9, axis.x(demand), y + 9, colour, 2)
    for value in row.values:
        yield f'<circle cx="{axis.x(value):.1f}" cy="{y:.1f}" r="3" fill="{DOT}" fill-opacity="0.35"/>'
    if row.spread is not None:
        yield _line(axis.x(row.spread.low), y, axis.x(row.spread.high), y, INK, 2)
        yield f'<circle cx="{axis.x(row.spread.median):.1f}" cy="{y:.1f}" r="4" fill="{INK}"/>'


def svg(title, rows):
    """The plot of a question's ratios."""
    axis = Axis([value for row in rows for value in (*row.values, row.at_least, row.aim)])
    width, bottom = LABEL_WIDTH + PLOT_WIDTH + 30, TOP + ROW_HEIGHT * len(rows)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{bottom + BOTTOM}" '
             f'viewBox="0 0 {width} {bottom + BOTTOM}" font-family="sans-serif">',
             f'<rect width="{width}" height="{bottom + BOTTOM}" fill="#ffffff"/>',
             _text(10, 20, f"{title}: ratio in every round", weight="bold", size=14)]
    for mark in axis.marks():
        parts.append(_line(axis.x(mark), TOP - 8, axis.x(mark), bottom, INK if mark == 1 else FAINT,
                           dash="3 3" if mark == 1 else ""))
        parts.append(_text(axis.x(mark), bottom + 14, f"{mark:g}", "middle", 11))
    for place, row in enumerate(rows):
        parts += _row(row, axis, TOP + ROW_HEIGHT * (place + 0.5))
    parts.append(_text(LABEL_WIDTH, bottom + 32, "dots: rounds; black: median and quartiles; red: bar; green: aim", size=11))
    return "\n".join([*parts, "</svg>"]) + "\n"
