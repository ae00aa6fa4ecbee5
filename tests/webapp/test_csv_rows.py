import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.csv_rows import csv_row


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"])
def test_a_text_that_a_spreadsheet_would_obey_is_quoted(text: str) -> None:
    assert csv_row([text]).decode().strip('"\r\n').startswith("'")


def test_numbers_and_plain_text_are_left_alone() -> None:
    assert csv_row([-1, -0.5, None, "plain", "a-b", 'say "so", please']) == (
        b'-1,-0.5,,plain,a-b,"say ""so"", please"\r\n'
    )


@given(st.lists(st.text(st.characters(codec="utf-8")), min_size=1))
def test_a_row_is_read_back_as_it_was_but_for_the_quote(values: list[str]) -> None:
    (read,) = csv.reader(io.StringIO(csv_row(values).decode(), newline=""))
    assert [a.removeprefix("'") for a in read] == [b.removeprefix("'") for b in values]
