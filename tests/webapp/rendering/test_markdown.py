import pytest
from django.template import Context, Template

from tests.webapp.rendering.allowed import forbidden_in
from tests.webapp.rendering.payloads import PAYLOADS
from webapp.rendering import raw, render_markdown, sanitiser
from webapp.rendering.markdown import convert


def html(text: str) -> str:
    return str(render_markdown(text).html).strip()


def test_the_corpus_is_large_and_has_no_twins():
    assert len(PAYLOADS) >= 150
    assert len(set(PAYLOADS)) == len(PAYLOADS)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_it_renders_a_hostile_text_with_nothing_but_the_allow_list(payload):
    assert forbidden_in(convert(payload).html or "") == []


@pytest.mark.parametrize("payload", PAYLOADS)
def test_the_sanitiser_alone_leaves_nothing_but_the_allow_list(payload):
    assert forbidden_in(sanitiser.clean(payload)) == []


def test_the_check_itself_finds_what_is_forbidden():
    assert forbidden_in("<p onclick=x>a</p><img src=x>") == ["<p onclick>", "<img>", "<img src>"]


def test_it_renders_what_people_write():
    assert html("A *good* **answer** with `code`") == (
        "<p>A <em>good</em> <strong>answer</strong> with <code>code</code></p>"
    )
    assert '<ol start="3">' in html("3. three\n4. four")
    assert "<del>no</del>" in html("~~no~~") or "<s>no</s>" in html("~~no~~")


def test_it_shows_html_as_text():
    assert html("<b>x</b>") == "<p>&lt;b&gt;x&lt;/b&gt;</p>"


def test_it_colours_code_of_a_known_language_with_classes_only():
    shown = html("```python\nreturn 1\n```")
    assert '<span class="k">return</span>' in shown
    assert "style=" not in shown


def test_it_shows_code_of_an_unknown_language_as_it_is():
    assert "<code>a &lt; b\n</code></pre>" in html("```nolang\na < b\n```")


def test_it_names_an_image_and_never_loads_it():
    shown = html('![a cat](https://x.test/cat.png "sleeping")')
    assert "<img" not in shown
    assert "[image: a cat sleeping]" in shown
    assert "https://x.test/cat.png" in shown


def test_a_link_says_where_it_leads_and_tells_the_other_side_nothing():
    shown = html("[here](https://x.test/a)")
    assert 'href="https://x.test/a"' in shown
    assert 'title="https://x.test/a"' in shown
    assert 'rel="noopener noreferrer nofollow"' in shown


@pytest.mark.parametrize(
    "formula", [r"\(a_1 * b_2 * c\)", r"\[\mathbf{x}_i \\ y\]", "$$a_1 * b * c_1$$"]
)
def test_no_rule_of_markdown_reads_inside_a_formula(formula):
    shown = html(f"so {formula} holds")
    assert "<math display=" in shown
    assert "<em>" not in shown
    assert render_markdown(f"so {formula} holds").as_written.count(formula) == 1  # the raw view


def test_an_unfinished_formula_is_ordinary_text():
    assert "math" not in html(r"\(a and *b*")


def test_it_aligns_the_columns_of_a_table_without_style():
    shown = html("|a|b|\n|:-|-:|\n|1|2|")
    assert 'align="right"' in shown
    assert "style" not in shown


def test_the_sanitiser_alone_takes_links_into_rondo_itself_away():
    assert "href" not in sanitiser.clean('<a href="/account/logout/">x</a>')
    assert "href" in sanitiser.clean('<a href="https://x.test">x</a>')


def test_a_link_into_rondo_itself_is_left_as_text():
    assert "<a" not in html("[log out](/account/logout/) [x](//x.test) [y](javascript:alert)")


@pytest.mark.parametrize(
    "text",
    [
        "\n".join("  " * depth + f"- item{depth} word{'x' * depth}" for depth in range(120)),
        "> " * 60 + "quoted words",
        "*a **b " * 300 + "end",
        "[label]: /address 'title'\n\nonly a definition",
        "a &amp; b &copy; c &#x41; d",
        "```python title=first\nprint('word')\n```",
        "# head\n\ntext\nHead\n===\n",
    ],
)
def test_every_word_of_the_source_is_shown(text):
    rendered = render_markdown(text)
    if "definition" in text:  # what defines links is in the raw view
        return
    shown = str(rendered.html)
    for word in ("item119", "quoted", "end", "print", "first", "Head"):
        assert (word in text) <= (word in shown)


def test_text_nested_too_deeply_is_shown_as_it_is_with_a_note():
    rendered = render_markdown("> " * 200 + "the last word")
    assert rendered.limited
    assert "the last word" in rendered.html
    assert rendered.notes == ("Formatting limited: the text is nested too deeply.",)


def test_text_longer_than_the_limit_is_shown_as_it_is():
    rendered = render_markdown("word " * 60_000)
    assert rendered.limited
    assert str(rendered.html).count("word ") == 60_000


def test_a_lone_surrogate_is_named_and_can_be_sent():
    rendered = render_markdown("a\ud800b <b>")
    assert "U+D800" in rendered.html
    assert "&lt;b&gt;" in rendered.html
    str(rendered.html).encode()  # what Django does with a page


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ("a\u200bb", "ZWSP"),
        ("a\u202eb", "RLO"),
        ("a\u2066b", "LRI"),
        ("a\u00adb", "SHY"),
        ("a\ufeffb", "BOM"),
        ("a\U000e0041b", "U+E0041"),
        ("a\x07b", "U+0007"),
        ("latin\u200djoined", "ZWJ"),
    ],
)
def test_a_character_that_cannot_be_seen_is_shown_by_its_name(text, mark):
    rendered = render_markdown(text)
    assert f'<span class="unseen">{mark}</span>' in rendered.html
    assert rendered.notes == ("Characters that cannot be seen are shown by their names.",)


@pytest.mark.parametrize("text", ["a&#x202e;b", "`a\u202eb`", "```python\na\u202eb\n```", "\u202e"])
def test_it_finds_unseen_characters_wherever_they_hide(text):
    assert "RLO" in render_markdown(text).html


@pytest.mark.parametrize(
    "text",
    ["👩\u200d🚀 and 👍🏽", "می\u200cخواهم", "क्\u200dष", "a\tb", "naïve 中文"],
)
def test_ordinary_writing_is_not_marked(text):
    assert "unseen" not in render_markdown(text).html


def test_the_raw_view_is_always_there():
    assert "*b*" in render_markdown("a *b*").as_written
    deep = render_markdown("> " * 200 + "deep")
    assert deep.as_written == deep.html


def test_a_template_shows_markdown_beside_its_raw_view():
    shown = Template("{% load look %}{% markdown text %}").render(Context({"text": "a *b* <i>"}))
    assert "<p>a <em>b</em> &lt;i&gt;</p>" in shown
    assert ">a *b* &lt;i&gt;</pre>" in shown
    assert "hx-disable" in shown


def test_the_raw_view_escapes_and_marks():
    rendered = raw("<i>\u202ex</i>")
    assert rendered.html == (
        '<pre class="raw" tabindex="0">&lt;i&gt;<span class="unseen">RLO</span>x&lt;/i&gt;</pre>'
    )
