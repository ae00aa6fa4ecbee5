"""Maps of prompts: real embeddings, a real layout, a job; what is picked becomes a tag."""

import dataclasses
import json
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from annotation.models import Prompt, PromptEdit
from tests.annotation.material import a_prompt
from tests.cast import a_workspace, ann, log_in, mia, vic
from tests.training.embedders import (
    ANIMALS,
    MONEY,
    an_embedder,
    encoder_files,
    static_files,
    table,
    texts_of,
    tokenizer_json,
)
from tests.training.registry import a_model, uploads, zipped
from training.actions.import_model import import_uploaded
from training.models import MapPoint, ModelVersion, PromptEmbedding, PromptMap
from training.prompt_maps.actions.start_map import delete_map, start_map
from training.prompt_maps.actions.tag_points import tag_points
from training.prompt_maps.embeddings import hash_of
from training.prompt_maps.form import points_of
from training.prompt_maps.plan import DataSet, MapPlan, data_set
from webapp.jobs.actions.cancel import cancel
from webapp.jobs.models import Job
from webapp.jobs.runner import run_next

pytestmark = [pytest.mark.heavy, pytest.mark.django_db(transaction=True)]
EACH = 30


@pytest.fixture
def workspace() -> Any:
    """Thirty prompts on animals from one source, thirty on money from another; one text in both."""
    made = a_workspace()
    for text in texts_of(ANIMALS, EACH):
        a_prompt(made, text, source="zoo")
    for text in texts_of(MONEY, EACH):
        a_prompt(made, text, source="bank")
    both = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "my cat"}]
    a_prompt(made, "my cat", source="zoo")
    Prompt.objects.create(
        workspace=made, messages=both, text="my cat", text_hash=b"other", source="bank"
    )
    return made


def plan(workspace: Any, version: ModelVersion, *keys: str, **fields: Any) -> MapPlan:
    sets = [data_set(workspace, key, []) for key in keys or ("source:zoo", "source:bank")]
    return MapPlan(**({"name": "both", "version": version, "sets": sets, "perplexity": 8} | fields))


def drawn(workspace: Any, version: ModelVersion, *keys: str, **fields: Any) -> PromptMap:
    row = start_map(workspace=workspace, by=mia(), plan=plan(workspace, version, *keys, **fields))
    assert row.job is not None
    run_next(queue=row.job.queue, worker="here")
    row.refresh_from_db()
    job = Job.objects.get(pk=row.job_id)
    assert job.state == "done", (job.error, job.error_detail)
    return row


# ---- the model


def test_a_static_and_an_encoder_folder_are_embedding_models(tmp_path: Path) -> None:
    workspace = a_workspace()
    static = an_embedder(workspace, mia(workspace))
    assert (static.state, static.kind, static.facts["static"]) == ("ready", "embedder", True)
    encoder = an_embedder(workspace, mia(), "bert", encoder_files(tmp_path))
    assert (encoder.state, encoder.kind) == ("ready", "embedder"), (
        encoder.job and Job.objects.get(pk=encoder.job_id).error
    )
    assert encoder.facts["static"] is False


def test_a_zip_as_sentence_transformers_saves_it_keeps_its_pooling(tmp_path: Path) -> None:
    workspace = a_workspace()
    files = encoder_files(tmp_path)
    files["1_Pooling/config.json"] = files.pop("pooling.json")
    version = an_embedder(workspace, mia(workspace), "st", {"model.zip": zipped(files)})
    assert version.ready, Job.objects.get(pk=version.job_id).error
    said = json.loads((version.folder() / "pooling.json").read_text())
    assert said == {"pooling_mode_mean_tokens": True}


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("modules.json", [{"type": "evil.module.Run"}], "'Run'"),
        ("modules.json", [{"type": "sentence_transformers.models.Dense"}], "'Dense'"),
        ("modules.json", [{"type": "a.Transformer"}, {"type": "a.Pooling"}], "pooling.json"),
        ("modules.json", {"type": "a.Transformer"}, "modules.json"),
        ("pytorch_model.bin", [], "pickle"),
        ("config.json", {"kind": "static token embeddings", "auto_map": {"A": "b.C"}}, "auto_map"),
    ],
)
def test_a_folder_that_asks_for_more_is_refused(file: str, content: Any, said: str) -> None:
    workspace = a_workspace()
    files = static_files() | {file: json.dumps(content).encode()}
    version = import_uploaded(
        workspace=workspace, by=mia(workspace), name="bad", files=uploads(files)
    )
    run_next(queue="default", worker="here")
    version.refresh_from_db()
    assert not version.ready
    assert said in Job.objects.get(pk=version.job_id).error


