"""Snapshots: frozen once, the same bytes everywhere, readable by everybody."""

import gzip
import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import msgspec
import pytest
import zstandard
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from annotation.actions.import_data import ImportPlan, import_data
from annotation.domain.prompt_hash import prompt_hash
from annotation.exports.formats import FORMATS
from annotation.exports.plan import ExportPlan, Kind
from annotation.judgement_filter import JudgementFilter
from annotation.models import Comparison, Demonstration, Ranking, RankingEntry
from annotation.models.judgements import Choice, Strength
from tests.annotation.material import a_prompt, an_answer
from tests.cast import a_workspace, ann, eve, log_in, mia, vic
from tests.training.snapshots import a_comparison, a_snapshot
from tests.training.studies.world import a_study
from tests.webapp.webhooks.material import a_webhook_with_a_delivery
from training.actions.delete_snapshot import delete_snapshot
from training.actions.export_snapshot import export_snapshot
from training.actions.freeze_snapshot import freeze_snapshot
from training.models import DatasetSnapshot, SnapshotJudgements
from training.queries import snapshots_with
from training.snapshot_files import SnapshotDamaged, blocks, rows, write_split
from training.trainers.data import PreferenceRow, read_rows
from training.trainers.run_config import DataSource
from webapp.artifacts import exists, reading, writing
from webapp.audit.models import AuditEntry
from webapp.jobs.models import Job, State
from webapp.jobs.runner import run_next
from webapp.webhooks.models import Delivery
from webapp.workspaces.models import Workspace

pytestmark = [pytest.mark.heavy, pytest.mark.django_db]


def judged(workspace: Workspace, order: int = 1) -> None:
    """One content, in any order of insertion: rankings, votes of every kind, demonstrations."""
    work = []
    for number in range(6):
        text = f"Question {number}: what is {number} + é?"
        work += [("vote", text, choice) for choice in Choice.values]
        work += [("ranking", text, ""), ("demonstration", text, "")]
    people = [ann(workspace), mia(workspace)]
    for kind, text, choice in work[::order]:
        by = people[len(text + choice) % 2]
        found = workspace.prompts.filter(text=text).first()
        prompt = found or a_prompt(workspace, text, licence="CC0", source="us", use_case="chat")
        prompt.text_hash = bytes.fromhex(prompt_hash(prompt.messages))  # as an import has it
        prompt.save(update_fields=["text_hash"])
        answers = {}
        for name in "abc"[::order]:
            made = prompt.completions.filter(generator=name).first()
            answers[name] = made or an_answer(prompt, f"{name} says {text}", name)
        if kind == "vote":
            strength = Strength.BETTER if choice in ("left", "right") else ""
            Comparison.objects.create(
                prompt=prompt,
                left=answers["a"],
                right=answers["b"],
                choice=choice,
                strength=strength,
                annotator=by,
            )
        elif kind == "demonstration":
            Demonstration.objects.create(prompt=prompt, text=f"By hand: {text}", annotator=by)
        else:
            ranking = Ranking.objects.create(prompt=prompt, annotator=by)
            for place, (name, tier) in enumerate({"c": 1, "a": 2, "b": 2}.items()):
                RankingEntry.objects.create(
                    ranking=ranking, completion=answers[name], tier=tier, position=place + 1
                )


def lines_of(snapshot: DatasetSnapshot, split: str = "") -> list[dict[str, Any]]:
    return [json.loads(line) for line in b"".join(blocks(snapshot, split)).splitlines()]


def work_off() -> Job | None:
    last = None
    while (job := run_next(queue="default", worker="default@test:1")) is not None:
        last = job
    return last


def test_a_job_freezes_file_card_and_ids_together() -> None:
    workspace = a_workspace()
    judged(workspace)
    a_webhook_with_a_delivery(workspace, mia(workspace))
    snapshot = freeze_snapshot(
        workspace=workspace,
        by=mia(workspace),
        name="First",
        plan=ExportPlan(Kind.PREFERENCE),
        chosen=JudgementFilter(kinds=("ranking",)),
    )
    assert not snapshot.ready
    assert work_off() is not None
    snapshot.refresh_from_db()
    assert snapshot.ready
    assert snapshot.rows == 6 * 3
    assert sum(snapshot.splits.values()) == snapshot.rows
    assert snapshot.counts["kinds"] == {"ranking": 6}
    ids = SnapshotJudgements.objects.get(snapshot=snapshot)
    assert set(ids.ids) == set(Ranking.objects.values_list("pk", flat=True))
    assert list(snapshots_with("ranking", ids.ids[0])) == [snapshot]
    assert not snapshots_with("comparison", ids.ids[0])
    with reading(snapshot.artifact["path"]) as file:
        import hashlib

        assert hashlib.sha256(file.read()).hexdigest() == snapshot.sha256
    for said in ("18 rows", "CC0", "1 / C(K, 2)", snapshot.sha256, "Ties", "held out"):
        assert said in snapshot.card
    assert AuditEntry.objects.filter(action="snapshot.freeze").exists()
    told = Delivery.objects.get(event="snapshot.ready")
    assert json.loads(told.body)["data"]["sha256"] == snapshot.sha256


