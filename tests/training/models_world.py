"""One of everything that is asked, for the access tests: an endpoint, a trial, a sampling."""

from typing import Any

from annotation.models import Prompt
from tests.training.generate.asking import an_endpoint, one
from training.actions.sample import SamplePlan, sample
from training.actions.trial import TrialPlan, start_probe_set, start_trial
from training.generate import Sampling
from webapp.workspaces.models import Workspace


def asking_ids(workspace: Workspace, manager: Any) -> dict[str, Any]:
    endpoint = an_endpoint(workspace, f"recorded-{workspace.slug}", in_arena=True)
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
    }