def embedded(tmp_path: Path, files: dict[str, bytes], texts: list[str]) -> Any:
    """What the process makes of the texts, (n, d)."""
    from training.trainers.embedding import main
    from training.trainers.manifest import fingerprint

    model, folder = tmp_path / "model", tmp_path / "asked"
    model.mkdir()
    folder.mkdir()
    for name, data in files.items():
        (model / name).write_bytes(data)
    given = {"model": str(model), "sha256": fingerprint(model), "batch_tokens": 40}
    (folder / "embedding.json").write_text(json.dumps(given))
    (folder / "texts.jsonl").write_text("".join(json.dumps(text) + "\n" for text in texts))
    assert main([str(folder)]) == 0
    events = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    assert events[-1]["done"] == len(texts)
    return np.fromfile(folder / "vectors.f16", "<f2").reshape(len(texts), -1).astype(np.float64)


def test_a_static_embedding_is_the_mean_of_its_tokens(tmp_path: Path) -> None:
    found = embedded(tmp_path, static_files(), ["cat", "cat tax", "?!", "the CAT"])
    rows = table().astype(np.float64)  # cat is token 4, tax 7, the 10; CAT is not known: 1
    wanted = [rows[4], (rows[4] + rows[7]) / 2, None, (rows[10] + rows[1]) / 2]
    for row, mean in zip(found, wanted, strict=True):
        expected = np.zeros(4) if mean is None else mean / np.linalg.norm(mean)
        assert row == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("pooling", ["mean_tokens", "cls_token", "lasttoken"])
def test_an_encoder_is_pooled_as_its_folder_says_whatever_the_batch(
    tmp_path: Path, pooling: str
) -> None:
    import torch
    from transformers import BertModel

    files = encoder_files(tmp_path, pooling)
    texts = ["cat", "my dog and the cow", "tax law fee the a my and cat dog cow tax law fee the a"]
    found = embedded(tmp_path, files, texts)
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(tokenizer_json().decode())
    net = BertModel.from_pretrained(tmp_path / "bert").eval()
    for row, text in zip(found, texts, strict=True):
        ids = tokenizer.encode(text).ids
        if len(ids) > 16:  # max_seq_length: the end stays
            ids = [*ids[:15], 3]
        with torch.no_grad():
            hidden = net(torch.tensor([ids])).last_hidden_state[0]
        pooled = {"mean_tokens": hidden.mean(0), "cls_token": hidden[0], "lasttoken": hidden[-1]}
        expected = pooled[pooling] / pooled[pooling].norm()
        assert row == pytest.approx(expected.double().numpy(), abs=2e-3)


# ---- the job


def test_two_data_sets_come_apart_and_a_text_of_both_is_one_point(workspace: Any) -> None:
    version = an_embedder(workspace, mia(workspace))
    row = drawn(workspace, version)
    points = list(MapPoint.objects.filter(map=row).order_by("number"))
    assert row.report["points"] == len(points) == 2 * EACH + 1
    assert row.report["prompts"] == [EACH + 1, EACH + 1]
    assert row.report["trustworthiness"] > 0.75
    both = [point for point in points if point.counts == [1, 1]]
    assert len(both) == 1
    assert len(both[0].prompts) == 2
    sides = [np.array([(p.x, p.y) for p in points if p.counts == one]) for one in ([1, 0], [0, 1])]
    centres = [side.mean(axis=0) for side in sides]
    spread = max(np.linalg.norm(s - c, axis=1).mean() for s, c in zip(sides, centres, strict=True))
    assert np.linalg.norm(centres[0] - centres[1]) > spread


def test_a_text_is_embedded_once_and_the_same_seed_draws_the_same_map(workspace: Any) -> None:
    version = an_embedder(workspace, mia(workspace))
    first = drawn(workspace, version, seed=3)
    assert first.report["embedded"] == PromptEmbedding.objects.count() == 2 * EACH + 1
    again = drawn(workspace, version, name="again", seed=3)
    assert again.report["embedded"] == 0
    places = [
        list(MapPoint.objects.filter(map=row).order_by("number").values_list("x", "y"))
        for row in (first, again)
    ]
    assert places[0] == places[1]
    other = drawn(workspace, version, name="other", seed=4)
    assert places[0] != list(
        MapPoint.objects.filter(map=other).order_by("number").values_list("x", "y")
    )


