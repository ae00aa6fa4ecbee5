import json
from typing import Any

import pytest
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st

from webapp.clean_json import CleanJSONError, check_storable, check_text, clean_json

REFUSED = [
    ('{"a": "x\\u0000y"}', r"\$\.a has a NUL character at position 1"),
    ('{"a\\u0000": 1}', r"A key in \$ has a NUL"),
    ('["\\ud800"]', r"\$\[0\] has half of a surrogate pair"),
    ('{"\\udfff": 1}', "surrogate"),
    ("[NaN]", "NaN"),
    ("[-Infinity]", "-Infinity"),
    ("[1e999]", "too large"),
    ("[" + "9" * 5000 + "]", "beyond 64 bits"),
    ("[9223372036854775808]", "beyond 64 bits"),
    ('{"a": 1, "b": 2, "a": 3}', "the key 'a' twice"),
    ("[" * 65 + "]" * 65, "nested too deeply"),
    ("[" * 100_000 + "]" * 100_000, "nested too deeply"),
    ('{"a":' * 5000 + "1" + "}" * 5000, "nested too deeply"),
    (b"\xef\xbb\xbf{}", "byte order mark"),
    (b'{"a": "\xff"}', "not UTF-8: byte 7"),
    ('{"a": }', "line 1, column 7"),
    ('{"a": "raw \x01"}', "not JSON"),
    ("", "not JSON"),
    ('{} {"a": 1}', "not JSON"),
]


@pytest.mark.parametrize(("body", "sentence"), REFUSED, ids=[s for _, s in REFUSED])
def test_it_refuses_what_cannot_be_stored(body: bytes | str, sentence: str) -> None:
    with pytest.raises(CleanJSONError, match=sentence):
        clean_json(body)


def test_it_refuses_a_document_that_is_too_large() -> None:
    with pytest.raises(CleanJSONError, match="has 12 bytes; at most 11"):
        clean_json('["12345678"]', most_bytes=11)


def test_it_keeps_what_people_write() -> None:
    body = '{"a": [1, -2.5, 1e3, true, null, "é 👩🏽‍🚀 \\ud83d\\ude00 \\u200b"], "": {}}'
    assert clean_json(body) == json.loads(body)
    assert clean_json("[" * 64 + "]" * 64) is not None


def test_it_checks_what_another_format_brought() -> None:
    for value in ({"a": {1, 2}}, {1: "a"}, [b"bytes"], [float("nan")], ["\ud800"], {"a": object()}):
        with pytest.raises(CleanJSONError):
            check_storable(value)
    check_storable({"a": (1, 2.0, None, True, "text")})
    with pytest.raises(CleanJSONError, match="The name has a NUL"):
        check_text("a\0b", "The name")


@pytest.mark.django_db
@pytest.mark.parametrize("body", ['"\\u0000"', '"\\ud800"'])
def test_the_control_python_accepts_and_the_database_refuses_it(body: str) -> None:
    json.loads(body)
    with connection.cursor() as cursor, pytest.raises(Exception, match=r"(?i)unicode|u0000"):
        cursor.execute("SELECT %s::jsonb", [body])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(-1e15, 1e15) | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.django_db
@settings(max_examples=50, deadline=None)
@given(value=JSON)
def test_what_it_accepts_the_database_gives_back_equal(value: Any) -> None:
    try:
        clean = clean_json(json.dumps(value))
    except CleanJSONError:
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::jsonb::text", [json.dumps(clean)])
        assert json.loads(cursor.fetchone()[0]) == clean
