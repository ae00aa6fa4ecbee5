"""UltraFeedback: four answers a prompt with scores for four aspects, and its binarized form."""

from typing import Any

from annotation.imports.formats.conversations import user_prompt
from annotation.imports.formats.fields import keep, label, number, objects, optional_text, text
from annotation.imports.formats.format import Format, has, has_list
from annotation.imports.formats.preference_answers import (
    chosen_and_rejected,
    judged_answer,
    preference,
    prompt_turns,
)
from annotation.imports.formats.reading_options import Reading
from annotation.imports.formats.refusals import Refused
from annotation.imports.formats.rows import (
    JUDGE,
    Answer,
    CompletionRow,
    PromptRow,
    RankingRow,
    RatingRow,
    Row,
)

ASPECTS = ("instruction_following", "honesty", "truthfulness", "helpfulness")
_OVERALL_FIXED = "overall score 10 read as 1 (known fault of the 2023 release)"


def _recognise(record: Any) -> str:
    if has(record, "instruction", "completions") and has_list(record, "completions"):
        return "raw"
    if has(record, "chosen", "rejected", "score_chosen", "score_rejected"):
        return "binarized"
    return ""


def _read(record: dict[str, Any], reading: Reading) -> list[Row]:
    return (
        _read_raw(record, reading) if "completions" in record else _read_binarized(record, reading)
    )


def _read_raw(record: dict[str, Any], reading: Reading) -> list[Row]:
    """Completions, one rating for each aspect and the overall score, and the ranking these give."""
    prompt = user_prompt(
        text(record, "instruction"),
        tags=tuple(tag for tag in (optional_text(record, "source"),) if tag),
        metadata=keep(record, ("source", "correct_answers", "incorrect_answers")),
    )
    rows: list[Row] = []
    answers: list[Answer] = []
    overall: list[float | None] = []
    for position, completion in enumerate(objects(record, "completions")):
        path = f"completions[{position}]"
        try:
            answer = judged_answer(
                text(completion, "response", empty=True),
                optional_text(completion, "model"),
                metadata=keep(completion, ("principle", "custom_system_prompt", "critique")),
            )
            ratings, means = _ratings(prompt, answer, completion)
            overall.append(_overall(completion, means, reading))
        except Refused as error:
            raise error.under(path) from None
        answers.append(answer)
        rows.append(CompletionRow(prompt=prompt, answer=answer))
        rows += ratings
        if overall[-1] is not None:
            rows.append(_rating(prompt, answer, "overall", overall[-1], 10.0, ""))
    levels = sorted({score for score in overall if score is not None}, reverse=True)
    tiers = tuple(
        tuple(at for at, score in enumerate(overall) if score == level) for level in levels
    )
    if sum(map(len, tiers)) >= 2:
        rows.append(
            RankingRow(
                prompt=prompt,
                answers=tuple(answers),
                tiers=tiers,
                annotator="gpt-4",
                judged_by=JUDGE,
                metadata={"ranked_by": "overall", "scores": overall},
            )
        )
    return rows


def _ratings(
    prompt: PromptRow, answer: Answer, completion: dict[str, Any]
) -> tuple[list[Row], list[float]]:
    rows: list[Row] = []
    scores: list[float] = []
    annotations = completion.get("annotations") or {}
    if type(annotations) is not dict:
        raise Refused("is no object", "annotations")
    for aspect in ASPECTS:
        given = annotations.get(aspect)
        if given is None:
            continue
        if type(given) is not dict:
            raise Refused("is no object", f"annotations.{aspect}")
        if given.get("Rating") in (None, "", "N/A"):
            continue  # the judge gave none for this aspect
        try:
            score = number(given, "Rating")
        except Refused as error:
            raise error.under(f"annotations.{aspect}") from None
        if score is not None:
            scores.append(score)
            reason = optional_text(given, "Rationale") or optional_text(
                given, "Rationale For Rating"
            )
            rows.append(_rating(prompt, answer, aspect, score, 5.0, reason))
    return rows, scores


def _rating(
    prompt: PromptRow, answer: Answer, aspect: str, score: float, highest: float, reason: str
) -> RatingRow:
    if not 1.0 <= score <= highest:
        raise Refused(f"is {score:g}, outside 1 to {highest:g}", aspect)
    return RatingRow(
        prompt=prompt,
        answer=answer,
        aspect=aspect,
        score=score,
        lowest=1.0,
        highest=highest,
        annotator="gpt-4",
        judged_by=JUDGE,
        reason=reason,
    )


def _overall(completion: dict[str, Any], aspects: list[float], reading: Reading) -> float | None:
    """The overall score; 2,628 answers of the first release carry 10 where the judge wrote 1.

    The aspects tell them apart: their mean is at most 2 where the score should have been 1.
    """
    score = number(completion, "overall_score")
    fine = number(completion, "fine-grained_score")
    if fine is None and aspects:
        fine = sum(aspects) / len(aspects)
    if score is None:
        return fine
    if score == 10.0 and fine is not None and fine <= 2.0:
        reading.fixed(_OVERALL_FIXED)
        return 1.0
    return score


def _read_binarized(record: dict[str, Any], reading: Reading) -> list[Row]:
    given = record.get("prompt")
    turns = prompt_turns(given, reading, "prompt") if given else ()
    turns, chosen, rejected = chosen_and_rejected(record, reading, turns)
    scores = (number(record, "score_chosen"), number(record, "score_rejected"))
    tie = scores[0] is not None and scores[0] == scores[1]
    if tie:
        reading.fixed("equal scores read as a tie")
    margin = None if None in scores else float(scores[0] or 0) - float(scores[1] or 0)
    return [
        preference(
            PromptRow(messages=turns, source_id=label(record, "prompt_id")),
            judged_answer(chosen, optional_text(record, "chosen_model")),
            judged_answer(rejected, optional_text(record, "rejected_model")),
            tie=tie,
            strength=margin,
            annotator="gpt-4",
            judged_by=JUDGE,
            metadata={"strength_scale": "score difference"} if margin is not None else {},
        )
    ]


ULTRAFEEDBACK = Format("ultrafeedback", "UltraFeedback", _recognise, _read)