def test_an_embedding_goes_when_no_prompt_has_its_text_any_more(workspace: Any) -> None:
    version = an_embedder(workspace, mia(workspace))
    drawn(workspace, version)
    gone = Prompt.objects.filter(source="bank").first()
    assert gone is not None
    Prompt.objects.filter(pk=gone.pk).delete()
    drawn(workspace, version, name="later")
    left = {bytes(key) for key in PromptEmbedding.objects.values_list("text_hash", flat=True)}
    assert hash_of(gone.text) not in left
    assert len(left) == 2 * EACH


def test_an_encoder_is_asked_on_the_queue_of_models(workspace: Any, tmp_path: Path) -> None:
    version = an_embedder(workspace, mia(workspace), "bert", encoder_files(tmp_path))
    row = drawn(workspace, version)
    assert row.job is not None
    assert (row.job.queue, row.report["embedded"]) == ("gpu", 2 * EACH + 1)


def test_of_a_large_set_so_many_are_drawn_and_the_rest_is_told(workspace: Any) -> None:
    version = an_embedder(workspace, mia(workspace))
    row = drawn(workspace, version, "all", most=20)
    assert (row.report["prompts"], row.report["left_out"]) == ([20], [2 * EACH - 18])
    assert row.report["perplexity"] == pytest.approx((row.report["points"] - 1) / 3, rel=0.4)


def test_too_few_texts_say_so(workspace: Any) -> None:
    version = an_embedder(workspace, mia(workspace))
    for text in ("one", "two"):
        a_prompt(workspace, text, source="few")
    row = start_map(workspace=workspace, by=mia(), plan=plan(workspace, version, "source:few"))
    run_next(queue="default", worker="here")
    error = Job.objects.get(pk=row.job_id).error
    assert "2 different texts" in error


def test_weights_that_were_changed_in_the_store_embed_nothing(workspace: Any) -> None:
    version = an_embedder(workspace, mia(workspace))
    path = version.folder() / "model.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    row = start_map(workspace=workspace, by=mia(), plan=plan(workspace, version))
    run_next(queue="default", worker="here")
    assert "not those that were registered" in Job.objects.get(pk=row.job_id).error
    assert not PromptEmbedding.objects.exists()


