"""Super-NaturalInstructions: one JSON object a task, its instances inside; v1 and v2."""

from collections.abc import Iterator
from typing import Any

from annotation.imports.formats.fields import (
    items,
    keep,
    kind_of,
    label,
    objects,
    optional_text,
    text,
)
from annotation.imports.formats.format import Format, has
from annotation.imports.formats.reading_options import Reading
from annotation.imports.formats.refusals import Refused
from annotation.imports.formats.rows import USER, DemonstrationRow, Message, PromptRow, Row

_TASK = "task"
_V1_FIELDS = ("Title", "Emphasis & Caution", "Things to Avoid", "Prompt")
_KEPT = ("Source", "URL", "Reasoning", "Domains", "Contributors", *_V1_FIELDS)


def recognise(record: Any) -> str:
    """v1 has a Title and Prompt, v2 Categories; both a Definition and Instances."""
    if has(record, _TASK, "instance"):
        record = record[_TASK]
    if not has(record, "Definition") or not ({"Instances", "Positive Examples"} & set(record)):
        return ""
    return "v1" if "Title" in record and "Categories" not in record else "v2"


def expand(record: Any) -> Iterator[tuple[str, Any]]:
    """Each instance of the task with the task's own fields, which are shared and not copied."""
    task = {key: value for key, value in record.items() if key != "Instances"}
    for position, instance in enumerate(objects(record, "Instances")):
        yield f"Instances[{position}]", {_TASK: task, "instance": instance}


def read(record: dict[str, Any], reading: Reading) -> list[Row]:
    """One demonstration for each reference output of the instance."""
    task, instance = record.get(_TASK), record.get("instance")
    if type(task) is not dict or type(instance) is not dict:
        rows: list[Row] = []
        for path, single in expand(record):
            try:
                rows += read(single, reading)
            except Refused as error:
                raise error.under(path) from None
        return rows
    definition = _one_text(task, "Definition")
    given = text(instance, "input", empty=True)
    outputs = instance.get("output")
    if type(outputs) is str:
        outputs = [outputs]
    if type(outputs) is not list or not outputs:
        raise Refused(f"is {kind_of(outputs)} where a list of outputs belongs", "output")
    language = _first(task, "Input_language")
    prompt = PromptRow(
        messages=(Message(USER, f"{definition}\n\n{given}" if given.strip() else definition),),
        source_id=label(instance, "id"),
        licence=_first(task, "Instance License"),
        language=language,
        tags=tuple(category for category in _texts(task, "Categories")),
        metadata={
            "input": given,
            "template": "natural_instructions",
            **_examples(task),
            **keep(task, _KEPT),
        },
    )
    demonstrations: list[Row] = []
    for position, output in enumerate(outputs):
        if type(output) is not str:
            raise Refused(f"is {kind_of(output)} where a text belongs", f"output[{position}]")
        if output.strip():
            demonstrations.append(DemonstrationRow(prompt=prompt, text=output))
    if not demonstrations:
        raise Refused("holds only empty outputs", "output")
    return demonstrations


def _examples(task: dict[str, Any]) -> dict[str, Any]:
    """How many examples the task has: they are the task's, not each instance's, and stay out."""
    own = task.get("Examples") if type(task.get("Examples")) is dict else task
    counts = {}
    for name in ("Positive Examples", "Negative Examples"):
        found = own.get(name) if isinstance(own, dict) else None
        if type(found) is list and found:
            counts[name.lower().replace(" ", "_")] = len(found)
    return counts


def _one_text(task: dict[str, Any], key: str) -> str:
    value = task.get(key)
    if type(value) is list:
        texts = _texts(task, key)
        if texts:
            return "\n".join(texts)
        raise Refused("is an empty list", key)
    return text(task, key)


def _texts(task: dict[str, Any], key: str) -> list[str]:
    if task.get(key) is None:
        return []
    if type(task[key]) is str:
        return [task[key]]
    found = items(task, key, empty=True)
    for position, item in enumerate(found):
        if type(item) is not str:
            raise Refused(f"is {kind_of(item)} where a text belongs", f"{key}[{position}]")
    return found


def _first(task: dict[str, Any], key: str) -> str:
    if type(task.get(key)) is list:
        return next(iter(_texts(task, key)), "")
    return optional_text(task, key)


SUPER_NATURAL_INSTRUCTIONS = Format(
    "super_natural_instructions",
    "Super-NaturalInstructions task",
    recognise,
    read,
    expand=expand,
)
