"""Label Studio's JSON export: tasks with annotations of pairwise, ranker, rating and text areas."""

from typing import Any

from annotation.imports.formats.conversations import user_prompt
from annotation.imports.formats.fields import (
    kind_of,
    label,
    nested,
    number,
    objects,
    yes_or_no,
)
from annotation.imports.formats.format import Format, has, has_list
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
from annotation.imports.formats.verdicts import choice_of, refuse_same_answers

PROMPT_KEYS = ("prompt", "instruction", "question", "query", "text")
ANSWER_PAIRS = (
    ("answer1", "answer2"),
    ("answer_1", "answer_2"),
    ("response1", "response2"),
    ("response_1", "response_2"),
    ("response_a", "response_b"),
    ("text1", "text2"),
)
UNPLACED = "_"
_SKIPPED = "skipped annotations left out"


def _recognise(record: Any) -> str:
    if has(record, "data", "annotations") and has_list(record, "annotations"):
        return "json"
    flat = has(record, "annotator", "annotation_id") or has(record, "lead_time", "annotation_id")
    return "json_min" if flat else ""


def _read(record: dict[str, Any], reading: Reading) -> list[Row]:
    """The task's texts, and a row for each result of each annotation that was not skipped."""
    if "data" not in record:
        raise Refused(
            "is a JSON_MIN export, which drops who chose what; export JSON instead", "annotation_id"
        )
    data = nested(record, "data")
    columns = reading.options.columns
    prompt_key = columns.get("prompt") or next((key for key in PROMPT_KEYS if data.get(key)), "")
    if not prompt_key or type(data.get(prompt_key)) is not str or not data[prompt_key].strip():
        raise Refused(f"holds no prompt under {', '.join(PROMPT_KEYS)}; map the column", "data")
    prompt = user_prompt(data[prompt_key], source_id=label(record, "id"))
    rows: list[Row] = []
    for position, annotation in enumerate(objects(record, "annotations", empty=True)):
        if yes_or_no(annotation, "was_cancelled"):
            reading.fixed(_SKIPPED)
            continue
        for at, result in enumerate(objects(annotation, "result", empty=True)):
            path = f"annotations[{position}].result[{at}]"
            try:
                rows += _result(result, annotation, prompt, data, reading)
            except Refused as error:
                raise error.under(path) from None
    return rows or _unjudged(prompt, data, reading)


def _unjudged(prompt: PromptRow, data: dict[str, Any], reading: Reading) -> list[Row]:
    found: list[Row] = [
        CompletionRow(prompt=prompt, answer=answer)
        for answer in (
            *_pair(data, reading, required=False),
            *_listed(data, required=False).values(),
        )
    ]
    return found or [prompt]


def _pair(data: dict[str, Any], reading: Reading, *, required: bool = True) -> tuple[Answer, ...]:
    columns = reading.options.columns
    keys = next((pair for pair in ANSWER_PAIRS if all(key in data for key in pair)), ("", ""))
    keys = (columns.get("left") or keys[0], columns.get("right") or keys[1])
    if not all(type(data.get(key)) is str for key in keys):
        if required:
            raise Refused("the task's data hold no two answers; map the columns left and right")
        return ()
    return tuple(judged_answer(data[key], key) for key in keys)


def _listed(data: dict[str, Any], *, required: bool = True) -> dict[str, Answer]:
    """The items of a Ranker, by their id: the first list of objects with `id` and a text."""
    for value in data.values():
        if type(value) is list and value and all(has(item, "id") for item in value):
            found = {}
            for item in value:
                said = item.get("body") or item.get("text") or item.get("title")
                if type(said) is not str:
                    raise Refused("an item of the task has no body, text or title")
                name = label(item, "id")
                title = item.get("title")
                generator = title if type(title) is str and item.get("body") else ""
                found[name] = judged_answer(said, generator, source_id=name)
            return found
    if required:
        raise Refused("the task's data hold no list of items with ids")
    return {}


def _result(
    result: dict[str, Any],
    annotation: dict[str, Any],
    prompt: PromptRow,
    data: dict[str, Any],
    reading: Reading,
) -> list[Row]:
    value = nested(result, "value")
    kind = result.get("type")
    who = _annotator(annotation)
    source_id = label(result, "id") or label(annotation, "id")
    flags = {"ground_truth": True} if annotation.get("ground_truth") is True else {}
    if kind == "pairwise":
        left, right = _pair(data, reading)
        choice = choice_of(value.get("selected"), reading, "value.selected")
        refuse_same_answers(left, right, choice, "data")
        return [
            ComparisonRow(
                prompt=prompt,
                left=left,
                right=right,
                choice=choice,
                order_known=True,
                annotator=who,
                source_id=source_id,
                metadata=flags,
            )
        ]
    if kind == "ranker":
        return [_ranking(value, prompt, _listed(data), who, source_id, flags)]
    if kind == "rating":
        stars = number(value, "rating")
        answers = _pair(data, reading, required=False)
        if stars is None or not answers:
            raise Refused("is a rating of something that is no answer", "value.rating")
        return [_stars(prompt, answers[0], stars, result, who, source_id)]
    if kind == "textarea":
        texts = value.get("text")
        texts = [texts] if type(texts) is str else texts
        if type(texts) is not list or any(type(item) is not str for item in texts):
            raise Refused(f"is {kind_of(value.get('text'))} where texts belong", "value.text")
        written = "\n".join(texts)
        if not written.strip():
            return []
        return [DemonstrationRow(prompt=prompt, text=written, author=who, source_id=source_id)]
    reading.fixed(f"results of type {str(kind)[:40]!r} left out")
    return []


def _annotator(annotation: dict[str, Any]) -> str:
    who = annotation.get("completed_by")
    if type(who) is dict:
        return label(who, "id") or label(who, "email")
    return label(annotation, "completed_by")


def _ranking(
    value: dict[str, Any],
    prompt: PromptRow,
    listed: dict[str, Answer],
    who: str,
    source_id: str,
    flags: dict[str, Any],
) -> RankingRow:
    """Ranker's list is best first; in buckets `_` holds what was not placed."""
    given = value.get("ranker")
    if type(given) is dict:
        buckets = [names for bucket, names in given.items() if bucket != UNPLACED]
        if len(buckets) != 1:
            raise Refused(
                f"has {len(buckets)} buckets; only one ranked list is understood", "ranker"
            )
        given = buckets[0]
    if type(given) is not list or len(given) < 2:
        raise Refused("ranks fewer than two items", "value.ranker")
    names = list(listed)
    order = [str(name) for name in given]
    unknown = [name for name in order if name not in listed]
    if unknown or len(set(order)) < len(order):
        raise Refused("names an item twice or one that the task does not have", "value.ranker")
    return RankingRow(
        prompt=prompt,
        answers=tuple(listed.values()),
        tiers=tuple((names.index(name),) for name in order),
        annotator=who,
        source_id=source_id,
        group=prompt.source_id,
        metadata=flags,
    )


def _stars(
    prompt: PromptRow,
    answer: Answer,
    stars: float,
    result: dict[str, Any],
    who: str,
    source_id: str,
) -> RatingRow:
    highest = max(5.0, stars)
    return RatingRow(
        prompt=prompt,
        answer=answer,
        aspect=label(result, "from_name") or "rating",
        score=stars,
        lowest=0.0,
        highest=highest,
        annotator=who,
        source_id=source_id,
    )


LABEL_STUDIO = Format(
    "label_studio",
    "Label Studio export",
    _recognise,
    _read,
    columns=("prompt", "left", "right"),
)
