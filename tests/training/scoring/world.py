"""A sampling whose answers a reward model has scored, made without any process."""

from typing import Any

from annotation.models import Prompt
from tests.annotation.material import a_prompt
from tests.training.generate.asking import an_endpoint
from tests.training.registry import a_model
from tests.training.rounds.world import answered, ended
from training.actions.sample import SamplePlan, sample
from training.models import Batch, ModelVersion, RewardScore, Scoring
from training.scoring.actions.start_scoring import start_scoring
from training.scoring.unscored import unscored
from webapp.workspaces.models import Workspace


def a_sampling(workspace: Workspace, by: Any, *, prompts: int = 2, samples: int = 2) -> Batch:
    """Every prompt is answered `samples` times."""
    endpoint = an_endpoint(workspace, f"sampled-{workspace.slug}")
    for number in range(prompts):
        a_prompt(workspace, f"Score what is said of {number}.", tags=["scored"])
    asked = Prompt.objects.filter(workspace=workspace, tags__contains=["scored"])
    batch = sample(
        workspace=workspace,
        by=by,
        plan=SamplePlan("To be scored", (endpoint,), samples=samples),
        prompts=asked,
    )
    answered(batch)
    return Batch.objects.select_related("job").get(pk=batch.pk)


def a_scoring(workspace: Workspace, by: Any, batch: Batch | None = None) -> Scoring:
    """Later answers score higher: 0, 1, 2 ..."""
    batch = batch or a_sampling(workspace, by)
    scoring = start_scoring(reward=a_reward(workspace, by, "taste"), by=by, batch=batch)
    for number, row in enumerate(unscored(scoring)):
        RewardScore.objects.create(reward=scoring.reward, generation=row, value=float(number))
    ended(scoring.job)
    return Scoring.objects.select_related("job", "batch", "reward").get(pk=scoring.pk)


def a_reward(workspace: Workspace, by: Any, name: str) -> ModelVersion:
    return a_model(workspace, by, name, kind="reward")
