"""A stopping rule that has decided is seen, and pauses the campaigns that were to stop with it."""

import uuid
from typing import Any

import pytest
from django.test import Client

from annotation.actions.assign import assign
from annotation.actions.change_campaign import change_state
from annotation.actions.submit import Submission, submit
from annotation.boards.actions.stop_campaigns import choose_stops, stop_where_decided, verdict
from annotation.boards.queries import shown
from annotation.domain.answers import Comparison as Answer
from annotation.domain.outcomes import Outcome
from annotation.judgement_filter import JudgementFilter
from annotation.models import Board, Campaign
from annotation.models.campaigns import Kind, State
from tests.annotation.boards.material import a_board, a_vote, votes_among
from tests.annotation.boards.test_pages import address, shown_text
from tests.annotation.material import a_campaign, a_prompt, an_answer
from tests.cast import a_workspace, ann, log_in, mia
from tests.training.generate.asking import work
from webapp.audit.models import AuditEntry
from webapp.jobs.models import Job
from webapp.workspaces.models import Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def workspace() -> Workspace:
    return a_workspace()


def a_clear_winner(workspace: Workspace, wins: int) -> None:
    """ant beats bee `wins` times and loses twice."""
    prompt = a_prompt(workspace, "Who?")
    ant, bee = (an_answer(prompt, f"by {name}", name) for name in ("ant", "bee"))
    for number in range(wins + 2):
        choice = "left" if number < wins else "right"
        a_vote(prompt, ant, bee, choice, annotator_label=f"worker {number % 7}")


def deciding(workspace: Workspace, **definition: Any) -> tuple[Board, Campaign]:
    board = a_board(workspace, mia(workspace), **{"stopping": "e_value", **definition})
    campaign = a_campaign(workspace, mia(), kind=Kind.COMPARISON, items=2)
    choose_stops(board=board, by=mia(), campaigns=[campaign])
    campaign.refresh_from_db()
    return board, campaign


def state_of(campaign: Campaign) -> tuple[str, str]:
    campaign.refresh_from_db()
    return campaign.state, campaign.paused_because


def test_a_decided_board_pauses_its_campaign_once_and_says_why(workspace: Workspace) -> None:
    a_clear_winner(workspace, 30)
    board, campaign = deciding(workspace)
    paused = stop_where_decided(board=board, content=shown(board).content)
    assert paused == [campaign]
    state, because = state_of(campaign)
    assert state == State.PAUSED
    assert "“Helpfulness” has decided" in because
    assert "ant leads" in because
    entry = AuditEntry.objects.filter(action="campaign.state").latest("pk")
    assert entry.actor is None
    page = log_in(Client(), mia()).get(f"/w/{workspace.slug}/campaigns/{campaign.pk}/")
    assert "ant leads" in shown_text(page)
    change_state(campaign=campaign, by=mia(), state=State.OPEN)
    assert stop_where_decided(board=board, content=shown(board).content) == []
    assert state_of(campaign) == (State.OPEN, "")


def test_an_undecided_board_pauses_nothing(workspace: Workspace) -> None:
    a_clear_winner(workspace, 4)
    board, campaign = deciding(workspace)
    assert verdict(shown(board).content) == ""
    assert stop_where_decided(board=board, content=shown(board).content) == []
    assert state_of(campaign)[0] == State.OPEN


@pytest.mark.parametrize(("goal", "decided"), [("leader", True), ("order", False)])
def test_the_goal_says_which_pairs_have_to_be_decided(
    workspace: Workspace, goal: str, decided: bool
) -> None:
    a_clear_winner(workspace, 30)
    prompt = a_prompt(workspace, "And?")
    bee, cat = (an_answer(prompt, f"by {name}", name) for name in ("bee", "cat"))
    for choice in ("left", "right", "left"):
        a_vote(prompt, bee, cat, choice)
    board = a_board(workspace, mia(workspace), stopping="e_value", goal=goal)
    assert bool(verdict(shown(board).content)) is decided


def test_the_last_planned_look_ends_the_asking(workspace: Workspace) -> None:
    votes_among(workspace, votes=60, people=3, strengths={"ant": 0.0, "bee": 0.0})
    plan: dict[str, Any] = {"stopping": "looks", "looks": 3}
    over = a_board(workspace, mia(workspace), "Over", planned_votes=60, **plan)
    going = a_board(workspace, mia(), "Going", planned_votes=90, **plan)
    assert verdict(shown(over).content) == "The last of the 3 planned looks is reached."
    assert verdict(shown(going).content) == ""


def test_a_vote_makes_the_board_look_and_the_campaign_pause(
    workspace: Workspace, django_capture_on_commit_callbacks: Any
) -> None:
    a_clear_winner(workspace, 30)
    # The campaign asks about other models, which would make a board of all not rankable.
    chosen = JudgementFilter(generators=("ant", "bee"))
    board, campaign = deciding(workspace, filter=chosen)
    person = ann(workspace)
    for _ in range(2):
        held = assign(campaign=campaign, annotator=person)
        assert held is not None
        sent = Submission(key=uuid.uuid4(), attempt=held.attempt, answer=Answer(Outcome.TIE))
        with django_capture_on_commit_callbacks(execute=True):
            submit(assignment=held, annotator=person, submission=sent)
    job = Job.objects.get(kind="board stopping rule")  # asked twice, it is one job
    assert job.arguments == {"board": board.pk}
    work()
    assert state_of(campaign)[0] == State.PAUSED


def test_a_manager_chooses_the_campaigns_on_the_page(workspace: Workspace) -> None:
    a_clear_winner(workspace, 4)
    board = a_board(workspace, mia(workspace), stopping="e_value")
    campaign = a_campaign(workspace, mia(), kind=Kind.COMPARISON)
    client = log_in(Client(), mia())
    planner = address(board, "figures/planner/")
    assert campaign.name in shown_text(client.get(planner))
    client.post(address(board, "stops/"), {"campaigns": [campaign.pk]})
    assert list(board.stops.all()) == [campaign]
    client.post(address(board, "stops/"), {})
    assert not board.stops.exists()
    refused = client.post(address(board, "stops/"), {"campaigns": ["999999"]}, follow=True)
    assert "not closed" in shown_text(refused)
    a_vote_more = a_prompt(workspace, "Who again?")
    ant, bee = (an_answer(a_vote_more, f"by {name}", name) for name in ("ant", "bee"))
    for number in range(30):
        a_vote(a_vote_more, ant, bee, "left", annotator_label=f"worker {number % 7}")
    told = client.post(address(board, "stops/"), {"campaigns": [campaign.pk]}, follow=True)
    assert "decided already" in shown_text(told)
    assert "More votes on this question" in shown_text(told)
