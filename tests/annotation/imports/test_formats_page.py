"""docs/formats.md names every format, and none that does not exist."""

import re
from pathlib import Path

from annotation.imports.formats.registry import BY_NAME

PAGE = Path(__file__).resolve().parents[3] / "docs" / "formats.md"


def test_the_page_lists_exactly_the_formats_there_are() -> None:
    named = re.findall(r"^\| `(\w+)` \|", PAGE.read_text(), flags=re.MULTILINE)
    assert sorted(named) == sorted(BY_NAME)
