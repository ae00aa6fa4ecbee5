"""The form of a board: what is seldom changed is folded, and opens where something was said."""

from typing import Any

import pytest

from annotation.boards.forms import PARTS, BoardForm, initial_of
from tests.annotation.boards.material import a_board
from tests.cast import a_workspace, mia

pytestmark = pytest.mark.django_db


def opened(form: BoardForm) -> set[str]:
    return {str(title) for title, _fields, is_open in form.parts() if is_open}


def test_every_field_stands_in_one_part() -> None:
    names = [name for _title, fields, _folded in PARTS for name in fields]
    assert sorted(names) == sorted(BoardForm.base_fields)


def test_a_part_opens_where_it_was_changed_or_has_an_error() -> None:
    workspace = a_workspace()
    new = opened(BoardForm(workspace=workspace))
    assert new == {"", "Which votes"}
    given: dict[str, Any] = {"name": "Helpfulness", "ties": "half", "interval": "clustered"}
    given |= {"weights": "none", "anchor_rating": 1000, "elo_k": 4, "goal": "order", "seed": 0}
    wrong = BoardForm({**given, "stopping": "looks", "looks": 5}, workspace=workspace)
    assert not wrong.is_valid()
    assert "When to stop" in opened(wrong) - new
    changed = BoardForm(workspace=workspace, initial={"anchor": "gpt-4"})
    assert opened(changed) - new == {"Scale, reference, controls"}


def test_a_board_as_it_comes_is_changed_on_a_short_page() -> None:
    workspace = a_workspace()
    board = a_board(workspace, mia(workspace))
    assert opened(BoardForm(workspace=workspace, initial=initial_of(board))) == {"", "Which votes"}


def test_a_choice_among_nothing_is_left_out() -> None:
    parts = BoardForm(workspace=a_workspace()).parts()
    shown = {field.name for _title, fields, _open in parts for field in fields}
    assert {"campaigns", "generators", "controls"}.isdisjoint(shown)
    assert {"name", "since", "ties"} <= shown
