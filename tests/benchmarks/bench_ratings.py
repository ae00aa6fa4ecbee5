"""Ratings of a million battles among a hundred models, beside FastChat, arena-rank, evalica, choix.

usage: python -m tests.benchmarks.bench_ratings [--votes N] [--rounds R] [--fastchat PATH]

The peers run in an environment of their own, made for the occasion and thrown away. FastChat's
rating code is in no package: give the path of its `fastchat/serve/monitor/rating_systems.py`
(commit 0e6d3e4b or a near one) to have it run; nothing of it is kept here. Wall clock and CPU time
are both shown, because a shared machine makes the first unsteady.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from annotation.domain import elo_loops
from annotation.domain.battles import Battles
from annotation.domain.bootstrap import bootstrap_ratings
from annotation.domain.bradley_terry import BradleyTerryFit, fit_bradley_terry
from annotation.domain.elo import EloRatings
from annotation.domain.outcomes import OUTCOMES
from annotation.domain.uncertainty import default_covariance, fisher, intervals, sandwich
from tests.benchmarks.ratings_data import Votes, generated_votes, model_names

HERE = Path(__file__).resolve().parent
PEERS = ("evalica==0.4.2", "choix==0.4.1", "arena-rank==0.1.1", "pandas", "scipy", "tqdm")


def timed(act: Callable[[], Any], times: int) -> tuple[Any, dict[str, float]]:
    """The result and the medians of wall clock and CPU seconds."""
    walls, cpus, result = [], [], None
    for _ in range(times):
        wall, cpu = time.perf_counter(), time.process_time()
        result = act()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return result, {"wall": float(np.median(walls)), "cpu": float(np.median(cpus)), "runs": times}


def as_battles(votes: Votes) -> Battles:
    return Battles(
        tuple(model_names()),
        votes.left,
        votes.right,
        votes.outcome,
        annotator=votes.person,
        prompt=votes.prompt,
    )


def measure_ours(votes: Votes, rounds: int) -> dict[str, Any]:
    battles, names = as_battles(votes), model_names()
    left, right = [names[one] for one in votes.left], [names[one] for one in votes.right]
    outcome = [OUTCOMES[one].value for one in votes.outcome]
    cells = battles.cells()

    def from_words() -> Any:
        return fit_bradley_terry(Battles.from_columns(left, right, outcome).cells())

    def refresh() -> Any:
        fit = fit_bradley_terry(cells)
        return intervals(fit, fisher(fit))

    def refresh_sandwich() -> Any:
        fit = fit_bradley_terry(cells)
        return intervals(fit, sandwich(fit, cells))

    def two_way() -> Any:
        fit = fit_bradley_terry(battles.cells())
        return intervals(fit, default_covariance(fit, battles))

    def sandwich_from_words() -> Any:
        counted = Battles.from_columns(left, right, outcome).cells()
        fit = fit_bradley_terry(counted)
        return intervals(fit, sandwich(fit, counted))

    def history() -> EloRatings:
        elo = EloRatings()
        elo.replay(battles)
        return elo

    def python_history() -> Any:
        elo_loops.fastest_loop.cache_clear()
        elo_loops.BUILT, built = Path("/nowhere"), elo_loops.BUILT
        try:
            return history()
        finally:
            elo_loops.BUILT = built
            elo_loops.fastest_loop.cache_clear()

    found: dict[str, Any] = {}
    fit, found["fit from words"] = timed(from_words, 3)
    _, found["refresh from counts"] = timed(refresh, 15)
    _, found["refresh from counts, sandwich"] = timed(refresh_sandwich, 15)
    _, found["bootstrap from counts"] = timed(lambda: bootstrap_ratings(cells, rounds=rounds), 3)
    _, found["two-way clustered, fit included"] = timed(two_way, 5)
    _, found["sandwich from words"] = timed(sandwich_from_words, 3)
    _, found["elo, whole history, without a C compiler"] = timed(python_history, 3)
    elo, found["elo, whole history"] = timed(history, 9)
    elo_ratings = dict(elo.ratings)
    _, thousand = timed(lambda: [elo.record(names[1], names[2], "left") for _ in range(1000)], 5)
    found["elo, one more vote"] = {key: value / 1000 for key, value in thousand.items()}
    assert isinstance(fit, BradleyTerryFit)
    return {"times": found, "strengths": fit.strengths, "elo_ratings": elo_ratings}


def build_loop(folder: Path) -> None:
    """As setup.sh does, where the interpreter's own folder has none."""
    if not elo_loops.BUILT.exists():
        source = Path(elo_loops.__file__).with_name("elo_loop.c")
        elo_loops.BUILT = folder / "rondo_elo.so"
        options = ["-O2", "-ffp-contract=off", "-shared", "-fPIC"]
        subprocess.run(["cc", *options, "-o", elo_loops.BUILT, source, "-lm"], check=True)


