"""A line chart as one SVG file without a script: for a page that no server draws.

Colours follow the reader's light or dark setting; every line has a mark of its own and its name at
its end, so that nothing is said by colour alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

WIDTH, HEIGHT = 640, 320
LEFT, RIGHT, TOP, BOTTOM = 56, 150, 40, 44
COLOURS = 4  # each with a mark of its own: circle, square, diamond, triangle
MOST_TICKS = 12
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1c1c1e } .muted { fill: #5b5b62 }
.grid { stroke: #d9d9de } .line { fill: none; stroke-width: 2 } .range { stroke-width: 1.5 }
.s0 { stroke: #1f5fbf; color: #1f5fbf } .s1 { stroke: #b3500b; color: #b3500b }
.s2 { stroke: #2a7d3b; color: #2a7d3b } .s3 { stroke: #7a3fa8; color: #7a3fa8 }
.mark { fill: currentColor } .back { fill: #ffffff }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f0f2 } .muted { fill: #a9a9b2 } .grid { stroke: #3c3c42 } .back { fill: #17171a }
  .s0 { stroke: #7db0ff; color: #7db0ff } .s1 { stroke: #ffab66; color: #ffab66 }
  .s2 { stroke: #7fd58f; color: #7fd58f } .s3 { stroke: #cf9dff; color: #cf9dff }
}
"""


@dataclass(frozen=True)
class Line:
    """values: one for each x, None where there is none. ranges: (low, high) of each value."""

    label: str
    values: Sequence[float | None]
    ranges: Sequence[tuple[float, float] | None] = ()


class _Frame:
    """Where numbers stand in the picture."""

    def __init__(self, x: Sequence[float], lines: Sequence[Line]) -> None:
        drawn = [value for line in lines for value in line.values if value is not None]
        drawn += [end for line in lines for each in line.ranges if each for end in each]
        low, high = (min(drawn), max(drawn)) if drawn else (0.0, 1.0)
        room = (high - low) * 0.08 or 0.5
        self.low, self.high = low - room, high + room
        self.first, self.last = (x[0], x[-1]) if x else (0.0, 0.0)

    def across(self, value: float) -> float:
        spread = self.last - self.first
        at = (value - self.first) / spread if spread else 0.5
        return LEFT + at * (WIDTH - LEFT - RIGHT)

    def up(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


def line_chart(title: str, x_label: str, x: Sequence[float], lines: Sequence[Line]) -> str:
    """The SVG file's text. x: the places of the values, from left to right."""
    frame = _Frame(x, lines)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"'
        f' aria-labelledby="title"><title id="title">{escape(title)}</title>'
        f"<style>{STYLE}</style>",
        f'<rect class="back" width="{WIDTH}" height="{HEIGHT}" />',
        f'<text x="{LEFT}" y="22" font-weight="600">{escape(title)}</text>',
        f'<text class="muted" x="{(LEFT + WIDTH - RIGHT) / 2:.0f}" y="{HEIGHT - 6}"'
        f' text-anchor="middle">{escape(x_label)}</text>',
        *_grid(frame),
    ]
    parts += [
        f'<text class="muted" x="{frame.across(place):.1f}" y="{HEIGHT - BOTTOM + 20}"'
        f' text-anchor="middle">{place:g}</text>'
        for place in x[:: len(x) // MOST_TICKS + 1]
    ]
    names = _apart([_end_of(line, frame) for line in lines])
    for number, line in enumerate(lines):
        parts += _drawn(line, number, x, frame)
        name = escape(line.label)
        parts.append(f'<text x="{WIDTH - RIGHT + 10}" y="{names[number] + 4:.1f}">{name}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _grid(frame: _Frame) -> list[str]:
    parts = []
    for step in range(5):
        value = frame.low + (frame.high - frame.low) * step / 4
        height = frame.up(value)
        parts.append(
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{height:.1f}"'
            f' y2="{height:.1f}" /><text class="muted" x="{LEFT - 8}" y="{height + 4:.1f}"'
            f' text-anchor="end">{value:.2g}</text>'
        )
    return parts


def _drawn(line: Line, number: int, x: Sequence[float], frame: _Frame) -> list[str]:
    colour = f"s{number % COLOURS}"
    known = [(place, value) for place, value in zip(x, line.values, strict=True)]
    points = [(frame.across(p), frame.up(v)) for p, v in known if v is not None]
    path = " ".join(f"{across:.1f},{height:.1f}" for across, height in points)
    parts = [f'<polyline class="line {colour}" points="{path}" />']
    for place, found in zip(x, line.ranges, strict=False):
        if found:
            across = frame.across(place) + 3 * number  # beside one another, not on one another
            low, high = (f"{frame.up(end):.1f}" for end in found)
            parts.append(
                f'<line class="range {colour}" x1="{across:.1f}" x2="{across:.1f}" y1="{low}"'
                f' y2="{high}" />'
            )
    if len(points) <= MOST_TICKS:
        parts += [_mark(number, colour, across, height) for across, height in points]
    return parts


def _mark(number: int, colour: str, x: float, y: float) -> str:
    if number % COLOURS == 0:
        return f'<circle class="mark {colour}" cx="{x:.1f}" cy="{y:.1f}" r="4" />'
    corners = ((-4, -4, 4, -4, 4, 4, -4, 4), (0, -5, 5, 0, 0, 5, -5, 0), (0, -5, 5, 4, -5, 4))
    at = corners[number % COLOURS - 1]
    path = " ".join(f"{x + at[i]:.1f},{y + at[i + 1]:.1f}" for i in range(0, len(at), 2))
    return f'<polygon class="mark {colour}" points="{path}" />'


def _end_of(line: Line, frame: _Frame) -> float:
    known = [value for value in line.values if value is not None]
    return frame.up(known[-1]) if known else HEIGHT / 2


def _apart(ends: list[float]) -> list[float]:
    """Heights of the lines' names, moved so that none covers another."""
    order = sorted(range(len(ends)), key=lambda at: ends[at])
    placed = list(ends)
    for before, at in pairwise(order):
        placed[at] = max(placed[at], placed[before] + 16)
    return placed
