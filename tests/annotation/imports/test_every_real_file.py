"""Every file of the shared data that has a format comes in with the counts of its README."""

import re
from collections import Counter
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

from annotation.actions.import_data import ImportPlan, import_data
from annotation.models import Comparison, Completion, Demonstration, Prompt, Ranking, Rating
from tests.annotation.imports.files import SHARED, real_file
from tests.cast import a_workspace

pytestmark = [pytest.mark.heavy, pytest.mark.django_db]

# What the folder holds beside files with a format of the list, and why it has none.
WITHOUT_A_FORMAT = (
    ("bench/*", "questions of benchmarks"),
    ("flan/raw/*", "data sets that wait for a template (the format labelled)"),
    ("flan/*_templates.json.gz", "templates"),
    ("flan/cot_strategyqa.tsv.gz", "a table without a header: its columns have to be named"),
    ("arena/llmfao/models.jsonl.gz", "names of models"),
    ("arena/published/*", "leaderboards"),
    ("arena/qlora_vicuna_*", "a layout of one paper"),
    ("mt_bench/judge_prompts.jsonl", "templates"),
    ("safety/anthropic_persona_evals.part.jsonl.gz", "questions of a benchmark"),
    ("safety/bbq_Religion.jsonl.gz", "questions of a benchmark"),
    ("safety/bold_*", "prompts by the titles of pages"),
    ("safety/rtp_*", "prompts with the scores of a classifier"),
    ("models/*", "models"),
)
SAME = "prefers one of two answers that are the same text"
PREFIX = "differs from chosen before the last answer"
NO_VERDICT = "is null: the judge's reply could not be read, which is no tie"
ITSELF = "sets an answer against itself: both have one writer and one text"
# Rows that cannot be taken, counted in the files themselves; every other row must be.
REFUSED: dict[str, dict[str, int]] = {
    "alpaca_eval/annotations_gpt4/claude-2.json.gz": {NO_VERDICT: 1},
    "alpaca_eval/annotations_gpt4/text_davinci_001.json.gz": {NO_VERDICT: 1},
    "arena/alpaca_eval1_battles.csv.gz": {NO_VERDICT: 53},
    "arena/alpaca_eval2_battles.csv.gz": {ITSELF: 805},  # the baseline beside itself
    "mt_bench/gpt-4_single.mistral-orpo.jsonl.gz": {
        "holds no score: the judge's reply could not be read": 1
    },
    "pairs/hh/harmless-base.train.jsonl.gz": {PREFIX: 1},
    "pairs/hh/helpful-base.train.jsonl.gz": {PREFIX: 5, SAME: 1},
    "pairs/hh/helpful-rejection-sampled.test.jsonl.gz": {SAME: 2},
    "pairs/hh/helpful-rejection-sampled.train.jsonl.gz": {PREFIX: 3, SAME: 15},
    "sharegpt/sharegpt_0_2000.json.gz": {
        "holds no turn of a user": 23,
        "has no turns": 15,
        "a turn of the user follows one of the user": 4,
        "is empty before its first answer": 1,
    },
}
TABLES = (Prompt, Completion, Demonstration, Comparison, Ranking, Rating)


def listed() -> dict[str, int]:
    """Records by file, as the README gives them."""
    found: dict[str, int] = {}
    folder = ""
    for line in (SHARED / "README.md").read_text().splitlines():
        if line.startswith("## "):
            folder = line.removeprefix("## ").strip()
        elif row := re.match(r"\| ([\w./-]+) \| ([\d,]+)", line):
            found[f"{folder}/{row[1]}"] = int(row[2].replace(",", ""))
    return found


def with_a_format() -> Iterator[str]:
    if not SHARED.is_dir():
        yield "README.md"  # real_file() skips it with a word
        return
    for path in listed():
        if not any(fnmatch(path, pattern) for pattern, _ in WITHOUT_A_FORMAT):
            yield path


def kept() -> list[int]:
    return [table._default_manager.count() for table in TABLES]


def test_the_readme_names_the_files_that_are_there() -> None:
    real_file("README.md")
    assert len(list(with_a_format())) == 60
    for pattern, _reason in WITHOUT_A_FORMAT:
        assert any(fnmatch(path, pattern) for path in listed()), pattern


@pytest.mark.parametrize("path", list(with_a_format()))
def test_a_file_comes_in_with_the_counts_of_its_readme_and_only_once(path: str) -> None:
    workspace = a_workspace()
    reports, rows = [], []
    for _ in range(2):
        with real_file(path).open("rb") as file:
            plan = ImportPlan(Path(path).name)
            reports.append(import_data(workspace=workspace, by=None, file=file, plan=plan))
        rows.append(kept())
    first, second = reports
    refused = REFUSED.get(path, {})
    assert first.stored
    assert Counter(first.reasons) == refused
    assert first.rows == listed()[path]
    assert first.rows == first.imported + first.duplicates + sum(refused.values())
    assert first.imported > 0
    assert sum(rows[0]) > 0
    # What is said twice in one file is counted as such; the same file again is nothing but that.
    assert (second.imported, second.duplicates) == (0, first.imported + first.duplicates)
    assert rows[1] == rows[0]
