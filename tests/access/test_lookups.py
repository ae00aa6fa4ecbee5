"""E6: nothing a client wrote becomes a lookup, a column name or an order. Read from the source."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("webapp", "annotation", "training")
METHODS = {
    "filter", "exclude", "get", "get_or_create", "update_or_create", "annotate", "aggregate",
    "alias", "order_by", "values", "values_list", "extra", "only", "defer", "distinct",
    "select_related", "prefetch_related", "in_bulk", "earliest", "latest", "reverse", "update",
}  # fmt: skip
QUERIES = METHODS - {"get", "update", "values", "reverse"}  # those four are dict's too
NAMED_BY_POSITION = {"order_by", "values_list", "values", "only", "defer", "extra"}
CLIENTS = {"request", "query_params", "GET", "POST", "data", "cleaned_data", "validated_data"}


def from_client(node: ast.AST) -> bool:
    """request.GET, self.request.data, form.cleaned_data, or anything taken from them."""
    return any(
        (isinstance(each, ast.Attribute) and each.attr in CLIENTS)
        or (isinstance(each, ast.Name) and each.id in CLIENTS)
        for each in ast.walk(node)
    )


def unsafe_lookups(source: str) -> Iterator[int]:
    """Lines where a query's names (not its values) come from a client or an unpacked dict."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            name = node.func.attr
            unpacked = [each.value for each in node.keywords if each.arg is None]
            taken = unpacked if name in METHODS else []
            taken = [*taken, *(node.args if name in NAMED_BY_POSITION else [])]
            blind = name in QUERIES and any(not isinstance(each, ast.Dict) for each in unpacked)
            if blind or any(from_client(each) for each in taken):
                yield node.lineno


def test_no_query_takes_its_names_from_a_client() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for room in ROOMS
        for path in sorted((ROOT / room).rglob("*.py"))
        for line in unsafe_lookups(path.read_text())
    ]
    assert not found, found


@pytest.mark.parametrize(
    "line",
    [
        "User.objects.filter(**request.GET.dict())",
        "rows.exclude(**self.request.query_params)",
        "rows.order_by(request.GET['sort'])",
        "rows.values(*request.data['fields'])",
        "rows.annotate(**form.cleaned_data)",
        "rows.filter(**options)",
        "row.update(**request.data)",
    ],
)
def test_control_it_sees_what_it_forbids(line: str) -> None:
    assert list(unsafe_lookups(line)) == [1]


@pytest.mark.parametrize(
    "line",
    [
        "rows.filter(name=request.GET['name'])",
        "rows.order_by('name')",
        "settings.update(**mail_settings(url))",
        "answers.get(request.POST['x'])",
    ],
)
def test_it_lets_values_through(line: str) -> None:
    assert list(unsafe_lookups(line)) == []
