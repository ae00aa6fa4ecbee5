"""Prompts by what a reward model says of their best answer, as a tag: every filter can name them
from then on."""

from collections import defaultdict
from math import isfinite
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from annotation.actions.edit_prompts import edit_prompts
from annotation.models import PromptEdit
from annotation.prompt_filter import PromptFilter
from training.models import Scoring
from training.scoring.queries import scored


def tag_by_score(
    *,
    scoring: Scoring,
    by: Any,
    tag: str,
    least: float | None = None,
    lowest: float | None = None,
) -> PromptEdit:
    """Tag the prompts whose best answer of the sampling scores less than `least`, or the `lowest`
    share (0 to 1) of the prompts by that score, in one change that can be undone.

    Raises:
        ValidationError: not one of the two, no prompt below it, or a tag that cannot be one.
    """
    if (least is None) == (lowest is None):
        raise ValidationError(_("Give a score, or a share of the prompts."))
    if least is not None and not isfinite(least):
        raise ValidationError(_("The score is a number, such as 0 or -0.5."))
    if lowest is not None and not 0.0 < lowest <= 1.0:
        raise ValidationError(_("The share is %s; it lies between 0 and 1.") % lowest)
    best: dict[int, float] = defaultdict(lambda: float("-inf"))
    for one in scored(scoring) if scoring.batch_id else []:
        best[one.prompt] = max(best[one.prompt], one.value)
    if least is not None:
        chosen = [prompt for prompt, value in best.items() if value < least]
    else:
        ordered = sorted(best, key=lambda prompt: (best[prompt], prompt))
        chosen = ordered[: max(1, round(len(ordered) * (lowest or 0.0)))]
    if not chosen:
        raise ValidationError(_("The best answer of no prompt scores less than that."))
    return edit_prompts(
        workspace=scoring.workspace,
        by=by,
        kind=PromptEdit.Kind.TAG,
        value=tag,
        prompts=PromptFilter(ids=tuple(chosen), retired="any"),
    )
