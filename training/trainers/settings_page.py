"""docs/settings.md: every setting of every method, from the structs that define them.

`python -m training.trainers.settings_page > docs/settings.md`; a test holds the page to the code.
"""

import json

from training.trainers.run_config import Setting, describe
from training.trainers.settings import METHOD_DEFAULTS, SETTINGS


def page() -> str:
    """The page as Markdown."""
    lines = [
        "# Settings of a run",
        "",
        "What `run.json` may say, with default, range, meaning and source. A name that is not here "
        "is refused. Made by `python -m training.trainers.settings_page > docs/settings.md`.",
    ]
    shared = [s for s in describe("pretrain") if not s.name.startswith("settings.")]
    lines += _table("Shared by all methods: `training` and `lora`", shared)
    lines += [
        "",
        "`training.learning_rate` shows the default of pretrain; each method has its own, below. "
        "With `lora` it is ten times higher.",
    ]
    for method, struct in SETTINGS.items():
        own = [s for s in describe(method) if s.name.startswith("settings.")]
        lines += _table(f"{method}: {_first_line(struct)}", own)
        lines += ["", f"Defaults of its own: {_own_defaults(method)}."]
    return "\n".join(lines) + "\n"


def _first_line(struct: type) -> str:
    return (struct.__doc__ or "").strip().splitlines()[0].rstrip(".")


def _own_defaults(method: str) -> str:
    rate = next(s.default for s in describe(method) if s.name == "training.learning_rate")
    found = {"training.learning_rate": rate}
    for part, values in METHOD_DEFAULTS.get(method, {}).items():
        found |= {f"{part}.{name}": value for name, value in values.items()}
    return ", ".join(f"`{name}` {json.dumps(value)}" for name, value in found.items())


def _table(title: str, settings: list[Setting]) -> list[str]:
    lines = ["", f"## {title}", "", "| name | default | allowed | meaning | source |"]
    lines.append("|---|---|---|---|---|")
    lines += [
        f"| `{s.name}` | {json.dumps(s.default)} | {s.allowed} | {s.help} | {s.source} |"
        for s in settings
    ]
    return lines


if __name__ == "__main__":
    print(page(), end="")