def test_nothing_to_freeze_is_said_and_leaves_no_file() -> None:
    workspace = a_workspace()
    with pytest.raises(ValidationError, match="lets nothing through"):
        a_snapshot(workspace, kind=Kind.PROMPT_COMPLETION)
    a_prompt(workspace, split="held_out")
    with pytest.raises(ValidationError, match="1 prompts of the split “held out”"):
        a_snapshot(workspace, kind=Kind.PROMPT_ONLY)
    assert not SnapshotJudgements.objects.exists()


def test_prompts_that_repeat_a_held_out_one_are_kept_out_and_named() -> None:
    workspace = a_workspace()
    secret = "Explain in one long sentence why the river of the old town runs dry in every summer."
    a_prompt(workspace, secret, split="held_out")
    leaked = a_prompt(workspace, f"{secret} Please answer in rhymes and keep it short.")
    for prompt in (leaked, a_prompt(workspace)):
        Demonstration.objects.create(prompt=prompt, text="An answer.")
    snapshot = a_snapshot(workspace, kind=Kind.PROMPT_COMPLETION)
    assert snapshot.rows == 1
    assert sum(snapshot.counts["kept_out"].values()) == 1
    assert snapshot.counts["leaks"][0]["prompt_id"] == leaked.pk
    assert "13-gram" in snapshot.card


def test_a_frozen_file_is_not_moved_by_what_people_do_afterwards() -> None:
    workspace = a_workspace()
    judged(workspace)
    snapshot = a_snapshot(workspace)
    before = lines_of(snapshot)
    Comparison.objects.all().delete()
    assert lines_of(snapshot) == before


def test_a_changed_or_missing_file_is_refused(tmp_path: Path) -> None:
    snapshot = a_snapshot(a_workspace())
    whole = b"".join(blocks(snapshot))
    with writing(snapshot.artifact["path"], name="x", content_type="x") as file:
        file.write(zstandard.ZstdCompressor().compress(whole + whole))
    with pytest.raises(SnapshotDamaged, match="gone or was changed"):
        write_split(snapshot, "train", tmp_path / "train.jsonl")
    assert list(tmp_path.iterdir()) == []
    from webapp.artifacts import delete

    delete(snapshot.artifact["path"])
    with pytest.raises(SnapshotDamaged):
        list(blocks(snapshot))


def test_the_trainers_read_the_file_as_it_is(tmp_path: Path) -> None:
    workspace = a_workspace()
    judged(workspace)
    snapshot = a_snapshot(workspace, validation_share=0.5)
    whole = tmp_path / "whole.jsonl.zst"
    with reading(snapshot.artifact["path"]) as file:
        whole.write_bytes(file.read())
    source = DataSource(role="train", path="whole", kind="preference")
    read = read_rows(whole, source, PreferenceRow)
    assert len(read) == snapshot.rows
    assert {row.tie for row in read} == {True, False}
    assert {row.strength for row in read} == {"", "better"}
    sides = {}
    for split in ("train", "validation"):
        path = tmp_path / f"{split}.jsonl"
        assert write_split(snapshot, split, path) == snapshot.splits[split]
        found = read_rows(path, source, PreferenceRow)
        sides[split] = {msgspec.json.encode(row.prompt) for row in found}
    assert not sides["train"] & sides["validation"]


# ---- the same bytes
SCRIPT = """
import sys, json, django
django.setup()
from django.db import connection
connection.settings_dict["NAME"] = sys.argv[1]
from annotation.exports.plan import Kind
from tests.cast import a_workspace
from tests.training.snapshots import a_snapshot
from training.actions.delete_snapshot import delete_snapshot
found = {}
for kind in Kind:
    snapshot = a_snapshot(a_workspace(sys.argv[2]), kind=kind, validation_share=0.3)
    found[kind.value] = [snapshot.sha256, snapshot.content_sha256]
    delete_snapshot(snapshot=snapshot, by=None)
print(json.dumps(found))
"""


