"""Argilla's records: fields, and responses by question (nested, flattened, and the 1.x layout)."""

from collections.abc import Iterator
from typing import Any

from annotation.imports.formats.conversations import user_prompt
from annotation.imports.formats.fields import items, keep, kind_of, label, nested, optional_text
from annotation.imports.formats.format import Format, has
from annotation.imports.formats.label_studio import PROMPT_KEYS
from annotation.imports.formats.preference_answers import judged_answer
from annotation.imports.formats.reading_options import Reading
from annotation.imports.formats.refusals import Refused
from annotation.imports.formats.rows import (
    Answer,
    ComparisonRow,
    CompletionRow,
    DemonstrationRow,
    PromptRow,
    RankingRow,
    RatingRow,
    Row,
)
from annotation.imports.formats.verdicts import WINNERS, choice_of, refuse_same_answers

SUBMITTED = "submitted"
_OWN = (
    "id",
    "status",
    "metadata",
    "_server_id",
    "inserted_at",
    "updated_at",
    "external_id",
    "vectors",
)
_SUFFIXES = (".responses", ".response", ".suggestion", ".users", ".status", ".score", ".agent")
Response = tuple[str, Any, str]  # question, value, annotator


def _recognise(record: Any) -> str:
    if has(record, "fields", "responses"):
        return "nested" if type(record["responses"]) is dict else "v1"
    if has(record, "_server_id") or (type(record) is dict and _questions(record)):
        return "flattened"
    return ""


def _questions(record: dict[str, Any]) -> list[str]:
    return [
        str(key).removesuffix(".responses") for key in record if str(key).endswith(".responses")
    ]


def _read(record: dict[str, Any], reading: Reading) -> list[Row]:
    """A row for each submitted response; drafts and discarded ones are left out with a word."""
    fields = _fields(record)
    columns = reading.options.columns
    prompt_key = columns.get("prompt") or next((key for key in PROMPT_KEYS if key in fields), "")
    said = fields.get(prompt_key)
    if type(said) is not str or not said.strip():
        raise Refused(f"holds no prompt under {', '.join(PROMPT_KEYS)}; map the field", "fields")
    metadata = keep(record, ("metadata",))
    prompt = user_prompt(said, source_id=label(record, "id"), metadata=metadata)
    answers = {
        name: judged_answer(value, name)
        for name, value in fields.items()
        if name != prompt_key and type(value) is str
    }
    rows: list[Row] = []
    for question, value, who in _responses(record, reading):
        try:
            rows += _response(prompt, answers, question, value, who, reading)
        except Refused as error:
            raise error.under(f"responses.{question}") from None
    if rows:
        return rows
    found: list[Row] = [CompletionRow(prompt=prompt, answer=answer) for answer in answers.values()]
    return found or [prompt]


def _fields(record: dict[str, Any]) -> dict[str, Any]:
    if "fields" in record:
        return nested(record, "fields")
    return {
        key: value
        for key, value in record.items()
        if key not in _OWN and not any(suffix in key for suffix in _SUFFIXES)
    }


def _responses(record: dict[str, Any], reading: Reading) -> Iterator[Response]:
    given = record.get("responses")
    if type(given) is list:
        for position, response in enumerate(given):
            if type(response) is not dict:
                raise Refused("is no object", f"responses[{position}]")
            if response.get("status", SUBMITTED) != SUBMITTED:
                reading.fixed("drafts and discarded responses left out")
                continue
            for question, value in nested(response, "values").items():
                inner = value.get("value") if type(value) is dict else value
                yield question, inner, label(response, "user_id")
    elif type(given) is dict:
        for question, responses in given.items():
            if type(responses) is not list:
                raise Refused(
                    f"is {kind_of(responses)} where a list belongs", f"responses.{question}"
                )
            for response in responses:
                if type(response) is not dict or "value" not in response:
                    raise Refused("holds a response without a value", f"responses.{question}")
                if response.get("status", SUBMITTED) != SUBMITTED:
                    reading.fixed("drafts and discarded responses left out")
                    continue
                yield question, response["value"], label(response, "user_id")
    else:
        yield from _flattened(record, reading)


