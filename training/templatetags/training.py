"""{% load training %}: rows of snapshots as people read them."""

from typing import Any

from django import template

from training.dataset_card import REASONS

register = template.Library()


@register.filter
def last_text(value: Any) -> str:
    """A text, or the last message of a chat."""
    if isinstance(value, list):
        return str(value[-1].get("content", "")) if value else ""
    return str(value)


@register.filter
def left_out_words(reason: str) -> str:
    return REASONS.get(reason, reason)
