"""Snapshots before and after: one scale for both, and what makes them hard to compare is said."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse

from annotation.boards.actions.freeze_board import freeze_board
from annotation.boards.compare import SideBySide, side_by_side
from annotation.models import Board, BoardSnapshot
from tests.annotation.boards.material import STRENGTHS, a_board, votes_among
from tests.cast import a_workspace, log_in, mia
from webapp.workspaces.models import Workspace

pytestmark = pytest.mark.django_db


def kept(board: Board, name: str, rows: list[tuple[str, float, float]]) -> BoardSnapshot:
    """A snapshot that rates (model, rating, half-width), whatever was voted."""
    snapshot = freeze_board(board=board, by=mia(), name=name)
    snapshot.content["sources"]["human"] = {
        "ratings": {
            "rows": [
                {"model": model, "rating": rating, "low": rating - half, "high": rating + half}
                for model, rating, half in rows
            ]
        }
    }
    snapshot.save()
    return snapshot


@pytest.fixture
def workspace() -> Workspace:
    return a_workspace()


def compared(one: BoardSnapshot, other: BoardSnapshot, **more: Any) -> SideBySide:
    return side_by_side(workspace=a_workspace(), first=one.pk, second=other.pk, **more)


def test_a_newcomer_does_not_move_those_who_were_there(workspace: Workspace) -> None:
    """A weak third model lifts both others by 50 points on a scale whose mean is 1000."""
    board = a_board(workspace, mia(workspace))
    before = kept(board, "before", [("ant", 1010, 5), ("bee", 990, 5)])
    after = kept(board, "after", [("ant", 1060, 5), ("bee", 1040, 5), ("new", 900, 5)])
    found = compared(before, after)
    changes = {row.model: (row.change, row.apart) for row in found.rows}
    assert changes == {"ant": (0.0, False), "bee": (0.0, False), "new": (None, None)}
    assert [row.model for row in found.rows] == ["ant", "bee", "new"]
    assert found.common == 2


def test_a_change_is_apart_only_where_intervals_do_not_touch(workspace: Workspace) -> None:
    board = a_board(workspace, mia(workspace))
    before = kept(board, "before", [("ant", 1000, 9), ("bee", 1000, 9), ("cat", 1000, 9)])
    # Mean of the changes is 0: ant +20 from intervals of 9 on either side, bee -18.
    after = kept(board, "after", [("ant", 1020, 9), ("bee", 982, 9), ("cat", 998, 9)])
    changes = {row.model: (row.change, row.apart) for row in compared(before, after).rows}
    assert changes == {"ant": (20.0, True), "bee": (-18.0, False), "cat": (-2.0, False)}


def test_what_makes_two_hard_to_compare_is_said(workspace: Workspace) -> None:
    votes_among(workspace, votes=60)
    one = freeze_board(board=a_board(workspace, mia(workspace)), by=mia(), name="x")
    other = freeze_board(board=a_board(workspace, mia(), "B", ties="davidson"), by=mia(), name="x")
    assert compared(one, other).caution == ["Their settings differ: ties."]
    assert "kept later" in compared(other, one).caution[-1]
    assert compared(one, one).caution == []


def test_another_workspaces_snapshot_is_not_there(workspace: Workspace) -> None:
    foreign = a_workspace("Clay cups")
    theirs = freeze_board(board=a_board(foreign, mia(foreign)), by=mia(), name="x")
    mine = freeze_board(board=a_board(workspace, mia(workspace)), by=mia(), name="x")
    with pytest.raises(ValidationError, match=f"no snapshot {theirs.pk}"):
        compared(mine, theirs)


def test_the_page_compares_two_and_refuses_what_is_not_there(workspace: Workspace) -> None:
    client = log_in(Client(), mia(workspace))
    address = reverse("annotation:boards_compare", args=[workspace.slug])
    assert "No snapshot yet" in client.get(address).content.decode()
    votes_among(workspace, votes=80)
    votes_among(workspace, votes=60, source="judge", names=["gpt-4"], seed=8, topic=7)
    board = a_board(workspace, mia())
    one = freeze_board(board=board, by=mia(), name="Round 1, before")
    votes_among(workspace, votes=80, seed=9)
    other = freeze_board(board=board, by=mia(), name="Round 1, after")
    both = {"first": str(one.pk), "second": str(other.pk)}
    page = client.get(address, both)
    text = page.content.decode()
    assert page.status_code == 200
    assert "Round 1, before and Round 1, after" in text
    assert all(f'<th scope="row">{model}' in text for model in STRENGTHS)
    judges = client.get(address, both | {"source": "judge"})
    assert judges.context["compared"].source == "judge"
    for wrong in ("first=1", "first=0&second=x", "first=9999999&second=2"):
        assert client.get(f"{address}?{wrong}").status_code == 422
