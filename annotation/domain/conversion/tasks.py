"""The three source schemas that are understood out of the box, and summarisation.

No task has a label map of its own: 1 is "contradiction" in one NLI data set and "neutral" in
another, and a map that came along would swap them in silence.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from annotation.domain.conversion.templates import Template

NO_ANSWER = ""  # the label, in a map of words, of a question that its context does not answer


@dataclass(frozen=True)
class Task:
    """fields: what its templates need. usual: column names by which each is known.

    labelled: whether rows carry a label that needs words. answer: for tasks whose answer is in no
    label: the row to the text, or ValueError.
    """

    title: str
    fields: tuple[str, ...]
    templates: tuple[Template, ...]
    usual: Mapping[str, tuple[str, ...]]
    labelled: bool = True
    answer: Callable[[Mapping[str, Any]], str] | None = None
    tutorial: tuple[Mapping[str, Any], ...] = ()
    tutorial_words: Mapping[str, str] | None = None

    def columns(self, there: Sequence[str]) -> dict[str, str]:
        """Field -> the file's column, where one has a usual name."""
        lowered = {column.lower(): column for column in there}
        names = {name: (name, *self.usual.get(name, ())) for name in self.fields}
        found = {
            name: next((lowered[known] for known in known_as if known in lowered), "")
            for name, known_as in names.items()
        }
        return {name: column for name, column in found.items() if column}


def first_answer(record: Mapping[str, Any]) -> str:
    """SQuAD's answers {text: [...], answer_start: [...]}: the first one, "" when there is none.

    Every answer must stand in the context where answer_start (characters) says. Raises ValueError
    naming the one that does not.
    """
    answers = record.get("answers")
    if isinstance(answers, str):
        answers = _decoded(answers)
    if not isinstance(answers, Mapping) or not isinstance(answers.get("text"), (list, tuple)):
        raise ValueError("answers must be an object with the lists text and answer_start")
    texts, starts = answers["text"], answers.get("answer_start")
    if not isinstance(starts, (list, tuple)) or len(starts) != len(texts):
        raise ValueError("answers.answer_start must be a list as long as answers.text")
    context = str(record.get("context", ""))
    for number, (text, start) in enumerate(zip(texts, starts, strict=True)):
        if not isinstance(text, str) or type(start) is not int or start < 0:
            raise ValueError(f"answers.answer_start[{number}] must be a place of a text, from 0")
        there = context[start : start + len(text)]
        if there != text:
            raise ValueError(
                f"answers.answer_start[{number}] is {start}, where the context has {there[:60]!r} "
                f"and not {text[:60]!r}"
            )
    return texts[0] if texts else NO_ANSWER


def _decoded(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise ValueError("answers must be an object with the lists text and answer_start") from None


SENTIMENT = Task(
    title="Sentiment",
    fields=("text", "label"),
    usual={"text": ("sentence", "review", "content"), "label": ("sentiment", "polarity", "class")},
    templates=(
        Template("opinion", "{text}\n\nWhat does the writer think of it?"),
        Template("tone", "Is the tone of this text positive or negative?\n\n{text}"),
        Template("inverse", "Write a {answer} review of a film, in one sentence.", "{text}"),
    ),
    tutorial=(
        {"text": "A warm film that never raises its voice.", "label": 1},
        {"text": "Two hours that I would like to have back.", "label": 0},
    ),
    tutorial_words={"0": "negative", "1": "positive"},
)
NLI = Task(
    title="Natural language inference",
    fields=("premise", "hypothesis", "label"),
    usual={
        "premise": ("sentence1", "text1"),
        "hypothesis": ("sentence2", "text2"),
        "label": ("gold_label",),
    },
    templates=(
        Template("follows", "{premise}\n\nDoes it follow that {hypothesis}"),
        Template(
            "paragraph", "Read this: {premise}\n\nCan we conclude the following?\n{hypothesis}"
        ),
        Template(
            "inverse",
            "{premise}\n\nWrite a sentence about which, to the question whether it follows, one "
            "would say: {answer}",
            "{hypothesis}",
        ),
    ),
    tutorial=(
        {
            "premise": "Mina is a doctoral student of computer science at VT.",
            "hypothesis": "Mina studies at VT.",
            "label": 0,
        },
        {
            "premise": "Mina is a doctoral student of computer science at VT.",
            "hypothesis": "Mina has never been enrolled anywhere.",
            "label": 1,
        },
        {
            "premise": "Mina is a doctoral student of computer science at VT.",
            "hypothesis": "Mina likes the food on the campus.",
            "label": 2,
        },
    ),
    tutorial_words={"0": "yes", "1": "no", "2": "it is not possible to tell"},
)
EXTRACTIVE_QA = Task(
    title="Extractive question answering",
    fields=("context", "question", "answers"),
    usual={"context": ("passage", "paragraph"), "question": ("query",), "answers": ("answer",)},
    labelled=False,
    answer=first_answer,
    templates=(
        Template("passage first", "{context}\n\n{question}"),
        Template(
            "question first",
            "Answer in words of the passage.\n\n{question}\n\nPassage: {context}",
        ),
        Template(
            "inverse",
            "{context}\n\nWrite a question that this passage answers with “{answer}”.",
            "{question}",
        ),
    ),
    tutorial=(
        {
            "context": "The library opens at eight and closes at midnight, except on Sundays.",
            "question": "When does the library close?",
            "answers": {"text": ["at midnight"], "answer_start": [38]},
        },
        {
            "context": "The library opens at eight and closes at midnight, except on Sundays.",
            "question": "Who runs the library?",
            "answers": {"text": [], "answer_start": []},
        },
    ),
    tutorial_words={NO_ANSWER: "The passage does not say."},
)
SUMMARISATION = Task(
    title="Summarisation",
    fields=("document", "summary"),
    usual={
        "document": ("text", "article", "source", "dialogue", "body"),
        "summary": ("target", "highlights", "abstract", "title"),
    },
    labelled=False,
    templates=(
        Template(
            "one sentence",
            "Please summarize the following text in one sentence:\n\n{document}",
            "{summary}",
        ),
        Template("in short", "{document}\n\nWhat does this say, in short?", "{summary}"),
        Template("inverse", "Write a text that could be summed up as: {summary}", "{document}"),
    ),
    tutorial=(
        {
            "document": "The bus to the campus was cancelled this morning because of ice on the "
            "road. Students walked, and most lectures began a quarter of an hour late.",
            "summary": "Ice cancelled the campus bus, so lectures began late.",
        },
    ),
)
TASKS: dict[str, Task] = {
    "sentiment": SENTIMENT,
    "nli": NLI,
    "extractive_qa": EXTRACTIVE_QA,
    "summarisation": SUMMARISATION,
}
