"""Figures as SVG files, made from the same numbers as the page; no script and nothing from outside.

Drawn on white, for papers and slides. Names are escaped: a model may be called anything.
"""

from collections.abc import Sequence
from typing import Any
from xml.sax.saxutils import escape

FONT = 'font-family="system-ui, Segoe UI, Roboto, sans-serif"'
INK, MUTED, LINE, ACCENT, WARM = "#1b1d25", "#5a5f6e", "#e5e6eb", "#4a4ecf", "#b4540a"
SERIES = ("#4a4ecf", "#b4540a", "#0f766e", "#a8327e", "#5b6b1a", "#4d5566", "#855000", "#1a6b3c")
MOST_MATRIX = 60


def visible(text: str, longest: int = 40) -> str:
    """Text for an SVG: without controls, escaped, cut."""
    plain = "".join(sign if sign.isprintable() else " " for sign in text)
    return escape(plain if len(plain) <= longest else f"{plain[: longest - 1]}…")


def _document(width: float, height: float, title: str, body: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" {FONT} font-size="13">'
        f"<title>{visible(title, 200)}</title>"
        f'<rect width="100%" height="100%" fill="#ffffff"/>'
        f'<text x="16" y="28" font-size="16" font-weight="600" fill="{INK}">{visible(title, 90)}'
        f"</text>{''.join(body)}</svg>\n"
    )


def _text(x: float, y: float, text: str, *, anchor: str = "start", fill: str = INK) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{fill}">{text}</text>'


def ratings_svg(rows: Sequence[dict[str, Any]], title: str, note: str) -> str:
    """Each model's rating with its interval, best first; without intervals the points alone."""
    left, plot, step, top = 250.0, 460.0, 26.0, 62.0
    width, height = left + plot + 110.0, top + step * len(rows) + 56.0
    ends = [row.get(end, row["rating"]) for row in rows for end in ("low", "high")] or [1000.0]
    low, high = min(ends), max(ends)
    span = (high - low) or 1.0
    low, span = low - 0.04 * span, 1.08 * span

    def x(points: float) -> float:
        return left + plot * (points - low) / span

    body = [_text(16, 46, visible(note, 120), fill=MUTED)]
    for tick in range(5):
        points = low + span * tick / 4
        body.append(
            f'<line x1="{x(points):.1f}" x2="{x(points):.1f}" y1="{top - 6:.1f}" '
            f'y2="{height - 44:.1f}" stroke="{LINE}"/>'
        )
        body.append(_text(x(points), height - 24, f"{points:.0f}", anchor="middle", fill=MUTED))
    for number, row in enumerate(rows):
        y = top + step * number + 12
        body.append(_text(left - 12, y + 4, visible(row["model"], 34), anchor="end"))
        if "low" in row:
            body.append(
                f'<line x1="{x(row["low"]):.1f}" x2="{x(row["high"]):.1f}" y1="{y:.1f}" '
                f'y2="{y:.1f}" stroke="{ACCENT}" stroke-width="3" stroke-linecap="round"/>'
            )
        body.append(f'<circle cx="{x(row["rating"]):.1f}" cy="{y:.1f}" r="5" fill="{ACCENT}"/>')
        body.append(_text(left + plot + 16, y + 4, f"{row['rating']:.0f}"))
    return _document(width, height, title, body)


def matrix_svg(models: Sequence[str], cells: Sequence[Sequence[Any]], title: str) -> str:
    """Rows against columns; an empty cell stays empty. cells: (rate or None, n)."""
    models = list(models)[:MOST_MATRIX]
    size, left, top = 58.0, 220.0, 190.0
    width, height = left + size * len(models) + 24, top + size * len(models) + 24
    body = []
    for at, name in enumerate(models):
        x, y = left + size * at + size / 2, top + size * at + size / 2
        shown = visible(name, 26)
        body.append(_text(left - 10, y + 4, shown, anchor="end"))
        body.append(
            f'<text transform="translate({x:.1f} {top - 10:.1f}) rotate(-50)" fill="{INK}">'
            f"{shown}</text>"
        )
    for i in range(len(models)):
        for j in range(len(models)):
            rate, n = cells[i][j]
            x, y = left + size * j, top + size * i
            if rate is None:
                continue
            colour = ACCENT if rate >= 0.5 else WARM
            body.append(
                f'<rect x="{x:.1f}" y="{y:.1f}" width="{size - 2:.0f}" height="{size - 2:.0f}" '
                f'fill="{colour}" fill-opacity="{0.9 * abs(rate - 0.5):.3f}"/>'
            )
            body.append(_text(x + size / 2, y + 26, f"{100 * rate:.0f} %", anchor="middle"))
            body.append(
                f'<text x="{x + size / 2:.1f}" y="{y + 42:.1f}" text-anchor="middle" '
                f'font-size="10" fill="{MUTED}">n {n}</text>'
            )
    return _document(width, height, title, body)


def history_svg(votes: Sequence[int], lines: Sequence[dict[str, Any]], title: str) -> str:
    """Elo over votes; the title says that it depends on their order."""
    left, plot, top, tall = 70.0, 620.0, 60.0, 320.0
    values = [value for line in lines for value in line["ratings"]] or [1000.0]
    low, high = min(values), max(values)
    span = (high - low) or 1.0
    last = max(votes, default=1) or 1
    body = []
    for tick in range(5):
        points, seen = low + span * tick / 4, last * tick / 4
        y = top + tall * (1 - tick / 4)
        body.append(
            f'<line x1="{left:.0f}" x2="{left + plot:.0f}" y1="{y:.1f}" y2="{y:.1f}" '
            f'stroke="{LINE}"/>'
        )
        body.append(_text(left - 10, y + 4, f"{points:.0f}", anchor="end", fill=MUTED))
        x = left + plot * tick / 4
        body.append(_text(x, top + tall + 22, f"{seen:,.0f}", anchor="middle", fill=MUTED))
    for number, line in enumerate(lines):
        colour = SERIES[number % len(SERIES)]
        points_ = " ".join(
            f"{left + plot * seen / last:.1f},{top + tall * (1 - (value - low) / span):.1f}"
            for seen, value in zip(votes, line["ratings"], strict=True)
        )
        dash = ' stroke-dasharray="6 3"' if number % 2 else ""
        body.append(
            f'<polyline points="{points_}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>'
        )
        y = top + 16 + 20 * number
        body.append(
            f'<line x1="{left + plot + 20:.0f}" x2="{left + plot + 44:.0f}" y1="{y - 4:.0f}" '
            f'y2="{y - 4:.0f}" stroke="{colour}" stroke-width="2"{dash}/>'
        )
        body.append(_text(left + plot + 52, y, visible(line["model"], 28)))
    return _document(left + plot + 290, top + tall + 44, title, body)