@pytest.mark.heavy
@pytest.mark.django_db(transaction=True)
def test_three_processes_write_the_same_bytes_whatever_their_surroundings() -> None:
    """G8: hash seed, locale, time zone and the order of insertion differ; the bytes do not."""
    from django.db import connection

    judged(a_workspace("One"), order=1)
    judged(a_workspace("Other"), order=-1)
    found = []
    for name, surroundings in (
        ("One", {"PYTHONHASHSEED": "1", "TZ": "UTC", "LC_ALL": "C", "PGTZ": "UTC"}),
        ("One", {"PYTHONHASHSEED": "77", "TZ": "Asia/Kolkata", "LC_ALL": "C.UTF-8"}),
        ("Other", {"PYTHONHASHSEED": "random", "TZ": "America/St_Johns", "LANG": "de_DE.UTF-8"}),
    ):
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, connection.settings_dict["NAME"], name],
            capture_output=True,
            text=True,
            cwd=Path(__file__).parents[2],
            env={**os.environ, "DJANGO_SETTINGS_MODULE": "webapp.settings", **surroundings},
        )
        assert done.returncode == 0, done.stderr[-2000:]
        found.append(json.loads(done.stdout.splitlines()[-1]))
    assert found[0] == found[1] == found[2]
    assert len({tuple(pair) for pair in found[0].values()}) == len(Kind)


def test_other_judgements_give_other_bytes() -> None:
    workspace = a_workspace()
    judged(workspace)
    first = a_snapshot(workspace)
    again = a_snapshot(workspace)
    vote = Comparison.objects.filter(choice="left").first()
    assert vote is not None
    Comparison.objects.filter(pk=vote.pk).update(choice="right")
    assert first.sha256 == again.sha256 != a_snapshot(workspace).sha256


# ---- out and in again
def test_an_import_of_our_own_export_gives_the_same_file_again() -> None:
    workspace = a_workspace()
    judged(workspace)
    votes = JudgementFilter(kinds=("comparison", "demonstration"))
    for kind in (Kind.PREFERENCE, Kind.PROMPT_COMPLETION, Kind.PROMPT_ONLY):
        first = a_snapshot(workspace, kind=kind, chosen=votes, validation_share=0.4)
        other = a_workspace(f"Copy of {kind.value}")
        report = import_data(
            workspace=other,
            by=None,
            file=io.BytesIO(b"".join(blocks(first))),
            plan=ImportPlan(name="ours.jsonl"),
        )
        assert report.refused == []
        again = a_snapshot(other, kind=kind, validation_share=0.4)
        assert lines_of(again) == lines_of(first)
        assert again.content_sha256 == first.content_sha256


def test_pairs_of_a_ranking_come_back_with_their_group_and_weight() -> None:
    workspace = a_workspace()
    judged(workspace)
    first = a_snapshot(workspace, chosen=JudgementFilter(kinds=("ranking",)))
    other = a_workspace("Copy")
    import_data(
        workspace=other,
        by=None,
        file=io.BytesIO(b"".join(blocks(first))),
        plan=ImportPlan(name="ours.jsonl"),
    )
    sides = ("chosen_position", "rejected_position")

    def content(snapshot: DatasetSnapshot) -> list[str]:
        return sorted(
            json.dumps({name: row[name] for name in row if name not in sides})
            for row in lines_of(snapshot)
            if not row["tie"]
        )

    assert content(a_snapshot(other)) == content(first)


# ---- files for others
@pytest.mark.heavy
@pytest.mark.parametrize("kind", list(Kind))
def test_rule_10_datasets_and_trl_get_the_rows_back(kind: Kind, tmp_path: Path) -> None:
    from datasets import load_dataset
    from trl.data_utils import apply_chat_template, is_conversational

    from tests.training.tiny_model import tiny_tokenizer

    workspace = a_workspace()
    judged(workspace)
    snapshot = a_snapshot(workspace, kind=kind)
    expected = lines_of(snapshot)
    for name in ("jsonl.zst", "jsonl.gz", "jsonl", "parquet"):
        path = tmp_path / f"rows.{name}"
        path.write_bytes(b"".join(rows(snapshot).written(name)))
        builder = "parquet" if name == "parquet" else "json"
        found = load_dataset(
            builder, data_files=str(path), split="train", cache_dir=str(tmp_path / f"cache-{name}")
        )
        assert found.to_list() == expected
    assert is_conversational(found[0])
    made = found.map(apply_chat_template, fn_kwargs={"processing_class": tiny_tokenizer()})
    for row, given in zip(made, expected, strict=True):
        assert given["prompt"][0]["content"] in row["prompt"]
        for side in {"chosen", "rejected", "completion"} & set(given):
            assert row[side].startswith(given[side][0]["content"])


