"""What is known of a board's people, campaigns, prompts and answers beside the votes themselves."""

import hashlib
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np

from annotation.boards.votes import Label, PromptLabels, Texts, Votes
from annotation.domain.identity import NAMED, names_its_maker
from annotation.domain.style_control import style_of
from annotation.models import Campaign, Completion, Prompt
from webapp.accounts.models import User
from webapp.workspaces.models import Workspace

BATCH = 10_000
# Up to this many answers are read for style; of more, a fixed part that their ids choose.
MOST_TEXTS = 100_000


def people(before: tuple[Label, ...], found: dict[str, int]) -> tuple[Label, ...]:
    new = list(found)[len(before) :]
    ids = [int(key) for key in new if not key.startswith("label:")]
    names = {str(user.pk): str(user) for user in User.objects.filter(pk__in=ids)}
    added = (Label(key, names.get(key, key.removeprefix("label:"))) for key in new)
    return (*before, *added)


def campaign_labels(found: dict[str, int]) -> tuple[Label, ...]:
    names = dict(Campaign.objects.filter(pk__in=list(found)).values_list("pk", "name"))
    return tuple(Label(key, names.get(int(key), key)) for key in found)


def prompt_labels(
    workspace: Workspace, before: tuple[PromptLabels, ...], found: dict[int, int]
) -> tuple[PromptLabels, ...]:
    new = list(found)[len(before) :]
    labels: dict[int, PromptLabels] = {}
    for ids in batched(iter(new)):
        rows = Prompt.objects.filter(workspace=workspace, pk__in=ids)
        for pk, use_case, language, tags, text in rows.values_list(
            "pk", "use_case", "language", "tags", "text"
        ):
            twin = hashlib.sha256(" ".join(text.lower().split()).encode("utf-8", "replace"))
            labels[pk] = PromptLabels(pk, use_case, language, tuple(tags), twin.hexdigest()[:16])
    return (*before, *(labels.get(pk, PromptLabels(pk)) for pk in new))


def wanted_texts(votes: Votes) -> np.ndarray:
    """Ids of the answers whose style is read; of very many, every n-th vote's two answers."""
    return sampled_texts(votes, len(votes))


def sampled_texts(votes: Votes, of: int) -> np.ndarray:
    """The same of some votes of a board that has `of` in all."""
    every = max(1, -(-2 * of // MOST_TEXTS))
    chosen = votes["vote"] % every == 0
    return np.unique(np.concatenate([votes["left_answer"][chosen], votes["right_answer"][chosen]]))


def read_texts(before: Texts, wanted: np.ndarray) -> Texts:
    known = np.isin(wanted, before.answer)
    missing = wanted[~known]
    if not len(missing) and len(before.answer):
        return before
    style: dict[int, tuple[tuple[int, ...], bool]] = {}
    for ids in batched(iter(missing.tolist()), 2000):
        rows = Completion.objects.filter(pk__in=ids, has_text=True)
        for pk, text, flags in rows.values_list("pk", "text", "flags"):
            style[pk] = (tuple(style_of(text)), NAMED in flags or names_its_maker(text))
    answers = np.array(sorted(style), dtype=np.int64)
    counts = np.array([style[pk][0] for pk in answers.tolist()], dtype=np.float64).reshape(-1, 4)
    leaked = np.array([style[pk][1] for pk in answers.tolist()], dtype=bool)
    every = np.concatenate([before.answer, answers])
    order = np.argsort(every, kind="stable")
    return Texts(
        every[order],
        np.concatenate([before.style, counts])[order],
        np.concatenate([before.leaked, leaked])[order],
    )


def batched(rows: Iterable[Any], size: int = BATCH) -> Iterator[list[Any]]:
    iterator = iter(rows)
    while batch := list(islice(iterator, size)):
        yield batch
