"""The questions about single answers that a campaign asks beside its kind of work."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from annotation.domain import rating_scales
from annotation.domain.answers import LETTERS, Unanswered
from annotation.domain.rating_scales import Ask, Scale, SentenceLabel, SpanLabel
from annotation.models import Assignment, Campaign, Completion
from webapp.clean_json import CleanJSONError, clean_json


@dataclass(frozen=True)
class Part:
    """A marked part of an answer: [start, end) and its label."""

    completion: int
    start: int
    end: int
    label: str


@dataclass(frozen=True)
class Ratings:
    """Scores by (completion id, scale) and marked parts, given with one submission."""

    scores: tuple[tuple[int, Scale, int], ...] = ()
    parts: tuple[Part, ...] = ()


def scales_of(campaign: Campaign) -> list[Scale]:
    """What is asked about each answer: one query where the campaign asks attributes."""
    asks = set(campaign.asks)
    own = campaign.attributes.all() if Ask.ATTRIBUTES in asks else ()
    return [
        *([rating_scales.OVERALL] if Ask.OVERALL in asks else []),
        *(
            Scale(one.name, one.question, one.lowest, one.highest, tuple(one.rubric.splitlines()))
            for one in own
        ),
        *([rating_scales.SAFETY] if Ask.SAFETY in asks else []),
        *(rating_scales.TAGS if Ask.TAGS in asks else []),
    ]


def ratings_in(campaign: Campaign, assignment: Assignment, form: Mapping[str, str]) -> Ratings:
    """What a form says about the answers that an assignment showed.

    Raises:
        Unanswered: see read_ratings.
    """
    if not campaign.asks:
        return Ratings()
    texts = dict(Completion.objects.filter(pk__in=assignment.shown_order).values_list("pk", "text"))
    shown = [
        (letter, pk, texts[pk]) for letter, pk in zip(LETTERS, assignment.shown_order, strict=False)
    ]
    return read_ratings(campaign, shown, form)


def read_ratings(
    campaign: Campaign, shown: Sequence[tuple[str, int, str]], form: Mapping[str, str]
) -> Ratings:
    """The ratings in a form. shown: (letter, completion id, text) of each answer.

    Fields: `rate-A-<number of the scale>`, `marks-A` (JSON: [[start, end, label] ...]) and
    `sentence-A-<number>`.

    Raises:
        Unanswered: a scale is unanswered or a value is none of it; the sentence says which.
    """
    scales = scales_of(campaign)
    scores, parts = [], []
    for letter, pk, text in shown:
        scores += [
            (pk, scale, _score(letter, scale, form.get(f"rate-{letter}-{number}", "")))
            for number, scale in enumerate(scales)
        ]
        if Ask.SPANS in campaign.asks:
            parts += _spans(letter, pk, text, form.get(f"marks-{letter}", ""))
        if Ask.SENTENCES in campaign.asks:
            parts += _sentences(letter, pk, text, form)
    return Ratings(tuple(scores), tuple(parts))


def _score(letter: str, scale: Scale, given: str) -> int:
    if scale.is_tag:
        return int(given not in ("", "0"))
    if not given:
        raise Unanswered(f"Answer {letter} has no answer yet to “{scale.question}”.")
    allowed = {str(number): number for number, _words in scale.values}
    if given not in allowed:
        raise Unanswered(
            f"“{scale.question}” of answer {letter} is {given[:20]!r}; it goes from"
            f" {scale.lowest} to {scale.highest}."
        )
    return allowed[given]


def _spans(letter: str, pk: int, text: str, given: str) -> list[Part]:
    if not given.strip():
        return []
    length = len(rating_scales.plain(text))
    try:
        rows: Any = clean_json(given)
        found = [Part(pk, start, end, SpanLabel(label)) for start, end, label in rows]
        whole = all(type(part.start) is type(part.end) is int for part in found)
    except (CleanJSONError, TypeError, ValueError):
        whole, found = False, []
    if not whole or not all(0 <= part.start < part.end <= length for part in found):
        raise Unanswered(f"The marked parts of answer {letter} cannot be read. Mark them anew.")
    if len(found) > rating_scales.MOST_MARKS:
        raise Unanswered(
            f"Answer {letter} has {len(found)} marked parts; at most"
            f" {rating_scales.MOST_MARKS} are kept."
        )
    return found


def _sentences(letter: str, pk: int, text: str, form: Mapping[str, str]) -> list[Part]:
    found = []
    for number, (start, end) in enumerate(rating_scales.sentences(text)):
        label = form.get(f"sentence-{letter}-{number}", "")
        if not label:
            continue
        if label not in set(SentenceLabel):
            raise Unanswered(
                f"Sentence {number + 1} of answer {letter} is {label[:20]!r}; allowed:"
                f" {', '.join(SentenceLabel)}."
            )
        found.append(Part(pk, start, end, label))
    return found
