"""Where the settings of runs differ: beside one another, and before one is launched."""

from collections.abc import Sequence
from typing import Any

from training.models.runs import plain


def differences(configs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Settings that are not the same in all of these run.json: name, and the value of each."""
    flat = [plain(_comparable(config)) for config in configs]
    names = sorted({name for settings in flat for name in settings})
    rows = [{"name": name, "values": [each.get(name) for each in flat]} for name in names]
    return [row for row in rows if any(value != row["values"][0] for value in row["values"])]


def _comparable(config: dict[str, Any]) -> dict[str, Any]:
    """Of data the roles and paths, which hold the snapshot's id, as one text."""
    pieces = ", ".join(f"{piece['role']}: {piece['path']}" for piece in config.get("data", []))
    return {**config, "data": pieces}
