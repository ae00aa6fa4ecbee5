"""Reads of models and runs that more than one act or page needs."""

from django.db.models import Q, QuerySet
from django.shortcuts import get_object_or_404

from training.models import ModelKind, ModelVersion, TrainingRun, VersionState
from webapp.workspaces.models import Workspace


def models_in(workspace: Workspace) -> QuerySet[ModelVersion]:
    """A workspace's models, the newest first, with what made them."""
    found = ModelVersion.objects.filter(workspace=workspace)
    return found.select_related("job", "run", "created_by").order_by("-pk")


def ready_models(workspace: Workspace, *kinds: str) -> QuerySet[ModelVersion]:
    """Those whose files are there, of these kinds (none: of all)."""
    found = models_in(workspace).filter(state=VersionState.READY)
    return found.filter(kind__in=kinds) if kinds else found


def ready_adapters(workspace: Workspace, *of: str) -> QuerySet[ModelVersion]:
    """Adapters of such models ("policy", "reward"), and those of which it is not known."""
    told = Q(facts__adapts__in=of) | Q(facts__adapts__isnull=True)
    return ready_models(workspace, ModelKind.ADAPTER).filter(told)


def runs_in(workspace: Workspace) -> QuerySet[TrainingRun]:
    """A workspace's runs, the newest first, with their jobs; without logs and figures."""
    found = TrainingRun.objects.filter(workspace=workspace)
    found = found.select_related("workspace", "job__workspace", "created_by", "cloned_from")
    return found.prefetch_related("models__made_by", "models__version").order_by("-pk")


def run_of(workspace: Workspace, pk: int) -> TrainingRun:
    """Raises Http404."""
    return get_object_or_404(runs_in(workspace), pk=pk)
