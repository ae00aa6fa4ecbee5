"""Jinja templates of strangers: what promptsource's templates need of the language, and no more.

A template comes from a file that somebody uploaded. What is not listed here is refused before
anything runs: no macros, imports or assignments, no attribute with an underscore, no multiplying,
one loop at a time of MOST_ROUNDS rounds. What is left ends soon and stays small.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from jinja2 import TemplateError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

LONGEST_TEMPLATE = 10_000  # characters
LONGEST_TEXT = 1_000_000  # characters of what a template may give
MOST_ROUNDS = 1_000  # of one loop
MOST_DEEP = 60  # nested expressions

_PLAIN = (
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const),
    *(nodes.Getitem, nodes.Slice, nodes.If, nodes.CondExpr, nodes.Compare, nodes.Operand),
    *(nodes.And, nodes.Or, nodes.Not, nodes.Neg, nodes.Add, nodes.Sub, nodes.Concat),
    *(nodes.List, nodes.Tuple, nodes.Dict, nodes.Pair),
)
_FILTERS = {"join", "trim", "lower", "upper", "capitalize", "title", "length", "int", "first"}
_FILTERS |= {"last", "replace", "string", "list", "choice"}
_TESTS = {"defined", "undefined", "none", "string", "number", "even", "odd"}
_METHODS = {"lower", "upper", "strip", "lstrip", "rstrip", "capitalize", "title", "index", "join"}
_METHODS |= {"split", "replace", "startswith", "endswith", "get", "keys", "values", "items"}
_FUNCTIONS = {"range", "zip", "enumerate"}


class Refusal(ValueError):
    """The template asks for something that is not allowed, or is no Jinja."""


def check(source: str) -> None:
    """Raises Refusal, which says what is wrong with the template."""
    _compiled(source)


def render(source: str, values: Mapping[str, Any], choose: Callable[[list[Any]], Any]) -> str:
    """The template filled with values. `choose` takes one of a list, for the filter `choice`.

    Raises ValueError (Refusal among them) when the template is not allowed or fails on the values.
    """
    template = _compiled(source)
    pieces, size = [], 0
    try:
        for piece in template.generate({**values, "_choose": choose}):
            size += len(piece)
            if size > LONGEST_TEXT:
                raise ValueError(f"gives more than {LONGEST_TEXT} characters")
            pieces.append(piece)
    except (ArithmeticError, LookupError, TypeError, ValueError, TemplateError) as error:
        said = str(error) or type(error).__name__
        raise ValueError(f"The template fails on this row: {said[:200]}.") from None
    return "".join(pieces)


@lru_cache(maxsize=256)
def _compiled(source: str) -> Any:
    if len(source) > LONGEST_TEMPLATE:
        raise Refusal(f"The template has more than {LONGEST_TEMPLATE} characters.")
    try:
        tree = _ENVIRONMENT.parse(source)
        _look(tree, loops=0, depth=0)
        return _ENVIRONMENT.from_string(tree)
    except TemplateError as error:
        raise Refusal(f"The template is no Jinja: {error}.") from None
    except RecursionError:
        raise Refusal("The template is nested too deeply.") from None


def _look(node: nodes.Node, *, loops: int, depth: int) -> None:
    """Refuse what is not listed; put the limit of rounds into each loop."""
    if depth > MOST_DEEP:
        raise Refusal("The template is nested too deeply.")
    if isinstance(node, nodes.For):
        loops += 1
        if loops > 1 or node.recursive:
            raise Refusal("A loop within a loop is not allowed in a template.")
        for child in (node.iter, *node.body, *node.else_, *filter(None, [node.test])):
            _look(child, loops=loops, depth=depth + 1)
        node.iter = nodes.Filter(node.iter, "_rounds", [], [], None, None)
        return
    _refuse_unlisted(node)
    for child in node.iter_child_nodes():
        _look(child, loops=loops, depth=depth + 1)


def _refuse_unlisted(node: nodes.Node) -> None:
    if isinstance(node, nodes.Filter):
        _allow("filter", node.name, _FILTERS)
    elif isinstance(node, nodes.Test):
        _allow("test", node.name, _TESTS)
    elif isinstance(node, nodes.Call):
        if isinstance(node.node, nodes.Getattr):
            _allow("method", node.node.attr, _METHODS)
        elif isinstance(node.node, nodes.Name):
            _allow("function", node.node.name, _FUNCTIONS)
        else:
            raise Refusal("A template may call only named functions and methods.")
    elif isinstance(node, nodes.Getattr):
        if node.attr.startswith("_"):
            raise Refusal(f"The name {node.attr} is not allowed in a template.")
    elif not isinstance(node, _PLAIN):
        raise Refusal(f"{type(node).__name__} is not allowed in a template.")


def _allow(what: str, name: str, allowed: set[str]) -> None:
    if name not in allowed:
        listed = ", ".join(sorted(allowed))
        raise Refusal(f"There is no {what} {name} for templates; there are {listed}.")


class _Environment(ImmutableSandboxedEnvironment):
    """Joining and replacing may multiply lengths: they are measured first."""

    def call(__self, __context: Any, __obj: Any, *args: Any, **kwargs: Any) -> Any:
        owner = getattr(__obj, "__self__", None)
        if isinstance(owner, str) and args:
            if __obj.__name__ == "join":
                return _join(args[0], owner)
            if __obj.__name__ == "replace":
                return _replace(owner, *args)
        return super().call(__context, __obj, *args, **kwargs)


def _join(items: Iterable[Any], separator: str = "") -> str:
    texts = [str(item) for item in itertools.islice(items, LONGEST_TEXT)]
    _measure(sum(map(len, texts)) + len(separator) * len(texts))
    return separator.join(texts)


def _replace(text: Any, old: str, new: str, count: int | None = None) -> str:
    text, old, new = str(text), str(old), str(new)
    _measure(len(text) + text.count(old) * len(new))
    return text.replace(old, new, -1 if count is None else count)


def _measure(length: int) -> None:
    if length > LONGEST_TEXT:
        raise ValueError(f"it would make a text of more than {LONGEST_TEXT} characters")


def _rounds(items: Iterable[Any]) -> Iterator[Any]:
    found = list(itertools.islice(items, MOST_ROUNDS + 1))
    if len(found) > MOST_ROUNDS:
        raise ValueError(f"a loop may have {MOST_ROUNDS} rounds")
    return iter(found)


def _trim(text: Any, letters: str | None = None) -> str:
    return str(text).strip(letters)


def _environment() -> _Environment:
    from jinja2 import StrictUndefined, pass_context

    made = _Environment(autoescape=False, undefined=StrictUndefined, cache_size=0)

    @pass_context
    def choice(context: Any, items: Iterable[Any]) -> Any:
        return context["_choose"](list(itertools.islice(items, MOST_ROUNDS)))

    made.filters |= {"_rounds": _rounds, "join": _join, "replace": _replace, "trim": _trim}
    made.filters["choice"] = choice
    made.globals = {"range": made.globals["range"], "zip": zip, "enumerate": enumerate}
    return made


_ENVIRONMENT = _environment()