def test_the_same_file_is_compressed_alike_and_unpacks_with_any_tool() -> None:
    snapshot = a_snapshot(a_workspace())
    plain = b"".join(rows(snapshot).written("jsonl"))
    packed = b"".join(rows(snapshot).written("jsonl.gz"))
    assert gzip.decompress(packed) == plain
    assert packed == b"".join(rows(snapshot).written("jsonl.gz"))
    assert packed[4:8] == b"\0\0\0\0"  # no time of day
    with reading(snapshot.artifact["path"]) as file:
        frozen = file.read()
    assert frozen == b"".join(rows(snapshot).written("jsonl.zst"))
    assert zstandard.ZstdDecompressor().stream_reader(io.BytesIO(frozen)).read() == plain


def test_openai_and_llama_factory_get_their_shapes() -> None:
    workspace = a_workspace()
    judged(workspace)
    preferences = a_snapshot(workspace)
    strict = [row for row in lines_of(preferences) if not row["tie"]]
    made = rows(preferences)
    found = [json.loads(line) for line in b"".join(made.written("openai")).splitlines()]
    assert [row["preferred_output"] for row in found] == [row["chosen"] for row in strict]
    assert [row["input"]["messages"] for row in found] == [row["prompt"] for row in strict]
    assert made.skipped.rows == len(lines_of(preferences)) - len(strict)
    packed = zipfile.ZipFile(io.BytesIO(b"".join(rows(preferences).written("llama-factory"))))
    info = json.loads(packed.read("dataset_info.json"))
    ((name, entry),) = info.items()
    assert entry["ranking"] is True
    first = json.loads(packed.read(entry["file_name"]).splitlines()[0])
    asked = strict[0]["prompt"][0]["content"]
    assert first["conversations"][-1] == {"from": "human", "value": asked}
    assert first["chosen"] == {"from": "gpt", "value": strict[0]["chosen"][0]["content"]}
    demonstrations = a_snapshot(workspace, kind=Kind.PROMPT_COMPLETION)
    chats = b"".join(rows(demonstrations).written("openai")).splitlines()
    assert [turn["role"] for turn in json.loads(chats[0])["messages"]] == ["user", "assistant"]
    with pytest.raises(ValidationError, match="cannot hold rows of the kind prompt_only"):
        rows(a_snapshot(workspace, kind=Kind.PROMPT_ONLY)).written("openai")


# ---- deleting
def test_deleting_takes_the_files_and_says_so(
    django_capture_on_commit_callbacks: Any,
) -> None:
    workspace = a_workspace()
    snapshot = a_snapshot(workspace)
    path = snapshot.artifact["path"]
    with django_capture_on_commit_callbacks(execute=True):
        delete_snapshot(snapshot=snapshot, by=mia(workspace))
    assert not exists(path)
    assert not DatasetSnapshot.objects.exists()
    assert Comparison.objects.count() == 1
    assert AuditEntry.objects.filter(action="snapshot.delete").exists()


def test_what_runs_and_studies_learned_from_is_not_deleted_and_says_so(client: Client) -> None:
    workspace = a_workspace()
    by = mia(workspace)
    study = a_study(workspace, by)
    with pytest.raises(ValidationError, match=r"3 training runs, 1 study learned from it\."):
        delete_snapshot(snapshot=study.snapshot, by=by)
    log_in(client, by)
    address = reverse("training:snapshot_delete", args=[workspace.slug, study.snapshot_id])
    assert client.post(address).status_code == 302
    assert "3 training runs" in client.get(address).content.decode()
    assert DatasetSnapshot.objects.filter(pk=study.snapshot_id).exists()


