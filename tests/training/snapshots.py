"""Frozen snapshots for tests."""

from typing import Any
from uuid import uuid4

from annotation.exports.plan import ExportPlan, Kind
from annotation.judgement_filter import JudgementFilter
from annotation.models import Comparison
from tests.annotation.material import a_prompt, an_answer
from training.actions.freeze_snapshot import freeze_snapshot
from training.actions.write_snapshot import write_snapshot
from training.models import DatasetSnapshot
from webapp.workspaces.models import Workspace


def a_comparison(workspace: Workspace, choice: str = "left", **fields: Any) -> Comparison:
    """A vote on two new answers to a new prompt."""
    prompt = a_prompt(workspace)
    left, right = an_answer(prompt, generator="base"), an_answer(prompt, generator="tuned")
    return Comparison.objects.create(prompt=prompt, left=left, right=right, choice=choice, **fields)


def a_snapshot(
    workspace: Workspace,
    by: Any = None,
    kind: Kind = Kind.PREFERENCE,
    *,
    name: str = "",
    chosen: JudgementFilter | None = None,
    **plan: Any,
) -> DatasetSnapshot:
    """Frozen at once; of one comparison if the workspace has none."""
    if kind is Kind.PREFERENCE and not Comparison.objects.filter(prompt__workspace=workspace):
        a_comparison(workspace)
    snapshot = freeze_snapshot(
        workspace=workspace,
        by=by,
        name=name or f"Frozen {uuid4().hex[:6]}",
        plan=ExportPlan(kind, **plan),
        chosen=chosen or JudgementFilter(),
        queue=False,
    )
    return write_snapshot(snapshot=snapshot, path=f"snapshots/tests/{uuid4().hex}.jsonl.zst")
