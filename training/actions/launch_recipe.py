"""Launch all runs of a recipe at once; each waits for the models that the ones before it make."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from training.actions.launch import LaunchPlan, Source, launch
from training.models import DatasetSnapshot, ModelVersion, TrainingRun
from training.presets import Preset, Recipe
from training.trainers.run_config import describe

ROLE_OF_DATA = {"prompt_only": "prompts"}


@transaction.atomic
def launch_recipe(
    *,
    workspace: Any,
    by: Any,
    recipe: Recipe,
    name: str,
    base: ModelVersion,
    data: Mapping[str, DatasetSnapshot],
    preset: Preset | None = None,
    seed: int = 0,
    configs: Mapping[str, Mapping[str, Any]] | None = None,
    result_name: str = "",
) -> list[TrainingRun]:
    """`data`: kind of snapshot -> snapshot. The runs are called name-1-sft, name-2-reward ...

    `configs`: method -> settings laid over those of the preset. `result_name`: what the model of
    the last run is called; its run's name if not given. A result beside it is called the same with
    its method after it.

    Raises:
        ValidationError: what is wrong with one of the steps; then none is launched.
    """
    missing = [kind for kind in recipe.needs() if kind not in data]
    if missing:
        raise ValidationError(
            _("A snapshot is missing: %(kinds)s.") % {"kinds": ", ".join(missing)}
        )
    runs: list[TrainingRun] = []
    for number, (method, sources) in enumerate(recipe.steps, start=1):
        models: dict[str, Source] = {}
        for role in ("base", "reward"):
            if role in sources:
                source = sources[role]
                models[role] = runs[source] if isinstance(source, int) else base
        kind = str(sources["data"])
        run = launch(
            workspace=workspace,
            by=by,
            plan=LaunchPlan(
                name=f"{name}-{number}-{method.replace('_', '-')}",
                method=method,
                models=models,
                data={ROLE_OF_DATA.get(kind, "train"): data[kind]},
                config={
                    "seed": seed,
                    **laid_over(
                        laid_over(preset_config(method, preset), recipe.configs.get(method, {})),
                        (configs or {}).get(method, {}),
                    ),
                },
                result_name=_name_of_result(recipe, number - 1, result_name),
            ),
        )
        runs.append(run)
    return runs


def _name_of_result(recipe: Recipe, number: int, result_name: str) -> str:
    if number == len(recipe.steps) - 1 or not result_name:
        return result_name
    method = recipe.steps[number][0].replace("_", "-")
    return f"{result_name}-{method}" if number in recipe.beside else ""


def laid_over(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """{"training": {"epochs": 1, "seed": 2}} over {"training": {"epochs": 3}}: part by part."""
    found = dict(under)
    for name, value in over.items():
        below = found.get(name)
        if isinstance(value, Mapping) and isinstance(below, Mapping):
            found[name] = laid_over(below, value)
        else:
            found[name] = value
    return found


def preset_config(method: str, preset: Preset | None) -> dict[str, Any]:
    """A preset's settings as far as the method has them."""
    config: dict[str, Any] = {}
    known = {setting.name for setting in describe(method)}
    for name, value in (preset.values if preset else {}).items():
        if name == "use_lora":
            config["lora"] = {}
        elif name == "quantization":
            config["quantization"] = value
        elif name in known and name != "training.learning_rate":
            prefix, _dot, setting = name.partition(".")
            config.setdefault(prefix, {})[setting] = value
    return config