# ---- pages and REST
def test_the_form_previews_freezes_and_offers_files() -> None:
    workspace = a_workspace()
    judged(workspace)
    client = log_in(Client(), mia(workspace))
    address = f"/w/{workspace.slug}/snapshots/"
    page = client.get(f"{address}new/")
    assert "A &gt; B = C" in page.content.decode()  # c, a, b were shown in this order
    part = client.get(
        f"{address}new/?type=preference&kind=comparison&people=on", headers={"HX-Request": "true"}
    )
    assert b"<html" not in part.content
    assert b">24<" in part.content
    wrong = client.get(f"{address}new/?judged_by=robots", headers={"HX-Request": "true"})
    assert wrong.status_code == 200
    assert b"robots" in wrong.content
    chosen = {"name": "Mine", "type": "preference", "ties": "drop", "margins": "none"}
    chosen |= {"shape": "chat", "validation": "5", "people": "on", "judged_by": "human"}
    answer = client.post(f"{address}new/", chosen)
    assert answer.status_code == 302
    work_off()
    page = client.get(answer["Location"])
    assert b"First rows" in page.content
    assert b"Known biases" in page.content
    assert client.post(f"{address}new/", chosen).status_code == 422  # the name is taken
    for name in FORMATS:
        sent = client.get(f"{answer['Location']}download/?format={name}")
        assert sent.status_code == 200, name
        assert b"".join(sent.streaming_content)
        assert sent["Content-Disposition"].startswith("attachment; filename=")
        assert sent["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in sent["Content-Security-Policy"]
    lineage = client.get(f"{answer['Location']}judgements/?kind=ranking")
    assert b"Question 0" in lineage.content
    assert client.get(f"{answer['Location']}download/?format=docx").status_code == 302
    assert log_in(Client(), eve(a_workspace("Tea"))).get(answer["Location"]).status_code == 404


def test_a_large_file_is_made_by_a_job_once(monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = a_workspace()
    snapshot = a_snapshot(workspace, mia(workspace))
    monkeypatch.setattr("training.snapshot_downloads.SMALL_ROWS", 0)
    client = log_in(Client(), mia(workspace))
    address = f"/w/{workspace.slug}/snapshots/{snapshot.pk}/"
    assert client.get(f"{address}download/?format=parquet").status_code == 302
    for _ in range(2):
        client.post(f"{address}export/", {"format": "parquet", "split": ""})
    assert Job.objects.filter(kind="snapshot export").count() == 1
    done = work_off()
    assert done is not None
    done.refresh_from_db()
    assert done.state == State.DONE
    sent = client.get(f"{address}download/?format=parquet")
    assert b"".join(sent.streaming_content)[:4] == b"PAR1"
    export = export_snapshot(snapshot=snapshot, by=mia(workspace), format_name="parquet")
    assert export.artifact["sha256"] == done.result["artifact"]["sha256"]
    viewer = log_in(Client(), vic(workspace))
    assert viewer.post(f"{address}export/", {"format": "jsonl"}).status_code == 403


def test_a_snapshot_is_made_looked_at_and_deleted_over_rest() -> None:
    workspace = a_workspace()
    judged(workspace)
    client = log_in(Client(), mia(workspace))
    address = f"/api/v1/workspaces/{workspace.slug}/snapshots/"
    body = {"name": "By REST", "kind": "preference", "filter": {"kinds": ["comparison"]}}
    options: dict[str, Any] = {
        "content_type": "application/json",
        "headers": {"Idempotency-Key": "k-1"},
    }
    made = client.post(address, body, **options)
    again = client.post(address, body, **options)
    assert (made.status_code, again.status_code) == (201, 201)
    assert made.json()["id"] == again.json()["id"]
    work_off()
    one = client.get(f"{address}{made.json()['id']}/").json()
    assert (one["state"], one["rows"]) == ("ready", 24)
    sent = client.get(f"{address}{one['id']}/download/?file=jsonl&split=train")
    assert len(b"".join(sent.streaming_content).splitlines()) == one["splits"]["train"]
    wrong = client.post(
        address,
        body | {"name": "x", "filter": {"kinds": ["votes"]}},
        **{"content_type": "application/json"},
    )
    assert wrong.status_code == 400
    assert "votes" in wrong.content.decode()
    assert client.get(f"{address}{one['id']}/download/?file=docx").status_code == 400
    assert client.delete(f"{address}{one['id']}/").status_code == 204
    assert client.get(address).json()["results"] == []


# ---- the command
def test_the_command_writes_each_kind_by_the_files_ending(tmp_path: Path, capsys: Any) -> None:
    workspace = a_workspace()
    judged(workspace)
    for kind in Kind:
        out = tmp_path / f"{kind.value}.jsonl.gz"
        call_command("export_data", workspace=workspace.slug, kind=kind.value, out=out)
        assert gzip.decompress(out.read_bytes()).count(b"\n") > 0
    out = tmp_path / "frozen.jsonl"
    given = {"workspace": workspace.slug, "kind": "preference", "snapshot": "By hand"}
    call_command("export_data", out=out, **given)
    snapshot = DatasetSnapshot.objects.get(name="By hand")
    assert out.read_bytes() == b"".join(blocks(snapshot))
    assert gzip.decompress((tmp_path / "preference.jsonl.gz").read_bytes()) == out.read_bytes()
    part = tmp_path / "part.parquet"
    call_command("export_data", out=part, split="train", **given)
    assert part.read_bytes()[:4] == b"PAR1"
    assert DatasetSnapshot.objects.count() == 1


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"workspace": "nowhere"}, "no workspace"),
        ({"kind": "votes"}, "Allowed: prompt_only"),
        ({"kind": ""}, "--kind"),
        ({"out": "rows.docx"}, "none of the endings"),
        ({"ties": "maybe"}, "Allowed: keep"),
        ({"kind": "prompt_only", "out": "x.openai.jsonl"}, "cannot hold"),
    ],
)
def test_the_command_says_what_is_wrong(given: dict[str, Any], said: str, tmp_path: Path) -> None:
    a_comparison(a_workspace())
    options = {"workspace": "paper-cups", "kind": "preference", "out": "rows.jsonl"} | given
    options["out"] = tmp_path / options["out"]
    with pytest.raises(CommandError, match=said):
        call_command("export_data", **options)
    assert list(tmp_path.iterdir()) == []


