"""Files of templates that people bring: FLAN's and promptsource's, and our own recipes.

FLAN: templates.py with its literal dictionary, or the same as JSON: data set -> pairs of input and
target. promptsource: templates.yaml, or a JSON list of its templates. Nothing of a file is run.
"""

import ast
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

import yaml

from annotation.domain.conversion.recipes import recipe_from
from annotation.domain.conversion.templates import JINJA, Template

MOST_BYTES = 4 * 1024 * 1024
_BETWEEN = "|||"


def read_templates(data: bytes) -> dict[str, list[Template]]:
    """Data set -> its templates; those of a file for one data set stand under "".

    A template that is refused (see Template.check) is left out, unless all are. Raises ValueError,
    which says what is wrong.
    """
    if len(data) > MOST_BYTES:
        raise ValueError(f"The file is larger than {MOST_BYTES // 1024 // 1024} MB.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("The file is not text in UTF-8.") from None
    found: dict[str, list[Template]] = {}
    problem = "The file holds no templates."
    for dataset, template in _all(_decoded(text)):
        try:
            template.check()
        except ValueError as error:
            problem = f"{template.name}: {error}"
            continue
        found.setdefault(dataset, []).append(template)
    if not found:
        raise ValueError(problem)
    return found


def _decoded(text: str) -> Any:
    """JSON, the dictionary of a Python file, or YAML: whichever it is."""
    try:
        return json.loads(text)
    except ValueError:
        pass
    except RecursionError:
        raise ValueError("The file is nested too deeply.") from None
    literal = _python_dictionary(text)
    if literal is not None:
        return literal
    try:
        return _Loader(text).get_single_data()
    except (yaml.YAMLError, RecursionError, ValueError):
        raise ValueError(
            "The file is no JSON, no YAML, and no Python file with a dictionary of templates."
        ) from None


class _Loader(yaml.SafeLoader):
    """promptsource's two tags are plain objects here. Aliases, which can blow a file up, are
    refused."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.events.AliasEvent):
            raise yaml.YAMLError("aliases are not read")
        return super().compose_node(parent, index)


def _plain(loader: yaml.SafeLoader, node: yaml.Node) -> dict[Any, Any]:
    if not isinstance(node, yaml.MappingNode):
        raise yaml.YAMLError("a template is an object")
    return loader.construct_mapping(node, deep=True)


for _tag in ("!Template", "!TemplateMetadata"):
    _Loader.add_constructor(_tag, _plain)


def _python_dictionary(text: str) -> Any:
    """The largest literal dictionary that the file gives a name to; None when it has none."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    found: dict[Any, Any] | None = None
    for node in tree.body:
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and isinstance(node.value, ast.Dict):
            try:
                value = ast.literal_eval(node.value)
            except (ValueError, TypeError, RecursionError):
                continue
            found = value if found is None or len(value) > len(found) else found
    return found


def _all(value: Any) -> Iterator[tuple[str, Template]]:
    if isinstance(value, Mapping) and isinstance(value.get("templates"), list):
        yield from (("", template) for template in recipe_from(value).templates)
    elif isinstance(value, Mapping) and isinstance(value.get("templates"), Mapping):
        dataset = "/".join(str(value[key]) for key in ("dataset", "subset") if value.get(key))
        for one in value["templates"].values():
            yield from _promptsource(one, dataset)
    elif isinstance(value, Mapping):
        yield from _flan(value)
    elif isinstance(value, list):
        for one in value:
            named = one if isinstance(one, Mapping) else {}
            dataset = "/".join(str(named[key]) for key in ("dataset", "subset") if named.get(key))
            yield from _promptsource(one, dataset)
    else:
        raise ValueError("The file holds no templates.")


def _flan(value: Mapping[Any, Any]) -> Iterator[tuple[str, Template]]:
    for dataset, pairs in value.items():
        if not isinstance(pairs, (list, tuple)):
            continue
        for number, pair in enumerate(pairs, start=1):
            if isinstance(pair, (list, tuple)) and len(pair) == 2 and all(map(_is_text, pair)):
                yield str(dataset), Template(f"{dataset} {number}", *pair)


def _promptsource(one: Any, dataset: str) -> Iterator[tuple[str, Template]]:
    if not isinstance(one, Mapping) or not _is_text(one.get("jinja")):
        return
    asked, bars, target = one["jinja"].partition(_BETWEEN)
    if bars:
        name = str(one.get("name") or one.get("id") or "template")
        yield dataset, Template(name, asked, target, JINJA, str(one.get("answer_choices") or ""))


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def own_file(templates: list[Template]) -> bytes:
    """Templates as a file that `read_templates` reads."""
    whole = {"templates": [asdict(template) for template in templates]}
    return json.dumps(whole, ensure_ascii=False, indent=1).encode()
