"""Votes in the database for tests of boards: plain functions, known strengths, fixed seeds."""

import uuid
from collections.abc import Sequence
from typing import Any

import numpy as np

from annotation.boards.actions.board import BoardPlan, create_board
from annotation.boards.definition import Definition
from annotation.judgement_filter import JudgementFilter
from annotation.models import Board, Comparison, Completion, Prompt
from tests.annotation.material import a_prompt, an_answer
from webapp.workspaces.models import Workspace

STRENGTHS = {"ant": -0.9, "bee": -0.2, "cat": 0.3, "dog": 0.8}


def a_board(workspace: Workspace, by: Any, name: str = "Helpfulness", **definition: Any) -> Board:
    chosen = definition.pop("filter", JudgementFilter())
    plan = BoardPlan(name=name, filter=chosen, definition=Definition(**definition))
    return create_board(workspace=workspace, by=by, plan=plan)


def a_vote(
    prompt: Prompt, left: Completion, right: Completion, choice: str, **fields: Any
) -> Comparison:
    fields.setdefault("annotator_label", "wanda")
    return Comparison.objects.create(
        prompt=prompt,
        left=left,
        right=right,
        choice=choice,
        idempotency_key=uuid.uuid4(),
        **fields,
    )


def votes_among(
    workspace: Workspace,
    *,
    votes: int = 300,
    people: int = 8,
    prompts: int = 15,
    strengths: dict[str, float] | None = None,
    seed: int = 7,
    source: str = "human",
    names: Sequence[str] = (),
    topic: int | None = None,
) -> list[Comparison]:
    """Comparisons of models whose win probabilities follow their strengths; 15 in 100 are ties.

    topic: the seed of an earlier call, whose prompts and answers are voted on again.
    """
    given = strengths or STRENGTHS
    random = np.random.default_rng(seed)
    asked: list[Prompt] = []
    answers: dict[tuple[int, str], Completion] = {}
    for number in range(prompts):
        text = f"Question {topic or seed}-{number}"
        known = Prompt.objects.filter(workspace=workspace, text=text).first()
        if known is not None:
            asked.append(known)
            answers |= {(number, one.generator): one for one in known.completions.all()}
            continue
        prompt = a_prompt(
            workspace,
            text,
            use_case=("chat", "code", "facts")[number % 3],
            language=("en", "de")[number % 2],
            tags=["short"] if number % 2 else ["long", "hard"],
        )
        asked.append(prompt)
        for model in given:
            # Stronger models write more, so that length has something to explain.
            text = f"Answer of {number}. " + "words " * int(20 + 10 * given[model] + number)
            answers[number, model] = an_answer(prompt, text, model)
    made = []
    models = list(given)
    who = names or [f"worker {at}" for at in range(people)]
    for _ in range(votes):
        one, other = random.choice(len(models), size=2, replace=False).tolist()
        number = int(random.integers(prompts))
        chance = 1 / (1 + np.exp(given[models[other]] - given[models[one]]))
        drawn = float(random.random())
        choice = "left" if random.random() < chance else "right"
        if drawn < 0.12:
            choice = "tie"
        elif drawn < 0.15:
            choice = "both_bad"
        made.append(
            Comparison(
                prompt=asked[number],
                left=answers[number, models[one]],
                right=answers[number, models[other]],
                choice=choice,
                source=source,
                annotator_label=who[int(random.integers(len(who)))],
                idempotency_key=uuid.UUID(int=int(random.integers(2**62)) + (1 << 100)),
                seconds=float(random.integers(3, 90)),
            )
        )
    return Comparison.objects.bulk_create(made)
