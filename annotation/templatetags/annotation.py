"""{% load annotation %}: shares as people read them."""

from django import template

register = template.Library()


@register.filter
def percent(value: float | None) -> str:
    """0.623 is "62"; None is a dash."""
    return "–" if value is None else f"{100 * value:.0f}"
