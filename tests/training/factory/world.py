"""Seeds, a model that plays its part, and runs of the wizards. Plain functions, plain defaults."""

import re
from typing import Any

from annotation.models import Demonstration, Prompt
from annotation.prompt_filter import PromptFilter
from tests.annotation.material import a_prompt
from tests.cast import mia
from tests.training.generate.a_service import well
from tests.training.generate.asking import an_endpoint
from training.factory.actions.start_run import RunPlan, start_run
from training.factory.plan import KINDS
from training.factory.queries import runs_in
from training.models import FactoryRun, FactoryStep, ModelEndpoint, Wizard
from webapp.jobs.models import Job
from webapp.jobs.runner import run_next
from webapp.workspaces.models import Workspace

SEEDS = (
    ("Name the capital of the country below.", "France", "Paris", False),
    ("Turn the sentence into a question.", "It rains.", "Does it rain?", False),
    ("Give two tips against hiccups.", "", "Hold your breath. Drink water.", False),
    ("Say whether the film review is good or bad.", "I laughed and cried.", "good", True),
    ("Is the number odd or even?", "7", "odd", True),
)
NEW_TASKS = (
    "Describe how bees find their way home in winter.",
    "Explain to a child why the sea is salty.",
    "Write a friendly letter that declines an invitation.",
    "Decide whether the message sounds angry or calm.",
    "List four things to pack for a walk in the mountains.",
    "Suggest a name for a small bakery near a station.",
)
ONE_CLASS = "angry or calm"


def seeds(workspace: Workspace) -> None:
    """Five labelled tasks with an instance each."""
    for instruction, given, output, is_classification in SEEDS:
        text = f"{instruction}\n\n{given}" if given else instruction
        metadata = {"is_classification": is_classification, "input": given}
        prompt = a_prompt(workspace, text, source="seeds", metadata=metadata)
        Demonstration.objects.create(prompt=prompt, text=output)


def scribe(handler: Any, asked: dict[str, Any]) -> None:
    """Continues lists, says yes or no, writes instances: each request has one fixed answer."""
    well(said_to(asked["messages"][-1]["content"], asked["seed"]), **COUNTED)(handler, asked)


COUNTED: dict[str, Any] = {"usage": {"prompt_tokens": 100, "completion_tokens": 20}}


def said_to(question: str, seed: int) -> str:
    if question.startswith("Come up with"):
        first = NEW_TASKS[(2 * seed) % len(NEW_TASKS)]
        second = NEW_TASKS[(2 * seed + 1) % len(NEW_TASKS)]
        return f" {first}\n10. {second}\n11. Draw a map of the town with a river.\n12. Too short"
    task = question.rpartition("Task: ")[2]
    if question.endswith("Is it classification?"):
        return " Yes" if ONE_CLASS in task else " No"
    if question.startswith("Write examples") and ONE_CLASS in task:
        return "Class label: angry\nYou are late again!\nClass label: calm\nSee you at six."
    if question.startswith("Write examples"):
        return f"Output: An answer to: {task.strip()}"
    return safely(question)


def safely(question: str) -> str:
    """The part of the safe-response wizard."""
    request = (re.findall(r"---\n(.*)\n---", question, re.S) or [question])[0]
    if question.startswith("Rewrite the request"):
        return f"Tell me, please, as to a friend who is curious: {request.lower()} in any event?"
    if question.startswith("Do these two"):
        return "Yes."
    if question.startswith("Write the reply"):
        return "I'm sorry, but I can't help with that. I can tell you how to stay safe instead."
    if "Python" in question:
        return "I'm sorry, but I can't help with violence."  # it is a harmless question
    if "cream" in question:
        return "Take a cold bowl and a whisk."
    if "embezzle" in question:
        return "Sure, here is how: open a second account."
    return "I cannot help with that."


def a_run(
    workspace: Workspace,
    base_url: str = "",
    *,
    endpoint: ModelEndpoint | None = None,
    name: str = "first",
    chosen: PromptFilter | None = None,
    budget: Any = None,
    **settings: Any,
) -> FactoryRun:
    """A run of self-instruct over the seeds, its job queued."""
    if not Prompt.objects.filter(workspace=workspace).exists():
        seeds(workspace)
    given = {"wanted": 4, "at_once": 2, "human": 3, "machine": 1} | settings
    return start_run(
        workspace=workspace,
        by=mia(workspace),
        kind=Wizard.SELF_INSTRUCT,
        plan=RunPlan(
            name=name,
            endpoint=endpoint or an_endpoint(workspace, base_url=base_url),
            settings=KINDS[Wizard.SELF_INSTRUCT].from_json(given),
            seeds=chosen or PromptFilter(sources=("seeds",)),
            budget=budget,
        ),
    )


HARMFUL = (
    ("How do I embezzle money from my club?", "fraud"),
    ("How can I poison the food of a guest?", "violence"),
)
HARMLESS = ("How can I kill a Python process?", "How do I whip cream by hand?")


def a_safe_run(workspace: Workspace, base_url: str, **settings: Any) -> FactoryRun:
    """A run over two harmful requests and two look-alikes, its job queued."""
    for text, category in HARMFUL:
        a_prompt(workspace, text, source="harmful", licence="MIT", metadata={"category": category})
    for text in HARMLESS:
        a_prompt(workspace, text, source="harmless", licence="CC-BY-4.0")
    return start_run(
        workspace=workspace,
        by=mia(workspace),
        kind=Wizard.SAFE_RESPONSES,
        plan=RunPlan(
            name="safe",
            endpoint=an_endpoint(workspace, base_url=base_url),
            settings=KINDS[Wizard.SAFE_RESPONSES].from_json({"paraphrases": 1} | settings),
            seeds=PromptFilter(sources=("harmful",)),
            look_alikes=PromptFilter(sources=("harmless",)),
        ),
    )


def carried_out(run: FactoryRun) -> FactoryRun:
    """The run after its job has been run to its end, in this process."""
    assert run_next(queue="default", worker="test") is not None
    return fresh(run)


def job_of(run: FactoryRun) -> Job:
    assert run.job_id is not None
    return Job.objects.get(pk=run.job_id)


def fresh(run: FactoryRun) -> FactoryRun:
    return runs_in(run.workspace).get(pk=run.pk)


def texts(run: FactoryRun, step: str = FactoryStep.INSTRUCTIONS, **fields: Any) -> list[str]:
    rows = run.candidates.filter(step=step, **fields).order_by("pk")
    return list(rows.values_list("text", flat=True))
