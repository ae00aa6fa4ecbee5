"""A stored answer as the fields of the form that gave it: where a correction begins."""

import json
from typing import Any

from annotation.domain.answers import LETTERS
from annotation.domain.rating_scales import Ask, SentenceLabel, sentences
from annotation.models import (
    Assignment,
    Comparison,
    Completion,
    Demonstration,
    Marking,
    Ranking,
    Rating,
    Review,
    Turn,
)
from annotation.models.campaigns import Kind, Step
from annotation.queries import given
from annotation.ratings import scales_of


def typed_of(assignment: Assignment) -> dict[str, str]:
    """What a person had filled in when they answered `assignment` last; empty if nothing stands."""
    model, read = READERS[assignment.asks]
    row = given(model.objects.filter(assignment=assignment)).order_by("pk").first()
    if row is None:
        return {}
    fields = {**read(row, assignment), "comment": row.comment}
    if assignment.campaign.asks:
        fields |= _rated(assignment)
    return {name: value for name, value in fields.items() if value}


def _written(row: Demonstration, _assignment: Assignment) -> dict[str, str]:
    prompt = row.prompt
    asked = str(prompt.messages[-1]["content"])
    return {"prompt": asked, "text": row.text, "use_case": prompt.use_case}


def _demonstrated(row: Demonstration, _assignment: Assignment) -> dict[str, str]:
    return {"text": row.text, "rationale": str(row.metadata.get("rationale", ""))}


def _few_shot(row: Demonstration, _assignment: Assignment) -> dict[str, str]:
    example = row.metadata.get("few_shot", {})
    fields = {"instruction": str(example.get("instruction", ""))}
    for number, (query, response) in enumerate(example.get("pairs", []), start=1):
        fields |= {f"query-{number}": query, f"response-{number}": response}
    return fields


def _ranked(row: Ranking, assignment: Assignment) -> dict[str, str]:
    by_answer = dict(zip(assignment.shown_order, LETTERS, strict=False))
    return {
        f"tier-{by_answer[entry.completion_id]}": str(entry.tier or "none")
        for entry in row.entries.all()
    }


def _extremes(row: Ranking, assignment: Assignment) -> dict[str, str]:
    by_answer = dict(zip(assignment.shown_order, LETTERS, strict=False))
    place = {entry.tier: by_answer[entry.completion_id] for entry in row.entries.all()}
    return {"best": place[1], "worst": place[3]}


def _reviewed(row: Review, _assignment: Assignment) -> dict[str, str]:
    verdict = {"verdict": "accept" if row.accepted else "reject"}
    return verdict | {f"objection-{objection}": "1" for objection in row.objections}


def _rated(assignment: Assignment) -> dict[str, str]:
    """Scores and marked parts beside the answer."""
    by_answer = dict(zip(assignment.shown_order, LETTERS, strict=False))
    places = {scale.aspect: number for number, scale in enumerate(scales_of(assignment.campaign))}
    fields = {
        f"rate-{by_answer[rating.completion_id]}-{places[rating.aspect]}": f"{rating.score:g}"
        for rating in given(Rating.objects.filter(assignment=assignment))
        if rating.aspect in places and rating.completion_id in by_answer
    }
    answers = Completion.objects.in_bulk(assignment.shown_order)
    parts: dict[str, list[list[Any]]] = {}
    for mark in given(Marking.objects.filter(assignment=assignment)).order_by("start", "pk"):
        letter = by_answer[mark.completion_id]
        if mark.label in list(SentenceLabel):
            places_of = sentences(answers[mark.completion_id].text)
            fields[f"sentence-{letter}-{places_of.index((mark.start, mark.end))}"] = mark.label
        else:
            parts.setdefault(letter, []).append([mark.start, mark.end, mark.label])
    if Ask.SPANS in assignment.campaign.asks:
        fields |= {f"marks-{letter}": json.dumps(marked) for letter, marked in parts.items()}
    return fields


READERS: dict[str, tuple[Any, Any]] = {
    Kind.DEMONSTRATION: (Demonstration, _demonstrated),
    Kind.COMPARISON: (
        Comparison,
        lambda row, _assignment: {"choice": row.choice, "strength": row.strength},
    ),
    Kind.RANKING: (Ranking, _ranked),
    Kind.BEST_WORST: (Ranking, _extremes),
    Kind.WRITING: (Demonstration, _written),
    Kind.FEW_SHOT: (Demonstration, _few_shot),
    Step.QUESTION: (Turn, lambda row, _assignment: {"text": row.text}),
    Step.ANSWER: (Turn, lambda row, _assignment: {"text": row.text}),
    Step.REVIEW: (Review, _reviewed),
    Step.RANK: (Ranking, _ranked),
}
