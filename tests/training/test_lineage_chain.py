"""The whole chain, both ways: from votes to the model that learned from them, to its answers, to
the boards that rate it; and back from a vote to every model that learned from it."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from annotation.boards.actions.board import BoardPlan, create_board
from annotation.holders import Holder
from annotation.models import Comparison
from tests.annotation.material import a_prompt, an_answer
from tests.cast import a_workspace, ann, log_in, mia
from tests.training.registry import a_model, a_run
from tests.training.snapshots import a_comparison, a_snapshot
from training.holders import holding
from training.lineage import lineage_of
from training.models import EndpointKind, ModelEndpoint, ModelVersion, Parentage, TrainingRun

pytestmark = pytest.mark.django_db


def the_chain() -> tuple[Any, Comparison, TrainingRun, ModelVersion, Comparison]:
    """A vote, the run that learned from it, its model, and a vote on what that model said."""
    workspace = a_workspace()
    learned = a_comparison(workspace)
    base = a_model(workspace, mia(workspace), kind="reward")
    snapshot = a_snapshot(workspace, by=mia())
    run = a_run(workspace, mia(), base=a_model(workspace, mia(), "policy"))
    run.data.update(snapshot=snapshot)
    tuned = a_model(workspace, mia(), "tuned", run=run)
    Parentage.objects.create(child=tuned, parent=base, role="base")
    ModelEndpoint.objects.create(
        workspace=workspace, name="tuned v1", kind=EndpointKind.REGISTERED, version=tuned
    )
    prompt = a_prompt(workspace)
    judged = Comparison.objects.create(
        prompt=prompt,
        left=an_answer(prompt, "One.", generator="tuned v1"),
        right=an_answer(prompt, "Two.", generator="base"),
        choice="left",
        annotator=ann(workspace),
    )
    create_board(workspace=workspace, by=mia(), plan=BoardPlan("All of them"))
    return workspace, learned, run, tuned, judged


def test_a_lineage_goes_from_the_votes_to_the_boards() -> None:
    workspace, _learned, run, tuned, _judged = the_chain()
    columns = lineage_of(tuned).columns
    kinds = {column: {node.kind for node in nodes} for column, nodes in columns.items()}
    assert kinds == {
        -3: {"judgements"},
        -2: {"model", "snapshot"},
        -1: {"run"},
        0: {"model"},
        1: {"answers"},
        2: {"board"},
    }
    assert [str(node.row) for node in columns[-3]] == ["1 comparisons"]
    assert [str(node.row) for node in columns[1]] == ["1 of tuned v1"]
    text = (
        log_in(Client(), mia())
        .get(reverse("training:model", args=[workspace.slug, tuned.pk]))
        .content.decode()
    )
    board = columns[2][0].row
    votes = reverse("annotation:board_votes", args=[workspace.slug, board.pk])
    assert text.count(f"{votes}?model=tuned+v1") == 2, "in the picture and in the table"
    judgements = reverse(
        "training:snapshot_judgements", args=[workspace.slug, run.data.get().snapshot_id]
    )
    assert text.count(judgements) == 2


def test_a_click_on_a_vote_shows_every_model_that_learned_from_it() -> None:
    workspace, learned, _run, tuned, judged = the_chain()
    child = a_model(workspace, mia(), "grandchild")
    Parentage.objects.create(child=child, parent=tuned, role="base")
    (board,) = [node.row for node in lineage_of(tuned).columns[2] if node.kind == "board"]
    client = log_in(Client(), mia())

    def page(vote: Comparison) -> str:
        address = reverse("annotation:board_vote", args=[workspace.slug, board.pk, f"c{vote.pk}"])
        return str(client.get(address).content.decode())

    shown = page(learned)
    for model in (tuned, child):
        assert reverse("training:model", args=[workspace.slug, model.pk]) in shown
    assert "no model has learned from it" in page(judged), "the control: it is in no snapshot"


def test_more_boards_cost_no_more_questions() -> None:
    workspace, _learned, _run, tuned, _judged = the_chain()

    def questions() -> int:
        with CaptureQueriesContext(connection) as asked:
            lineage_of(tuned)
        return len(asked)

    before = questions()
    for number in range(4):
        create_board(workspace=workspace, by=mia(), plan=BoardPlan(f"Board {number}"))
    assert questions() == before
    assert len(lineage_of(tuned).columns[2]) == 5


def test_a_merged_adapter_and_what_a_reward_model_let_pass_are_in_the_lineage() -> None:
    workspace, learned, run, tuned, _judged = the_chain()
    adapter = a_model(workspace, mia(), "small", kind="adapter")
    whole = a_model(workspace, mia(), "whole")
    for role, parent in (("base", tuned), ("adapter", adapter)):
        Parentage.objects.create(child=whole, parent=parent, role=role)

    def around(model: ModelVersion) -> dict[int, set[str]]:
        columns = lineage_of(model).columns
        return {column: {str(node.row) for node in nodes} for column, nodes in columns.items()}

    assert around(whole)[-2] == {"tuned v1", "small v1"}
    assert "whole v1" in around(adapter)[2]

    votes = a_snapshot(workspace, by=mia())
    taste = a_model(workspace, mia(), "taste", kind="reward")
    screening = a_run(workspace, mia(), "screening", base=tuned)
    screening.data.update(snapshot=votes)
    ModelVersion.objects.filter(pk=taste.pk).update(run=screening)
    later = a_run(workspace, mia(), "later", base=tuned)
    passed = later.data.get().snapshot
    polished = a_model(workspace, mia(), "polished", run=later)
    assert "taste v1" not in around(polished)[-2], "the control: nothing was screened yet"
    polished_by_name = "Model polished, version 1"
    assert polished_by_name not in {holder.what for holder in reached(workspace, learned)}
    passed.screened_by, passed.screen = taste, {"least": 0.0}
    passed.save()
    assert "taste v1" in around(polished)[-2]
    assert "later" in around(taste)[1]
    assert "polished v1" in around(taste)[2]
    found = {holder.what for holder in reached(workspace, learned)}
    assert polished_by_name in found, "what it let pass was chosen by that vote"


def reached(workspace: Any, vote: Comparison) -> list[Holder]:
    return holding(workspace, {"comparison": [vote.pk]})
