"""A prompt that a curator has worked on: with a change, a view, duplicates, a class of its own."""

from typing import Any

from annotation.actions.edit_prompts import edit_prompts
from annotation.actions.save_use_case import save_use_case
from annotation.actions.save_view import save_view
from annotation.actions.settle_many import settle_many
from annotation.models import DuplicateCluster, DuplicateMember, DuplicateSearch
from annotation.prompt_filter import PromptFilter
from tests.annotation.material import a_prompt
from webapp.workspaces.models import Workspace


def a_cluster(workspace: Workspace, by: Any, *texts: str) -> DuplicateCluster:
    """Prompts of these texts as one cluster of a finished search, without searching."""
    search = DuplicateSearch.objects.create(workspace=workspace, by=by)
    cluster = DuplicateCluster.objects.create(search=search, size=len(texts))
    for text in texts:
        DuplicateMember.objects.create(cluster=cluster, prompt=a_prompt(workspace, text))
    return cluster


def a_curated_prompt(workspace: Workspace, by: Any) -> dict[str, int]:
    """The ids of all that, by the names of the addresses' parameters."""
    cluster = a_cluster(workspace, by, f"How far is it to {workspace}?", f"How far to {workspace}?")
    first = cluster.members.order_by("prompt_id").first()
    assert first is not None
    mine = PromptFilter(ids=(first.prompt_id,))
    edit = edit_prompts(workspace=workspace, by=by, kind="tag", value="far", prompts=mine)
    view = save_view(workspace=workspace, by=by, name="Mine", filter=mine)
    own = save_use_case(workspace=workspace, by=by, name="distances", words="how far")
    settled = a_cluster(workspace, by, f"Who is in {workspace}?", f"Who is at {workspace}?")
    settlement = settle_many(
        workspace=workspace, by=by, decision="kept", rule="oldest", clusters=[settled.pk]
    )
    return {
        "settlement": settlement.pk,
        "prompt": first.prompt_id,
        "edit": edit.pk,
        "view": view.pk,
        "cluster": cluster.pk,
        "use_case": own.pk,
    }
