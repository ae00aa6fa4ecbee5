"""A reward model as a filter of a snapshot's rows: what a person chooses."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from annotation.exports.plan import Kind
from training.models import DatasetSnapshot, ModelKind, ModelVersion
from training.run_queries import ready_models
from webapp.workspaces.models import Workspace

# What has a text that can be scored; an unpaired answer's score would mean nothing by itself.
SCREENED = (Kind.PREFERENCE, Kind.PROMPT_COMPLETION)


@dataclass(frozen=True)
class Screen:
    """Which rows `reward` lets pass. A row's value is the score of its answer, and of a pair the
    score of the chosen answer less that of the rejected one; ties have none and pass.

    least: rows with less are dropped. lowest: this share (0 to 1) of the rows is dropped, those
    with the lowest values. One of the two is given.
    """

    reward: ModelVersion
    least: float | None = None
    lowest: float | None = None

    def __post_init__(self) -> None:
        if (self.least is None) == (self.lowest is None):
            raise ValidationError(
                _("Say what the reward model drops: what has less than a value, or a share.")
            )
        if self.least is not None and not isfinite(self.least):
            raise ValidationError(_("The least value is a number, such as 0 or -0.5."))
        if self.lowest is not None and not 0.0 < self.lowest < 1.0:
            raise ValidationError(
                _("The share to drop is %s; it lies between 0 and 1.") % self.lowest
            )

    def as_json(self) -> dict[str, Any]:
        """For DatasetSnapshot.screen."""
        return {"reward": self.reward.as_json(), "least": self.least, "lowest": self.lowest}

    def check(self, workspace: Workspace, kind: Kind) -> None:
        """Raises ValidationError where this cannot be a filter of such a snapshot."""
        if kind not in SCREENED:
            raise ValidationError(
                _("A reward model filters preferences, or prompts and completions.")
            )
        if self.reward.workspace_id != workspace.pk or self.reward.kind != ModelKind.REWARD:
            raise ValidationError(_("A reward model of this workspace is needed."))
        if not self.reward.ready:
            raise ValidationError(_("The files of %(model)s are missing.") % {"model": self.reward})


def screen_of(snapshot: DatasetSnapshot) -> Screen | None:
    """What was chosen for it; None where no reward model filters."""
    if snapshot.screened_by is None:
        return None
    told = snapshot.screen
    return Screen(snapshot.screened_by, least=told["least"], lowest=told["lowest"])


def read_screen(params: Mapping[str, Any], workspace: Workspace) -> Screen | None:
    """What a page's form says: reward (an id), least, lowest (in per cent).

    Raises:
        ValidationError: a value that cannot be.
    """
    chosen = str(params.get("reward") or "")
    if not chosen:
        return None
    found = ready_models(workspace, ModelKind.REWARD).filter(pk=chosen if chosen.isdigit() else 0)
    reward = found.first()
    if reward is None:
        raise ValidationError(_("There is no such reward model here. Choose one of the list."))
    least, lowest = (_number(params.get(name)) for name in ("least", "lowest"))
    return Screen(reward, least=least, lowest=None if lowest is None else lowest / 100)


def _number(given: Any) -> float | None:
    text = str(given if given is not None else "").strip().replace(",", ".")
    if not text:
        return None
    try:
        return float(text)
    except ValueError:
        raise ValidationError(
            _("%(given)s is no number. Write one such as 0, -0.5 or 25.")
            % {"given": repr(text[:40])}
        ) from None
