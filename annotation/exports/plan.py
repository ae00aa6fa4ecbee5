"""What a file of training data is to hold: the choices that a person makes once."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from annotation.domain.preferences import MarginTable

LONGEST_SALT = 60


class Kind(StrEnum):
    """TRL's data set types."""

    PROMPT_ONLY = "prompt_only"
    PROMPT_COMPLETION = "prompt_completion"
    PREFERENCE = "preference"
    UNPAIRED = "unpaired"


class Ties(StrEnum):
    """What becomes of two answers that were judged equal (method: InstructGPT leaves it open)."""

    KEEP = "keep"  # a row with "tie": true; "both bad" likewise, with "both_bad": true
    DROP = "drop"  # no row; the other pairs keep 1 / C(K, 2), as InstructGPT's denominator
    RENORMALISE = "renormalise"  # no row; the others share the weight: 1 / strict pairs
    HALF = "half"  # two rows, one each way, of half the weight; "both bad" gives none


class Shape(StrEnum):
    """How texts are written."""

    CHAT = "chat"  # lists of messages, for a chat template
    PLAIN = "plain"  # strings; prompts of one single turn only


TIE_WORDS: dict[Ties, str | Promise] = {
    Ties.KEEP: gettext_lazy(
        "kept: a tie is a row with “tie”: true, and “both bad” one with “both_bad”: true as well"
    ),
    Ties.DROP: gettext_lazy(
        "left out; the other pairs of a ranking keep the weight 1 / C(K, 2) (InstructGPT)"
    ),
    Ties.RENORMALISE: gettext_lazy(
        "left out; the other pairs of a ranking share its weight: 1 / number of strict pairs"
    ),
    Ties.HALF: gettext_lazy(
        "two rows, one each way, each with half the weight; “both bad” is left out"
    ),
}


@dataclass(frozen=True)
class ExportPlan:
    """kind: which of TRL's types. ties, margins: of preferences. shape: how texts are written.

    validation_share: 0 to 1 of the prompts, by their hash and `salt`, are validation; prompts that
    are marked as validation always are. people: name annotators, as person-1, person-2 ... in the
    order of their addresses (imported labels stay as they are); without it the column is empty.
    by_task: the share is of tasks, by their names, and all prompts of one are on one side: a
    prompt's task is what its metadata calls so, else its source. rationales: a demonstration that
    came with its reasoning is written with it, before the answer.
    """

    kind: Kind
    ties: Ties = Ties.KEEP
    margins: MarginTable = MarginTable.NONE
    shape: Shape = Shape.CHAT
    validation_share: float = 0.05
    salt: str = ""
    people: bool = True
    by_task: bool = False
    rationales: bool = False

    def __post_init__(self) -> None:
        if not 0.0 <= self.validation_share <= 1.0:
            raise ValidationError(
                _("The validation share is %s; it lies between 0 and 1.") % self.validation_share
            )
        if len(self.salt) > LONGEST_SALT or "\0" in self.salt:
            raise ValidationError(_("The salt has at most 60 characters."))

    def settings(self) -> dict[str, Any]:
        """Everything but the kind, as JSON."""
        return {name: value for name, value in asdict(self).items() if name != "kind"}

    @classmethod
    def from_settings(cls, kind: str, settings: Mapping[str, Any]) -> "ExportPlan":
        """Back from settings(), or from somebody's request: every value is checked.

        Raises:
            ValidationError: an unknown setting, or a value that it cannot have.
        """
        names = [field.name for field in fields(cls) if field.name != "kind"]
        unknown = sorted(str(name) for name in settings if name not in names)
        if unknown:
            raise ValidationError(
                _("There is no setting %(name)s. Allowed: %(allowed)s.")
                % {"name": ", ".join(unknown), "allowed": ", ".join(names)}
            )
        read: dict[str, Any] = dict(settings)
        for name, allowed in (("ties", Ties), ("margins", MarginTable), ("shape", Shape)):
            if name in read:
                read[name] = _one_of(name, allowed, read[name])
        share = read.get("validation_share", 0.0)
        if isinstance(share, bool) or not isinstance(share, int | float):
            raise ValidationError(_("The validation share is a number between 0 and 1."))
        if not isinstance(read.get("salt", ""), str):
            raise ValidationError(_("The salt is a text."))
        for name in ("people", "by_task", "rationales"):
            if not isinstance(read.get(name, True), bool):
                raise ValidationError(_("%s is true or false.") % name)
        return cls(kind=_one_of("kind", Kind, kind), **read)


def _one_of(name: str, allowed: type[StrEnum], value: Any) -> Any:
    try:
        return allowed(value)
    except ValueError:
        raise ValidationError(
            _("%(name)s is %(value)s. Allowed: %(allowed)s.")
            % {"name": name, "value": repr(value)[:80], "allowed": ", ".join(allowed)}
        ) from None
