"""Every oracle case, through the product's own functions.

The cases carried in `cases/` make the suite mean something in a stranger's clone; where the
project's shared folder is present, its cases (some of which may not be redistributed) run instead.
"""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from tests.oracles import adapters

HERE = Path(__file__).resolve().parent
SHARED = HERE.parents[2] / "shared" / "oracles" / "dev"
CASES = SHARED if SHARED.is_dir() else HERE / "cases"
NUMBERS = {"Infinity": math.inf, "-Infinity": -math.inf, "NaN": math.nan}


def cases() -> list[Any]:
    found = []
    for file in sorted(CASES.glob("*.json")):
        topic = json.loads(file.read_text())
        adapter = getattr(adapters, topic["topic"], None)
        if adapter is not None:
            found += [pytest.param(adapter, case, id=case["id"]) for case in topic["cases"]]
    return found


def assert_equal(got: Any, want: Any, tolerance: float, where: str = "") -> None:
    """Numbers agree within tolerance * max(1, |want|); a text, a flag or null agrees exactly."""
    if hasattr(got, "tolist"):
        got = got.tolist()
    if isinstance(want, dict):
        named = {str(key): value for key, value in got.items()}
        for key, value in want.items():
            assert key in named, f"{where}.{key} is missing"
            assert_equal(named[key], value, tolerance, f"{where}.{key}")
    elif isinstance(want, list):
        assert len(got) == len(want), f"{where}: {len(got)} items instead of {len(want)}"
        for position, (left, right) in enumerate(zip(got, want, strict=True)):
            assert_equal(left, right, tolerance, f"{where}[{position}]")
    elif isinstance(want, bool) or want is None or (isinstance(want, str) and want not in NUMBERS):
        assert type(got) is type(want), f"{where}: {got!r} instead of {want!r}"
        assert got == want, f"{where}: {got!r} instead of {want!r}"
    else:
        want, got = float(NUMBERS.get(want, want)), float(NUMBERS.get(got, got))
        if math.isinf(want) or math.isinf(got):
            assert got == want, f"{where}: {got} instead of {want}"
        else:
            allowed = tolerance * max(1.0, abs(want)) + 1e-15
            assert abs(got - want) <= allowed, f"{where}: {got} instead of {want} (± {allowed})"


@pytest.mark.parametrize(("adapter", "case"), cases())
def test_it_gives_the_oracles_answer(adapter: Any, case: dict[str, Any]) -> None:
    if case["expected"] == {"error": True}:
        with pytest.raises(ValueError):
            adapter(case["input"])
        return
    assert_equal(adapter(case["input"]), case["expected"], case["tol"])


def test_a_wrong_figure_is_noticed() -> None:
    """The control: the comparison itself can fail."""
    for got, want in [
        (1.0, 1.1),
        (None, 0.0),
        ([1], [1, 2]),
        ({}, {"a": 1}),
        (True, 1.5),
        ("a", "b"),
    ]:
        with pytest.raises((AssertionError, TypeError)):
            assert_equal(got, want, 1e-6)
