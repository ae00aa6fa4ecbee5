"""What every page loads: small, ours or recorded, readable in both themes."""

import gzip
import hashlib
import re
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
STATIC = ROOT / "static"


def loaded_by_every_page() -> list[Path]:
    source = (ROOT / "templates/document.html").read_text()
    return [STATIC / name for name in re.findall(r'static "([^"]+\.(?:css|js))"', source)]


def sent(path: Path) -> int:
    return len(gzip.compress(path.read_bytes(), 9))


def test_style_and_script_of_every_page_are_at_most_60_kb_as_sent():
    files = loaded_by_every_page()
    assert {path.name for path in files} >= {"tokens.css", "htmx.min.js", "page.js"}
    assert sum(map(sent, files)) <= 60_000


def test_our_own_style_and_script_are_at_most_60_kb_before_compression():
    ours = [path for path in loaded_by_every_page() if "vendor" not in path.parts]
    assert sum(path.stat().st_size for path in ours) <= 60_000


def test_vendored_files_are_the_recorded_ones():
    lines = (STATIC / "vendor/VERSIONS").read_text().splitlines()[1:]
    recorded = {}
    for line in lines:
        _name, version, licence, digest, file = line.split()
        assert version[0].isdigit()
        assert licence in {"0BSD", "MIT", "MPL-2.0"}
        recorded[file] = digest
        assert hashlib.sha256((ROOT / file).read_bytes()).hexdigest() == digest, file
    vendored = {f"static/vendor/{path.name}" for path in (STATIC / "vendor").iterdir()}
    assert vendored - set(recorded) == {"static/vendor/VERSIONS", "static/vendor/refresh"}


@pytest.mark.parametrize("path", sorted(STATIC.rglob("*.css")), ids=lambda path: path.name)
def test_a_stylesheet_loads_nothing_from_elsewhere(path):
    assert not re.search(r"@import|url\(\s*['\"]?(?!data:)", path.read_text())


@pytest.mark.parametrize("path", sorted((STATIC / "js").glob("*.js")), ids=lambda path: path.name)
def test_a_script_makes_no_code_or_markup_from_text(path):
    forbidden = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function"
    assert not re.search(forbidden, path.read_text())


# ---- contrast, by WCAG 2.2: 4.5 for text, 3 for what must be seen as a control or a line
def tokens() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {"light": {}, "dark": {}}
    source = (STATIC / "css/tokens.css").read_text() + (STATIC / "css/text.css").read_text()
    for name, light, dark in re.findall(
        r"--([a-z0-9-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)", source
    ):
        found["light"][name], found["dark"][name] = light, dark
    return found


def luminance(colour: str) -> float:
    """WCAG 2.2, relative luminance of an sRGB colour."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    bright, dim = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


SURFACES = ("canvas", "paper", "raised", "sunken", "hover")
READ = [
    *[(ink, surface) for ink in ("ink", "muted", "accent", "bad") for surface in SURFACES],
    *[(state, f"{state}-soft") for state in ("good", "warn", "bad", "accent")],
    *[("ink", f"{state}-soft") for state in ("good", "warn", "bad")],
    ("muted", "idle-soft"),
    ("ink", "idle-soft"),
    ("on-accent", "accent-fill"),
    ("on-accent", "accent-fill-hover"),
    ("on-accent", "bad-fill"),
    *[(f"code-{part}", "sunken") for part in ("comment", "keyword", "string", "number", "name")],
]
SEEN = [
    ("line-strong", "paper"),
    ("accent", "paper"),
    ("accent-fill", "paper"),
    *[(f"series-{number}", "paper") for number in range(1, 7)],
]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("ink", "surface"), READ)
def test_text_can_be_read(theme, ink, surface):
    colours = tokens()[theme]
    assert contrast(colours[ink], colours[surface]) >= 4.5


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("line", "surface"), SEEN)
def test_controls_and_lines_can_be_seen(theme, line, surface):
    colours = tokens()[theme]
    assert contrast(colours[line], colours[surface]) >= 3


def test_the_contrast_of_black_on_white_is_21():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
