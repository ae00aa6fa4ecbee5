"""{% load boards %}: numbers of boards as people read them."""

from typing import Any

from django import template
from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.translation import gettext as _

register = template.Library()


@register.filter
def votes_behind(links: Any, filters: dict[str, Any] | None) -> str:
    """The address of the votes that a figure counts; empty where there is none."""
    return str(links.to(**filters)) if filters and links else ""


@register.filter
def votes_of_model(links: Any, model: str) -> str:
    return str(links.to(model=model)) if links else ""


@register.filter
def points(value: float | None) -> str:
    """A rating without decimals; None is a dash."""
    return "–" if value is None else f"{value:.0f}"


@register.filter
def signed(value: float | None, digits: int = 0) -> str:
    """A difference with its sign, a real minus."""
    if value is None:
        return "–"
    text = f"{value:+.{digits}f}"
    return text.replace("-", "−")


@register.filter
def decimal(value: float | None, digits: int = 2) -> str:
    return "–" if value is None else f"{value:.{digits}f}".replace("-", "−")


@register.filter
def rate(value: float | None) -> str:
    """0.623 is "62.3 %"; None is a dash."""
    return "–" if value is None else f"{100 * value:.1f} %"


@register.filter
def p_words(value: float | None) -> str:
    """A p-value as it is read: small ones by their bound."""
    if value is None:
        return "–"
    return _("below 0.001") if value < 0.001 else f"{value:.3f}"


@register.filter
def count(value: int | None) -> str:
    return "–" if value is None else str(intcomma(value))
