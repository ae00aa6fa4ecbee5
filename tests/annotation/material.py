"""Prompts, answers and campaigns for tests. Plain functions; every argument has a plain default."""

import hashlib
import itertools
import json
from typing import Any

from annotation.actions.open_campaign import Plan, open_campaign, prepare_campaign
from annotation.models import Campaign, Completion, Prompt
from annotation.models.campaigns import WRITES_PROMPTS, Kind
from annotation.prompt_filter import PromptFilter
from webapp.workspaces.models import Workspace

_numbers = itertools.count(1)


def a_prompt(workspace: Workspace, text: str = "", **fields: Any) -> Prompt:
    text = text or f"Tell me fact number {next(_numbers)}."
    messages = [{"role": "user", "content": text}]
    return Prompt.objects.create(
        workspace=workspace,
        messages=messages,
        text=text,
        text_hash=hashlib.sha256(json.dumps(messages).encode()).digest(),
        **fields,
    )


def an_answer(prompt: Prompt, text: str = "", generator: str = "base", **fields: Any) -> Completion:
    text = text or f"An answer of {generator} to: {prompt.text}"
    return Completion.objects.create(
        prompt=prompt,
        text=text,
        text_hash=hashlib.sha256(text.encode()).digest(),
        generator=generator,
        **fields,
    )


def a_campaign(
    workspace: Workspace, by: Any, *, kind: str = Kind.COMPARISON, items: int = 1, **plan: Any
) -> Campaign:
    """An open campaign over `items` new prompts, each with as many answers as an item shows."""
    if kind in WRITES_PROMPTS:
        return prepare_campaign(
            workspace=workspace,
            by=by,
            plan=Plan(name=f"Campaign {next(_numbers)}", kind=kind, texts=items, **plan),
            wanted=PromptFilter(),
            most=None,
            opens=True,
        )
    answers = 0 if kind == Kind.DEMONSTRATION else plan.get("answers", 2)
    prompts = [a_prompt(workspace) for _ in range(items)]
    for prompt in prompts:
        for number in range(answers):
            an_answer(prompt, generator=f"model-{number}")
    return open_campaign(
        workspace=workspace,
        by=by,
        plan=Plan(name=f"Campaign {next(_numbers)}", kind=kind, **plan),
        prompts=Prompt.objects.filter(pk__in=[prompt.pk for prompt in prompts]),
    )
