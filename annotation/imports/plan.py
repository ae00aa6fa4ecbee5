"""What a person decides about one import, checked once for the browser, REST and the command line.

As JSON a plan is a flat object of the names in `DEFAULTS`; what is missing has its default.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from annotation.domain.conversion.recipes import Recipe, recipe_from
from annotation.imports.cleaning import Cleaning
from annotation.imports.formats.limits import Limits
from annotation.imports.formats.reading_options import Options
from annotation.imports.formats.registry import BY_NAME
from annotation.imports.formats.rows import CHOICES, HUMAN, JUDGE, ROLES
from annotation.imports.prepared import SPLITS

LONGEST_MAP = 200
LONGEST_TEXT = 10_000
MOST_TOKENS = 10_000_000
SHORTEST_SPLIT = 16
RANK_BEST = ("lowest", "highest")
CONVERSION = "conversion"  # a recipe: annotation/domain/conversion


@dataclass(frozen=True)
class ImportPlan:
    """Everything the person importing decides.

    name: the file's own name, by which containers and the default source are told. all_or_nothing:
    one refused record keeps all others out. dry_run: count everything, keep nothing. mask: replace
    personal data. tags: added to every prompt; split, use_case: of prompts whose source names none.
    A file that cannot be read to its end is never imported in part.
    """

    name: str
    format_name: str = ""
    options: Options = field(default_factory=Options)
    cleaning: Cleaning = field(default_factory=Cleaning)
    all_or_nothing: bool = False
    dry_run: bool = False
    mask: bool = False
    tags: tuple[str, ...] = ()
    split: str = ""
    use_case: str = ""
    delimiter: str = ""
    header: bool = True
    limits: Limits = field(default_factory=Limits)

    def as_json(self) -> dict[str, Any]:
        """What differs from the defaults; `from_json` with the same name gives the plan again."""
        options, cleaning = asdict(self.options), asdict(self.cleaning)
        flat = {"format": self.format_name} | options | cleaning
        flat |= {key: getattr(self, key) for key in _OWN}
        plain = {key: list(v) if isinstance(v, tuple) else v for key, v in flat.items()}
        recipe = self.options.recipe
        plain[CONVERSION] = recipe.as_json() if recipe != Recipe() else {}
        return {key: plain[key] for key, default in DEFAULTS.items() if plain[key] != default}

    @classmethod
    def from_json(cls, name: str, given: Mapping[str, Any], **others: Any) -> "ImportPlan":
        """Raises ValidationError, which names each field and what is allowed in it."""
        checked = _checked(given)
        tuples: dict[str, Any] = {
            key: tuple(v) if isinstance(v, list) else v for key, v in checked.items()
        }
        own: Any = {key: tuples[key] for key in _OWN}
        return cls(
            name=name,
            format_name=tuples["format"],
            options=Options(
                recipe=recipe_from(checked[CONVERSION]),
                **{key: tuples[key] for key in _OPTIONS},
            ),
            cleaning=Cleaning(**{key: tuples[key] for key in _CLEANING}),
            **(own | others),
        )


_OWN = ("all_or_nothing", "mask", "tags", "split", "use_case", "delimiter", "header")
_OPTIONS = (
    "source",
    "licence",
    "columns",
    "roles",
    "labels",
    "languages",
    "html",
    "rank_best",
    "judged_by",
)
_CLEANING = (
    "clean",
    "drop_repeated_digits",
    "drop_restarted_lists",
    "special_tokens",
    "keep_languages",
    "skip_languages",
    "split_tokens",
)
_PLAIN: dict[str, Any] = {"format": "", "all_or_nothing": False, "mask": False, "tags": []}
_PLAIN |= {"split": "", "use_case": "", "delimiter": "", "header": True}
_DEFAULT_OPTIONS, _DEFAULT_CLEANING = asdict(Options()), asdict(Cleaning())
# Every field of a plan as JSON, with the value that it has when it is not given.
DEFAULTS: dict[str, Any] = _PLAIN | {
    key: list(value) if isinstance(value, tuple) else value
    for key, value in (
        *((key, _DEFAULT_OPTIONS[key]) for key in _OPTIONS),
        *((key, _DEFAULT_CLEANING[key]) for key in _CLEANING),
        (CONVERSION, {}),
    )
}
_ALLOWED: dict[str, tuple[str, ...]] = {
    "format": ("", *sorted(BY_NAME)),
    "split": ("", *SPLITS.values()),
    "rank_best": ("", *RANK_BEST),
    "judged_by": ("", HUMAN, JUDGE),
}
_MAPPED_TO: dict[str, tuple[str, ...]] = {"roles": ROLES, "labels": CHOICES}


def _checked(given: Mapping[str, Any]) -> dict[str, Any]:
    errors: dict[str, list[str]] = {}
    unknown = sorted(set(map(str, given)) - set(DEFAULTS))
    for name in unknown:
        sentence = _("There is no such option. There are %(names)s.")
        errors[name] = [sentence % {"names": ", ".join(DEFAULTS)}]
    checked = DEFAULTS | {key: value for key, value in given.items() if key in DEFAULTS}
    for key, default in DEFAULTS.items():
        problem = _problem(key, checked[key], default)
        if problem:
            errors[key] = [problem]
    if errors:
        raise ValidationError(errors)
    return checked


def _problem(key: str, value: Any, default: Any) -> str:
    """What is wrong with one field, or nothing."""
    problem = ""
    if key == CONVERSION:
        problem = _recipe(value)
    elif key == "html":
        problem = "" if value in (None, True, False) else _("Allowed: yes, no, or null (tell it).")
    elif isinstance(default, bool):
        problem = "" if isinstance(value, bool) else _("Allowed: true or false.")
    elif isinstance(default, int):
        problem = _tokens(value)
    elif isinstance(default, dict):
        problem = _mapping(key, value)
    elif isinstance(default, list):
        fits = isinstance(value, (list, tuple)) and all(
            isinstance(item, str) and 0 < len(item) <= 60 for item in value
        )
        problem = "" if fits else _("A list of texts of 1 to 60 characters belongs here.")
    elif not isinstance(value, str) or len(value) > LONGEST_TEXT or "\0" in value:
        problem = _("A text of at most %(most)d characters belongs here.") % {"most": LONGEST_TEXT}
    elif key in _ALLOWED and value not in _ALLOWED[key]:
        allowed = ", ".join(filter(None, _ALLOWED[key]))
        problem = _("%(given)r is not known. Allowed: %(allowed)s.") % {
            "given": value[:60],
            "allowed": allowed,
        }
    elif key == "delimiter" and len(value) > 1:
        problem = _("One character belongs here, or nothing: then it is told from the file.")
    return problem


def _recipe(value: Any) -> str:
    try:
        recipe_from(value)
    except ValueError as error:
        return str(error)
    return ""


def _tokens(value: Any) -> str:
    fits = type(value) is int and (value == 0 or SHORTEST_SPLIT <= value <= MOST_TOKENS)
    if fits:
        return ""
    sentence = _("0 (do not split) or a whole number from %(least)d to %(most)d belongs here.")
    return sentence % {"least": SHORTEST_SPLIT, "most": MOST_TOKENS}


def _mapping(key: str, value: Any) -> str:
    fits = isinstance(value, Mapping) and all(
        isinstance(side, str) and 0 < len(side) <= 200 and "\0" not in side
        for pair in value.items()
        for side in pair
    )
    if not fits or len(value) > LONGEST_MAP:
        return _("At most %(most)d pairs of texts belong here.") % {"most": LONGEST_MAP}
    allowed = _MAPPED_TO.get(key)
    wrong = [word for word in value.values() if allowed and word not in allowed]
    if wrong:
        sentence = _("%(given)r is not known. A word may be mapped to %(allowed)s.")
        return sentence % {"given": wrong[0][:60], "allowed": ", ".join(allowed or ())}
    return ""
