"""What the job "prompt map" does: read the texts, embed them, lay them out, keep the points."""

import array
import json
import random
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _

from annotation.models import Prompt
from annotation.prompt_filter import PromptFilter
from training.models import MapPoint, PromptMap
from training.prompt_maps.embeddings import embed_missing, hash_of, last_line, write_vectors
from training.prompt_maps.queries import forget_texts_that_are_gone, prompts_of_snapshot
from webapp.jobs import JobFailed, Work
from webapp.jobs.supervise import Tail

A_BATCH = 2000
FEWEST = 10  # as annotation.domain.prompt_map has it
NEIGHBOURS = 10  # k of the trustworthiness
SILENT_SECONDS = 600.0


@dataclass
class Point:
    """One text: the prompts that have it, and how many of each set."""

    prompts: list[int] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)


@dataclass
class Gathered:
    """points and texts by the hash of the text; taken and found: prompts of each set."""

    points: dict[bytes, Point] = field(default_factory=dict)
    texts: dict[bytes, str] = field(default_factory=dict)
    taken: list[int] = field(default_factory=list)
    found: list[int] = field(default_factory=list)


def draw_map(work: Work) -> dict[str, Any]:
    """Carry a map out; begun again it goes on with the embeddings that are stored.

    Raises:
        JobFailed: too few texts, or the model cannot be used; the sentence says why.
    """
    found = PromptMap.objects.select_related("workspace", "version")
    row = found.filter(pk=work.arguments["map_id"]).first()
    if row is None:
        raise JobFailed(_("The map was deleted."))
    if row.ready:
        return dict(row.report)
    started = time.monotonic()
    gathered = _gather(work, row)
    if len(gathered.points) < FEWEST:
        raise JobFailed(
            _("The data sets have %(count)d different texts; a map needs %(least)d. Add prompts.")
            % {"count": len(gathered.points), "least": FEWEST}
        )
    embedded = embed_missing(work, row.version, gathered.texts)
    after_embedding = time.monotonic()
    hashes = sorted(gathered.points)  # not by the order of reading: the same texts, the same map
    gathered.texts.clear()
    places, said = _lay_out(work, row, hashes)
    report = {
        "points": len(hashes),
        "prompts": gathered.taken,
        "left_out": [
            all_ - taken for all_, taken in zip(gathered.found, gathered.taken, strict=True)
        ],
        "embedded": embedded,
        "seconds": {
            "embedding": round(after_embedding - started, 1),
            "layout": round(time.monotonic() - after_embedding, 1),
        },
        **{key: round(said[key], 6) for key in ("perplexity", "trustworthiness", "divergence")},
        "neighbours": said["neighbours"],
    }
    work.progress(0, None, _("Keeping the points"))
    with work.fenced():
        MapPoint.objects.filter(map=row).delete()
        MapPoint.objects.bulk_create(
            (
                MapPoint(
                    map=row,
                    number=number,
                    x=places[2 * number],
                    y=places[2 * number + 1],
                    prompts=gathered.points[key].prompts,
                    counts=gathered.points[key].counts,
                )
                for number, key in enumerate(hashes)
            ),
            batch_size=1000,
        )
        forget_texts_that_are_gone(row)
        row.report, row.finished_at = report, timezone.now()
        row.save(update_fields=["report", "finished_at"])
    return report


# ---- the texts


def _gather(work: Work, row: PromptMap) -> Gathered:
    found = Gathered()
    work.progress(0, None, _("Reading prompts"))
    for number, one in enumerate(row.sets):
        try:
            ids = _ids_of(row, one)
        except ValidationError as refused:
            raise JobFailed(" ".join(refused.messages)) from refused
        found.found.append(len(ids))
        if len(ids) > row.most:
            # Drawn by the seed, and among all of them: the first ones are those of one file.
            ids = sorted(random.Random(row.seed).sample(ids, row.most))  # noqa: S311
        found.taken.append(len(ids))
        for start in range(0, len(ids), A_BATCH):
            prompts = Prompt.objects.filter(
                workspace=row.workspace_id, pk__in=ids[start : start + A_BATCH]
            )
            for pk, text in prompts.order_by("pk").values_list("pk", "text"):
                _add(found, number, len(row.sets), pk, text)
            work.progress(len(found.points))
    return found


def _ids_of(row: PromptMap, one: dict[str, Any]) -> list[int]:
    mine = Prompt.objects.filter(workspace=row.workspace_id)
    if "snapshot" in one:
        return sorted(prompts_of_snapshot(row.workspace, one["snapshot"]))
    passing = PromptFilter.from_json(one["filter"]).apply(mine)
    return list(passing.order_by("pk").values_list("pk", flat=True))


def _add(found: Gathered, number: int, sets: int, pk: int, text: str) -> None:
    if not text.strip():
        return
    key = hash_of(text)
    point = found.points.get(key)
    if point is None:
        point = found.points[key] = Point(counts=[0] * sets)
        found.texts[key] = text
    point.counts[number] += 1
    if pk not in point.prompts:
        point.prompts.append(pk)


# ---- the layout, in a process of its own


def _lay_out(
    work: Work, row: PromptMap, hashes: list[bytes]
) -> "tuple[array.array[float], dict[str, Any]]":
    """x and y of each text one after the other, and what the process said of them."""
    stages = {
        "neighbours": _("Looking for nearest neighbours"),
        "layout": _("Laying out"),
        "trustworthiness": _("Measuring how far to trust the map"),
    }
    last: dict[str, Any] = {}

    def heard(lines: list[bytes]) -> None:
        for line in lines:
            said = json.loads(line)
            if said["kind"] == "laid":
                last.update(said)
            else:
                work.progress(said.get("done", 0), said.get("total"), stages[said["name"]])

    with tempfile.TemporaryDirectory(prefix="rondo-map-") as name:
        folder = Path(name)
        asked = {
            "points": len(hashes),
            "perplexity": row.perplexity,
            "seed": row.seed,
            "neighbours": NEIGHBOURS,
        }
        (folder / "map.json").write_text(json.dumps(asked))
        write_vectors(row.version, hashes, folder / "vectors.f16")
        ended = work.supervise(
            [sys.executable, "-m", "annotation.domain.map_process", str(folder)],
            folder=settings.BASE_DIR,
            log=folder / "log",
            events=Tail(folder / "events.jsonl"),
            on_lines=heard,
            stall_seconds=SILENT_SECONDS,
            grace_seconds=1.0,  # it has nothing to save
        )
        log = (folder / "log").read_text(errors="replace")
        if ended.code or not last:
            raise JobFailed(
                _("The map could not be laid out: %s") % last_line(log, ended.code), detail=log
            )
        places = array.array("f")
        with (folder / "places.f32").open("rb") as file:
            places.fromfile(file, 2 * len(hashes))
    if sys.byteorder == "big":
        places.byteswap()
    return places, last
