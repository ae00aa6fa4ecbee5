"""Campaigns that choose their pairs: in batches, with the probability of every pair kept."""

import uuid
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from django.core.exceptions import ValidationError
from django.test import Client

from annotation.actions.assign import assign
from annotation.actions.open_campaign import Plan
from annotation.actions.submit import Submission, submit
from annotation.boards.actions.draw_pairs import Drawing, inclusion, open_paired_campaign
from annotation.boards.queries import read_all
from annotation.boards.read_votes import pair_key
from annotation.domain.answers import Comparison as Answer
from annotation.domain.answers import RankedAnswers
from annotation.domain.outcomes import Outcome
from annotation.domain.pair_selection import all_pairs
from annotation.models import Campaign, Comparison, Item, PairDraw, PairPlan
from annotation.prompt_filter import PromptFilter
from tests.annotation.boards.material import a_board, votes_among
from tests.cast import a_workspace, ann, log_in, mia
from webapp.workspaces.models import Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def workspace() -> Workspace:
    workspace = a_workspace()
    votes_among(workspace, votes=80)
    return workspace


def opened(workspace: Workspace, *, kind: str = "comparison", **drawing: Any) -> Campaign:
    return open_paired_campaign(
        workspace=workspace,
        by=mia(workspace),
        plan=Plan(name="Pairs", kind=kind, answers=4 if kind == "ranking" else 2),
        drawing=Drawing(**drawing),
        wanted=PromptFilter(),
    )


def answered(campaign: Campaign, person: Any) -> Any:
    held = assign(campaign=campaign, annotator=person)
    if held is None:
        return None
    answer: Any = Answer(Outcome.LEFT)
    if campaign.kind == "ranking":
        answer = RankedAnswers(tuple((one,) for one in held.shown_order))
    return submit(
        assignment=held,
        annotator=person,
        submission=Submission(key=uuid.uuid4(), attempt=held.attempt, answer=answer),
    )


@pytest.mark.parametrize("strategy", ["uniform", "misorder", "uncertainty", "a_optimal", "near"])
def test_every_strategy_draws_a_batch_with_known_probabilities(
    workspace: Workspace, strategy: str
) -> None:
    board = a_board(workspace, mia(workspace))
    campaign = opened(workspace, strategy=strategy, batch=12, most=30, board=board, newcomer="bee")
    items = Item.objects.filter(campaign=campaign)
    assert items.count() == 12
    for item in items:
        names = {answer.generator for answer in item.completions.all()}
        assert len(names) == 2
        # Of 6 pairs each keeps at least its even share of a tenth.
        assert item.pair_probability is not None
        assert 0.1 / 6 - 1e-12 <= item.pair_probability <= 1
        assert item.pair_draw.probabilities == {pair_key(*names): item.pair_probability}
        if strategy == "uniform":
            assert item.pair_probability == pytest.approx(1 / 6)


def test_the_next_batch_is_drawn_when_the_queue_is_empty_and_not_beyond_the_plan(
    workspace: Workspace,
) -> None:
    campaign = opened(workspace, batch=3, most=7)
    person = ann(workspace)
    votes = []
    while (vote := answered(campaign, person)) is not None:
        votes.append(vote)
    assert len(votes) == 7
    assert PairPlan.objects.get().laid_out == 7
    assert set(PairDraw.objects.values_list("batch", flat=True)) == {1, 2, 3}
    assert all(vote.pair_probability is not None for vote in votes)


def test_a_ranking_keeps_the_probability_of_each_of_its_pairs(workspace: Workspace) -> None:
    campaign = opened(workspace, kind="ranking", batch=2, most=2)
    assert answered(campaign, ann(workspace)) is not None
    # Four models, four answers: every pair is in every item.
    assert PairDraw.objects.first().probabilities == {  # type: ignore[union-attr]
        pair_key(*pair): pytest.approx(1.0)
        for pair in combinations(("ant", "bee", "cat", "dog"), 2)
    }
    votes = read_all(a_board(workspace, mia()))
    assert votes["probability"][votes["vote"] < 0] == pytest.approx(1.0)


def test_inclusion_is_what_drawing_gives() -> None:
    """6 models, 4 shown: 20,000 draws beside the formula."""
    random = np.random.default_rng(5)
    first, second = all_pairs(6)
    probability = random.random(15)
    probability /= probability.sum()
    count = np.zeros((6, 6))
    for at in random.choice(15, 20_000, p=probability).tolist():
        pair = [int(first[at]), int(second[at])]
        rest = [one for one in range(6) if one not in pair]
        inside = sorted([*pair, *random.choice(rest, 2, replace=False).tolist()])
        for a, b in combinations(inside, 2):
            count[a, b] += 1
    found = inclusion(probability, first, second, 6, 4)
    assert found.sum() == pytest.approx(6)  # C(4, 2) pairs in each item
    # Standard error of a share of 20,000 is at most 0.0035.
    assert count[first, second] / 20_000 == pytest.approx(found, abs=0.015)


def test_a_new_model_meets_others_and_a_foreign_one_is_refused(workspace: Workspace) -> None:
    board = a_board(workspace, mia(workspace))
    opened(workspace, strategy="near", newcomer="cat", uniform_share=0.0, batch=8, board=board)
    for item in Item.objects.all():
        assert "cat" in {answer.generator for answer in item.completions.all()}
    Campaign.objects.all().delete()
    with pytest.raises(ValidationError, match="eel has no answer"):
        opened(workspace, strategy="near", newcomer="eel")
    assert not Campaign.objects.exists()


def test_a_manager_opens_one_from_the_planner(workspace: Workspace) -> None:
    board = a_board(workspace, mia(workspace))
    client = log_in(Client(), mia())
    base = f"/w/{workspace.slug}/boards/{board.pk}/"
    form = {
        "name": "Pairs", "kind": "comparison", "answers": 4, "strategy": "near", "uniform": 10,
        "most": 20, "batch": 5, "overlap": 1,
    }  # fmt: skip
    refused = client.post(f"{base}campaign/", form)
    assert refused.status_code == 422
    assert "Say which model is new" in refused.content.decode()
    made = client.post(f"{base}campaign/", form | {"newcomer": "dog"})
    assert made.status_code == 302
    plan = client.get(f"{base}figures/planner/?gap=100&power=80&alpha=5&annotators=10")
    assert "near: dog" in plan.content.decode()
    assert Comparison.objects.count() == 80
