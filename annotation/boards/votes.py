"""A board's votes as columns of numbers with lists of names beside them. Pure: no database.

One row is one statement about two answers: a comparison, or one pair of a ranking. A million rows
take some 60 MB here and 20 on the disk, which is why a board reads texts and rows only once.
"""

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import IO, Any, NamedTuple

import numpy as np

from annotation.domain.arrays import Floats, Ints
from annotation.domain.battles import Battles

HUMAN, JUDGE, SIMULATED = range(3)
SOURCES = ("human", "judge", "simulated")
UNKNOWN = -1  # an annotator or a number that nobody stored

# Column: type. `vote` is the judgement's id, negative for a ranking; `at` seconds since 1970;
# `seconds` of work; `share` a judge's probability for the right answer; `probability` of the pair;
# `ordered` whether left and right were places on a screen; `repeat` a swapped second asking.
COLUMNS: dict[str, type] = {
    "vote": np.int64,
    "left": np.int32,
    "right": np.int32,
    "outcome": np.int8,
    "source": np.int8,
    "annotator": np.int32,
    "prompt": np.int32,
    "campaign": np.int32,
    "strength": np.int8,
    "ordered": np.bool_,
    "repeat": np.bool_,
    "at": np.int64,
    "seconds": np.float32,
    "share": np.float32,
    "probability": np.float32,
    "left_answer": np.int64,
    "right_answer": np.int64,
}
# What is known of texts, by answer id: words, headers, list items, bold; whether it names itself.
STYLE = ("length", "headers", "lists", "bold")
STRENGTHS = (
    "",
    "negligibly_better",
    "slightly_better",
    "better",
    "significantly_better",
)


@dataclass(frozen=True)
class PromptLabels:
    """What slices need to know of a prompt. `key` is its id in the database."""

    key: int
    use_case: str = ""
    language: str = ""
    tags: tuple[str, ...] = ()
    duplicate_of: str = ""  # equal texts share this: the hash of the last user turn


class Label(NamedTuple):
    """`key` finds the rows in the database (an id, or "label:..."), `name` is for people."""

    key: str
    name: str


@dataclass(frozen=True)
class Names:
    """What the numbers in the columns stand for: position -> name."""

    models: tuple[str, ...] = ()
    annotators: tuple[Label, ...] = ()
    prompts: tuple[PromptLabels, ...] = ()
    campaigns: tuple[Label, ...] = ()


@dataclass(frozen=True)
class Texts:
    """Style of those answers that were read: (A,) ids, sorted, (A, 4) counts, (A,) leaked.

    Above a limit only a fixed part of the answers is read; figures from texts then say so.
    """

    answer: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    style: Floats = field(default_factory=lambda: np.zeros((0, len(STYLE))))
    leaked: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=bool))

    def of(self, answers: Ints) -> tuple[np.ndarray, Ints]:
        """((n,) whether it was read, (n,) its row; 0 where it was not)."""
        if not len(self.answer):
            return np.zeros(len(answers), dtype=bool), np.zeros(len(answers), dtype=np.int64)
        row = np.minimum(np.searchsorted(self.answer, answers), len(self.answer) - 1)
        known = self.answer[row] == answers
        return known, np.where(known, row, 0)


@dataclass(frozen=True)
class Scores:
    """Ratings of single answers beside the votes: (S,) codes into Names, scores from 0 to 1.

    aspects: what was rated; aspect: (S,) positions in it. score is (given - lowest) / (highest -
    lowest) of its own scale.
    """

    annotator: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    model: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    prompt: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    answer: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    aspect: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    score: Floats = field(default_factory=lambda: np.zeros(0))
    aspects: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.score)


SCORE_COLUMNS = ("annotator", "model", "prompt", "answer", "aspect", "score")