def measure_peers(count: int, rounds: int, fastchat: str | None, folder: Path) -> dict[str, Any]:
    python = folder / "venv" / "bin" / "python"
    if not python.exists():
        venv.create(folder / "venv", with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PEERS], check=True)
    out = folder / "peers.json"
    command = [str(python), str(HERE / "ratings_peers.py"), str(count), str(rounds), str(out)]
    subprocess.run(
        command + ([fastchat] if fastchat else []),
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )
    found: dict[str, Any] = json.loads(out.read_text())
    return found


def row(name: str, clock: dict[str, float], against: dict[str, float] | None) -> str:
    ratio = ""
    if against:
        ratio = f"{against['wall'] / clock['wall']:,.0f} ({against['cpu'] / clock['cpu']:,.0f})"
    return f"| {name} | {clock['wall']:.6f} | {clock['cpu']:.6f} | {ratio} |"


def report(ours: dict[str, Any], peers: dict[str, Any]) -> list[str]:
    fastchat, times = peers.get("fastchat", {}), ours["times"]
    sandwich_clock = peers["arena_rank"]["sandwich"]
    lines = ["| what | wall s | CPU s | times faster, wall (CPU) |", "|---|---|---|---|"]
    for name, clock in (
        ("evalica bradley_terry, tolerance 1e-12", peers["evalica"]["bt"]),
        ("choix ilsr_pairwise_dense, from counts", peers["choix"]["bt"]),
        ("arena-rank fit and sandwich", sandwich_clock),
        ("FastChat compute_bt", fastchat.get("bt")),
        ("FastChat compute_bootstrap_bt, all processes", fastchat.get("bootstrap")),
        ("FastChat compute_elo", fastchat.get("elo")),
    ):
        if clock:
            lines.append(row(name, clock, None))
    pairs = {
        "fit from words": fastchat.get("bt"),
        "refresh from counts": fastchat.get("bt"),
        "refresh from counts, sandwich": fastchat.get("bt"),
        "bootstrap from counts": fastchat.get("bootstrap"),
        "two-way clustered, fit included": sandwich_clock,
        "sandwich from words": sandwich_clock,
        "elo, whole history, without a C compiler": fastchat.get("elo"),
        "elo, whole history": fastchat.get("elo"),
        "elo, one more vote": fastchat.get("elo"),
    }
    lines += [row(f"**{name}**", times[name], pairs[name]) for name in times]
    lines += ["", "| largest difference from our strengths | logits |", "|---|---|"]
    for name in ("choix", "evalica", "fastchat", "arena_rank"):
        if name in peers:
            gap = np.abs(np.array(peers[name]["strengths"]) - ours["strengths"]).max()
            lines.append(f"| {name} | {gap:.1e} |")
    if fastchat:
        gaps = [abs(ours["elo_ratings"][one] - at) for one, at in fastchat["elo_ratings"].items()]
        lines.append(f"| FastChat's Elo, in points | {max(gaps):.1e} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--votes", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--fastchat", help="path of FastChat's rating_systems.py")
    parser.add_argument("--keep", help="a folder that keeps the peers' environment")
    given = parser.parse_args()
    votes = generated_votes(given.votes)
    print(
        f"ties: {np.mean(votes.outcome == 2):.3f}, load {os.getloadavg()[0]:.1f}", file=sys.stderr
    )
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(given.keep or temporary)
        peers = measure_peers(given.votes, given.rounds, given.fastchat, folder)
        build_loop(folder)
        ours = measure_ours(votes, given.rounds)
    print("\n".join(report(ours, peers)))
    exact = peers["choix"]["strengths"]
    assert math.isclose(float(np.abs(exact - ours["strengths"]).max()), 0.0, abs_tol=1e-6)


if __name__ == "__main__":
    main()
