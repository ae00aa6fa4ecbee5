"""The README's promises name tests that exist, and no link of the documentation leads nowhere."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LINK = re.compile(r"\]\((?!https?://|mailto:|#)([^)\s#]+)(?:#([^)\s]+))?\)")


def pages() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [ROOT / name for name in listed.stdout.split() if (ROOT / name).exists()]


def anchors(page: Path) -> set[str]:
    """As forges make them: in lower case, words joined by hyphens."""
    heads = re.findall(r"(?m)^#+ (.+)$", page.read_text())
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def broken(page: Path, text: str) -> list[str]:
    found = []
    for target, anchor in LINK.findall(text):
        place = (page.parent / target).resolve()
        if not place.exists():
            found.append(f"{page.name}: {target} does not exist")
        elif anchor and place.suffix == ".md" and anchor not in anchors(place):
            found.append(f"{page.name}: {target} has no heading #{anchor}")
    return found


def test_no_link_of_the_documentation_leads_nowhere() -> None:
    assert len(pages()) > 20
    wrong = [each for page in pages() for each in broken(page, page.read_text())]
    assert not wrong, "\n".join(wrong)


def test_control_a_link_to_nowhere_is_seen() -> None:
    text = "[a](docs/nothing.md) [b](docs/security.md#no-such-heading) [c](docs/security.md#keys)"
    assert broken(ROOT / "README.md", text) == [
        "README.md: docs/nothing.md does not exist",
        "README.md: docs/security.md has no heading #no-such-heading",
    ]


def test_every_promise_of_the_readme_names_a_test_that_holds_it() -> None:
    text = (ROOT / "README.md").read_text().split("## What is promised")[1].split("\n## ")[0]
    rows = [row for row in text.splitlines() if row.startswith("| ") and "promise" not in row]
    assert len(rows) > 5
    for row in rows:
        named = re.findall(r"\]\((tests/[^)]+)\)", row)
        assert named, row
        for name in named:
            assert "def test_" in (ROOT / name).read_text(), name
