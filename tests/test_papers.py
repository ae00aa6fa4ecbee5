"""docs/papers.md is held to the code: what a module names stands there, and what stands there is
named by the module it points to."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CITED = re.compile(r"arXiv:(\d{4}\.\d{4,5})")
LINE = re.compile(
    r"^\| (?P<title>[^|]+), \[arXiv:(?P<id>[\d.]+)\]\(https://arxiv\.org/abs/(?P<address>[\d.]+)\)"
    r" \| (?P<what>[^|]+) \| \[(?P<module>[^\]]+)\]\(\.\./(?P<link>[^)]+)\) \|$"
)


def cited() -> set[str]:
    """Papers that a Python file of this repository names."""
    listed = subprocess.run(
        ["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    files = (ROOT / name for name in listed.stdout.split())
    return {paper for file in files if file.exists() for paper in CITED.findall(file.read_text())}


def lines() -> list[re.Match[str]]:
    page = (ROOT / "docs" / "papers.md").read_text().splitlines()
    rows = [line for line in page if line.startswith("| ") and "arXiv" in line]
    found = [LINE.match(row) for row in rows]
    assert all(found), [row for row, match in zip(rows, found, strict=True) if not match]
    return [match for match in found if match]


def test_every_paper_that_the_code_names_stands_on_the_page_once() -> None:
    listed = [line["id"] for line in lines()]
    assert len(listed) == len(set(listed))
    assert len(listed) > 30
    assert cited() - set(listed) == set(), "add these to docs/papers.md"
    assert set(listed) - cited() == set(), "no code names these any more"


def test_each_line_points_to_a_module_that_names_the_paper() -> None:
    for line in lines():
        assert line["module"] == line["link"]
        assert line["id"] == line["address"]
        assert line["id"] in CITED.findall((ROOT / line["link"]).read_text()), line["id"]