@dataclass(frozen=True)
class Votes:
    """Equally long columns (see COLUMNS), the names behind their numbers, and what texts say."""

    columns: Mapping[str, np.ndarray]
    names: Names = field(default_factory=Names)
    texts: Texts = field(default_factory=Texts)
    scores: Scores = field(default_factory=Scores)

    def __len__(self) -> int:
        return len(self.columns["vote"])

    def __getitem__(self, column: str) -> np.ndarray:
        return self.columns[column]

    @classmethod
    def empty(cls) -> "Votes":
        return cls({name: np.zeros(0, dtype=kind) for name, kind in COLUMNS.items()})

    @classmethod
    def of(
        cls, rows: Mapping[str, Sequence[Any]], names: Names, texts: Texts | None = None
    ) -> "Votes":
        """From plain lists; a column that is not given has its value for "not known"."""
        count = len(rows["vote"])
        missing = {"seconds": np.nan, "share": np.nan, "probability": np.nan, "campaign": UNKNOWN}
        missing |= {"annotator": UNKNOWN, "ordered": True}
        columns: dict[str, np.ndarray] = {}
        for name, kind in COLUMNS.items():
            if name in rows:
                columns[name] = np.asarray(rows[name], dtype=kind)
            else:
                columns[name] = np.full(count, missing.get(name, 0), dtype=kind)
        return cls(columns, names, texts or Texts())

    def keep(self, chosen: np.ndarray) -> "Votes":
        """The rows that a mask or index array picks."""
        return replace(self, columns={name: col[chosen] for name, col in self.columns.items()})

    def joined(self, more: "Votes") -> "Votes":
        """These, then `more`, whose names must go on where these end (same positions)."""
        columns = {
            name: np.concatenate([col, more.columns[name]]) for name, col in self.columns.items()
        }
        return Votes(columns, more.names, more.texts, more.scores)

    def battles(self, weight: Floats | None = None) -> Battles:
        """What domain functions take.

        Unknown annotators are strangers to one another: each is a cluster of its own.
        """
        annotator = self["annotator"].astype(np.int64)
        strangers = np.flatnonzero(annotator == UNKNOWN)
        annotator[strangers] = len(self.names.annotators) + np.arange(len(strangers))
        known = len(strangers) < len(self)
        ballot = np.unique(self["vote"], return_inverse=True)[1].astype(np.int64)
        return Battles(
            self.names.models,
            self["left"].astype(np.int64),
            self["right"].astype(np.int64),
            self["outcome"].astype(np.int64),
            weight=weight,
            annotator=annotator if known else None,
            prompt=self["prompt"].astype(np.int64),
            ballot=ballot,
        )

    def judgements(self) -> int:
        """How many judgements the rows come from: a ranking of four is one, with six rows."""
        return len(np.unique(self["vote"]))

    def fingerprint(self) -> str:
        """SHA-256 of everything that figures depend on, in hexadecimal."""
        digest = hashlib.sha256()
        for name, column in self.columns.items():
            digest.update(name.encode())
            digest.update(np.ascontiguousarray(column).tobytes())
        rated = [getattr(self.scores, name) for name in SCORE_COLUMNS]
        for part in (self.texts.answer, self.texts.style, self.texts.leaked, *rated):
            digest.update(np.ascontiguousarray(part).tobytes())
        digest.update(json.dumps(_named(self), sort_keys=True).encode())
        return digest.hexdigest()


def write_votes(votes: Votes, file: IO[bytes] | Any, *, small: bool = False) -> None:
    """One .npz without any pickle: columns, texts, and the names as UTF-8 JSON.

    `small` compresses it: a third of the size for twenty times the work.
    """
    save = np.savez_compressed if small else np.savez
    named = np.frombuffer(json.dumps(_named(votes)).encode(), dtype=np.uint8)
    content = io.BytesIO()
    save(
        content,
        allow_pickle=False,
        names=named,
        text_answer=votes.texts.answer,
        text_style=votes.texts.style,
        text_leaked=votes.texts.leaked,
        **{f"column_{name}": column for name, column in votes.columns.items()},
        **{f"score_{name}": getattr(votes.scores, name) for name in SCORE_COLUMNS},
    )
    file.write(content.getvalue())


class UnreadableVotes(ValueError):
    """The file is not one that write_votes() made."""


def read_votes(file: IO[bytes]) -> Votes:
    """Raises UnreadableVotes."""
    try:
        with np.load(io.BytesIO(file.read()), allow_pickle=False) as kept:
            columns = {name: kept[f"column_{name}"].astype(t) for name, t in COLUMNS.items()}
            given = json.loads(kept["names"].tobytes())
            texts = Texts(kept["text_answer"], kept["text_style"], kept["text_leaked"])
            rated = {name: kept[f"score_{name}"] for name in SCORE_COLUMNS}
            scores = Scores(**rated, aspects=tuple(given["aspects"]))
    except (ValueError, KeyError, OSError, EOFError) as error:
        raise UnreadableVotes(f"This file of votes cannot be read: {error}") from error
    names = Names(
        tuple(given["models"]),
        tuple(Label(*one) for one in given["annotators"]),
        tuple(
            PromptLabels(key, use_case, language, tuple(tags), twin)
            for key, use_case, language, tags, twin in given["prompts"]
        ),
        tuple(Label(*one) for one in given["campaigns"]),
    )
    return Votes(columns, names, texts, scores)


def _named(votes: Votes) -> dict[str, Any]:
    names = votes.names
    return {
        "aspects": votes.scores.aspects,
        "models": names.models,
        "annotators": names.annotators,
        "campaigns": names.campaigns,
        "prompts": [
            [p.key, p.use_case, p.language, list(p.tags), p.duplicate_of] for p in names.prompts
        ],
    }
