"""Which prompts: one frozen choice that the browser, campaigns, snapshots and the map share.

An empty field does not narrow, with one exception: retired prompts are left out unless asked for.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import ValidationError
from django.db.models import Case, Count, Exists, F, OuterRef, QuerySet, Value, When
from django.db.models.functions import Greatest, Least, Length
from django.http import QueryDict
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from annotation import filter_values as values
from annotation.domain.search_words import LONGEST as LONGEST_SEARCH
from annotation.models import (
    Campaign,
    Comparison,
    Completion,
    Demonstration,
    DuplicateMember,
    Import,
    Item,
    Prompt,
    Ranking,
    Rating,
    Source,
    Split,
)
from annotation.models.judgements import Choice
from annotation.prompt_search import search_prompts
from annotation.queries import current

NONE = "-"  # as a value: prompts that have none
JUDGEMENTS = (Comparison, Ranking, Demonstration, Rating)


@dataclass(frozen=True)
class PromptFilter:
    """A prompt passes when it fits every field that is not empty.

    search: words as annotation.domain.search_words reads them; fuzzy: also words spelt nearly so.
    tags: all of them; of the other lists one suffices. sources, use_cases, languages, licences: "-"
    stands for prompts without one. generators: an answer was written by one of them. campaigns: ids
    of campaigns that ask about the prompt. shortest, longest: characters of the text. judged: yes
    or no. agreement: "agreed" when people who judged the same pair all chose alike, "disputed" when
    some did not. retired: "" leaves them out, "only", "any". clusters: ids of duplicate clusters.
    imports: ids of imports that brought the prompt.
    """

    search: str = ""
    fuzzy: bool = False
    sources: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    use_cases: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    splits: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    licences: tuple[str, ...] = ()
    generators: tuple[str, ...] = ()
    campaigns: tuple[int, ...] = ()
    shortest: int | None = None
    longest: int | None = None
    judged: str = ""
    agreement: str = ""
    retired: str = ""
    since: datetime | None = None
    until: datetime | None = None
    ids: tuple[int, ...] = ()
    clusters: tuple[int, ...] = ()
    imports: tuple[int, ...] = ()

    # The parameter of a page's address for each field; none of them is one of JudgementFilter's.
    PARAMETERS = {
        "search": "q",
        "fuzzy": "fuzzy",
        "sources": "source",
        "tags": "tag",
        "use_cases": "use_case",
        "languages": "language",
        "splits": "split",
        "flags": "flag",
        "licences": "licence",
        "generators": "answered_by",
        "campaigns": "in_campaign",
        "shortest": "shortest",
        "longest": "longest",
        "judged": "judged",
        "agreement": "agreement",
        "retired": "retired",
        "since": "added_since",
        "until": "added_until",
        "ids": "id",
        "clusters": "cluster",
        "imports": "import",
    }

    @classmethod
    def from_params(cls, params: QueryDict) -> "PromptFilter":
        """Read ?q=poem&tag=a&tag=b&split=train ...; other parameters are left to others.

        Raises:
            ValidationError: a value that the field cannot have.
        """
        given: dict[str, Any] = {}
        for field, name in cls.PARAMETERS.items():
            found = [value for value in params.getlist(name) if value.strip() != ""]
            if found:
                given[field] = found[-1] if field in SINGLE else found
        return cls.from_json(given)

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> "PromptFilter":
        """The filter that as_json() wrote, or that somebody else did: every value is checked.

        Raises:
            ValidationError: an unknown field, or a value that it cannot have.
        """
        if not isinstance(given, Mapping):
            raise ValidationError(_("A filter is an object of fields; see the documentation."))
        known = [field.name for field in fields(cls)]
        unknown = sorted(str(name) for name in given if name not in known)
        if unknown:
            raise ValidationError(
                _("The filter has no field %(name)s. Allowed: %(allowed)s.")
                % {"name": ", ".join(unknown), "allowed": ", ".join(known)}
            )
        read: dict[str, Any] = {name: values.texts(name, given.get(name)) for name in TEXTS}
        read |= {name: values.ids(name, given.get(name)) for name in IDS}
        read["ids"] = values.ids("ids", given.get("ids"), MOST_IDS)
        read |= {name: values.number(name, given.get(name)) for name in ("shortest", "longest")}
        read |= {name: values.moment(name, given.get(name)) for name in ("since", "until")}
        values.only("splits", read["splits"], Split.values)
        for name, allowed in CHOICES.items():
            read[name] = given.get(name) or ""
            if read[name]:
                values.only(name, [str(read[name])], allowed)
        read["search"] = _search(given.get("search"))
        read["fuzzy"] = given.get("fuzzy") in (True, "1", "on", "true", "yes")
        return cls(**read)

    def as_json(self) -> dict[str, Any]:
        """Only the fields that narrow; times in ISO 8601."""
        found: dict[str, Any] = {}
        for name, value in asdict(self).items():
            if isinstance(value, datetime):
                found[name] = value.isoformat()
            elif isinstance(value, tuple):
                found |= {name: list(value)} if value else {}
            elif value not in ("", False, None):
                found[name] = value
        return found

    def as_params(self) -> list[tuple[str, str]]:
        """The parameters of an address that from_params() reads as this filter."""
        pairs: list[tuple[str, str]] = []
        for name, value in self.as_json().items():
            each = value if isinstance(value, list) else [1 if value is True else value]
            pairs += [(self.PARAMETERS[name], str(one)) for one in each]
        return pairs

    def as_query(self) -> str:
        return urlencode(self.as_params())

    def __bool__(self) -> bool:
        return bool(self.as_json())

    def apply(self, prompts: QuerySet[Prompt]) -> QuerySet[Prompt]:
        """Those that pass. The caller has narrowed to one workspace; the order stays."""
        found = prompts
        if self.retired != "any":
            found = found.filter(retired_at__isnull=self.retired != "only")
        for name, column in COLUMNS.items():
            if chosen := getattr(self, name):
                plain = ["" if value == NONE else value for value in chosen]
                found = found.filter(**{f"{column}__in": plain})
        if self.tags:
            found = found.filter(tags__contains=list(self.tags))
        if self.flags:
            found = found.filter(flags__overlap=list(self.flags))
        found = self._between_ends(found)
        if self.ids:
            found = found.filter(pk__in=self.ids)
        if self.imports:
            found = found.filter(imported_in__in=self.imports)
        if self.search:
            found = search_prompts(found, self.search, fuzzy=self.fuzzy)
        return self._by_work(found)

    def _between_ends(self, found: QuerySet[Prompt]) -> QuerySet[Prompt]:
        if self.shortest is not None:
            found = found.alias(characters=Length("text")).filter(characters__gte=self.shortest)
        if self.longest is not None:
            found = found.alias(characters=Length("text")).filter(characters__lte=self.longest)
        if self.since:
            found = found.filter(created_at__gte=self.since)
        return found.filter(created_at__lt=self.until) if self.until else found

    def _by_work(self, found: QuerySet[Prompt]) -> QuerySet[Prompt]:
        """Narrowed by answers, campaigns, judgements and clusters."""
        if self.generators:
            answers = Completion.objects.filter(
                prompt=OuterRef("pk"), generator__in=self.generators, retired_at__isnull=True
            )
            found = found.filter(Exists(answers))
        if self.campaigns:
            asked = Item.objects.filter(campaign__in=self.campaigns)
            found = found.filter(pk__in=asked.values("prompt"))
        if self.clusters:
            members = DuplicateMember.objects.filter(cluster__in=self.clusters)
            found = found.filter(pk__in=members.values("prompt"))
        if self.judged:
            # A list for "yes": the planner starts from the judgements, which are fewer.
            if self.judged == "yes":
                first, *others = (current(each.objects.all()) for each in JUDGEMENTS)
                judged = first.values("prompt").union(*(each.values("prompt") for each in others))
                found = found.filter(pk__in=judged)
            else:
                for each in JUDGEMENTS:
                    about = current(each.objects.filter(prompt=OuterRef("pk")))
                    found = found.exclude(Exists(about))
        if self.agreement:
            found = found.filter(pk__in=_judged_twice(disputed=self.agreement == "disputed"))
            if self.agreement == "agreed":
                found = found.exclude(pk__in=_judged_twice(disputed=True))
        return found

    def in_words(self) -> str:
        """One sentence for people, with the names of campaigns as they are now."""
        return ", ".join([_("prompts"), *self.parts()]) if self else _("all prompts")

    def parts(self) -> list[str]:
        """What each field that narrows says, in words."""
        found: list[str] = []
        if self.search:
            sentence = _("with words like “%s”") if self.fuzzy else _("with “%s”")
            found.append(sentence % self.search)
        for name, sentence in _WORDS().items():
            if chosen := getattr(self, name):
                labels = [_label(name, value) for value in chosen]
                found.append(sentence % ", ".join(labels))
        if self.campaigns:
            named = Campaign.objects.filter(pk__in=self.campaigns).order_by("name")
            names = ", ".join(named.values_list("name", flat=True)) or _("(deleted)")
            found.append(_("in the campaigns %s") % names)
        if self.shortest is not None:
            found.append(_("of at least %d characters") % self.shortest)
        if self.longest is not None:
            found.append(_("of at most %d characters") % self.longest)
        found += [str(_CHOICE_WORDS()[value]) for value in self._chosen()]
        for end, sentence in ((self.since, _("added from %s on")), (self.until, _("before %s"))):
            if end:
                found.append(
                    sentence % date_format(timezone.localtime(end), "SHORT_DATETIME_FORMAT")
                )
        if self.ids:
            found.append(_("%d chosen ones") % len(self.ids))
        if self.imports:
            files = Import.objects.filter(pk__in=self.imports).values_list("name", flat=True)
            found.append(_("imported with %s") % (", ".join(files) or _("(deleted)")))
        if self.clusters:
            found.append(_("of the duplicates %s") % ", ".join(map(str, self.clusters)))
        return found

    def _chosen(self) -> list[str]:
        names = [f"{name}:{getattr(self, name)}" for name in CHOICES if getattr(self, name)]
        return names


TEXTS = ("sources", "tags", "use_cases", "languages", "splits", "flags", "licences", "generators")
IDS = ("campaigns", "clusters", "imports")
MOST_IDS = 50_000  # single prompts: what somebody picks on a map
COLUMNS = {
    "sources": "source",
    "use_cases": "use_case",
    "languages": "language",
    "splits": "split",
    "licences": "licence",
}
CHOICES = {
    "judged": ("yes", "no"),
    "agreement": ("agreed", "disputed"),
    "retired": ("only", "any"),
}
SINGLE = {"search", "fuzzy", "shortest", "longest", "since", "until", *CHOICES}


def _WORDS() -> dict[str, str]:
    return {
        "sources": _("from %s"),
        "tags": _("tagged %s"),
        "use_cases": _("of the use case %s"),
        "languages": _("in the language %s"),
        "splits": _("of the split %s"),
        "flags": _("flagged %s"),
        "licences": _("under the licence %s"),
        "generators": _("answered by %s"),
    }


def _CHOICE_WORDS() -> dict[str, str]:
    return {
        "judged:yes": _("judged"),
        "judged:no": _("not judged yet"),
        "agreement:agreed": _("on which people agree"),
        "agreement:disputed": _("on which people disagree"),
        "retired:only": _("retired"),
        "retired:any": _("retired ones included"),
    }


def _label(name: str, value: str) -> str:
    if value == NONE and name in COLUMNS:
        return _("(none)")
    return str(Split(value).label) if name == "splits" else value


def _search(given: Any) -> str:
    text = "" if given is None else given
    if not isinstance(text, str) or len(text) > LONGEST_SEARCH or "\0" in text:
        raise ValidationError(_("A search is a text of at most %d characters.") % LONGEST_SEARCH)
    return text.strip()


def _judged_twice(*, disputed: bool) -> QuerySet[Any]:
    """Prompts with a pair of answers that people judged at least twice; disputed: not all alike."""
    winner = Case(
        When(choice=Choice.LEFT, then=F("left")),
        When(choice=Choice.RIGHT, then=F("right")),
        When(choice=Choice.TIE, then=Value(0)),
        default=Value(-1),
    )
    pairs = (
        current(Comparison.objects.filter(source=Source.HUMAN))
        .annotate(low=Least("left", "right"), high=Greatest("left", "right"), winner=winner)
        .order_by()
        .values("prompt", "low", "high")
        .annotate(votes=Count("pk"), kinds=Count("winner", distinct=True))
        .filter(votes__gte=2)
    )
    return (pairs.filter(kinds__gt=1) if disputed else pairs).values("prompt")
