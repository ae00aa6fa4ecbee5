"""Every template holds to the house's rules: nothing inline, nothing from elsewhere, no |safe."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.template.loader import get_template

ROOT = Path(settings.BASE_DIR) / "templates"
TEMPLATES = sorted(str(path.relative_to(ROOT)) for path in ROOT.rglob("*.html"))
FORBIDDEN = {
    "marks text as safe": r"\|\s*safe\b|autoescape\s+off|\|\s*safeseq",
    "has an inline style": r"<[^>]*\sstyle\s*=|<style[\s>]",
    "has an inline handler": r"<[^>]*\son[a-z]+\s*=|hx-on[:-]|javascript:",
    "evaluates in an htmx attribute": r"hx-(?:vals|headers)\s*=\s*['\"]js:",
    "loads something from elsewhere": r"(?:src|srcset|poster|data)\s*=\s*['\"](?:https?:)?//"
    r"|<link[^>]+href\s*=\s*['\"](?:https?:)?//|@import|url\(",
    "holds a script": r"<script(?![^>]*\bsrc=)(?![^>]*application/json)[^>]*>",
    "sends a form without a token": r"<form[^>]*method=\"post\"[^>]*>(?:(?!csrf_token|</form>)"
    r"[\s\S])*</form>",
}


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_compiles_and_holds_to_the_rules(name):
    get_template(name)
    source = (ROOT / name).read_text()
    without_comments = re.sub(r"\{#.*?#\}", "", source)
    found = [what for what, rule in FORBIDDEN.items() if re.search(rule, without_comments)]
    assert not found, f"{name} {' and '.join(found)}"


@pytest.mark.parametrize(
    ("what", "source"),
    [
        ("marks text as safe", "{{ text|safe }}"),
        ("has an inline style", '<p class="a" style="color: red">'),
        ("has an inline handler", "<button onclick='x()'>"),
        ("has an inline handler", '<div hx-on:click="x()">'),
        ("loads something from elsewhere", '<script src="https://cdn.example/x.js"></script>'),
        ("holds a script", "<script>x()</script>"),
        ("sends a form without a token", '<form method="post"><button>a</button></form>'),
    ],
)
def test_the_rules_find_what_they_forbid(what, source):
    assert re.search(FORBIDDEN[what], source)


def test_every_icon_that_is_used_is_drawn():
    drawn = set(re.findall(r'id="([a-z]+)"', (ROOT.parent / "static/icons.svg").read_text()))
    used: set[str] = set()
    for name in TEMPLATES:
        source = (ROOT / name).read_text()
        used |= set(re.findall(r'\{% icon "([a-z]+)"', source))
        used |= set(re.findall(r'icon_name="([a-z]+)"', source))
    for module in (ROOT.parent / "webapp").rglob("*.py"):
        used |= set(re.findall(r'\bicon="([a-z]+)"', module.read_text()))
    assert used - drawn == set()


def test_every_static_file_that_is_named_is_there():
    named = {
        file
        for name in TEMPLATES
        for file in re.findall(r'\{% static "([^"]+)" %\}', (ROOT / name).read_text())
    }
    missing = {file for file in named if not (ROOT.parent / "static" / file).exists()}
    assert "css/page.css" in named
    assert missing == set()
