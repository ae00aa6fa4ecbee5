"""Files into the tables: counted, linked, idempotent, complete or absent."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command

from annotation.actions.import_data import ImportPlan, ImportReport, import_data
from annotation.imports.formats.reading_options import Options
from annotation.models import (
    Comparison,
    Completion,
    Demonstration,
    Prompt,
    Ranking,
    RankingEntry,
    Rating,
)
from tests.annotation.imports.files import EXAMPLES, gz, json_list, jsonl, real_file
from tests.cast import a_workspace, mia
from webapp.audit.models import AuditEntry
from webapp.workspaces.models import Workspace

pytestmark = [pytest.mark.heavy, pytest.mark.django_db]

ALPACA = [{"instruction": f"Name {n} rivers.", "input": "", "output": f"{n}!"} for n in range(5)]
BAD = {"instruction": 7, "output": "x"}
TABLES = (Prompt, Completion, Demonstration, Comparison, Ranking, RankingEntry, Rating)


def bring(
    data: bytes, name: str = "file.jsonl", workspace: Any = None, **plan: Any
) -> ImportReport:
    workspace = workspace or a_workspace()
    rejects = plan.pop("rejects", None)
    progress = plan.pop("progress", lambda records: None)
    options = {key: plan.pop(key) for key in ("source", "licence", "columns") if key in plan}
    return import_data(
        workspace=workspace,
        by=mia(workspace),
        file=io.BytesIO(data),
        plan=ImportPlan(name=name, options=Options(**options), **plan),
        rejects=rejects,
        progress=progress,
    )


def rows_in_tables() -> int:
    return sum(model._default_manager.count() for model in TABLES)


def assert_adds_up(report: ImportReport) -> None:
    assert report.rows == report.imported + report.duplicates + len(report.refused)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: f"{e['format']}-{e['variant']}")
def test_every_format_is_stored_and_the_second_time_adds_nothing(example: Any) -> None:
    data = jsonl(example["record"])
    first = bring(data, format_name=example["format"])
    assert (first.rows, first.imported, first.refused) == (1, 1, [])
    before = rows_in_tables()
    assert before
    again = bring(data, format_name=example["format"])
    assert (again.imported, again.duplicates) == (0, 1)
    assert rows_in_tables() == before


@pytest.mark.parametrize(
    ("path", "imported", "duplicates", "refused"),
    [
        ("instruct/alpaca_en_demo.json.gz", 985, 14, 0),
        ("instruct/dolly.part.jsonl.gz", 499, 1, 0),
        ("instruct/dpo_en_demo.json.gz", 295, 5, 0),
        ("instruct/kto_en_demo.json.gz", 300, 0, 0),
        ("instruct/oasst_trees.part.jsonl.gz", 60, 0, 0),
        ("instruct/self_instruct_seed_tasks.jsonl", 175, 0, 0),
        ("alpaca_eval/outputs/alpaca-7b.json.gz", 805, 0, 0),
        ("alpaca_eval/annotations_gpt4/claude-2.json.gz", 804, 0, 1),
        ("mt_bench/gpt-4_single.mistral-orpo.jsonl.gz", 799, 0, 1),
        ("mt_bench/question.jsonl", 80, 0, 0),
        ("pairs/hh/helpful-base.test.jsonl.gz", 181, 0, 0),
        ("pairs/pandalm_testset_v1.part.json.gz", 536, 0, 0),
        ("pairs/llmbar/mt-bench.json.gz", 200, 0, 0),
        ("arena/llmfao/crowd-comparisons.csv.gz", 8931, 0, 0),
        ("sharegpt/sharegpt_0_2000.json.gz", 1941, 16, 43),
    ],
)
def test_a_real_file_comes_in_with_the_counts_of_its_list(
    path: str, imported: int, duplicates: int, refused: int
) -> None:
    data = real_file(path).read_bytes()
    report = bring(data, Path(path).name)
    assert (report.imported, report.duplicates, len(report.refused)) == (
        imported,
        duplicates,
        refused,
    )
    assert_adds_up(report)
    again = bring(data, Path(path).name)
    assert (again.imported, again.duplicates) == (0, imported + duplicates)


def test_a_dry_run_says_the_same_and_keeps_nothing() -> None:
    data = jsonl(*ALPACA, BAD, ALPACA[0])
    dry = bring(data, dry_run=True)
    assert rows_in_tables() == 0
    assert (dry.stored, dry.imported, dry.duplicates, len(dry.refused)) == (False, 5, 1, 1)
    assert dry.first_rows[0]["prompt"]["messages"][0]["content"] == "Name 0 rivers."
    real = bring(data)
    assert real.stored
    same = ("rows", "imported", "duplicates", "fixed", "refused", "tables", "format")
    assert {key: getattr(real, key) for key in same} == {key: getattr(dry, key) for key in same}


def test_good_rows_are_taken_and_the_rejects_file_holds_the_others() -> None:
    rejects = io.BytesIO()
    bad = b'{"instruction": "caf\xff", "output": "x"}'
    data = jsonl(ALPACA[0], BAD) + bad + b"\n" + jsonl(ALPACA[1])
    report = bring(data, rejects=rejects)
    assert report.imported == 2
    lines = [json.loads(line) for line in rejects.getvalue().splitlines()]
    assert [line["line"] for line in lines] == [2, 3]
    assert lines[0]["path"] == "instruction"
    assert json.loads(lines[0]["original"]) == BAD
    assert data[lines[1]["offset"] :].startswith(bad)
    assert "original" not in lines[1]
    assert lines[1]["original_base64"]
    assert_adds_up(report)


def test_all_or_nothing_keeps_everything_out_for_one_bad_row() -> None:
    report = bring(jsonl(*ALPACA, BAD), all_or_nothing=True)
    assert rows_in_tables() == 0
    assert (report.stored, report.imported, report.withheld) == (False, 0, 5)
    assert report.refused[0]["line"] == 6
    assert bring(jsonl(*ALPACA), all_or_nothing=True).imported == 5


@pytest.mark.parametrize("data", [gz(jsonl(*ALPACA * 400))[:-20], json_list(*ALPACA)[:-9]])
def test_a_file_that_breaks_off_is_never_imported_in_part(data: bytes) -> None:
    report = bring(data, "file.json")
    assert rows_in_tables() == 0
    assert report.broken
    assert report.refused
    assert report.imported == 0


def test_a_cancelled_import_leaves_nothing() -> None:
    class Cancelled(Exception):
        pass

    def cancel(records: int) -> None:
        assert rows_in_tables() > 0  # the control: something was written before
        raise Cancelled

    with pytest.raises(Cancelled):
        bring(jsonl(*ALPACA), progress=cancel)
    assert rows_in_tables() == 0


def test_two_workspaces_have_their_own_rows() -> None:
    for name in ("Paper cups", "Tea pots"):
        report = bring(jsonl(EXAMPLES[0]["record"]), workspace=a_workspace(name))
        assert report.imported == 1
    assert Prompt.objects.count() == Demonstration.objects.count() == 2


def test_an_archived_workspace_and_an_unknown_format_are_refused_in_a_sentence() -> None:
    from django.utils import timezone

    closed = a_workspace("Closed", archived_at=timezone.now())
    with pytest.raises(ValidationError, match="archived"):
        bring(jsonl(*ALPACA), workspace=closed)
    with pytest.raises(ValidationError, match="'alpacca' is no format"):
        bring(jsonl(*ALPACA), format_name="alpacca")
    assert "No format is known" in bring(jsonl({"zig": 1})).broken


def test_a_judgement_finds_its_texts_whichever_file_comes_first() -> None:
    vote = {"instruction": "x", "generator_1": "m", "generator_2": "n", "preference": 2}
    outputs = [{"instruction": "x", "output": f"by {who}", "generator": who} for who in ("m", "n")]
    bring(jsonl(vote), workspace=a_workspace("Votes first"))
    before = Comparison.objects.get()
    assert not before.left.has_text
    report = bring(jsonl(*outputs), workspace=a_workspace("Votes first"))
    assert (report.imported, report.tables) == (2, {"answers filled in": 2})
    after = Comparison.objects.get()
    assert (after.left.text, after.right.text) == ("by m", "by n")
    assert after.left.has_text
    texts_first = a_workspace("Texts first")
    bring(jsonl(*outputs), workspace=texts_first)
    bring(jsonl(vote), workspace=texts_first)
    other = Comparison.objects.get(prompt__workspace=texts_first)
    assert (other.left.text, other.right.text, other.choice) == ("by m", "by n", "right")
    assert Completion.objects.filter(prompt__workspace=texts_first).count() == 2


def test_a_question_named_by_its_number_gets_its_text_later() -> None:
    score = {"question_id": 81, "model": "m", "judge": ["gpt-4", "v1"], "score": 8, "turn": 1}
    bring(jsonl(score))
    assert Prompt.objects.get().flags == ["text_missing"]
    question = {"question_id": 81, "category": "writing", "turns": ["Write.", "Rewrite."]}
    bring(jsonl(question))
    prompt = Prompt.objects.get()
    assert (prompt.text, prompt.flags, prompt.tags) == ("Write.", [], ["writing"])
    assert prompt.metadata["follow_ups"] == ["Rewrite."]
    bring(jsonl({**score, "score": 9, "model": "n"}))
    assert Prompt.objects.get().ratings.count() == 2


def test_of_a_models_answers_to_a_question_the_last_line_wins() -> None:
    def said(model: str, number: int) -> dict[str, Any]:
        choices = [{"index": 0, "turns": [f"{model} says {number}"]}]
        return {
            "question_id": 81,
            "answer_id": f"{model}{number}",
            "model_id": model,
            "choices": choices,
        }

    def in_use() -> set[str]:
        return set(Completion.objects.filter(retired_at=None).values_list("text", flat=True))

    report = bring(jsonl(said("m", 1), said("m", 2), said("n", 1)))
    assert report.tables["answers replaced by a later one"] == 1
    assert in_use() == {"m says 2", "n says 1"}
    later = bring(jsonl(said("m", 3)))
    assert (later.imported, later.tables["answers replaced by a later one"]) == (1, 2)
    assert in_use() == {"m says 3", "n says 1"}
    score = {"question_id": 81, "model": "m", "judge": ["gpt-4", "v1"], "score": 8, "turn": 1}
    bring(jsonl(score))
    assert Rating.objects.get().completion.text == "m says 3"
    assert bring(jsonl(said("m", 1), said("n", 1))).imported == 0
    assert in_use() == {"m says 3", "n says 1"}


def test_a_ranking_keeps_its_tiers_ties_and_unranked_answers() -> None:
    values = [{"value": "b", "rank": 2}, {"value": "a", "rank": 1}, {"value": "c", "rank": 2}]
    record = {
        "id": "r1",
        "fields": {"prompt": "x", "a": "1", "b": "2", "c": "3", "d": "4"},
        "responses": {"order": [{"value": values, "user_id": "u"}]},
    }
    bring(jsonl(record))
    ranking = Ranking.objects.get()
    tiers = {entry.completion.text: entry.tier for entry in ranking.entries.all()}
    assert tiers == {"1": 1, "2": 2, "3": 2, "4": None}
    assert (ranking.annotator_label, ranking.group) == ("u", "r1")


def test_what_the_source_said_is_kept_beside_the_choice() -> None:
    record = {"prompt": "x", "chosen": "y", "rejected": "z", "margin": 1.5}
    bring(jsonl(record), source="set", licence="MIT")
    comparison = Comparison.objects.select_related("prompt").get()
    assert (comparison.choice, comparison.order_known) == ("left", False)
    assert comparison.metadata == {"strength": 1.5, "strength_scale": "margin"}
    assert (comparison.prompt.source, comparison.prompt.licence) == ("set", "MIT")


def test_a_row_that_sets_an_answer_against_itself_is_refused_and_not_an_error() -> None:
    record = {"input": "x", "output_1": "same", "output_2": "same", "label": "tie"}
    fields = {"prompt": "input", "left": "output_1", "right": "output_2", "choice": "label"}
    report = bring(jsonl(record), format_name="table", columns=fields)
    assert "against itself" in report.refused[0]["reason"]


def test_personal_data_are_flagged_by_turn_and_masked_when_asked() -> None:
    turns = [
        {"from": "human", "value": "I am a@b.de"},
        {"from": "gpt", "value": "Hello a@b.de"},
        {"from": "human", "value": "Bye"},
        {"from": "gpt", "value": "Write to c@d.de"},
    ]
    report = bring(jsonl({"conversations": turns}))
    assert report.personal_data == {"email": 1}
    prompt = Prompt.objects.get()
    assert prompt.flags == ["personal_data:email"]
    assert prompt.metadata["personal_data"] == {"0": ["email"], "1": ["email"]}
    assert Demonstration.objects.get().metadata["personal_data"] == ["email"]
    assert prompt.messages[0]["content"] == "I am a@b.de"
    masked = a_workspace("Masked")
    report = bring(jsonl({"conversations": turns}), workspace=masked, mask=True)
    assert report.fixes == {"personal data masked": 1}
    row = Demonstration.objects.get(prompt__workspace=masked)
    assert row.text == "Write to [EMAIL]"
    assert "a@b.de" not in json.dumps(row.prompt.messages)


def test_an_import_is_written_into_the_audit_log_once() -> None:
    bring(jsonl(*ALPACA))
    bring(jsonl(*ALPACA))
    entry = AuditEntry.objects.get(action="data.imported")
    assert entry.target == "file.jsonl"


# ---- the command


def run(path: Path, *arguments: str) -> dict[str, Any]:
    report = path.with_suffix(".report")
    call_command("import_data", str(path), "--workspace", "cups", "--report", report, *arguments)
    return dict(json.loads(report.read_text()))


def test_the_command_makes_the_workspace_and_writes_the_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "alpaca.jsonl"
    path.write_bytes(jsonl(*ALPACA, BAD))
    dry = run(path, "--dry-run")
    assert not Workspace.objects.exists()
    assert (dry["rows"], dry["imported"], dry["stored"]) == (6, 5, False)
    report = run(path)
    assert report["format"] == "alpaca"
    assert report["refused"] == [
        {
            "line": 6,
            "offset": len(jsonl(*ALPACA)),
            "path": "instruction",
            "reason": "instruction: is a number where a text belongs",
        }
    ]
    assert report["rows"] == report["imported"] + report["duplicates"] + len(report["refused"])
    assert Workspace.objects.get().slug == "cups"
    assert "rows 6, imported 5, duplicates 0, fixed 0, refused 1" in capsys.readouterr().out


def test_the_command_fails_under_all_or_nothing_and_on_a_broken_file(tmp_path: Path) -> None:
    path = tmp_path / "alpaca.jsonl"
    path.write_bytes(jsonl(*ALPACA, BAD))
    with pytest.raises(SystemExit) as stopped:
        run(path, "--all-or-nothing")
    assert stopped.value.code == 1
    path.write_bytes(gz(jsonl(*ALPACA))[:-5])
    with pytest.raises(SystemExit):
        run(path)
    assert not Workspace.objects.exists()
    report = json.loads(path.with_suffix(".report").read_text())
    assert (report["rows"], report["imported"], len(report["refused"])) == (1, 0, 1)
    assert "incomplete" in report["refused"][0]["reason"]


def test_the_command_answers_mistakes_in_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "alpaca.jsonl"
    with pytest.raises(CommandError, match="cannot be opened"):
        run(path)
    path.write_bytes(jsonl(*ALPACA))
    with pytest.raises(CommandError, match="no pair"):
        run(path, "--column", "prompt")
    with pytest.raises(CommandError, match=r"'alpacca' is not known\. Allowed: alpaca, "):
        run(path, "--format", "alpacca")
    with pytest.raises(CommandError):
        call_command("import_data", str(path), "--workspace", "no slug!")