def _flattened(record: dict[str, Any], reading: Reading) -> Iterator[Response]:
    for question in _questions(record):
        if record[f"{question}.responses"] is None:
            continue
        values = items(record, f"{question}.responses", empty=True)
        users = record.get(f"{question}.responses.users") or [None] * len(values)
        states = record.get(f"{question}.responses.status") or [SUBMITTED] * len(values)
        if type(users) is not list or type(states) is not list:
            raise Refused("has users or a status that is no list", f"{question}.responses")
        if len(users) != len(values) or len(states) != len(values):
            raise Refused("has not one user and one status a response", f"{question}.responses")
        for value, user, state in zip(values, users, states, strict=True):
            if state != SUBMITTED:
                reading.fixed("drafts and discarded responses left out")
                continue
            yield question, value, label({"user": user}, "user")


def _response(
    prompt: PromptRow,
    answers: dict[str, Answer],
    question: str,
    value: Any,
    who: str,
    reading: Reading,
) -> list[Row]:
    if value is None:
        return []
    if type(value) is list:
        return [_ranking(prompt, answers, value, who, question)]
    if type(value) in (int, float):
        return _ratings(prompt, answers, question, float(value), who)
    if type(value) is not str:
        raise Refused(f"is {kind_of(value)}, which no question answers with")
    names = list(answers)
    word = reading.options.labels.get(value, value)
    if len(names) == 2 and (word in names or word.strip().lower() in WINNERS):
        left, right = answers[names[0]], answers[names[1]]
        known = {**WINNERS, names[0]: "left", names[1]: "right"}
        choice = choice_of(word, reading, "value", known)
        refuse_same_answers(left, right, choice, "fields")
        return [
            ComparisonRow(
                prompt=prompt,
                left=left,
                right=right,
                choice=choice,
                order_known=True,
                annotator=who,
                metadata={"question": question},
            )
        ]
    if not value.strip():
        return []
    if not answers or question in (
        "response",
        "correction",
        "demonstration",
        "completion",
        "answer",
    ):
        return [
            DemonstrationRow(prompt=prompt, text=value, author=who, metadata={"question": question})
        ]
    reading.fixed(f"labels of the question {question[:40]!r} left out")
    return []


def _ranking(
    prompt: PromptRow, answers: dict[str, Answer], value: list[Any], who: str, question: str
) -> RankingRow:
    """Values with ranks, 1 best, equal ranks tied. Names alone have lost their ranks and ties."""
    if not all(has(item, "value", "rank") for item in value):
        raise Refused(
            "is a ranking without rank numbers: this export has lost ranks and ties. "
            "Export the records with to_dict(flatten=False) or through the API"
        )
    names = list(answers)
    ranks: dict[int, list[int]] = {}
    for item in value:
        name, rank = label(item, "value"), item["rank"]
        if name not in answers or type(rank) is not int:
            raise Refused(f"{name[:40]!r} is no field of the record, or its rank is no number")
        ranks.setdefault(rank, []).append(names.index(name))
    placed = [at for tier in ranks.values() for at in tier]
    if len(placed) < 2 or len(set(placed)) < len(placed):
        raise Refused("ranks fewer than two answers, or one of them twice")
    return RankingRow(
        prompt=prompt,
        answers=tuple(answers.values()),
        tiers=tuple(tuple(ranks[rank]) for rank in sorted(ranks)),
        annotator=who,
        group=prompt.source_id,
        metadata={"question": question},
    )


def _ratings(
    prompt: PromptRow, answers: dict[str, Answer], question: str, score: float, who: str
) -> list[Row]:
    """A rating belongs to the only answer, or to the one whose name the question carries."""
    named = [answer for name, answer in answers.items() if name in question]
    chosen = list(answers.values()) if len(answers) == 1 else named
    if len(chosen) != 1:
        raise Refused("rates one of several answers without saying which")
    return [
        RatingRow(
            prompt=prompt,
            answer=chosen[0],
            aspect=question,
            score=score,
            lowest=min(0.0, score),
            highest=max(10.0, score),
            annotator=who,
            reason=optional_text({}, "reason"),
        )
    ]


ARGILLA = Format("argilla", "Argilla export", _recognise, _read, columns=("prompt",))
