"""How many prompts are of which use case, beside InstructGPT's shares or another set of prompts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Count
from django.utils.translation import gettext as _

from annotation.domain.distribution_compare import (
    INSTRUCTGPT_SHARES,
    USE_CASES,
    DistributionComparison,
    compare_distributions,
    jensen_shannon_interval,
)
from annotation.models import Prompt, SavedView, Split
from annotation.prompt_filter import PromptFilter
from webapp.workspaces.models import Workspace

INSTRUCTGPT = "instructgpt"
ALL = "all"
FEW = 20  # labelled prompts below which a mix says nothing
FAR = 0.05  # nats: a half of the prompts of one class moved to another is about 0.2
# InstructGPT's paper gives shares, not counts: taken as if of so many prompts, they are exact.
AS_IF = 1_000_000


@dataclass(frozen=True)
class Side:
    """One of the two sets: its labelled prompts by use case, and how many have no label."""

    key: str
    label: str
    counts: dict[str, float]
    unlabelled: int = 0

    @property
    def total(self) -> float:
        return sum(self.counts.values())

    @property
    def is_paper(self) -> bool:
        return self.key == INSTRUCTGPT


@dataclass(frozen=True)
class Mix:
    """Two sides over the same classes, and how far they are apart (None: too little to say)."""

    classes: tuple[str, ...]
    ours: Side
    theirs: Side
    comparison: DistributionComparison | None
    js_interval: tuple[float, float] | None

    @property
    def is_far(self) -> bool:
        """Surely further apart than FAR: the whole interval lies above it."""
        return self.js_interval is not None and self.js_interval[0] > FAR

    def rows(self) -> list[dict[str, Any]]:
        """A row for each class with both shares in per cent and their 95 % intervals.

        widest: the per cent that the longest bar of all stands for.
        """
        rows: list[dict[str, Any]] = [
            {
                "name": name,
                "ours": self._share(self.ours, at, "intervals_a"),
                "theirs": self._share(self.theirs, at, "intervals_b"),
            }
            for at, name in enumerate(self.classes)
        ]
        shares = [share for row in rows for share in (row["ours"], row["theirs"])]
        widest = max((share.get("high", share["percent"]) for share in shares), default=0.0) or 1.0
        return [row | {"widest": widest} for row in rows]

    def _share(self, side: Side, at: int, intervals: str) -> dict[str, Any]:
        count = side.counts.get(self.classes[at], 0)
        share = count / side.total if side.total else 0.0
        found: dict[str, Any] = {"percent": round(100 * share, 1), "count": count}
        if self.comparison is not None and not side.is_paper:
            low, high = getattr(self.comparison, intervals)[at]
            found |= {"low": round(100 * low, 1), "high": round(100 * high, 1)}
        return found


def choices_of(workspace: Workspace, views: Sequence[SavedView]) -> list[tuple[str, str]]:
    """What either side can be."""
    return [
        (ALL, _("All prompts in use")),
        *((f"split:{value}", _("Split: %s") % label) for value, label in Split.choices),
        ("users", _("All but held out (our users)")),
        *((f"view:{view.pk}", _("View: %s") % view.name) for view in views),
        (INSTRUCTGPT, _("InstructGPT's users (paper)")),
    ]


def side_of(workspace: Workspace, key: str, views: Sequence[SavedView]) -> Side:
    """The set that a key of choices_of() names.

    Raises:
        ValidationError: there is no such set.
    """
    labels = dict(choices_of(workspace, views))
    if key not in labels:
        raise ValidationError(_("There is no set %s to compare.") % repr(key[:40]))
    if key == INSTRUCTGPT:
        total = sum(INSTRUCTGPT_SHARES.values())
        shares = {name: AS_IF * share / total for name, share in INSTRUCTGPT_SHARES.items()}
        return Side(key, labels[key], shares)
    wanted = PromptFilter()
    if key == "users":
        wanted = PromptFilter(splits=(Split.TRAIN, Split.VALIDATION))
    elif key.startswith("split:"):
        wanted = PromptFilter(splits=(key.partition(":")[2],))
    elif key.startswith("view:"):
        view = next(view for view in views if f"view:{view.pk}" == key)
        wanted = PromptFilter.from_json(view.filter)
    found = wanted.apply(Prompt.objects.filter(workspace=workspace)).order_by()
    counts = dict(found.values_list("use_case").annotate(n=Count("pk")))
    unlabelled = counts.pop("", 0)
    return Side(key, labels[key], counts, unlabelled)


def mix_of(ours: Side, theirs: Side) -> Mix:
    """Both sides over InstructGPT's classes first, then own ones in the order of their counts."""
    own = {name for side in (ours, theirs) for name in side.counts} - set(USE_CASES)
    order = sorted(own, key=lambda name: (-ours.counts.get(name, 0), name))
    classes = (*USE_CASES, *order)
    if min(ours.total, theirs.total) < FEW:
        return Mix(classes, ours, theirs, None, None)
    a = [float(ours.counts.get(name, 0)) for name in classes]
    b = [float(theirs.counts.get(name, 0)) for name in classes]
    return Mix(classes, ours, theirs, compare_distributions(a, b), jensen_shannon_interval(a, b))
