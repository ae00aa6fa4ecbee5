"""One whole round with the real trainer on a tiny model; people vote through the REST door."""

import json
import uuid
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from tests.annotation.material import a_prompt
from tests.cast import a_workspace, ann, log_in, mia
from tests.training.registry import a_model
from tests.training.rounds.world import a_round, fresh
from training.models import ModelVersion, Round, StepState
from training.rounds.actions.drive import advance
from training.rounds.queries import board_change, step_at, where
from webapp.jobs.runner import run_next

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.heavy]
ANIMALS = ("cat", "dog", "bird", "fish")
LEARNING = {
    "device": "cpu",
    "training": {
        "batch_size": 4,
        "micro_batch_size": 4,
        "max_length": 64,
        "max_steps": 4,
        "learning_rate": 1e-3,
        "eval_every": 0,
    },
}


def post(client: Client, address: str, body: Any) -> Any:
    answer = client.post(address, json.dumps(body), content_type="application/json")
    assert answer.status_code in (200, 201), answer.content
    return answer.json()


def judge_by_rest(client: Client, campaign: int) -> int:
    """Ann prefers the shorter answer; how many she judged until nothing was left for her."""
    given = 0
    base = f"/api/v1/workspaces/paper-cups/campaigns/{campaign}"
    while item := post(client, f"{base}/claim/", {})["item"]:
        left, right = (len(shown["text"]) for shown in item["answers"])
        post(
            client,
            f"{base}/assignments/{item['assignment']}/submit/",
            {
                "key": str(uuid.uuid4()),
                "attempt": item["attempt"],
                "choice": "left" if left <= right else "right",
            },
        )
        given += 1
    return given


def until_people_are_wanted(found: Round) -> Round:
    """Everything that workers do, both queues, until the round waits for people or has ended."""
    while (
        advance(round_id=found.pk)
        or run_next(queue="default", worker="here")
        or run_next(queue="gpu", worker="here")
    ):
        pass
    found = fresh(found)
    step = step_at(found)
    assert step is None or step.state == StepState.RUNNING, step.error
    return found


def test_a_round_trains_on_what_people_said_and_the_board_shows_both_models(
    client: Client, base: Path
) -> None:
    workspace = a_workspace()
    manager = mia(workspace)
    ann(workspace)
    for number, animal in enumerate(ANIMALS):
        a_prompt(workspace, f"tell me about the {animal} .", split="train")
        a_prompt(workspace, f"what does the {animal} eat ? one {number}", split="held_out")
    found = a_round(
        workspace,
        manager,
        base=a_model(workspace, manager, folder=base),
        max_tokens=8,
        samples=2,
        configs={"dpo": LEARNING},
    )
    found = until_people_are_wanted(found)
    assert step_at(found).step == "collect"  # type: ignore[union-attr]
    log_in(client, ann())
    assert found.campaign_id is not None
    assert judge_by_rest(client, found.campaign_id) == len(ANIMALS)
    found = until_people_are_wanted(found)
    assert step_at(found).step == "compare", where(found)  # type: ignore[union-attr]
    [run] = [each.run for each in found.runs.select_related("run")]
    assert (run.outcome, run.step) == ("done", 4)
    assert found.model == ModelVersion.objects.get(run=run)
    assert found.model.sha256 != found.base.sha256
    assert found.comparison_id is not None
    assert judge_by_rest(client, found.comparison_id) == len(ANIMALS)
    found = until_people_are_wanted(found)
    assert where(found).key == "done"
    rows = {row["model"]: row for row in board_change(found)}
    assert set(rows) == {"base v1", "tuned v1"}
    assert rows["tuned v1"]["after"]["votes"] == len(ANIMALS)
