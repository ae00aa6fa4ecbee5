"""Models, snapshots and runs for tests, made without training anything."""

import hashlib
import io
import json
import struct
import tempfile
from pathlib import Path
from typing import Any

import zstandard
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from annotation.models import Prompt
from training.actions.launch import LaunchPlan, launch
from training.actions.register import make_ready, new_version
from training.actions.saved_config import save_config
from training.model_store import fingerprint_of_manifest, store_folder
from training.models import (
    DatasetSnapshot,
    MapPoint,
    ModelVersion,
    PromptMap,
    SnapshotState,
    TrainingRun,
)
from webapp.artifacts import writing

CONFIG = {"model_type": "llama", "hidden_size": 8, "num_hidden_layers": 1, "vocab_size": 16}


def safetensors(numbers: int = 4) -> bytes:
    """A weights file with one tensor of zeros."""
    header = {"w": {"dtype": "F32", "shape": [numbers], "data_offsets": [0, 4 * numbers]}}
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(4 * numbers)


def model_files(**config: Any) -> dict[str, bytes]:
    return {
        "config.json": json.dumps({**CONFIG, **config}).encode(),
        "model.safetensors": safetensors(),
    }


def uploads(files: dict[str, bytes]) -> list[Any]:
    return [SimpleUploadedFile(name, data) for name, data in files.items()]


def zipped(files: dict[str, bytes], folder: str = "") -> bytes:
    import zipfile

    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for name, data in files.items():
            archive.writestr(folder + name, data)
    return written.getvalue()


def a_model(
    workspace: Any,
    by: Any,
    name: str = "base",
    *,
    kind: str = "policy",
    folder: Path | None = None,
    **fields: Any,
) -> ModelVersion:
    """A ready version; its files are those of `folder`, else a few bytes that look like one."""
    version = new_version(
        workspace=workspace, name=name, by=by, kind=kind, source={"kind": "upload"}, **fields
    )
    place = f"models/{workspace.pk}/{version.pk}"
    with tempfile.TemporaryDirectory() as temporary:
        if folder is None:
            folder = Path(temporary)
            for file, data in model_files().items():
                (folder / file).write_bytes(data)
        manifest = store_folder(folder, place)
    return make_ready(
        version=version,
        place=place,
        manifest=manifest,
        sha256=fingerprint_of_manifest(manifest),
        facts={"parameters": 4, "layers": 1, "hidden": 8, "vocabulary": 16, "chat": False},
    )


def frozen(
    workspace: Any,
    by: Any,
    kind: str,
    train: list[dict[str, Any]],
    validation: list[dict[str, Any]] | None = None,
    *,
    name: str = "",
) -> DatasetSnapshot:
    """A snapshot of these rows, as freezing leaves it."""
    rows = [(row, "train") for row in train] + [(row, "validation") for row in validation or []]
    lines = b"".join(json.dumps({**row, "split": split}).encode() + b"\n" for row, split in rows)
    name = name or f"{kind} {len(rows)}"
    stem = hashlib.sha256(f"{workspace.pk} {name}".encode()).hexdigest()[:16]
    with writing(
        f"snapshots/{stem}.jsonl.zst", name="snapshot.jsonl.zst", content_type="application/zstd"
    ) as file:
        file.write(zstandard.compress(lines))
    assert file.artifact is not None
    return DatasetSnapshot.objects.create(
        workspace=workspace,
        name=name,
        kind=kind,
        state=SnapshotState.READY,
        artifact=file.artifact.as_dict(),
        sha256=file.sha256,
        content_sha256=hashlib.sha256(lines).hexdigest(),
        rows=len(rows),
        counts={"splits": {"train": len(train), "validation": len(validation or [])}},
        created_by=by,
        frozen_at=timezone.now(),
    )


DEMONSTRATIONS = [{"prompt": f"say {n}", "completion": f"it is {n}"} for n in range(4)]


def a_run(
    workspace: Any,
    by: Any,
    name: str = "base-sft-1",
    *,
    base: ModelVersion | None = None,
    data: DatasetSnapshot | None = None,
    **plan: Any,
) -> TrainingRun:
    base = base or a_model(workspace, by)
    data = data or frozen(workspace, by, "prompt_completion", DEMONSTRATIONS, name=f"of {name}")
    return launch(
        workspace=workspace,
        by=by,
        plan=LaunchPlan(
            name=name, method="sft", models={"base": base}, data={"train": data}, **plan
        ),
    )


def learning_ids(workspace: Any, manager: Any) -> dict[str, Any]:
    """What the access tests address."""
    model = a_model(workspace, manager, "kept")
    config = save_config(
        workspace=workspace, by=manager, method="sft", name="usual", config={"seed": 1}
    )
    run = a_run(workspace, manager)
    TrainingRun.objects.filter(pk=run.pk).update(
        artifacts=[
            {
                "path": model.place + "/config.json",
                "name": "config.json",
                "size": model.manifest[0]["size"],
                "sha256": model.manifest[0]["sha256"],
                "content_type": "text/plain",
            }
        ]
    )
    from tests.training.rounds.world import a_round  # which makes its models here
    from tests.training.scoring.world import a_scoring
    from tests.training.studies.world import a_study

    study = a_study(workspace, manager, base=model)
    prompt_map = a_map(workspace, manager)
    return {
        "scoring": a_scoring(workspace, manager).pk,
        "study": study.pk,
        "map": prompt_map.pk,
        "round": a_round(workspace, manager, base=model).pk,
        "model": model.pk,
        "run": run.pk,
        "config": config.pk,
        "position": 0,
        "recipe": "sft-dpo",
    }


def a_map(workspace: Any, by: Any) -> PromptMap:
    """A map that is drawn, of a few points without a computation."""
    prompts = list(Prompt.objects.filter(workspace=workspace).order_by("pk")[:4])
    row = PromptMap.objects.create(
        workspace=workspace,
        name="drawn",
        version=a_model(workspace, by, "embedder", kind="embedder"),
        sets=[{"name": "All prompts", "filter": {}}],
        most=100,
        created_by=by,
        finished_at=timezone.now(),
        report={
            "points": len(prompts),
            "prompts": [len(prompts)],
            "left_out": [0],
            "perplexity": 2.0,
            "trustworthiness": 0.9,
            "divergence": 1.0,
            "neighbours": 1,
            "embedded": 0,
            "seconds": {},
        },
    )
    MapPoint.objects.bulk_create(
        MapPoint(map=row, number=at, x=at, y=-at, prompts=[prompt.pk], counts=[1])
        for at, prompt in enumerate(prompts)
    )
    return row
