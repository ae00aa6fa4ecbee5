"""MT-Bench: questions, answers, and judgments (single scores and pairs in both orders)."""

from typing import Any

from annotation.imports.formats.battles import question_prompt, turn_answer
from annotation.imports.formats.fields import (
    items,
    keep,
    label,
    list_in_text,
    number,
    objects,
    optional_text,
    text,
)
from annotation.imports.formats.format import Format, has, has_list
from annotation.imports.formats.reading_options import Reading
from annotation.imports.formats.refusals import Refused
from annotation.imports.formats.rows import (
    JUDGE,
    LEFT,
    RIGHT,
    TIE,
    Answer,
    ComparisonRow,
    CompletionRow,
    PromptRow,
    RatingRow,
    Row,
)
from annotation.imports.formats.verdicts import choice_of

DATASET = "mt_bench"
ERROR = "error"


def _recognise_questions(record: Any) -> str:
    if has(record, "question_id") and has_list(record, "turns"):
        return "mt_bench"
    return "vicuna" if has(record, "question_id", "text", "category") else ""


def _read_questions(record: dict[str, Any], reading: Reading) -> list[Row]:
    turns = _texts(record, "turns") if "turns" in record else [text(record, "text")]
    if not turns[0].strip():
        raise Refused("is empty", "turns[0]")
    category = label(record, "category")
    return [
        question_prompt(
            turns,
            source_id=_question(record),
            tags=(category,) if category else (),
            metadata=keep(record, ("reference", "category")),
        )
    ]


def _recognise_answers(record: Any) -> str:
    return "answers" if has(record, "question_id", "model_id", "choices") else ""


def _read_answers(record: dict[str, Any], reading: Reading) -> list[Row]:
    """One completion for each choice; the question is named by its id.

    The files are appended to: FastChat reads a model's last line for a question.
    """
    rows: list[Row] = []
    for position, choice in enumerate(objects(record, "choices")):
        try:
            said = _texts(choice, "turns")
        except Refused as error:
            raise error.under(f"choices[{position}]") from None
        answer = turn_answer(
            said,
            text(record, "model_id"),
            source_id=label(record, "answer_id"),
            last_wins=True,
            metadata=keep(record, ("tstamp",)) | keep(choice, ("index",)),
        )
        rows.append(CompletionRow(prompt=_named(record, reading), answer=answer))
    return rows


def _recognise_judgments(record: Any) -> str:
    if has(record, "question_id", "g1_winner", "g2_winner"):
        return "pair"
    return "single" if has(record, "question_id", "model", "judge", "score") else ""


def _read_judgments(record: dict[str, Any], reading: Reading) -> list[Row]:
    if "g1_winner" in record:
        return _read_pair(record, reading)
    score = number(record, "score")
    if score is None or score == -1:
        raise Refused("holds no score: the judge's reply could not be read", "score")
    if not 1 <= score <= 10:
        raise Refused(f"is {score:g}, outside 1 to 10", "score")
    return [
        RatingRow(
            prompt=_named(record, reading),
            answer=Answer(text=None, generator=text(record, "model")),
            aspect=f"turn_{_turn(record)}",
            score=score,
            lowest=1.0,
            highest=10.0,
            annotator=_judge(record),
            judged_by=JUDGE,
            reason=optional_text(record, "judgment"),
            metadata=keep(record, ("turn", "tstamp")),
        )
    ]


def _read_pair(record: dict[str, Any], reading: Reading) -> list[Row]:
    """Both games: the second shows model_2 first. They share a group, so that order can be judged.

    A game in which the judge failed is left out with a word; a record of two such games is refused.
    """
    names = text(record, "model_1"), text(record, "model_2")
    winners = {"model_1": names[0], "model_2": names[1], "tie": TIE}
    question = _question(record)
    turn = _turn(record)
    rows: list[Row] = []
    for game, (left, right) in (("g1", names), ("g2", names[::-1])):
        word = record.get(f"{game}_winner")
        if word == ERROR:
            continue
        if type(word) is not str or word not in winners:
            choice = choice_of(
                word, reading, f"{game}_winner", {**dict.fromkeys(winners, ""), ERROR: ""}
            )
        elif word == "tie":
            choice = TIE
        else:
            choice = LEFT if winners[word] == left else RIGHT
        rows.append(
            ComparisonRow(
                prompt=_named(record, reading),
                left=Answer(text=None, generator=left),
                right=Answer(text=None, generator=right),
                choice=choice,
                order_known=True,
                annotator=_judge(record),
                group=f"{question}/{turn}/{names[0]}/{names[1]}",
                judged_by=JUDGE,
                reason=optional_text(record, f"{game}_judgment"),
                metadata={"game": game, **keep(record, ("turn", "tstamp"))},
            )
        )
    if not rows:
        raise Refused("and g2_winner are both 'error': the judge gave no verdict", "g1_winner")
    if len(rows) == 1:
        reading.fixed("one of two games had no verdict and was left out")
    return rows


def _named(record: dict[str, Any], reading: Reading) -> PromptRow:
    """A prompt known by its number; another set of questions is told by `Options.source`."""
    return PromptRow(source=reading.options.source or DATASET, source_id=_question(record))


def _question(record: dict[str, Any]) -> str:
    found = label(record, "question_id")
    if not found:
        raise Refused("is missing or null", "question_id")
    return found


def _turn(record: dict[str, Any]) -> int:
    turn = number(record, "turn")
    if turn is None:
        return 1
    if turn not in (1, 2):
        raise Refused(f"is {turn:g}; 1 or 2 belongs here", "turn")
    return int(turn)


def _judge(record: dict[str, Any]) -> str:
    given = record.get("judge")
    if type(given) is str and given.lstrip()[:1] == "[":
        given = list_in_text(given, "judge")
    if type(given) is list and given and all(type(part) is str for part in given):
        return "/".join(given)
    return label(record, "judge")


def _texts(record: dict[str, Any], key: str) -> list[str]:
    found = items(record, key)
    for position, item in enumerate(found):
        if type(item) is not str:
            raise Refused("is no text", f"{key}[{position}]")
    return found


MT_BENCH_QUESTIONS = Format(
    "mt_bench_questions",
    "MT-Bench questions",
    _recognise_questions,
    _read_questions,
    dataset=DATASET,
)
MT_BENCH_ANSWERS = Format(
    "mt_bench_answers", "MT-Bench answers", _recognise_answers, _read_answers, dataset=DATASET
)
MT_BENCH_JUDGMENTS = Format(
    "mt_bench_judgments",
    "MT-Bench judgments",
    _recognise_judgments,
    _read_judgments,
    dataset=DATASET,
)
