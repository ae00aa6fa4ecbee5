"""Strict JSON for one record: fast when it is right, exact about what is wrong when it is not."""

import json
import math
import re
from typing import Any

import msgspec

from annotation.imports.formats.refusals import Refused

_decode = msgspec.json.Decoder().decode
_LONE_SURROGATE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    rb"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2}"
)
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
# Two passes in C, a tenth of what a pattern needs to walk over every letter of every record.
_DIGITS_AS_ZEROS = bytes(48 if chr(code).isdecimal() else 32 for code in range(128)) + b" " * 128
_MANY_DIGITS = b"0" * 19
_NOT_A_NUMBER = re.compile(rb"-?\b(?:NaN|Infinity)\b")


def decode_record(raw: bytes, *, depth: int = 64) -> Any:
    """The value of one JSON text.

    Raises Refused for malformed JSON, invalid UTF-8, NUL, lone surrogates, NaN and infinities,
    numbers that no double holds, a key given twice in one object, and nesting beyond `depth`.
    """
    try:
        value = _decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(_explain(raw, error, depth)) from None
    if raw.count(b"[") + raw.count(b"{") > depth and _deepest(value, depth) > depth:
        raise Refused(f"is nested more than {depth} levels deep")
    if b"\\u0000" in raw:
        refuse_nul(value)
    if _MANY_DIGITS in raw.translate(_DIGITS_AS_ZEROS):
        _refuse_huge_integers(value)
    # A key is followed by its colon. More colons than keys may be text about JSON, or a double key.
    if raw.count(b'":') != _keys_in(value) or b'" :' in raw:
        _refuse_double_keys(raw)
    return value


def refuse_nul(value: Any, path: str = "") -> None:
    """PostgreSQL's text has no NUL. Raises Refused with the path of the first one."""
    if isinstance(value, str):
        if "\0" in value:
            raise Refused("holds a NUL character (U+0000), which no database text can store", path)
    elif isinstance(value, dict):
        for key, item in value.items():
            if "\0" in key:
                raise Refused("has a key with a NUL character (U+0000)", path)
            refuse_nul(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for position, item in enumerate(value):
            refuse_nul(item, f"{path}[{position}]")


def _refuse_huge_integers(value: Any, path: str = "") -> None:
    """Integers beyond 64 bits would come back rounded from most of what reads an export."""
    if type(value) is int and not -(2**63) <= value < 2**64:
        raise Refused("is a number too large to be kept exactly", path)
    inner: Any = ()
    if isinstance(value, dict):
        inner = ((f"{path}.{key}" if path else key, item) for key, item in value.items())
    elif isinstance(value, list):
        inner = ((f"{path}[{at}]", item) for at, item in enumerate(value))
    for where, item in inner:
        _refuse_huge_integers(item, where)


def _keys_in(value: Any) -> int:
    count = 0
    todo = [value]
    while todo:
        item = todo.pop()
        if type(item) is dict:
            count += len(item)
            for inner in item.values():
                if type(inner) is dict or type(inner) is list:
                    todo.append(inner)  # noqa: PERF401 - a comprehension here is slower
        elif type(item) is list:
            for inner in item:
                if type(inner) is dict or type(inner) is list:
                    todo.append(inner)  # noqa: PERF401
    return count


def _deepest(value: Any, enough: int) -> int:
    level, depth = [value], 0
    while level and depth <= enough:
        level = [
            inner
            for item in level
            if isinstance(item, (dict, list))
            for inner in (item.values() if isinstance(item, dict) else item)
        ]
        depth += 1
    return depth - 1 if not level else depth


def _refuse_double_keys(raw: bytes) -> None:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            seen: set[str] = set()
            double = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
            raise Refused(f"gives the key {double!r} twice; which of the two is meant is unknown")
        return found

    json.loads(raw, object_pairs_hook=once)


def _explain(raw: bytes, error: Exception, depth: int) -> str:
    """The reason in words; msgspec's own message only when nothing better is known."""
    if isinstance(error, RecursionError):
        return f"is nested more than {depth} levels deep"
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as bad:
        return f"is not valid UTF-8: byte 0x{raw[bad.start]:02x} at byte {bad.start} of the record"
    if b"\0" in raw:
        return f"holds a NUL byte at byte {raw.index(0)} of the record"
    outside = _STRING.sub(b'""', raw)
    number = _NOT_A_NUMBER.search(outside)
    if number:
        return f"holds {number.group().decode()}, which JSON does not have; write null"
    lone = _lone_surrogate(raw)
    if lone:
        return f"holds a lone surrogate ({lone}), half of a character that cannot be stored"
    if "out of range" in str(error):
        return "holds a number too large to be kept exactly"
    try:
        json.loads(raw, parse_constant=lambda _: math.nan)
    except RecursionError:
        return f"is nested more than {depth} levels deep"
    except json.JSONDecodeError as bad_json:
        if bad_json.pos >= len(raw.decode("utf-8").rstrip()) or "Unterminated" in bad_json.msg:
            return f"is cut off: the JSON is not finished ({bad_json.msg.lower()})"
        return f"is not JSON: {bad_json.msg.lower()} at character {bad_json.pos + 1}"
    except ValueError:
        return "holds a number too large to be kept exactly"
    return f"is not JSON: {error}"


def _lone_surrogate(raw: bytes) -> str:
    for text in _STRING.findall(raw):
        if b"\\u" in text:
            found = _LONE_SURROGATE.search(text.replace(b"\\\\", b""))
            if found:
                return str(found.group().decode())
    return ""
