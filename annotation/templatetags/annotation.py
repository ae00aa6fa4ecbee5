"""{% load annotation %}: shares as people read them."""

from django import template

register = template.Library()


@register.filter
def percent(value: float | None) -> str:
    """0.623 is "62"; None is a dash."""
    return "–" if value is None else f"{100 * value:.0f}"


@register.filter
def left_over(share: float) -> float:
    """What a share leaves of the whole: 0.623 is 0.377."""
    return 1 - share


@register.filter
def points(difference: float | None) -> str:
    """A difference of shares in percentage points, with its sign: 0.062 is "+6"."""
    return "–" if difference is None else f"{round(100 * difference):+d}"
