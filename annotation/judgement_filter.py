"""Which judgements: one frozen choice that snapshots, boards and pages share.

An empty field does not narrow. Judgements that were withdrawn or corrected by a newer version never
pass: annotation.queries.current() decides that for everybody.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.db.models import Exists, Model, OuterRef, Q, QuerySet
from django.http import QueryDict
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from annotation.filter_values import ids, moment, only, texts
from annotation.models import (
    Campaign,
    Comparison,
    Demonstration,
    Prompt,
    Ranking,
    RankingEntry,
    Rating,
    Source,
)
from annotation.models.judgements import Strength
from annotation.prompt_filter import PromptFilter
from annotation.queries import current
from webapp.accounts.models import User

Row = TypeVar("Row", bound=Model)

KINDS: dict[str, type[Model]] = {
    "demonstration": Demonstration,
    "comparison": Comparison,
    "ranking": Ranking,
    "rating": Rating,
}


@dataclass(frozen=True)
class JudgementFilter:
    """A judgement passes when it fits every field that is not empty.

    kinds: names of KINDS. campaigns: ids. generators: every answer that was judged was written by
    one of these (a demonstration judges no answer, so it passes only where this is empty).
    sources: human, judge, simulated. annotators: ids of members; labels: annotators and judges as
    an import or a judge names them (one of both lists suffices). groups: Judgement.group.
    strengths: of comparisons. since, until: created at or after, and before. prompts: what they
    were given about; None does not narrow.
    """

    kinds: tuple[str, ...] = ()
    campaigns: tuple[int, ...] = ()
    generators: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    annotators: tuple[int, ...] = ()
    labels: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    strengths: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    prompts: PromptFilter | None = None

    # Names of the parameters of a page's address, in the order of the fields above.
    PARAMETERS = (
        "kind",
        "campaign",
        "generator",
        "judged_by",
        "annotator",
        "label",
        "group",
        "strength",
        "since",
        "until",
    )

    @classmethod
    def from_params(cls, params: QueryDict) -> "JudgementFilter":
        """Read ?kind=comparison&campaign=3&judged_by=human&since=2026-01-31 ...; each may repeat.

        Raises:
            ValidationError: a value that the field cannot have.
        """
        given: dict[str, Any] = {}
        for name, field in zip(cls.PARAMETERS, fields(cls), strict=False):
            found = [value for value in params.getlist(name) if value.strip() != ""]
            given[field.name] = (found[-1] if found else None) if name in ENDS else found
        given["prompts"] = PromptFilter.from_params(params).as_json()
        return cls.from_json(given)

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> "JudgementFilter":
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
        read: dict[str, Any] = {
            name: texts(name, given.get(name))
            for name in ("kinds", "generators", "sources", "labels", "groups", "strengths")
        }
        read |= {name: ids(name, given.get(name)) for name in ("campaigns", "annotators")}
        read |= {name: moment(name, given.get(name)) for name in ENDS}
        only("kinds", read["kinds"], list(KINDS))
        only("sources", read["sources"], Source.values)
        only("strengths", read["strengths"], Strength.values)
        if given.get("prompts"):
            read["prompts"] = PromptFilter.from_json(given["prompts"]) or None
        return cls(**read)

    def as_json(self) -> dict[str, Any]:
        """Only the fields that narrow; times in ISO 8601."""
        found: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, PromptFilter):
                found[field.name] = value.as_json()
            elif value:
                narrowed = value.isoformat() if isinstance(value, datetime) else list(value)
                found[field.name] = narrowed
        return found

    def wants(self, kind: str) -> bool:
        return not self.kinds or kind in self.kinds

    def apply(self, judgements: QuerySet[Row], *, gone: bool = False) -> QuerySet[Row]:
        """Those that pass. Of Demonstration, Comparison, Ranking or Rating, of one workspace.

        gone: also those that were corrected, withdrawn or excluded since.
        """
        model = judgements.model
        kind = next(name for name, known in KINDS.items() if known is model)
        if not self.wants(kind):
            return judgements.none()
        found = judgements.filter(is_check=False) if gone else current(judgements)
        if self.campaigns:
            found = found.filter(assignment__campaign__in=self.campaigns)
        if self.sources:
            found = found.filter(source__in=self.sources)
        if self.annotators or self.labels:
            people = Q(annotator__in=self.annotators) | Q(annotator_label__in=self.labels)
            found = found.filter(people)
        if self.groups:
            found = found.filter(group__in=self.groups)
        if self.since:
            found = found.filter(created_at__gte=self.since)
        if self.until:
            found = found.filter(created_at__lt=self.until)
        if self.strengths:
            comparison = kind == "comparison"
            found = found.filter(strength__in=self.strengths) if comparison else found.none()
        if self.prompts:
            about = self.prompts.apply(Prompt.objects.order_by())
            found = found.filter(prompt__in=about.order_by().values("pk"))
        return self._by_generators(found, kind) if self.generators else found

    def _by_generators(self, found: QuerySet[Row], kind: str) -> QuerySet[Row]:
        if kind == "comparison":
            return found.filter(
                left__generator__in=self.generators, right__generator__in=self.generators
            )
        if kind == "rating":
            return found.filter(completion__generator__in=self.generators)
        if kind == "ranking":
            others = RankingEntry.objects.filter(ranking=OuterRef("pk")).exclude(
                completion__generator__in=self.generators
            )
            return found.exclude(Exists(others))
        return found.none()

    def in_words(self) -> str:
        """One sentence for people, with the names of campaigns and annotators as they are now."""
        parts: list[str] = []
        if self.campaigns:
            named = Campaign.objects.filter(pk__in=self.campaigns).order_by("name")
            names = ", ".join(named.values_list("name", flat=True)) or _("(deleted)")
            parts.append(_("of the campaigns %s") % names)
        if self.generators:
            parts.append(_("of answers by %s") % ", ".join(self.generators))
        if self.sources:
            labels = ", ".join(str(Source(source).label).lower() for source in self.sources)
            parts.append(_("given by: %s") % labels)
        if self.annotators or self.labels:
            people = User.objects.filter(pk__in=self.annotators).order_by("name", "email")
            names = ", ".join([*(str(person) for person in people), *self.labels])
            parts.append(_("by %s") % names)
        if self.groups:
            parts.append(_("of the groups %s") % ", ".join(self.groups))
        if self.strengths:
            labels = ", ".join(str(Strength(name).label).lower() for name in self.strengths)
            parts.append(_("of the strengths %s") % labels)
        parts += [
            sentence % date_format(timezone.localtime(end), "DATETIME_FORMAT")
            for end, sentence in ((self.since, _("from %s on")), (self.until, _("before %s")))
            if end
        ]
        if self.prompts:
            parts.append(_("about these prompts: %s") % self.prompts.in_words())
        what = ", ".join(_KIND_WORDS[kind]() for kind in self.kinds) or _("all judgements")
        return " ".join([what, *([", ".join(parts)] if parts else [])])


ENDS = ("since", "until")
_KIND_WORDS = {
    "demonstration": lambda: _("demonstrations"),
    "comparison": lambda: _("comparisons"),
    "ranking": lambda: _("rankings"),
    "rating": lambda: _("ratings"),
}
