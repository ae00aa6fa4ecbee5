"""A large board between two counts: newer votes stand in its ratings at once, and it says so."""

from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.utils import timezone

from annotation.actions.mark_changed_votes import mark_changed_votes
from annotation.actions.set_standing import WORKS, set_standing
from annotation.boards.actions.refresh_board import refresh_board
from annotation.boards.live import PARTS
from annotation.boards.marks import Mark
from annotation.boards.queries import Shown, boards_in, count_now, shown
from annotation.models import Assignment, Board, Comparison
from annotation.models.standings import StandingState
from tests.annotation.boards.material import a_board, a_vote, votes_among
from tests.annotation.boards.test_pages import address, shown_text
from tests.annotation.material import a_campaign, a_prompt, an_answer
from tests.cast import a_workspace, log_in, mia, person
from webapp.workspaces.models import Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def workspace() -> Workspace:
    return a_workspace()


def as_read(board: Board) -> Board:
    return boards_in(board.workspace).get(pk=board.pk)


def live_and_whole(board: Board) -> tuple[dict[str, Any], dict[str, Any], Shown]:
    """Figures brought to this moment, figures of a whole count of this moment, and the first."""
    now = shown(as_read(board), live=True)
    return now.sources["human"], count_now(board).sources["human"], now


def assert_same(live: dict[str, Any], whole: dict[str, Any]) -> None:
    rows, others = live["ratings"]["rows"], whole["ratings"]["rows"]
    assert [row["model"] for row in rows] == [row["model"] for row in others]
    for row, other in zip(rows, others, strict=True):
        for name in ("rating", "votes", "tie_rate", "both_bad_rate"):
            assert row[name] == pytest.approx(other[name], abs=1e-6), (row["model"], name)
    for one, other in zip(*(_cells(part["matrix"]) for part in (live, whole)), strict=True):
        assert one == other


def _cells(matrix: dict[str, Any]) -> list[tuple[str, str, int, int]]:
    names = matrix["models"]
    return sorted(
        (a, b, matrix["wins"][i][j], matrix["ties"][i][j])
        for i, a in enumerate(names)
        for j, b in enumerate(names)
    )


@pytest.mark.parametrize("interval", ["clustered", "fisher", "sandwich"])
def test_newer_votes_give_what_a_whole_count_gives(workspace: Workspace, interval: str) -> None:
    votes_among(workspace, votes=120)
    board = a_board(workspace, mia(workspace), interval=interval)
    refresh_board(board=board)
    votes_among(workspace, votes=40, seed=8)
    live, whole, now = live_and_whole(board)
    assert (now.live, now.state, now.newer) == (True, "behind", 40)
    assert_same(live, whole)
    elo, its = ({one["model"]: one["elo"] for one in part["history"]["ends"]}
                for part in (live, whole))  # fmt: skip
    assert elo == pytest.approx(its, abs=1e-9)
    first, other = live["ratings"]["rows"][0], whole["ratings"]["rows"][0]
    of_now = interval != "clustered"
    assert (first["low"] == pytest.approx(other["low"], abs=1e-6)) is of_now
    # The control: without them the figures are others.
    counted = shown(as_read(board)).sources["human"]
    assert counted["ratings"]["rows"][0]["votes"] < first["votes"]


def test_a_correction_and_a_withdrawal_are_taken_away(workspace: Workspace) -> None:
    votes = votes_among(workspace, votes=150)
    board = a_board(workspace, mia(workspace))
    refresh_board(board=board)
    Comparison.objects.filter(pk=votes[3].pk).update(withdrawn_at=timezone.now())
    old = votes[5]
    a_vote(old.prompt, old.left, old.right, "tie", annotator_label="wanda", supersedes=old)
    live, whole, now = live_and_whole(board)
    assert now.live
    assert_same(live, whole)


def test_a_newer_leak_is_left_out_and_a_new_model_comes_in(workspace: Workspace) -> None:
    votes_among(workspace, votes=100)
    board = a_board(workspace, mia(workspace))
    refresh_board(board=board)
    prompt = a_prompt(workspace, "New?")
    eel, dog = (an_answer(prompt, f"by {name}", name) for name in ("eel", "dog"))
    a_vote(prompt, eel, dog, "left")
    a_vote(prompt, dog, eel, "left")
    named = an_answer(prompt, "I am Claude, made to help.", "cat")
    a_vote(prompt, named, dog, "left")
    live, whole, now = live_and_whole(board)
    assert now.live
    assert_same(live, whole)
    assert "eel" in {row["model"] for row in live["ratings"]["rows"]}


