"""What was picked on a map, as a tag: prompts that every filter can name from then on."""

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from annotation.actions.edit_prompts import edit_prompts
from annotation.models import PromptEdit
from annotation.prompt_filter import PromptFilter
from training.models import PromptMap
from training.prompt_maps.queries import prompts_at


def tag_points(*, row: PromptMap, by: Any, points: Sequence[int], tag: str) -> PromptEdit:
    """Tag every prompt of these points, in one change that can be undone.

    Raises:
        ValidationError: no tag, no point, or prompts that are all gone.
    """
    ids = prompts_at(row, points)
    if not ids:
        raise ValidationError(_("No prompt is selected. Draw around some points first."))
    return edit_prompts(
        workspace=row.workspace,
        by=by,
        kind=PromptEdit.Kind.TAG,
        value=tag,
        prompts=PromptFilter(ids=tuple(ids), retired="any"),
    )
