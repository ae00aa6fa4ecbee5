"""What a run did, for a file: a summary, and every candidate line by line."""

import json
from collections.abc import Iterator
from typing import Any

from training.factory.queries import funnel, refusal_shares, rejections, requests_by_step, spending
from training.models import FactoryRun, SeedRole


def report_of(run: FactoryRun) -> dict[str, Any]:
    """Settings, funnel, rejections with examples, and what it cost."""
    spent = spending(run)
    shares = refusal_shares(run)
    return {
        "run": run.pk,
        "name": run.name,
        "wizard": run.kind,
        "model": run.endpoint.name,
        "begun": run.created_at.isoformat(),
        "seeds": run.seeds.filter(role=SeedRole.SEED).count(),
        "look_alikes": run.seeds.filter(role=SeedRole.LOOK_ALIKE).count(),
        "chosen": run.chosen,
        "settings": [
            {"version": each.version, "from": each.created_at.isoformat(), "values": each.values}
            for each in run.versions.all()
        ],
        "requests": [{**row, "label": str(row["label"])} for row in requests_by_step(run)],
        "funnel": [
            {"step": stage.key, "stage": str(stage.label), "count": stage.count, "lost": stage.lost}
            for stage in funnel(run)
        ],
        "rejections": [
            {
                "step": row["step"],
                "rule": row["rule"],
                "reason": row["reason"],
                "count": row["n"],
                "examples": [each.text for each in row["examples"]],
            }
            for row in rejections(run)
        ],
        "refuses_when_asked_plainly": {
            name: None if share is None else vars(share) for name, share in shares.items()
        },
        "spent": {**spent, "cost": str(spent["cost"])},
    }


def candidate_lines(run: FactoryRun) -> Iterator[bytes]:
    """One JSON object a line, in the order in which they were written."""
    rows = run.candidates.select_related("request", "parent", "seed").order_by("pk")
    for row in rows.iterator(500):
        line = {
            "id": row.pk,
            "step": row.step,
            "state": row.state,
            "rule": row.rule,
            "reason": row.reason,
            "instruction": row.parent.text if row.parent else None,
            "input": row.input,
            "text": row.text,
            "nearest": row.nearest,
            "similarity": row.similarity,
            "is_classification": row.is_classification,
            "refuses": row.refuses,
            "edited": row.is_edited,
            "seed": row.seed.text if row.seed else None,
            "shown": row.request.shown,
            "settings_version": row.request.version,
            "prompt": row.prompt_id,
            "demonstration": row.demonstration_id,
            "comparison": row.comparison_id,
        }
        yield json.dumps(line, ensure_ascii=False).encode() + b"\n"
