"""{% load runs %}: counts, figures, and the nodes of a lineage."""

import json
import math
from collections.abc import Iterable
from typing import Any

from django import template
from django.template.defaultfilters import filesizeformat
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from annotation.models import Source
from training.lineage import Node
from webapp.design.templatetags.look import duration

register = template.Library()

FACT_LABELS = {
    "model_type": gettext_lazy("Architecture"),
    "layers": gettext_lazy("Layers"),
    "hidden": gettext_lazy("Hidden size"),
    "vocabulary": gettext_lazy("Vocabulary"),
    "positions": gettext_lazy("Longest text in tokens"),
    "dtype": gettext_lazy("Numbers"),
    "parameters": gettext_lazy("Parameters"),
    "chat": gettext_lazy("Chat template"),
    "base": gettext_lazy("Base of the adapter"),
    "rank": gettext_lazy("Rank of the adapter"),
    "adapts": gettext_lazy("Kind of the base"),
}


ROLE_LABELS = {
    "base": gettext_lazy("Begins from"),
    "adapter": gettext_lazy("Adapter, merged into it first"),
    "reference": gettext_lazy("Reference"),
    "reward": gettext_lazy("Reward model"),
    "reward_adapter": gettext_lazy("Adapter of the reward model"),
    "value": gettext_lazy("Value model"),
}


@register.filter
def short_count(number: Any) -> str:
    """12 345 678 is "12.3 M"."""
    value = float(number or 0)
    for size, sign in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g} {sign}"
    return f"{value:.0f}"


@register.filter
def figure(value: Any) -> str:
    """Four significant digits; a dash for what is not known or not finite."""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, int):
        return str(value)
    if not isinstance(value, float):
        return "–" if value is None else str(value)
    return f"{value:.4g}" if math.isfinite(value) else "–"


@register.filter
def role_label(role: str) -> str:
    """What a model is to a run, for a reader."""
    return str(ROLE_LABELS.get(role, role))


@register.filter
def source_label(source: str) -> str:
    return str(Source(source).label).lower()


@register.filter
def fact_label(name: str) -> str:
    return str(FACT_LABELS.get(name, name))


@register.filter
def sorted_pairs(pairs: Iterable[tuple[int, Any]]) -> list[tuple[int, Any]]:
    return sorted(pairs)


@register.filter
def node_kind(node: Node) -> str:
    if node.kind == "model":
        return str(node.row.get_kind_display())
    if node.kind == "run":
        return str(node.row.get_method_display())
    others = {"judgements": _("Judgements"), "answers": _("Answers"), "board": _("Board")}
    return others.get(node.kind) or _("Snapshot")


@register.filter
def node_url(node: Node, workspace: Any) -> str:
    """Where a node is shown; "" where this version has no such page."""
    if node.kind in ("judgements", "answers", "board"):
        return str(node.row.address(workspace))
    try:
        return reverse(f"training:{node.kind}", args=[workspace.slug, node.row.pk])
    except NoReverseMatch:
        return ""


@register.filter
def pretty(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


@register.filter
def last_lines(text: str, most: int = 60) -> str:
    return "\n".join(text.splitlines()[-most:])


@register.filter
def visible(text: str) -> str:
    """A token as a person can see it: line breaks and tabs by their signs."""
    return str(text).replace("\n", "⏎\n").replace("\t", "⇥")


@register.filter
def token_title(token: dict[str, Any]) -> str:
    names = {"logp": "ln π", "ref_logp": "ln π_ref", "kl": "KL", "value": "V", "reward": "r"}
    shown = {**names, "advantage": "A", "return": "R"}
    return ", ".join(f"{label} {figure(token.get(name))}" for name, label in shown.items())


REPORT_LABELS = {
    "parameters": gettext_lazy("Parameters"),
    "trainable_parameters": gettext_lazy("Of these trained"),
    "estimated_bytes": gettext_lazy("Memory of a step"),
    "steps": gettext_lazy("Steps"),
    "estimated_seconds": gettext_lazy("Time of all steps, here"),
    "trained_networks": gettext_lazy("Networks that are trained"),
}


@register.filter
def report_label(name: str) -> str:
    return str(REPORT_LABELS.get(name, name.replace("_", " ").capitalize()))


@register.filter
def report_value(value: Any, name: str) -> str:
    if name == "estimated_bytes":
        return filesizeformat(value)
    if name == "estimated_seconds":
        return duration(value)
    if name.endswith("parameters"):
        return short_count(value)
    return figure(value)
