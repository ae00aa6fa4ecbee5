"""Online Elo."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.domain import elo_loops
from annotation.domain.battles import Battles
from annotation.domain.elo import EloRatings, elo_ratings
from annotation.domain.outcomes import UnknownOutcome
from tests.annotation.domain.votes import simulated_battles

votes = st.lists(
    st.tuples(
        st.sampled_from("ABCD"),
        st.sampled_from("ABCD"),
        st.sampled_from(["left", "right", "tie", "both_bad"]),
    ).filter(lambda row: row[0] != row[1]),
    max_size=60,
)


def test_the_first_win_between_equals_is_worth_half_of_k() -> None:
    assert elo_ratings([("A", "B", "left")], k=32) == {"A": 1016.0, "B": 984.0}


def test_the_second_win_is_worth_less() -> None:
    # E = 1 / (1 + 10^(-32/400)) = 0.545922, so the gain is 32 * 0.454078
    found = elo_ratings([("A", "B", "left")] * 2, k=32)
    assert found["A"] == pytest.approx(1016 + 32 * 0.454078, abs=1e-4)


@given(votes)
def test_no_vote_changes_the_sum(rows: list[tuple[str, str, str]]) -> None:
    found = elo_ratings(rows, k=32)
    assert sum(found.values()) == pytest.approx(1000.0 * len(found))


@given(votes, st.integers(0, 60))
def test_stopping_in_between_changes_nothing(rows: list[tuple[str, str, str]], cut: int) -> None:
    elo = EloRatings(k=32)
    for row in rows[:cut]:
        elo.record(*row)
    assert elo.votes == len(rows[:cut])
    resumed = EloRatings(k=32, ratings=dict(elo.ratings), votes=elo.votes)
    for row in rows[cut:]:
        resumed.record(*row)
    assert resumed.ratings == elo_ratings(rows, k=32)


@given(votes.filter(len), st.integers(1, 10))
def test_a_replay_is_the_same_votes_one_by_one(
    rows: list[tuple[str, str, str]], points: int
) -> None:
    left, right, outcome = zip(*rows, strict=True)
    elo = EloRatings(k=32)
    history = elo.replay(Battles.from_columns(left, right, outcome), points=points)
    assert elo.ratings == pytest.approx(elo_ratings(rows, k=32), abs=1e-9)
    assert history.ratings[-1] == elo.ratings
    assert (history.votes[0], history.votes[-1], elo.votes) == (0, len(rows), len(rows))
    assert len(history.votes) <= points + 1


def test_another_order_gives_other_figures_and_the_history_says_so() -> None:
    rows = [("A", "B", "left"), ("B", "A", "left"), ("A", "B", "left")]
    assert elo_ratings(rows, k=32) != elo_ratings(sorted(rows), k=32)
    battles = simulated_battles([0.3, 0.0], 50, np.random.default_rng(1))
    history = EloRatings().replay(battles)
    assert "another order gives other figures" in history.caution
    assert history.course("m0")[0] == 1000.0


def test_it_refuses_an_unknown_outcome_and_changes_nothing() -> None:
    elo = EloRatings()
    with pytest.raises(UnknownOutcome):
        elo.record("A", "B", "draw")
    with pytest.raises(ValueError, match="against itself"):
        elo.record("A", "A", "left")
    assert (elo.ratings, elo.votes) == ({}, 0)


def test_it_refuses_settings_without_a_meaning() -> None:
    with pytest.raises(ValueError, match="k > 0"):
        EloRatings(k=0.0)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled loop, built as setup.sh builds it: by the very line that stands there."""
    if shutil.which("cc") is None:
        pytest.skip("no C compiler on this machine; Python's loop is the one that is used")
    root = Path(elo_loops.__file__).parents[2]
    library = tmp_path_factory.mktemp("loops") / "rondo_elo.so"
    script = (root / "setup.sh").read_text()
    line = script[script.index("    cc -O2") : script.index(" 2>/dev/null || rm")]
    command = line.replace("\\\n", " ").replace(".venv/lib/rondo_elo.so", str(library))
    subprocess.run(command.split(), check=True, cwd=root)
    return library


def test_the_compiled_loop_gives_the_digits_of_pythons(built: Path) -> None:
    battles = simulated_battles([0.0, 0.4, -0.3, 1.2], 3000, np.random.default_rng(3))
    score = np.array([1.0, 0.0, 0.5, 0.5])[battles.outcome]
    ends = []
    for loop in (elo_loops.python_loop, elo_loops.compiled_loop(built)):
        ratings = np.full(4, 1000.0)
        take = loop(battles.left, battles.right, score, 32.0, np.log(10) / 400, ratings)
        take(0, 1000)
        take(1000, 3000)
        ends.append(ratings)
    assert ends[0].tolist() == ends[1].tolist()
    assert len(set(ends[0].tolist())) == 4


def test_the_compiled_loop_writes_into_no_other_memory(built: Path) -> None:
    loop = elo_loops.compiled_loop(built)
    one, two = np.array([0]), np.array([2])
    for left, right in ((one, two), (two, one), (-two, one)):
        with pytest.raises(ValueError, match="no rating"):
            loop(left, right, np.array([1.0]), 4.0, 0.005, np.full(2, 1000.0))
    take = loop(one, one, np.array([1.0]), 4.0, 0.005, np.full(2, 1000.0))
    for begin, end in ((0, 2), (-1, 1), (1, 0)):
        with pytest.raises(ValueError, match="no such votes"):
            take(begin, end)


def test_without_a_compiler_python_does_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elo_loops, "BUILT", tmp_path / "none.so")
    assert elo_loops.fastest_loop.__wrapped__() is elo_loops.python_loop