def test_where_counts_cannot_say_it_the_counted_figures_stand(workspace: Workspace) -> None:
    votes_among(workspace, votes=100)
    boards = [
        a_board(workspace, mia(workspace), "D", ties="davidson"),
        a_board(workspace, mia(), "P", weights="pairs"),
    ]
    for board in boards:
        refresh_board(board=board)
    votes_among(workspace, votes=10, seed=8)
    for board in boards:
        now = shown(as_read(board), live=True)
        assert (now.live, now.state) == (False, "behind")
        assert now.sources["human"]["ratings"]["votes"] == 100


def test_the_page_says_how_old_each_part_is(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("annotation.boards.queries.INLINE", 20)
    votes_among(workspace, votes=100)
    board = a_board(workspace, mia(workspace))
    refresh_board(board=board)
    votes_among(workspace, votes=3, seed=8)
    client = log_in(Client(), mia())
    for part in PARTS:
        assert "include them already" in shown_text(client.get(address(board, f"figures/{part}/")))
    other = client.get(address(board, "figures/robustness/"))
    assert "This part is of the count" in shown_text(other)
    assert "Everything below" not in shown_text(other)


def test_a_page_asks_for_a_count_with_a_pause(workspace: Workspace) -> None:
    votes_among(workspace, votes=100)
    board = a_board(workspace, mia(workspace))
    report = refresh_board(board=board)
    votes_among(workspace, votes=3, seed=8)
    report.seconds = 60.0
    report.save()
    assert not shown(as_read(board), live=True).due, "600 seconds have not gone by"
    report.seconds = 0.0
    report.save()
    assert shown(as_read(board), live=True).due


def counted(board: Board) -> tuple[str, int]:
    """(state, votes behind the ratings) as the page has them now."""
    now = shown(as_read(board), live=True)
    return now.state, sum(row["votes"] for row in now.sources["human"]["ratings"]["rows"]) // 2


# Real transactions: a count knows by their numbers which changes it saw.
@pytest.mark.django_db(transaction=True)
def test_an_excluded_persons_votes_are_known_to_be_too_many_at_once(workspace: Workspace) -> None:
    manager, lou = mia(workspace), person("lou@rondo.test", name="Lou")
    campaign = a_campaign(workspace, manager, items=12, overlap=4)
    votes_among(workspace, votes=60)
    older = Comparison.objects.order_by("pk").first()
    assert older is not None
    mine = [
        Comparison(
            prompt=older.prompt, left=older.left, right=older.right, choice="left", annotator=lou,
            assignment=Assignment.objects.create(
                campaign=campaign, item=item, annotator=lou, state="submitted",
                submitted_at=timezone.now(),
            ),
        )
        for item in campaign.items.all()
    ]  # fmt: skip
    Comparison.objects.bulk_create(mine)
    board = a_board(workspace, manager)
    refresh_board(board=board)
    assert counted(board) == ("fresh", 72)
    for state, votes in ((StandingState.EXCLUDED, 60), (WORKS, 72)):
        set_standing(campaign=campaign, user=lou, state=state, by=manager)
        now = shown(as_read(board), live=True)
        assert (now.state, now.regrouped, now.live, now.due) == ("behind", True, False, True)
        refresh_board(board=board)
        assert counted(board) == ("fresh", votes)
    # A pause changes no vote, so nothing is counted for it.
    set_standing(campaign=campaign, user=lou, state=StandingState.PAUSED, by=manager)
    assert counted(board) == ("fresh", 72)


@pytest.mark.parametrize(
    ("snapshot", "saw"),
    [("7:12:", True), ("7:12:7,9", False), ("7:9:", False), ("9:9:", False), ("", False)],
)
def test_a_count_saw_a_change_whose_transaction_had_ended(snapshot: str, saw: bool) -> None:
    assert Mark(snapshot=snapshot).saw(9) is saw


@pytest.mark.django_db(transaction=True)
def test_an_undone_import_leaves_the_counted_votes(workspace: Workspace) -> None:
    votes_among(workspace, votes=60)
    board = a_board(workspace, mia(workspace))
    refresh_board(board=board)
    with transaction.atomic():  # what run_undo does to the rows of a file
        Comparison.objects.filter(pk__in=Comparison.objects.values("pk")[:10]).delete()
        mark_changed_votes(workspace)
    assert counted(board) == ("behind", 60)
    refresh_board(board=board)
    assert counted(board) == ("fresh", 50)
