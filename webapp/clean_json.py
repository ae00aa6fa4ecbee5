"""JSON that can be stored and given back unchanged: every JSON write path comes through here.

Python's parser is kinder than PostgreSQL and than the next reader: it lets NUL and lone surrogates
through (jsonb refuses them: a server error), turns 1e999 into infinity, keeps the last of two equal
keys in silence, and ends with a RecursionError on deep nesting.
"""

import json
import math
from typing import Any, NoReturn

MOST_BYTES = 10_000_000
MOST_DEPTH = 64
LARGEST_INTEGER = 2**63 - 1  # what a bigint column and most readers can hold
MOST_DIGITS = 400  # a longer number is refused before anybody computes with it
SHOWN = 60


class CleanJSONError(ValueError):
    """The JSON cannot be stored; the message says what is wrong, where, and what is allowed."""


def clean_json(body: bytes | str, *, most_bytes: int = MOST_BYTES, depth: int = MOST_DEPTH) -> Any:
    """Parse a document and refuse what could not be stored or would change on the way.

    Raises:
        CleanJSONError: too large, not UTF-8, not JSON, NaN or infinity, an integer beyond 64 bits,
            two equal keys in one object, NUL or a lone surrogate in a text, nested too deeply.
    """
    data = body.encode("utf-8", "surrogatepass") if isinstance(body, str) else body
    if len(data) > most_bytes:
        raise CleanJSONError(f"The JSON has {len(data)} bytes; at most {most_bytes} are allowed.")
    if data.startswith(b"\xef\xbb\xbf"):
        raise CleanJSONError("The JSON begins with a byte order mark. Save it as plain UTF-8.")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise CleanJSONError(f"The JSON is not UTF-8: byte {error.start} is wrong.") from None
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise CleanJSONError(
            f"This is not JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        ) from None
    except RecursionError:
        raise CleanJSONError(_too_deep("", depth)) from None
    check_storable(value, depth=depth)
    return value


def check_storable(value: Any, *, depth: int = MOST_DEPTH) -> None:
    """Check a value that is already parsed, such as one made from a file of another format.

    Raises:
        CleanJSONError: names the place as in $.messages[2].content.
    """
    waiting: list[tuple[Any, str, int]] = [(value, "$", 0)]
    while waiting:  # not recursive: the depth is what is being checked
        item, place, level = waiting.pop()
        if isinstance(item, str):
            check_text(item, place)
        elif isinstance(item, dict | list | tuple):
            if level >= depth:
                raise CleanJSONError(_too_deep(place, depth))
            if isinstance(item, dict):
                inside = [(inner, _at_key(place, key)) for key, inner in item.items()]
            else:
                inside = [(inner, f"{place}[{index}]") for index, inner in enumerate(item)]
            waiting += [(inner, inner_place, level + 1) for inner, inner_place in inside]
        elif isinstance(item, float) and not math.isfinite(item):
            raise CleanJSONError(f"{place} is {item}; only finite numbers can be stored.")
        elif isinstance(item, int) and abs(item) > LARGEST_INTEGER:
            raise CleanJSONError(f"{place} is an integer beyond 64 bits. Send it as a text.")
        elif not (item is None or isinstance(item, int | float)):
            raise CleanJSONError(f"{place} is a {type(item).__name__}, which JSON does not have.")


def check_text(text: str, place: str = "The text") -> None:
    """Refuse what no text column can hold: NUL and halves of surrogate pairs.

    Raises:
        CleanJSONError: names the place and the position of the character.
    """
    nul = text.find("\0")
    if nul >= 0:
        raise CleanJSONError(f"{place} has a NUL character at position {nul}. Remove it.")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise CleanJSONError(
            f"{place} has half of a surrogate pair at position {error.start}, as a text cut inside"
            " an emoji leaves it. Remove it or send the whole character."
        ) from None


def _at_key(place: str, key: Any) -> str:
    if not isinstance(key, str):
        raise CleanJSONError(f"{place} has the key {key!r}; keys are texts.")
    check_text(key, f"A key in {place}")
    longer = f"{place}.{key}"
    return longer if len(longer) <= 200 else "$…" + longer[-SHOWN:]


def _too_deep(place: str, depth: int) -> str:
    where = f" (at {place[:SHOWN]}…)" if place else ""
    return f"The JSON is nested too deeply{where}; at most {depth} levels are allowed."


def _no_constant(name: str) -> NoReturn:
    raise CleanJSONError(f"The JSON has {name}; only finite numbers can be stored.")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise CleanJSONError(f"The number {digits[:SHOWN]} is too large to be stored.")
    return number


def _integer(digits: str) -> int:
    if len(digits) <= MOST_DIGITS:
        number = int(digits)
        if abs(number) <= LARGEST_INTEGER:
            return number
    raise CleanJSONError(f"The integer {digits[:20]}… is beyond 64 bits. Send it as a text.")


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        double = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise CleanJSONError(
            f"One object has the key {double[:SHOWN]!r} twice; it is not clear which one counts."
        )
    return found


_DECODER = json.JSONDecoder(
    object_pairs_hook=_without_doubles,
    parse_float=_finite,
    parse_int=_integer,
    parse_constant=_no_constant,
)
