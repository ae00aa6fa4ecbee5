"""The command line that launches a plan, to be pasted into a shell."""

import json
import shlex

from training.actions.launch import LaunchPlan
from training.models import ModelVersion
from webapp.workspaces.models import Workspace


def shell_command(workspace: Workspace, plan: LaunchPlan, by: str) -> str:
    """`python manage.py train ...` as launch() would be told it; `by`: an e-mail address.

    Raises:
        ValueError: the plan begins from a model that another run has still to make.
    """
    words = ["python", "manage.py", "train", workspace.slug, plan.method]
    words += ["--name", plan.name, "--by", by]
    for role, source in plan.models.items():
        if not isinstance(source, ModelVersion):
            raise ValueError(f"The model of {source} is not there yet.")
        words += [f"--{role.replace('_', '-')}", f"{source.name}:{source.version}"]
    for role, snapshot in plan.data.items():
        words += ["--data", f"{role}={snapshot.name}"]
    if plan.part is not None:
        words += ["--rows", str(plan.part.rows)]
    if plan.result_name:
        words += ["--result", plan.result_name]
    if plan.config:
        words += ["--config", json.dumps(plan.config, ensure_ascii=False, sort_keys=True)]
    return shlex.join(words)
