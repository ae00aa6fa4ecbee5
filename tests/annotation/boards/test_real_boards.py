"""Real votes, imported as a person imports them: what others published stands on the board."""

import csv
from typing import Any

import pytest
from django.db import connection

from annotation.actions.import_data import ImportPlan, import_data
from annotation.boards.figures.counted import counted
from annotation.boards.figures.ratings import Rated
from annotation.boards.figures.references import against_reference
from annotation.boards.judge_files import judge_files
from annotation.boards.queries import definition_of, read_all
from annotation.boards.report import board_report
from annotation.boards.votes import JUDGE
from annotation.imports.formats.reading_options import Options
from tests.annotation.boards.material import a_board
from tests.annotation.imports.files import real_file
from tests.cast import a_workspace, mia
from webapp.workspaces.models import Workspace

pytestmark = [pytest.mark.heavy, pytest.mark.django_db]

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


@pytest.fixture
def workspace() -> Workspace:
    return a_workspace()


def imported(workspace: Workspace, path: str, **options: Any) -> None:
    with real_file(path).open("rb") as file:
        plan = ImportPlan(name=path.rpartition("/")[2], options=Options(**options))
        report = import_data(workspace=workspace, by=mia(workspace), file=file, plan=plan)
    assert report.stored, report.broken
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")  # as autovacuum does outside a test's transaction


def figures(workspace: Workspace, source: str, **definition: Any) -> dict[str, Any]:
    board = a_board(workspace, mia(workspace), **definition)
    found: dict[str, Any] = board_report(read_all(board), definition_of(board))
    part: dict[str, Any] = found["sources"][source]
    return part


def test_alpaca_evals_published_win_rates_come_out_of_imported_annotations(
    workspace: Workspace,
) -> None:
    for name in ("claude-2", "guanaco-65b"):
        imported(workspace, f"alpaca_eval/annotations_gpt4/{name}.json.gz")
    found = figures(workspace, "judge", reference="text_davinci_003")["reference"]
    table = real_file("arena/published/alpaca_eval_gpt4_leaderboard.csv")
    with table.open(encoding="utf-8", newline="") as file:
        published = {row[""]: row for row in csv.DictReader(file)}
    assert {row["model"] for row in found["rows"]} == {"claude-2", "guanaco-65b"}
    for row in found["rows"]:
        expected = published[row["model"]]
        assert row["win_rate"] == pytest.approx(float(expected["win_rate"]), abs=1e-5)
        assert row["standard_error"] == pytest.approx(float(expected["standard_error"]), abs=1e-5)
        assert row["n_total"] == int(expected["n_total"])
        assert row["n_draws"] == int(expected["n_draws"])


@pytest.mark.parametrize(
    ("battles", "table", "reference", "least"),
    [
        (
            "alpaca_eval1_battles.csv.gz",
            "alpaca_eval_gpt4_leaderboard.csv",
            "text_davinci_003",
            42,
        ),
        (
            "alpaca_eval2_battles.csv.gz",
            "weighted_alpaca_eval_gpt4_turbo_leaderboard.csv",
            "gpt4_1106_preview",
            50,  # the 51st is the reference, which the file sets against itself: refused by name
        ),
    ],
)
def test_every_published_row_of_alpaca_eval_stands_on_one_board(
    workspace: Workspace, battles: str, table: str, reference: str, least: int
) -> None:
    imported(workspace, f"arena/{battles}")
    board = a_board(workspace, mia(workspace), reference=reference)
    votes, definition = read_all(board), definition_of(board)
    found = against_reference(Rated(counted(votes, definition, JUDGE), definition, "judge"))
    assert found is not None
    with real_file(f"arena/published/{table}").open(encoding="utf-8", newline="") as file:
        published = {row[""]: row for row in csv.DictReader(file)}
    known = [row for row in found["rows"] if row["model"] in published]
    assert len(known) >= least
    for row in known:
        expected = published[row["model"]]
        # The table stores a judge's share as a float of 32 bits: 1e-7 of 1, here in per cent.
        for name in ("win_rate", "standard_error"):
            assert row[name] == pytest.approx(float(expected[name]), abs=1e-5), row["model"]
        for name in ("n_wins", "n_wins_base", "n_draws", "n_total"):
            assert row[name] == int(expected[name]), (row["model"], name)


def test_the_crowd_of_llmfao_gives_an_order_on_the_board(workspace: Workspace) -> None:
    imported(workspace, "arena/llmfao/crowd-comparisons.csv.gz")
    rating = figures(workspace, "human")["ratings"]
    assert (rating["votes"], rating["models"]) == (8931, 59)
    assert rating["clusters"] == {"annotators": 124, "prompts": 13}
    order = [row["model"] for row in rating["rows"]]
    assert order[0] == "GPT 4"
    assert {"Dolly v2 (3B)", "Dolly v2 (7B)", "Koala (13B)"} <= set(order[-4:])
    assert rating["rows"][0]["worst_rank"] > 1
    assert rating["design_effect"] == pytest.approx(2.04, abs=0.01)


def test_the_qlora_tournament_gives_its_order_and_its_love_of_the_first_place(
    workspace: Workspace,
) -> None:
    imported(
        workspace,
        "arena/qlora_vicuna_gpt4_pairwise.jsonl.gz",
        columns={
            "prompt_id": "question_id",
            "left_generator": "model_a",
            "right_generator": "model_b",
            "choice": "score",
            "judge": "judge",
        },
        labels={"1": "left", "2": "right", "3": "tie"},
        judged_by="judge",
    )
    [file] = judge_files(workspace)
    assert (file.unread.n, round(4480 * (file.unread.value or 0.0))) == (4480, 13)
    found = figures(workspace, "judge")
    assert found["ratings"]["votes"] == 4480 - 13  # 13 replies could not be read
    ratings = {row["model"]: row["rating"] for row in found["ratings"]["rows"]}
    assert list(ratings) == list(QLORA_ELO)
    for name, elo in QLORA_ELO.items():
        assert ratings[name] == pytest.approx(elo, abs=20)
    first = found["matrix"]
    assert sum(map(sum, first["wins"])) + sum(map(sum, first["ties"])) // 2 == 4467
    assert found["bias"]["position"]["effect"] == pytest.approx(0.68, abs=0.01)
    left = found["bias"]["position"]["first"]
    # 56.2 % of all its votes, ties included, are for the answer shown first.
    assert round(100 * left["value"] * left["n"] / 4467, 1) == 56.2


def test_pandalms_three_people_have_their_kappas_on_the_board(workspace: Workspace) -> None:
    imported(workspace, "pairs/pandalm_testset_v1.part.json.gz")
    found = figures(workspace, "human")["agreement"]
    kappas = sorted(pair["kappa"] for pair in found["people"])
    assert kappas == pytest.approx([0.861, 0.891, 0.906], abs=5e-3)
    assert found["alpha"]["value"] == pytest.approx(0.886, abs=5e-3)
