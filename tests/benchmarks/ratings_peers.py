"""The peers of `bench_ratings`, run by the interpreter of a throw-away environment.

usage: python ratings_peers.py VOTES ROUNDS OUT.json [path of FastChat's rating_systems.py]
Every peer starts from one pandas DataFrame of strings, which is built outside the clock.
"""

import importlib.util
import json
import math
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import choix
import evalica
import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parent))
from ratings_data import MODELS, generated_votes, model_names


def cpu_seconds() -> float:
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(used.ru_utime + used.ru_stime for used in both)


def timed(act: Callable[[], Any], times: int) -> tuple[Any, dict[str, float]]:
    walls, cpus, result = [], [], None
    for _ in range(times):
        wall, cpu = time.perf_counter(), cpu_seconds()
        result = act()
        walls.append(time.perf_counter() - wall)
        cpus.append(cpu_seconds() - cpu)
    return result, {"wall": float(np.median(walls)), "cpu": float(np.median(cpus)), "runs": times}


def centred(ratings: dict[str, float], per_logit: float) -> list[float]:
    values = np.array([ratings[name] for name in model_names()]) / per_logit
    return (values - values.mean()).tolist()


def fastchat(path: str, battles: pd.DataFrame, rounds: int) -> dict[str, Any]:
    spec = importlib.util.spec_from_file_location("rating_systems", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["rating_systems"] = module
    spec.loader.exec_module(module)
    found, bt = timed(lambda: module.compute_bt(battles), 3)
    _, bootstrap = timed(lambda: module.compute_bootstrap_bt(battles, rounds), 1)
    elo_ratings, elo = timed(lambda: module.compute_elo(battles), 2)
    return {
        "bt": bt,
        "bootstrap": bootstrap,
        "elo": elo,
        "strengths": centred(dict(found), 400.0 / math.log(10.0)),
        "elo_ratings": {name: float(value) for name, value in elo_ratings.items()},
    }


def arena_rank(battles: pd.DataFrame) -> dict[str, Any]:
    from arena_rank.models.bradley_terry import BradleyTerry
    from arena_rank.utils.data_utils import PairDataset

    def fit() -> dict[str, Any]:
        data = PairDataset.from_pandas(battles)
        model = BradleyTerry(n_competitors=len(data.competitors))
        return model.compute_ratings_and_cis(data, significance_level=0.05)

    started = time.perf_counter()
    fit()
    first = time.perf_counter() - started
    found, clock = timed(fit, 3)
    ratings = dict(zip(found["competitors"], map(float, found["ratings"]), strict=True))
    return {
        "sandwich": {**clock, "first": first},
        "strengths": centred(ratings, 400.0 / math.log(10.0)),
    }


def evalica_fit(battles: pd.DataFrame) -> dict[str, Any]:
    words = {
        "model_a": evalica.Winner.X,
        "model_b": evalica.Winner.Y,
        "tie": evalica.Winner.Draw,
    }
    winners = [words[word] for word in battles["winner"]]

    def fit() -> Any:
        return evalica.bradley_terry(
            battles["model_a"], battles["model_b"], winners, tolerance=1e-12, limit=10_000
        )

    found, clock = timed(fit, 1)
    return {"bt": clock, "strengths": centred(np.log(found.scores).to_dict(), 1.0)}


def choix_fit(battles: pd.DataFrame) -> dict[str, Any]:
    votes = generated_votes(len(battles))
    size = MODELS
    wins = np.zeros((size, size))
    np.add.at(wins, (votes.left, votes.right), np.array([1.0, 0.0, 0.5])[votes.outcome])
    np.add.at(wins, (votes.right, votes.left), np.array([0.0, 1.0, 0.5])[votes.outcome])
    found, clock = timed(lambda: choix.ilsr_pairwise_dense(wins, tol=1e-12), 1)
    return {"bt": clock, "strengths": (found - found.mean()).tolist()}


def main() -> None:
    count, rounds, out = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    votes, names = generated_votes(count), np.array(model_names())
    battles = pd.DataFrame(
        {
            "model_a": names[votes.left],
            "model_b": names[votes.right],
            "winner": np.array(["model_a", "model_b", "tie"])[votes.outcome],
        }
    )
    found = {"choix": choix_fit(battles), "evalica": evalica_fit(battles)}
    if len(sys.argv) > 4:
        found["fastchat"] = fastchat(sys.argv[4], battles, rounds)
    out.write_text(json.dumps(found))
    # JAX starts threads that a fork would not survive, so it comes last.
    found["arena_rank"] = arena_rank(battles)
    out.write_text(json.dumps(found))


if __name__ == "__main__":
    main()