def test_a_cancelled_map_keeps_its_embeddings_and_no_points(
    workspace: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from training.prompt_maps import drawing

    version = an_embedder(workspace, mia(workspace))
    row = start_map(workspace=workspace, by=mia(), plan=plan(workspace, version))
    kept = drawing.embed_missing

    def then_cancel(*given: Any) -> int:
        made = kept(*given)
        cancel(job=Job.objects.get(pk=row.job_id), by=mia())
        return made

    monkeypatch.setattr(drawing, "embed_missing", then_cancel)
    run_next(queue="default", worker="here")
    assert Job.objects.get(pk=row.job_id).state == "cancelled"
    assert PromptEmbedding.objects.count() == 2 * EACH + 1
    assert not MapPoint.objects.exists()


def test_what_cannot_be_a_map_is_refused(workspace: Any) -> None:
    version = an_embedder(workspace, mia(workspace))
    policy = a_model(workspace, mia(), "base")
    refused = [
        ({"version": policy}, "Choose an embedding model"),
        ({"name": ""}, "name"),
        ({"perplexity": float("nan")}, "perplexity"),
        ({"sets": [DataSet("a"), DataSet("a")]}, "name of its own"),
        ({"sets": []}, "data sets"),
        ({"most": 10**9}, "can be taken"),
        ({"seed": -1}, "seed"),
    ]
    for fields, said in refused:
        wanted = dataclasses.replace(plan(workspace, version), **fields)
        with pytest.raises(ValidationError, match=said):
            start_map(workspace=workspace, by=mia(), plan=wanted)
    for key in ("source:nowhere", "view:1", "snapshot:99", "user:1", "", "split:nonsense"):
        with pytest.raises(ValidationError):
            data_set(workspace, key, [])
    assert not PromptMap.objects.exists()


# ---- what is picked


def test_what_is_picked_is_tagged_in_one_change_that_can_be_undone(workspace: Any) -> None:
    version = an_embedder(workspace, mia(workspace))
    row = drawn(workspace, version)
    zoo = MapPoint.objects.filter(map=row, counts__0__gt=0).values_list("number", flat=True)
    edit = tag_points(row=row, by=mia(), points=list(zoo), tag="animals")
    tagged = Prompt.objects.filter(tags__contains=["animals"])
    assert tagged.count() == edit.changed == EACH + 2  # "my cat" of the bank is in the same point
    assert PromptEdit.objects.get().kind == "tag"
    with pytest.raises(ValidationError):
        tag_points(row=row, by=mia(), points=[], tag="animals")
    with pytest.raises(ValidationError):
        tag_points(row=row, by=mia(), points=list(zoo), tag=" ")


@pytest.mark.parametrize(
    ("text", "found"), [("0-2,5", [0, 1, 2, 5]), ("5,5,4-5", [4, 5]), ("7", [7]), ("3-1", [])]
)
def test_points_are_numbers_and_ranges(text: str, found: list[int]) -> None:
    assert points_of(text) == found


@pytest.mark.parametrize("text", ["", "a", "1,,2", "-1", "1-", "0-9999999", "1;2", "٣"])
def test_other_points_are_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        points_of(text)


def test_the_pages_show_the_map_and_what_is_picked(workspace: Any, client: Client) -> None:
    version = an_embedder(workspace, mia(workspace))
    row = drawn(workspace, version)
    log_in(client, mia())

    def at(name: str, *more: Any) -> str:
        return reverse(f"training:{name}", args=[workspace.slug, *more])

    assert b"both" in client.get(at("prompt_maps")).content
    page = client.get(at("prompt_map", row.pk)).content.decode()
    assert "Trustworthiness" in page
    assert "words v1" in page
    points = client.get(at("prompt_map_points", row.pk)).json()
    assert len(points["x"]) == len(points["counts"]) == 2 * EACH + 1
    assert points["sets"] == ["Source zoo", "Source bank"]
    texts = client.get(at("prompt_map_texts", row.pk), {"points": "0-4"}).json()
    assert len(texts) == 5
    assert set(texts.values()) <= set(Prompt.objects.values_list("text", flat=True))
    assert client.get(at("prompt_map_texts", row.pk), {"points": "x"}).status_code == 400
    picked = client.post(at("prompt_map_selection", row.pk), {"points": "0-9"}).content.decode()
    assert "10 texts" in picked
    client.post(at("prompt_map_tag", row.pk), {"points": "0-9", "tag": "ten"})
    assert Prompt.objects.filter(tags__contains=["ten"]).count() >= 10
    Prompt.objects.all().delete()
    texts = client.get(at("prompt_map_texts", row.pk), {"points": "0"}).json()
    assert texts == {"0": "(These prompts were deleted.)"}


def test_only_managers_draw_tag_and_delete(workspace: Any, client: Client) -> None:
    version = an_embedder(workspace, mia(workspace))
    row = drawn(workspace, version)
    tag = reverse("training:prompt_map_tag", args=[workspace.slug, row.pk])
    log_in(client, vic(workspace))
    assert client.get(reverse("training:prompt_maps", args=[workspace.slug])).status_code == 200
    assert client.post(tag, {"points": "0", "tag": "x"}).status_code == 403
    log_in(client, ann(workspace))
    assert client.get(reverse("training:prompt_maps", args=[workspace.slug])).status_code == 403


def test_the_command_draws_lists_and_deletes(
    workspace: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = an_embedder(workspace, mia(workspace))
    sets = ["--set", "source:zoo", "--set", "source:bank"]
    out = StringIO()
    drawn_by = ["draw", workspace.slug, "--by", mia().email, "--name", "shell", *sets]
    call_command(
        "prompt_map", *drawn_by, "--model", version.name, "--perplexity", "8", "--no-wait",
        stdout=out,
    )  # fmt: skip
    run_next(queue="default", worker="here")
    call_command("prompt_map", "list", workspace.slug, stdout=out)
    assert "trustworthiness" in out.getvalue()
    with pytest.raises(CommandError, match="no data set"):
        call_command("prompt_map", *drawn_by, "--model", version.name, "--set", "tag:none")
    call_command("prompt_map", "delete", workspace.slug, "shell", "--by", mia().email, stdout=out)
    assert not PromptMap.objects.exists()


def test_a_map_that_is_being_drawn_is_not_deleted(workspace: Any) -> None:
    version = an_embedder(workspace, mia(workspace))
    row = start_map(workspace=workspace, by=mia(), plan=plan(workspace, version))
    with pytest.raises(ValidationError, match="Cancel its job"):
        delete_map(row=row, by=mia())
