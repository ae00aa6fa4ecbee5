"""What a run was given, held to its fingerprints at every start.

A file that changes under a run would make its two halves learn from different data, and its result
belong to neither. The first start writes `inputs.json`; every later one compares.
"""

from pathlib import Path

import msgspec

from training.trainers.events import Phase
from training.trainers.manifest import fingerprint, sha256_of_file
from training.trainers.outcome import BadInput
from training.trainers.run_config import ModelSource, RunConfig
from training.trainers.run_directory import Run
from training.trainers.state_io import write_atomically


class Inputs(msgspec.Struct, frozen=True):
    """sha256 of each input, by the path that run.json gives it."""

    data: dict[str, str]
    models: dict[str, str]


def verify_inputs(run: Run) -> Inputs:
    """Hash every data file and model folder, and compare with run.json and the first start.

    Raises BadInput naming each input that is missing or has changed.
    """
    from training.trainers.model_folder import check_model_folder

    run.enter(Phase.CHECKING)
    problems: list[str] = []
    data = {}
    for source in run.config.data:
        path = run.resolve(source.path)
        if not path.is_file():
            problems.append(f"The data file {source.path} does not exist. Restore it.")
            continue
        data[source.path] = sha256_of_file(path)
        if source.sha256 and data[source.path] != source.sha256:
            problems.append(_changed("data file", source.path, source.sha256, data[source.path]))
    models = {}
    for name, sha256 in _folders(run.config):
        path = run.resolve(name)
        found = check_model_folder(path)
        problems += [f"The model folder {name} is refused: {reason}" for reason in found]
        if not found:
            models[name] = fingerprint(path)
            if sha256 and models[name] != sha256:
                problems.append(_changed("model folder", name, sha256, models[name]))
    if problems:
        raise BadInput(problems)
    inputs = Inputs(data, models)
    _compare_with_first_start(run, inputs)
    return inputs


def _compare_with_first_start(run: Run, inputs: Inputs) -> None:
    path = run.path / "inputs.json"
    if not path.exists():
        if run.is_main and not run.dry_run:
            write_atomically(path, msgspec.json.format(msgspec.json.encode(inputs)))
        return
    first = _read(path)
    problems = [
        _changed("input", name, before[name], digest)
        for before, now in ((first.data, inputs.data), (first.models, inputs.models))
        for name, digest in now.items()
        if name in before and before[name] != digest
    ]
    if problems:
        raise BadInput(problems)


def _read(path: Path) -> Inputs:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Inputs)
    except msgspec.DecodeError as error:
        raise BadInput(
            f"inputs.json cannot be read ({error}). Restore it, or begin in a new run directory."
        ) from error


def _folders(config: RunConfig) -> list[tuple[str, str]]:
    """Each model folder and adapter of a run with its expected fingerprint, once."""
    sources: list[ModelSource | None] = [
        config.model,
        config.reference,
        config.reward_model,
        config.value_model,
    ]
    found: dict[str, str] = {}
    for source in sources:
        if source is not None:
            found[source.path] = source.sha256 or found.get(source.path, "")
            if source.adapter is not None:
                found[source.adapter] = source.adapter_sha256 or found.get(source.adapter, "")
    return list(found.items())


def _changed(noun: str, name: str, expected: str, found: str) -> str:
    return (
        f"The {noun} {name} has changed: its sha256 is {found[:16]}..., expected was "
        f"{expected[:16]}.... Restore it, or start a new run with what it holds now."
    )
