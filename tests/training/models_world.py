"""One of everything that is asked, for the access tests: an endpoint, a trial, a battle ..."""

from typing import Any

from annotation.models import Prompt
from tests.training.generate.asking import an_endpoint, one
from training.actions.battle import start_battle
from training.actions.sample import SamplePlan, sample
from training.actions.trial import TrialPlan, start_probe_set, start_trial
from training.generate import Sampling
from webapp.workspaces.models import Workspace


def asking_ids(workspace: Workspace, manager: Any, annotator: Any) -> dict[str, Any]:
    """The workspace has prompts that model-0 and model-1 have answered."""
    endpoint, _other = (
        an_endpoint(workspace, f"{name}-{workspace.slug}", model=name, in_arena=True)
        for name in ("model-0", "model-1")
    )
    trial = start_trial(
        workspace=workspace, by=manager, plan=TrialPlan(one("Hello there?"), (endpoint,))
    )
    probe_set = start_probe_set(
        workspace=workspace, by=manager, endpoints=(endpoint,), sampling=Sampling()
    )
    batch = sample(
        workspace=workspace,
        by=manager,
        plan=SamplePlan("Sampled", (endpoint,)),
        prompts=Prompt.objects.filter(workspace=workspace),
    )
    return {
        "endpoint": endpoint.pk,
        "kind": "recorded",
        "trial": trial.pk,
        "column": trial.columns.get().pk,
        "probe_set": probe_set,
        "batch": batch.pk,
        "battle": start_battle(workspace=workspace, by=annotator).key,
    }
