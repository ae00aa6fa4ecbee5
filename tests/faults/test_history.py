"""The checker of histories finds each thing that can be wrong: it is the judge of B1 and B2."""

import pytest

from tests.faults.history import Told, wrong_with

SENT = {"a": Told.OK, "b": Told.REFUSED, "c": Told.UNKNOWN}


@pytest.mark.parametrize("stored", [[("a", 1)], [("a", 1), ("c", 2)]])
def test_what_is_acknowledged_or_unknown_may_be_stored_once(stored: list[tuple[str, int]]) -> None:
    assert wrong_with(SENT, stored) == []


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        ([], "lost: a was acknowledged"),
        ([("a", 1), ("a", 2)], "double: a is stored 2 times"),
        ([("a", 1), ("c", 1)], "double: slot 1 has 2 answers"),
        ([("a", 1), ("b", 2)], "phantom: b was refused"),
        ([("a", 1), ("d", 2)], "phantom: d was never sent"),
    ],
)
def test_anything_else_is_named(stored: list[tuple[str, int]], said: str) -> None:
    assert said in wrong_with(SENT, stored)