# ---- tasks and reasoning
def worked_examples(workspace: Workspace) -> None:
    """Ten tasks of four questions; the odd ones came with their reasoning."""
    for task in range(10):
        for number in range(4):
            prompt = a_prompt(workspace, f"Task {task}, question {number}", source=f"task {task}")
            reasoned = {"rationale": f"Because {task}."} if number % 2 else {}
            Demonstration.objects.create(
                prompt=prompt, text=f"answer {number}", annotator=mia(), metadata=reasoned
            )


def test_whole_tasks_are_held_out_and_not_single_rows() -> None:
    workspace = a_workspace()
    mia(workspace)
    worked_examples(workspace)
    plain = a_snapshot(workspace, mia(), Kind.PROMPT_COMPLETION, validation_share=0.4)
    by_task = a_snapshot(
        workspace, mia(), Kind.PROMPT_COMPLETION, validation_share=0.4, by_task=True
    )
    sides: dict[str, dict[str, set[str]]] = {"plain": {}, "by_task": {}}
    for name, snapshot in (("plain", plain), ("by_task", by_task)):
        for row in lines_of(snapshot):
            sides[name].setdefault(row["source"], set()).add(row["split"])
    assert any(len(side) == 2 for side in sides["plain"].values())
    assert all(len(side) == 1 for side in sides["by_task"].values())
    assert {split for side in sides["by_task"].values() for split in side} == {
        "train",
        "validation",
    }
    assert "40.0% of the tasks" in by_task.card
    # What a prompt's import calls its task goes before its source.
    workspace.prompts.update(metadata={"task": "one and the same"})
    one = a_snapshot(workspace, mia(), Kind.PROMPT_COMPLETION, validation_share=0.4, by_task=True)
    assert len({row["split"] for row in lines_of(one)}) == 1


def test_reasoning_stands_before_the_answer_where_it_is_asked_for() -> None:
    workspace = a_workspace()
    mia(workspace)
    worked_examples(workspace)
    texts: dict[bool, set[str]] = {}
    for asked in (False, True):
        frozen = a_snapshot(workspace, mia(), Kind.PROMPT_COMPLETION, rationales=asked)
        texts[asked] = {row["completion"][0]["content"] for row in lines_of(frozen)}
        where = "stands before the answer" if asked else "is not in the rows"
        said = f"**Reasoning**: 20 of 40 demonstrations came with it; it {where}."
        assert said in frozen.card
    assert texts[False] == {f"answer {number}" for number in range(4)}
    assert "Because 7.\n\nanswer 3" in texts[True]
    assert "answer 2" in texts[True]  # it came without
    with pytest.raises(ValidationError, match="rationales is true or false"):
        ExportPlan.from_settings("prompt_completion", {"rationales": "yes"})
