"""Whatever the bytes and whatever the record: rows, or a refusal; never another exception."""

import contextlib
import copy
import io
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from annotation.imports.formats.limits import Limits
from annotation.imports.formats.reading import Good, read_file
from annotation.imports.formats.refusals import FileRefused, Refusal
from tests.annotation.imports.files import (
    EXAMPLES,
    csv_file,
    gz,
    json_list,
    jsonl,
    outcomes,
    zst,
)

FEW = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
SPOILERS = [..., None, True, 7, -1.5, 10**40, "", "x", [], {}, [[]], [{}], {"a": {}}, [None], "[1"]
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)


def read_all(data: bytes, name: str, format_name: str = "") -> int:
    """How many records were taken or refused; FileRefused is an answer too."""
    limits = Limits(seconds=20.0, file_bytes=50_000_000)
    count = 0
    with contextlib.suppress(FileRefused):
        file = io.BytesIO(data)
        for item in read_file(file, name, format_name=format_name, limits=limits).results:
            assert isinstance(item, (Good, Refusal))
            if isinstance(item, Refusal):
                assert item.reason
                assert item.line > 0
            count += 1
    return count


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place inside a record."""
    inner: Any = ()
    if isinstance(value, (dict, list)):
        inner = value.items() if isinstance(value, dict) else enumerate(value)
    return [path, *(found for key, item in inner for found in places(item, (*path, key)))]


def changed(record: Any, path: tuple[Any, ...], new: Any) -> Any:
    """The record with another value, or without one (`new` is ...), at a place."""
    if not path:
        return None if new is ... else new
    record = copy.deepcopy(record)
    target = record
    for key in path[:-1]:
        target = target[key]
    if new is ...:
        del target[path[-1]]
    else:
        target[path[-1]] = new
    return record


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: f"{e['format']}-{e['variant']}")
def test_a_record_with_any_place_spoiled_is_taken_or_refused(example: Any) -> None:
    name, record = example["format"], example["record"]
    spoiled = [changed(record, path, new) for path in places(record) for new in SPOILERS]
    assert read_all(jsonl(*spoiled), "x.jsonl", name) == len(spoiled)


@settings(FEW, max_examples=400)
@given(data=st.data())
def test_a_record_with_anything_anywhere_is_taken_or_refused(data: st.DataObject) -> None:
    example = data.draw(st.sampled_from(EXAMPLES))
    name, record = example["format"], example["record"]
    path = data.draw(st.sampled_from(places(record)[1:]))
    spoiled = changed(record, path, data.draw(values))
    assert read_all(jsonl(spoiled), "x.jsonl", name) == 1


@pytest.mark.parametrize("name", ["x.jsonl", "x.json", "x.csv", "x.tsv", "x", "x.jsonl.gz"])
@FEW
@given(data=st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(name: str, data: bytes) -> None:
    read_all(data, name)
    read_all(b'{"prompt": "a", "completion": "b"}\n' + data, name)
    read_all(b'[{"prompt": "a", "completion": "b"},' + data, name)
    read_all(b"prompt,completion\n" + data, name)
    read_all(b"\x1f\x8b" + data, name)
    read_all(b"\x28\xb5\x2f\xfd" + data, name)


@FEW
@given(
    st.lists(
        st.dictionaries(st.sampled_from(["prompt", "completion", "label"]), st.text(), min_size=1),
        min_size=1,
        max_size=5,
    )
)
def test_every_record_of_any_texts_is_counted(records: list[dict[str, str]]) -> None:
    for data, name in (
        (jsonl(*records), "x.jsonl"),
        (json_list(*records), "x.json"),
        (gz(jsonl(*records)), "x.jsonl.gz"),
        (zst(json_list(*records)), "x.json.zst"),
    ):
        assert read_all(data, name, "trl_prompt_only") == len(records)


@FEW
@given(st.lists(st.tuples(st.text(max_size=20), st.text(max_size=20)), min_size=1, max_size=5))
def test_csv_texts_come_back_as_they_were_written(pairs: list[tuple[str, str]]) -> None:
    usable = [pair for pair in pairs if all(text.strip() and text.isprintable() for text in pair)]
    if not usable:
        return
    data = csv_file(("prompt", "completion"), *usable)
    good, refused = outcomes(data, "x.csv", format_name="trl_prompt_completion")
    assert not refused
    rows = [item.rows[0] for item in good]
    assert [(row.prompt.messages[0].content, row.text) for row in rows] == usable
