"""CSV that a spreadsheet shows and does not obey: RFC 4180, and no cell that begins a formula."""

import csv
import io
from collections.abc import Iterable
from typing import Any

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def cell(value: Any) -> str:
    """Text as it may stand in a cell. What a spreadsheet would take for a formula gets a ' before.

    Numbers are left alone, the negative ones too: they come from us, not from a text.
    """
    if value is None:
        return ""
    if isinstance(value, int | float):
        return str(value)
    text = str(value)
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def csv_row(values: Iterable[Any]) -> bytes:
    """One line with its end, in UTF-8."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow([cell(value) for value in values])
    return line.getvalue().encode("utf-8", errors="replace")
