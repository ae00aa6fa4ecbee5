"""What a board or a campaign measures by stays out of training once a person says so."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from annotation.actions.protect_prompts import protect_prompts
from annotation.judgement_filter import JudgementFilter
from annotation.leakage_guard import kept_out
from annotation.models import Board, Campaign
from annotation.protected_sets import sets_of
from tests.annotation.boards.material import a_board, a_vote
from tests.annotation.material import a_campaign, a_prompt, an_answer
from tests.cast import a_workspace, eve, log_in, mia, vic
from tests.training.snapshots import a_snapshot
from webapp.audit.models import AuditEntry
from webapp.workspaces.models import Workspace

pytestmark = pytest.mark.django_db

BREAD = "Explain how bread is made from flour, water, salt and yeast in a small bakery"


@pytest.fixture
def cups() -> Workspace:
    return a_workspace()


def a_judged_prompt(workspace: Workspace, text: str = "", generator: str = "base") -> Any:
    prompt = a_prompt(workspace, text)
    answers = an_answer(prompt, generator=generator), an_answer(prompt, generator="tuned")
    a_vote(prompt, *answers, "left")
    return prompt


def protect(row: Campaign | Board, on: bool = True) -> None:
    kind = "board" if isinstance(row, Board) else "campaign"
    workspace = row.workspace
    protect_prompts(workspace=workspace, by=mia(workspace), kind=kind, pk=row.pk, protects=on)


def test_a_protected_campaign_keeps_its_prompts_and_what_repeats_them_out(cups: Workspace) -> None:
    campaign = a_campaign(cups, mia(cups), items=2)
    first, second = campaign.items.order_by("pk")
    again = a_prompt(cups, first.prompt.text.upper())
    free = a_prompt(cups, BREAD)
    asked = [first.prompt_id, second.prompt_id, again.pk, free.pk]
    assert list(kept_out(cups, asked)) == []
    protect(campaign)
    found = list(kept_out(cups, asked))
    assert [each.prompt_id for each in found] == asked[:3]
    assert {each.protected_by for each in found} == {f"campaign {campaign.name}"}
    assert found[2].protected_id == first.prompt_id
    protect(campaign, on=False)
    assert list(kept_out(cups, asked)) == []


def test_a_protected_board_keeps_out_the_prompts_of_the_votes_it_counts(cups: Workspace) -> None:
    on_it = a_judged_prompt(cups, generator="falcon")
    beside = a_judged_prompt(cups)
    board = a_board(
        cups, mia(cups), "Round 3", filter=JudgementFilter(generators=("falcon", "tuned"))
    )
    protect(board)
    (found,) = kept_out(cups, [on_it.pk, beside.pk])
    assert (found.prompt_id, found.protected_by) == (on_it.pk, "board Round 3")


def test_a_snapshot_says_what_a_board_kept_out(cups: Workspace) -> None:
    measured = a_judged_prompt(cups, BREAD, generator="falcon")
    a_judged_prompt(cups, BREAD + "!")
    a_judged_prompt(cups, "Something else altogether")
    board = a_board(
        cups, mia(cups), "Round 3", filter=JudgementFilter(generators=("falcon", "tuned"))
    )
    protect(board)
    snapshot = a_snapshot(cups, mia(cups))
    assert snapshot.rows == 1
    assert snapshot.counts["left_out"]["of the board Round 3"]["prompts"] == 1
    assert snapshot.counts["kept_out"] == {"13-gram of board Round 3": 1}
    assert snapshot.counts["leaks"][0]["protected_id"] == measured.pk
    assert "of the board Round 3" in snapshot.card


def test_protecting_is_written_down_once(cups: Workspace) -> None:
    campaign = a_campaign(cups, mia(cups))
    protect(campaign), protect(campaign)
    (entry,) = AuditEntry.objects.filter(action="prompts.protect")
    assert entry.changes == {"protects": [False, True]}
    assert [(each.kind, each.name, each.protects) for each in sets_of(cups)] == [
        ("campaign", campaign.name, True)
    ]


@pytest.mark.parametrize("kind", ["campaign", "board", "round", "\0"])
def test_it_refuses_what_is_not_of_this_workspace(cups: Workspace, kind: str) -> None:
    pots = a_workspace("Tea pots")
    theirs = a_campaign(pots, eve(pots)) if kind == "campaign" else a_board(pots, eve(pots))
    with pytest.raises(ValidationError, match="Choose a campaign or a board"):
        protect_prompts(workspace=cups, by=mia(cups), kind=kind, pk=theirs.pk, protects=True)
    theirs.refresh_from_db()
    assert not theirs.protects


def test_the_page_lists_the_sets_and_a_manager_switches_them(
    client: Client, cups: Workspace
) -> None:
    campaign = a_campaign(cups, mia(cups))
    log_in(client, mia(cups))
    page = client.get("/w/paper-cups/prompts/leakage/")
    assert f'value="campaign-{campaign.pk}"' in page.content.decode()
    address = "/w/paper-cups/prompts/leakage/protect/"
    client.post(address, {"set": f"campaign-{campaign.pk}", "on": "yes"})
    campaign.refresh_from_db()
    assert campaign.protects
    assert "Protected" in client.get("/w/paper-cups/prompts/leakage/").content.decode()
    refused = client.post(address, {"set": "campaign-x", "on": "no"}, follow=True)
    assert "Choose a campaign or a board" in refused.content.decode()
    campaign.refresh_from_db()
    assert campaign.protects
    log_in(client, vic(cups))
    assert f'value="campaign-{campaign.pk}"' not in (
        client.get("/w/paper-cups/prompts/leakage/").content.decode()
    )


def test_the_page_asks_the_same_number_of_questions_for_any_number_of_sets(
    client: Client, cups: Workspace
) -> None:
    log_in(client, mia(cups))
    a_campaign(cups, mia(cups))
    client.get("/w/paper-cups/prompts/leakage/")  # fills what is cached for everybody
    with CaptureQueriesContext(connection) as few:
        client.get("/w/paper-cups/prompts/leakage/")
    for number in range(4):
        a_campaign(cups, mia(cups))
        protect(a_board(cups, mia(cups), f"Board {number}"))
    with CaptureQueriesContext(connection) as many:
        client.get("/w/paper-cups/prompts/leakage/")
    assert len(many) == len(few)
