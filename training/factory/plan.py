"""The settings of a run, with the published ones as defaults; all may change while it goes on.

Source of self-instruct's: arXiv:2212.10560 and yizhongw/self-instruct.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from annotation.domain.novelty_gate import Rule
from training.generate.requests import LARGEST_SEED, Sampling
from training.models import FactoryRun, FactoryStep, Wizard
from webapp.clean_json import check_storable

# The least and the most of each number.
NUMBERS: dict[str, tuple[float, float]] = {
    "wanted": (1, 100_000),
    "most_requests": (1, 100_000),
    "at_once": (1, 64),
    "human": (1, 30),
    "machine": (0, 30),
    "most_instances": (1, 5),
    "paraphrases": (0, 10),
    "temperature": (0.0, 2.0),
    "top_p": (0.01, 1.0),
    "presence_penalty": (-2.0, 2.0),
    "max_tokens": (1, 32_768),
    "answer_tokens": (1, 32_768),
    "threshold": (0.05, 1.0),
    "seed": (0, LARGEST_SEED),
}
LONGEST_OPENING = 1000


@dataclass(frozen=True)
class Settings:
    """What both wizards share. at_once: requests of the first step between two looks at what came.
    threshold, rule: of the novelty filter. answer_tokens: of everything but the first step."""

    at_once: int = 5
    temperature: float = 0.7
    top_p: float = 0.5
    presence_penalty: float = 2.0
    max_tokens: int = 1024
    answer_tokens: int = 300
    threshold: float = 0.7
    rule: str = Rule.CODE.value
    other_scripts: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        problems = []
        for each in fields(self):
            value = getattr(self, each.name)
            if each.name in NUMBERS:
                problems += _number(each.name, value, whole=each.type in (int, "int"))
            elif each.type in (bool, "bool") and not isinstance(value, bool):
                problems.append(_("%s is true or false.") % each.name)
            elif each.type in (str, "str") and not isinstance(value, str):
                problems.append(_("%s is a text.") % each.name)
        if self.rule not in list(Rule):
            problems.append(
                _("rule is “%(given)s”. Allowed: %(allowed)s.")
                % {"given": str(self.rule)[:40], "allowed": ", ".join(Rule)}
            )
        if problems:
            raise ValidationError(problems)
        check_storable(self.as_json())

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Self:
        """Back from as_json(), or from somebody's request; what is not named keeps its default.

        Raises:
            ValidationError: an unknown setting, or a value that it cannot have.
        """
        known = [each.name for each in fields(cls)]
        unknown = sorted(str(name)[:40] for name in given if name not in known)
        if unknown:
            raise ValidationError(
                _("There is no setting %(name)s. Allowed: %(allowed)s.")
                % {"name": ", ".join(unknown), "allowed": ", ".join(known)}
            )
        return cls(**given)

    def sampling(self, step: str, number: int) -> Sampling:
        """How a request is drawn. The first step varies; the others take the likeliest words."""
        if step in (FactoryStep.INSTRUCTIONS, FactoryStep.PARAPHRASES):
            return Sampling(
                self.temperature,
                self.top_p,
                self.max_tokens,
                (self.seed + number) % LARGEST_SEED,
                presence_penalty=self.presence_penalty,
                stop=self.stops(step),
            )
        short = step in (FactoryStep.CLASSES, FactoryStep.INTENT)
        tokens = min(SHORT_ANSWER, self.answer_tokens) if short else self.answer_tokens
        return Sampling(0.0, 1.0, tokens, self.seed, stop=self.stops(step))

    def stops(self, step: str) -> tuple[str, ...]:
        return ()


SHORT_ANSWER = 5  # tokens of a yes or no


@dataclass(frozen=True)
class SelfInstructSettings(Settings):
    """wanted: instructions to keep. most_requests: for lists of instructions, after which the run
    ends however little was kept. human, machine: examples in one request, from the seeds and from
    what was kept so far. opening: the line above the examples; empty: the paper's. bare_answers: an
    answer that marks neither input nor output is the output, as chat models give it; the published
    code finds no instance in it."""

    wanted: int = 100
    most_requests: int = 500
    human: int = 6
    machine: int = 2
    classes_only: bool = False
    opening: str = ""
    most_instances: int = 5
    bare_answers: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.opening) > LONGEST_OPENING:
            raise ValidationError(_("The opening has at most %d characters.") % LONGEST_OPENING)

    def stops(self, step: str) -> tuple[str, ...]:
        from annotation.domain.task_questions import CLASS_STOPS, INSTANCE_STOPS

        if step == FactoryStep.INSTRUCTIONS:
            return (f"\n{2 * (self.human + self.machine)}",)  # the paper's "\n16"
        return CLASS_STOPS if step == FactoryStep.CLASSES else INSTANCE_STOPS


@dataclass(frozen=True)
class SafeSettings(Settings):
    """paraphrases: of each harmful seed. check_intent: the model is asked whether a paraphrase
    still wants the same. refuse_seeds: the seeds themselves are answered too. ask_plainly: what the
    model says to the bare request; where it complies, its answer is the worse one of a pair."""

    top_p: float = 0.9
    temperature: float = 0.9
    presence_penalty: float = 0.0
    max_tokens: int = 200
    paraphrases: int = 2
    check_intent: bool = True
    refuse_seeds: bool = True
    ask_plainly: bool = True


KINDS: dict[str, type[Settings]] = {
    Wizard.SELF_INSTRUCT: SelfInstructSettings,
    Wizard.SAFE_RESPONSES: SafeSettings,
}


def settings_of(run: FactoryRun) -> tuple[int, Settings]:
    """The settings of a run as they are now, and their version."""
    newest = run.versions.order_by("-version").first()
    assert newest is not None, "a run begins with settings"
    return newest.version, KINDS[run.kind].from_json(newest.values)


def _number(name: str, given: Any, *, whole: bool) -> list[str]:
    least, most = NUMBERS[name]
    kinds = (int,) if whole else (int, float)
    if isinstance(given, bool) or not isinstance(given, kinds) or not least <= given <= most:
        return [
            _("%(name)s is %(given)s. Allowed: %(least)s to %(most)s.")
            % {"name": name, "given": str(given)[:40], "least": least, "most": most}
        ]
    return []
