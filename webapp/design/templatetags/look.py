"""{% load look %}: icons, sortable heads, times, sparklines."""

import json
import math
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django import template
from django.core.serializers.json import DjangoJSONEncoder
from django.http import QueryDict
from django.templatetags.static import static
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from webapp.rendering import render_markdown

register = template.Library()


@register.simple_tag
def icon(name: str, label: str = "") -> SafeString:
    """An icon of static/icons.svg; decoration unless `label` says what it stands for."""
    address = f"{static('icons.svg')}#{name}"
    if label:
        return format_html(
            '<svg class="icon" role="img" aria-label="{}"><use href="{}"></use></svg>',
            label,
            address,
        )
    return format_html('<svg class="icon" aria-hidden="true"><use href="{}"></use></svg>', address)


@register.inclusion_tag("elements/sort_header.html", takes_context=True)
def sort_header(context: template.Context, key: str, label: str, css: str = "") -> dict[str, Any]:
    """A <th> whose link sorts by `key`: once up, again down. The view reads ?sort=key or -key."""
    request = context.get("request")
    query: QueryDict = request.GET.copy() if request else QueryDict(mutable=True)
    current = str(query.get("sort") or context.get("sort", ""))
    direction = {key: "ascending", f"-{key}": "descending"}.get(current, "")
    query["sort"] = f"-{key}" if direction == "ascending" else key
    query.pop("page", None)
    return {"label": label, "direction": direction, "url": f"?{query.urlencode()}", "css": css}


_SPANS: tuple[tuple[int, Callable[[int], str]], ...] = (
    (86400, lambda n: ngettext("%(n)d day", "%(n)d days", n)),
    (3600, lambda n: ngettext("%(n)d hour", "%(n)d hours", n)),
    (60, lambda n: ngettext("%(n)d minute", "%(n)d minutes", n)),
    (1, lambda n: ngettext("%(n)d second", "%(n)d seconds", n)),
)


@register.simple_tag
def when(moment: datetime | None, absent: str = "–") -> SafeString | str:
    """How long ago or ahead; the exact moment is the title, in the reader's time with script."""
    if moment is None:
        return absent
    exact = date_format(timezone.localtime(moment), "Y-m-d H:i:s e")
    return format_html(
        '<time datetime="{}" title="{}" data-when>{}</time>',
        moment.isoformat(timespec="seconds"),
        exact,
        distance(moment - timezone.now()),
    )


def distance(difference: timedelta) -> str:
    """timedelta(hours=-2) is "2 hours ago"; below 10 seconds either way it is "just now"."""
    seconds = abs(difference.total_seconds())
    if seconds < 10:
        return _("just now")
    size, text = next((size, text) for size, text in _SPANS if seconds >= size)
    number = int(seconds // size)
    span = text(number) % {"n": number}
    sentence = _("in %(span)s") if difference > timedelta(0) else _("%(span)s ago")
    return sentence % {"span": span}


@register.simple_tag
def duration(seconds: float | timedelta | None, absent: str = "–") -> str:
    """90 is "1 min 30 s", 4.24 is "4.2 s", 7260 is "2 h 1 min": two units at most."""
    if seconds is None:
        return absent
    if isinstance(seconds, timedelta):
        seconds = seconds.total_seconds()
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    days, hours, minutes = whole // 86400, whole % 86400 // 3600, whole % 3600 // 60
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {whole % 60} s" if minutes else f"{whole} s"


@register.inclusion_tag("elements/text.html")
def markdown(text: str, raw: bool = True) -> dict[str, Any]:
    """Untrusted markdown, safe to show, with its raw view unless `raw` is False."""
    return {"rendered": render_markdown(text), "raw": raw}


@register.filter
def as_json(value: Any) -> str:
    """For a script to read; escaped by the template like any text."""
    return json.dumps(value, separators=(",", ":"), cls=DjangoJSONEncoder)


@register.simple_tag
def chart_rows(chart: dict[str, Any], most: int = 200) -> list[list[float | None]]:
    """The rows of a chart's table: x, then each series; thinned evenly to `most`, the last kept."""
    xs = chart["x"]["values"]
    step = max(1, math.ceil(len(xs) / most))
    kept = [at for at in range(len(xs)) if at % step == 0 or at == len(xs) - 1]
    return [[xs[at], *(series["values"][at] for series in chart["series"])] for at in kept]


@register.inclusion_tag("elements/sparkline.html")
def sparkline(
    values: Sequence[float | None], label: str, width: int = 96, height: int = 24
) -> dict[str, Any]:
    """A line of `values` as SVG, oldest first; gaps and non-finite values are left out.

    `label` is what a screen reader hears, so it names the last value: "loss, now 0.41".
    """
    points = [
        (index, float(value))
        for index, value in enumerate(values)
        if value is not None and math.isfinite(value)
    ]
    context = {"label": label, "width": width, "height": height, "points": "", "last": None}
    if not points:
        return context
    low, high = min(value for _, value in points), max(value for _, value in points)
    right = max(len(values) - 1, 1)
    inner = height - 4  # two pixels above and below for the line and the last dot

    def place(index: int, value: float) -> tuple[str, str]:
        share = (value - low) / (high - low) if high > low else 0.5
        return f"{2 + index / right * (width - 4):.1f}", f"{2 + (1 - share) * inner:.1f}"

    places = [place(*point) for point in points]
    context["points"] = " ".join(f"{x},{y}" for x, y in places)
    context["last"] = {"x": places[-1][0], "y": places[-1][1]}
    return context
