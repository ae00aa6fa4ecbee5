"""Real votes: what others published about them comes out of the product's functions."""

import csv
import gzip
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from annotation.domain.agreement import Level, cohen_kappa, krippendorff_alpha
from annotation.domain.battles import Battles
from annotation.domain.bradley_terry import BradleyTerryFit, fit_bradley_terry
from annotation.domain.diagnostics import position_bias
from annotation.domain.elo import EloRatings
from annotation.domain.outcomes import Outcome
from annotation.domain.planning import design_effect
from annotation.domain.reference_win_rates import ReferenceWinRate, reference_win_rate
from annotation.domain.uncertainty import Covariance, default_covariance, fisher, intervals

REPO_ROOT = Path(__file__).resolve().parents[3]
DATA = REPO_ROOT.parent / "shared" / "data"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="needs the project's shared data")

# QLoRA (arXiv:2305.14314), Table 1: Elo by GPT-4 on the Vicuna benchmark, mean of 10,000 orders.
QLORA_ELO = {
    "gpt4": 1348,
    "65b-guanaco": 1022,
    "30b-guanaco": 992,
    "vicuna-13b": 974,
    "gpt35": 966,
    "13b-guanaco": 916,
    "bard": 902,
    "7b-guanaco": 879,
}


def csv_rows(path: str) -> list[dict[str, str]]:
    opened = gzip.open if path.endswith(".gz") else open
    with opened(DATA / path, "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def json_lines(path: str) -> list[dict[str, Any]]:
    with gzip.open(DATA / path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


@pytest.mark.parametrize(
    ("battles", "published", "least"),
    [
        ("alpaca_eval1_battles.csv.gz", "alpaca_eval_gpt4_leaderboard.csv", 42),
        (
            "alpaca_eval2_battles.csv.gz",
            "weighted_alpaca_eval_gpt4_turbo_leaderboard.csv",
            51,
        ),
    ],
)
def test_every_published_win_rate_and_standard_error_comes_out(
    battles: str, published: str, least: int
) -> None:
    leaderboard = {row[""]: row for row in csv_rows(f"arena/published/{published}")}
    judged: dict[str, dict[str, float | None]] = defaultdict(dict)
    for row in csv_rows(f"arena/{battles}"):
        # One model's file holds all its judgements twice; an item is judged once.
        preference = float(row["preference"]) if row["preference"] else None
        judged[row["generator_2"]][row["instruction_id"]] = preference
    known = [model for model in judged if model in leaderboard]
    assert len(known) >= least
    for model in known:
        found = reference_win_rate(list(judged[model].values()))
        assert isinstance(found, ReferenceWinRate)
        row = leaderboard[model]
        assert found.win_rate == pytest.approx(float(row["win_rate"]), abs=1e-8), model
        error = float(row["standard_error"])
        assert found.standard_error == pytest.approx(error, abs=1e-8), model
        counts = (found.n_wins, found.n_wins_base, found.n_draws, found.n_total)
        columns = ("n_wins", "n_wins_base", "n_draws", "n_total")
        assert counts == tuple(int(row[column]) for column in columns), model


def qlora() -> Battles:
    words = {1: "left", 2: "right", 3: "tie"}
    rows = json_lines("arena/qlora_vicuna_gpt4_pairwise.jsonl.gz")
    kept = [row for row in rows if row["score"] in words]
    return Battles.from_columns(
        [row["model_a"] for row in kept],
        [row["model_b"] for row in kept],
        [words[row["score"]] for row in kept],
    )


def test_the_qlora_tournament_gives_its_order() -> None:
    fit = fit_bradley_terry(qlora().cells())
    assert isinstance(fit, BradleyTerryFit)
    ratings = fit.ratings()
    assert sorted(ratings, key=lambda name: -ratings[name]) == list(QLORA_ELO)
    for name, elo in QLORA_ELO.items():
        assert ratings[name] == pytest.approx(elo, abs=20), name


def test_the_qlora_elo_comes_out_on_average_over_orders_of_the_same_votes() -> None:
    battles, random = qlora(), np.random.default_rng(1)
    courses = []
    for _ in range(120):
        elo = EloRatings(k=32)
        elo.replay(battles.keep(random.permutation(len(battles))), points=1)
        courses.append([elo.ratings[name] for name in QLORA_ELO])
    # One order moves a rating by some 45 points either way, which the paper averaged over 10,000.
    assert np.std(courses, axis=0).min() > 35
    assert np.mean(courses, axis=0) == pytest.approx(list(QLORA_ELO.values()), abs=30)


def test_the_qlora_judge_prefers_the_first_place_in_56_percent() -> None:
    battles = qlora()
    first = np.mean([code == 0 for code in battles.outcome])
    assert round(100 * float(first), 1) == 56.2
    found = position_bias(battles)
    assert found.low is not None
    # Twice as many wins first as second: an effect of two thirds of a logit, far from 0.
    assert found.effect == pytest.approx(0.68, abs=0.01)
    assert found.low > 0.5


def test_the_crowd_of_llmfao_gives_an_order_with_intervals_wider_than_the_usual() -> None:
    rows = csv_rows("arena/llmfao/crowd-comparisons.csv.gz")
    battles = Battles.from_columns(
        [row["left"] for row in rows],
        [row["right"] for row in rows],
        [row["winner"] for row in rows],
        annotator=[row["worker"] for row in rows],
        prompt=[row["prompt"] for row in rows],
    )
    assert (len(battles), len(battles.models)) == (8931, 59)
    fit = fit_bradley_terry(battles.cells())
    assert isinstance(fit, BradleyTerryFit)
    ratings = fit.ratings()
    ranked = sorted(ratings, key=lambda name: -ratings[name])
    assert ranked[0] == "GPT 4"
    assert {"Dolly v2 (3B)", "Dolly v2 (7B)", "Koala (13B)"} <= set(ranked[-4:])
    covariance = default_covariance(fit, battles)
    assert isinstance(covariance, Covariance)
    assert covariance.clusters == {"annotators": 124, "prompts": 13}
    assert design_effect(covariance, fisher(fit)) == pytest.approx(2.04, abs=0.01)
    board = {row.model: row for row in intervals(fit, covariance, simultaneous=True)}
    assert board["GPT 4"].best_rank == 1
    assert board["GPT 4"].worst_rank > 1


def test_pandalms_three_people_agree_as_their_kappas_say() -> None:
    with gzip.open(DATA / "pairs/pandalm_testset_v1.part.json.gz", "rt", encoding="utf-8") as file:
        items = json.load(file)
    people = [[item[f"annotator{number}"] for item in items] for number in (1, 2, 3)]
    kappas = [cohen_kappa(people[a], people[b]).value for a, b in ((0, 1), (0, 2), (1, 2))]
    # 536 of the 999 items of arXiv:2306.05087, three answers each: 0 tie, 1 or 2 better.
    assert kappas == pytest.approx([0.861, 0.906, 0.891], abs=1e-3)
    alpha = krippendorff_alpha(
        [list(unit) for unit in zip(*people, strict=True)], Level.NOMINAL, resamples=200
    )
    assert alpha.value == pytest.approx(0.886, abs=1e-3)
    assert alpha.low is not None
    assert alpha.low > 0.84


def test_a_tie_in_real_votes_is_a_tie_and_an_unread_score_is_no_vote() -> None:
    """The control of the loaders above: the 13 unread scores of QLoRA are not in the battles."""
    battles = qlora()
    assert len(battles) == 4480 - 13
    ties = sum(code == list(Outcome).index(Outcome.TIE) for code in battles.outcome)
    assert ties == 600
