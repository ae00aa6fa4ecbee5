"""What a person says once about a loop; each of its rounds is carried out by it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from annotation.domain.preferences import MarginTable
from annotation.exports.plan import ExportPlan, Ties
from annotation.models import Split
from annotation.models.campaigns import Kind
from annotation.prompt_filter import PromptFilter
from training.models.rounds import ORDER
from training.names import check_name
from training.presets import Recipe, preset_named, recipe_named
from training.trainers.run_config import NEEDS
from webapp.clean_json import check_storable

LONGEST_NAME = 40
MOST_COMPARED = 1000  # tasks of the comparison: one batch of pairs
FEWEST_TEMPERATURES, MOST_TEMPERATURES = 2, 8
# From its own campaign, or from those of all rounds of the loop so far.
DATA = ("round", "all")
NUMBERS = {  # the least and the most of each whole number; None where it may be left open
    "samples": (1, 16, False),
    "max_tokens": (1, 32_768, True),
    "most": (1, 1_000_000, True),
    "earlier": (0, 7, False),
    "overlap": (1, 50, False),
    "answers": (2, 9, False),
    "judgements": (1, 100_000_000, True),
    "compare_most": (1, 20_000, False),
    "votes": (1, MOST_COMPARED, True),
    "seed": (0, 2**31 - 1, False),
    "next_when": (1, 100_000_000, True),
    "demonstrations": (1, 2**62, True),
}


@dataclass(frozen=True)
class RoundPlan:
    """Answers: `samples` for each prompt, model and temperature; two temperatures or more, as
    Llama-2 did it (arXiv:2307.09288, section 3.2.3). earlier: how many earlier models answer beside
    the newest one in the rounds to come.

    Judgements: comparisons or rankings of `answers` answers; judgements: how many are waited for,
    None for all tasks. data: of the round's own campaign, or of all rounds so far. demonstrations:
    id of a snapshot that fine-tuning learns from; None freezes what there is.

    Training: recipe, preset and seed of launch_recipe; configs: method -> settings laid over the
    preset's. result: the new model's name in the registry.

    Board: compare: which prompts it and the earlier models answer there; votes: how many
    comparisons are waited for, None for all of them. automatic: the steps that begin by themselves.
    next_when: the next round begins when this one is done and its campaign has so many judgements;
    None: a person begins it.
    """

    name: str
    result: str
    recipe: str
    prompts: PromptFilter = field(default_factory=lambda: PromptFilter(splits=(Split.TRAIN,)))
    most: int | None = None
    temperatures: tuple[float, ...] = (0.7, 1.0)
    samples: int = 1
    max_tokens: int | None = None
    earlier: int = 1
    kind: str = Kind.COMPARISON
    overlap: int = 1
    answers: int = 2
    guidelines: str = ""
    judgements: int | None = None
    data: str = "all"
    ties: str = Ties.KEEP
    margins: str = MarginTable.NONE
    validation_share: float = 0.05
    demonstrations: int | None = None
    preset: str = ""
    seed: int = 0
    configs: Mapping[str, Any] = field(default_factory=dict)
    compare: PromptFilter = field(default_factory=lambda: PromptFilter(splits=(Split.HELD_OUT,)))
    compare_most: int = 100
    votes: int | None = None
    automatic: tuple[str, ...] = ORDER
    next_when: int | None = None

    def __post_init__(self) -> None:
        problems: list[str] = []
        for name in (self.name, self.result):
            try:
                check_name(name)
            except ValidationError as wrong:
                problems += wrong.messages
        if len(self.name) > LONGEST_NAME:
            problems.append(_("The name of a loop has at most %d characters.") % LONGEST_NAME)
        problems += _one_of("recipe", self.recipe, ROUND_RECIPES)
        problems += _one_of("kind", self.kind, (Kind.COMPARISON, Kind.RANKING))
        problems += _one_of("data", self.data, DATA)
        if self.preset and preset_named(self.preset) is None:
            problems.append(_("There is no preset %s.") % self.preset[:40])
        for step in self.automatic:
            problems += _one_of("automatic", step, ORDER)
        problems += self._temperatures_wrong() + self._numbers_wrong() + self._configs_wrong()
        try:
            self.export("preference")
        except ValidationError as wrong:
            problems += wrong.messages
        if problems:
            raise ValidationError(problems)
        check_storable(self.as_json())

    def _temperatures_wrong(self) -> list[str]:
        given = self.temperatures
        if len(set(given)) != len(given) or not (
            FEWEST_TEMPERATURES <= len(given) <= MOST_TEMPERATURES
        ):
            return [
                _("Give %(least)d to %(most)d different temperatures.")
                % {"least": FEWEST_TEMPERATURES, "most": MOST_TEMPERATURES}
            ]
        if not all(0.0 <= value <= 2.0 for value in given):
            return [_("A temperature lies between 0 and 2.")]
        return []

    def _numbers_wrong(self) -> list[str]:
        problems = []
        for name, (least, most, may_be_open) in NUMBERS.items():
            value = getattr(self, name)
            if value is None and may_be_open:
                continue
            if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
                problems.append(
                    _("%(name)s is %(value)s. Allowed: %(least)d to %(most)d.")
                    % {"name": name, "value": str(value)[:40], "least": least, "most": most}
                )
        return problems

    def _configs_wrong(self) -> list[str]:
        problems = [
            _("configs is for the methods of the recipe; %s is none of them.") % method[:40]
            for method in self.configs
            if method not in NEEDS
        ]
        if not all(isinstance(config, Mapping) for config in self.configs.values()):
            problems.append(_("configs gives each method an object of settings."))
        return problems

    @property
    def chosen_recipe(self) -> Recipe:
        found = recipe_named(self.recipe)
        assert found is not None, "the plan was checked"
        return found

    @property
    def shown(self) -> int:
        """Answers that a task shows."""
        return 2 if self.kind == Kind.COMPARISON else self.answers

    def export(self, kind: str) -> ExportPlan:
        """How a snapshot of this kind is frozen. Raises ValidationError."""
        return ExportPlan.from_settings(
            kind,
            {"ties": self.ties, "margins": self.margins, "validation_share": self.validation_share},
        )

    def as_json(self) -> dict[str, Any]:
        """Every setting, so that a later default changes no round."""
        given = {each.name: getattr(self, each.name) for each in fields(self)}
        return given | {
            "prompts": self.prompts.as_json(),
            "compare": self.compare.as_json(),
            "temperatures": list(self.temperatures),
            "automatic": list(self.automatic),
            "configs": {method: dict(config) for method, config in self.configs.items()},
            "ties": str(self.ties),
            "margins": str(self.margins),
            "kind": str(self.kind),
        }

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> "RoundPlan":
        """Back from as_json(), or from somebody's request: every value is checked.

        Raises:
            ValidationError: an unknown setting, or a value that it cannot have.
        """
        known = {each.name for each in fields(cls)}
        unknown = sorted(str(name)[:40] for name in given if name not in known)
        if unknown:
            raise ValidationError(
                _("A round has no setting %(name)s. Allowed: %(allowed)s.")
                % {"name": ", ".join(unknown), "allowed": ", ".join(sorted(known))}
            )
        missing = [name for name in ("name", "result", "recipe") if not given.get(name)]
        if missing:
            raise ValidationError(_("A round needs %s.") % ", ".join(missing))
        read = dict(given)
        for name in ("prompts", "compare"):
            if name in read:
                read[name] = PromptFilter.from_json(read[name] or {})
        for name in ("name", "result", "recipe", "kind", "guidelines", "data", "preset"):
            if name in read and not isinstance(read[name], str):
                raise ValidationError(_("%s is a text.") % name)
        read["temperatures"] = _numbers("temperatures", read.get("temperatures", (0.7, 1.0)))
        automatic = read.get("automatic", ORDER)
        if not isinstance(automatic, list | tuple) or not all(
            isinstance(step, str) for step in automatic
        ):
            raise ValidationError(_("automatic is a list of steps."))
        read["automatic"] = tuple(automatic)
        if not isinstance(read.get("configs", {}), Mapping):
            raise ValidationError(_("configs gives each method an object of settings."))
        return cls(**read)


def _numbers(name: str, given: Any) -> tuple[float, ...]:
    if not isinstance(given, list | tuple) or not all(
        isinstance(value, int | float) and not isinstance(value, bool) for value in given
    ):
        raise ValidationError(_("%s is a list of numbers.") % name)
    return tuple(float(value) for value in given)


def _one_of(name: str, value: str, allowed: Any) -> list[str]:
    if value in allowed:
        return []
    return [
        _("%(name)s is “%(value)s”. Allowed: %(allowed)s.")
        % {"name": name, "value": str(value)[:40], "allowed": ", ".join(allowed)}
    ]


# Those of the launch page whose last run makes a language model.
ROUND_RECIPES = (
    "sft",
    "sft-reward-ppo",
    "sft-dpo",
    "sft-reward-dpo-ppo",
    "reward-ppo",
    "dpo",
    "raft",
    "best-of-n-sft",
)
