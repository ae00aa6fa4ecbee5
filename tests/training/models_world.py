"""One of everything that is asked, for the access tests: an endpoint, a trial, a battle ..."""

from typing import Any

from annotation.models import Prompt
from tests.training.generate.asking import an_endpoint, one
from training.actions.ask import fill_batch
from training.actions.battle import start_battle
from training.actions.sample import SamplePlan, sample
from training.actions.trial import TrialPlan, start_probe_set, start_trial
from training.factory.actions.start_run import RunPlan, start_run
from training.factory.plan import SelfInstructSettings
from training.generate import Ask, Sampling
from training.models import FactoryRequest, FactoryStep, ModelEndpoint, Wizard
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
        **_factory_ids(workspace, manager, endpoint),
    }


def _factory_ids(workspace: Workspace, manager: Any, endpoint: ModelEndpoint) -> dict[str, Any]:
    """A run under way, of which one instance waits for a person."""
    run = start_run(
        workspace=workspace,
        by=manager,
        kind=Wizard.SELF_INSTRUCT,
        plan=RunPlan("bees", endpoint, SelfInstructSettings()),
    )
    asked = Ask(endpoint, one("Come up with tasks"), Sampling())
    fill_batch(batch=run.batch, asks=[asked])
    request = FactoryRequest.objects.create(
        run=run,
        step=FactoryStep.INSTANCES,
        number=1,
        version=1,
        generation=run.batch.entries.get().generation,
    )
    task = request.candidates.create(
        run=run, position=0, step=FactoryStep.INSTRUCTIONS, text="Say it.", state="kept"
    )
    waiting = request.candidates.create(
        run=run, position=1, step=FactoryStep.INSTANCES, text="It.", state="waiting", parent=task
    )
    return {"factory_run": run.pk, "candidate": waiting.pk}
