"""Formulas become MathML where they can be shown faithfully, and stay as written elsewhere."""

import re

import pytest
from latex2mathml.converter import convert as unguarded

from tests.webapp.rendering.allowed import forbidden_in
from tests.webapp.rendering.hostile_formulas import ENDLESS, TEXTS, written
from webapp.rendering import render_markdown
from webapp.rendering.formulas import LONGEST, MOST, clean, mathml
from webapp.rendering.markdown import convert


def html(text: str) -> str:
    return str(render_markdown(text).html).strip()


def said(markup: str) -> str:
    return re.sub(r"<[^>]*>|\s", "", markup)


def test_a_formula_is_mathml_in_its_line_or_on_its_own() -> None:
    assert html(r"so \(x^2\)") == (
        '<p>so <span class="math"><math display="inline"><mrow>'
        "<msup><mi>x</mi><mn>2</mn></msup></mrow></math></span></p>"
    )
    assert '<math display="block">' in html(r"\[x\]")
    assert '<math display="block">' in html("$$\nx = \\frac{a}{b}\n$$")


@pytest.mark.parametrize("text", ["$x$", "$x^2$", r"$\alpha$", "$a_1 = b$", "($n$)"])
def test_single_dollars_around_what_looks_like_a_formula(text: str) -> None:
    assert "<math" in html(f"Let {text}, then")


@pytest.mark.parametrize(
    "text", ["from $5 to $10", "US$100 or A$ 3", "`$x$`", r"\$x\$", "$ x $", "$HOME and $PATH"]
)
def test_money_and_code_are_no_formulas(text: str) -> None:
    assert "<math" not in html(text)


@pytest.mark.parametrize(
    "formula",
    [
        r"a % hidden",  # TeX reads nothing after it
        r"\color{white}{b}",
        r"\frac{1}{",
        r"\href{https://x.test}{b}",
        "x" * (LONGEST + 1),
    ],
)
def test_what_cannot_be_shown_faithfully_stays_as_written(formula: str) -> None:
    assert mathml(formula, block=False) is None
    assert "<math" not in html(rf"so \({formula}\)")
    assert said(formula)[:20] in said(html(rf"so \({formula}\)"))


def test_what_would_be_invisible_is_seen() -> None:
    assert said(mathml(r"\phantom{secret}", block=False) or "") == "secret"
    assert "width" not in (mathml(r"a\hspace{-9em}b", block=False) or "")


@pytest.mark.parametrize("formula", TEXTS)
def test_a_hostile_formula_leaves_nothing_but_the_allow_list(formula: str) -> None:
    for text in written(formula):
        assert forbidden_in(convert(text).html or "") == []
    assert forbidden_in(mathml(formula, block=True) or "") == []


@pytest.mark.parametrize("formula", TEXTS)
def test_the_last_layer_alone_leaves_nothing_but_the_allow_list(formula: str) -> None:
    try:
        raw = unguarded(formula)
    except Exception:
        return  # the library itself refuses it
    assert forbidden_in(clean(raw)) == []


def test_the_library_alone_would_let_it_through() -> None:
    """The control: without the layers the corpus is alive."""
    assert "<img" in unguarded(r"\text{<img src=x onerror=alert(1)>}")
    assert "javascript:" in unguarded(r"\href{javascript:alert(1)}{x}")


@pytest.mark.parametrize("name", ENDLESS)
def test_a_formula_made_to_take_for_ever_is_bounded_and_nothing_is_lost(name: str) -> None:
    rendered = render_markdown(rf"so \({ENDLESS[name]}\) holds" + "\n\nthe end of it")
    assert "the end of it" in rendered.html


def test_many_formulas_are_bounded_and_the_rest_is_shown_as_written() -> None:
    shown = html(" ".join(rf"\(x_{{{n}}}\)" for n in range(MOST + 20)))
    assert shown.count("<math") == MOST
    assert rf"\(x_{{{MOST + 19}}}\)" in shown


def test_nobody_can_write_the_mark_that_a_formula_replaces() -> None:
    first, second = (convert(r"\(x\) 0. 1.").html for _ in range(2))
    assert first == second
    assert (first or "").count("<math") == 1
