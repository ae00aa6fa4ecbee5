"""Cleaning and splitting conversations, HTML and personal data in them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.domain.conversation_cleaning import (
    CleaningRules,
    Code,
    break_special_token,
    clean_all,
    clean_conversation,
    clean_text,
)
from annotation.domain.conversation_split import split_conversation
from annotation.domain.html_markdown import HtmlRefused, html_to_markdown, looks_like_html
from annotation.domain.personal_data import (
    Kind,
    find_personal_data,
    luhn_valid,
    mask_personal_data,
    pseudonym,
)

LONG = "an answer that is long enough to be kept"


@given(st.lists(st.integers(0, 60), max_size=24), st.integers(1, 150), st.integers(0, 8))
def test_every_round_appears_once_and_in_order(
    lengths: list[int], most: int, overhead: int
) -> None:
    split = split_conversation(lengths, most, per_turn_overhead=overhead)
    turns = [turn for start, end in split.chunks for turn in range(start, end)]
    assert turns == list(range(len(lengths) // 2 * 2))
    for position, (start, end) in enumerate(split.chunks):
        size = sum(lengths[start:end]) + overhead * (end - start)
        assert end > start
        assert (size > most) == (position in split.overlong)
    assert split.unanswered == (len(lengths) % 2 == 1)


def test_the_round_that_the_reference_loses_is_kept() -> None:
    # Three rounds of 100 + 12 tokens, at most 120: FastChat's splitter loses the third.
    assert split_conversation([50] * 6, 120).chunks == ((0, 2), (2, 4), (4, 6))


@pytest.mark.parametrize(
    ("lengths", "most", "overhead"), [([1, 2], 0, 6), ([-1, 2], 9, 6), ([1], 9, -1)]
)
def test_a_split_that_means_nothing_is_refused(
    lengths: list[int], most: int, overhead: int
) -> None:
    with pytest.raises(ValueError, match=r"max_length|negative"):
        split_conversation(lengths, most, per_turn_overhead=overhead)


def test_cleaning_trims_to_whole_rounds() -> None:
    turns = [("gpt", "hello"), ("human", "a question"), ("gpt", LONG), ("human", "more?")]
    assert clean_conversation(turns).turns == (("human", "a question"), ("gpt", LONG))


@pytest.mark.parametrize(
    ("turns", "code"),
    [
        ([], Code.TOO_SHORT),
        ([("human", "alone")], Code.TOO_SHORT),
        ([("gpt", "a"), ("gpt", "b"), ("gpt", "c")], Code.WRONG_FORMAT),
        ([("human", "a"), ("human", "b"), ("gpt", LONG)], Code.WRONG_FORMAT),
        ([("system", "s"), ("human", "a"), ("tool", "x"), ("gpt", LONG)], Code.WRONG_FORMAT),
        ([("human", "about ChatGPT"), ("gpt", LONG)], Code.BLOCKED),
        ([("human", "hi"), ("gpt", "Too many requests in 1 hour. Try again later.")], Code.BLOCKED),
        ([("human", "hi"), ("gpt", "")], Code.TOO_SHORT),
        ([("human", "hi"), ("gpt", "<p>" + "x" * 2_200_000 + "</p>")], Code.PARSER_ERROR),
    ],
)
def test_each_reason_against_a_conversation_has_its_code(
    turns: list[tuple[str, str]], code: Code
) -> None:
    assert clean_conversation(turns).code is code


def test_a_report_counts_every_loss_by_its_reason() -> None:
    good = [("human", "what is <s>?"), ("gpt", LONG)]
    digits = [("human", "count"), ("gpt", "it is 0000000000 and that is all")]
    lists = [("human", "steps"), ("gpt", "These:\n1. one thing\n1. another thing")]
    rules = CleaningRules(special_tokens=("<s>",))
    kept, report = clean_all([good, digits, lists, []], rules)
    assert kept == [(("human", "what is <|s|>?"), ("gpt", LONG))]
    assert (report.seen, report.kept) == (4, 1)
    assert report.dropped == {"repeated_digits": 1, "restarted_list": 1, "too_short": 1}


def test_what_the_page_added_is_taken_away() -> None:
    assert clean_text("2 / 3\n\nThe text.Copy12 chars / 2 words") == "The text."
    page = "<pre><div><span>python</span><button>Copy code</button></div><code>a = 1\n</code></pre>"
    assert clean_text(page) == "```python\na = 1\n```"
    assert clean_text("```\npythonCopy code\nprint(1)\n```") == "```python\nprint(1)\n```"
    assert clean_text("before ```Copy code\n``` after") == "before  after"


def test_an_empty_special_token_is_refused() -> None:
    with pytest.raises(ValueError, match="empty"):
        break_special_token("text", "")
    assert break_special_token("a|b", "|") == "a b"


@pytest.mark.parametrize(
    ("html", "markdown"),
    [
        ("<p>One</p><p>Two &amp; three</p>", "One\n\nTwo & three"),
        ("<ul><li>a</li><li>b<ul><li>c</li></ul></li></ul>", "* a\n* b\n   * c"),
        ("<ol><li>a</li><li>b</li></ol>after", "1. a\n2. b\n\nafter"),
        ("<h2>Title</h2>text", "## Title\n\ntext"),
        (
            'see <a href="https://x.test/?a=1&amp;b=2">this</a>',
            "see [this](https://x.test/?a=1&b=2)",
        ),
        ("<em>a</em> <strong>b</strong> <code>c</code>", "*a* **b** `c`"),
        (
            "<table><tr><th>x</th><th>y</th></tr><tr><td>1</td><td>2</td></tr></table>",
            "| x | y |\n| --- | --- |\n| 1 | 2 |",
        ),
        ("a<script>alert(1)</script>b<style>p{}</style>", "ab"),
        (
            '<pre><code class="hljs language-c">if (a &lt; b)\n  c();</code></pre>',
            "```c\nif (a < b)\n  c();\n```",
        ),
        ("one<br>two<br/>three", "one\ntwo\nthree"),
        ("no tags, 1 < 2", "no tags, 1 < 2"),
    ],
)
def test_html_becomes_markdown(html: str, markdown: str) -> None:
    assert html_to_markdown(html) == markdown


@given(st.text())
def test_any_text_survives_being_taken_for_html(text: str) -> None:
    html_to_markdown(text)
    html_to_markdown("<pre><li>" + text + "</ul></pre></a>")


@pytest.mark.parametrize(
    "piece", ['<a "', "<!--", "<![CDATA[", "</", "<div>", "&#", "<a href='", "<li>"]
)
def test_hostile_html_costs_linear_time(piece: str) -> None:
    """Quadratic work on a million characters would take minutes; the test would not end."""
    html_to_markdown(piece * (1_000_000 // len(piece)))


def test_too_much_html_is_refused_and_code_is_not_taken_for_a_page() -> None:
    with pytest.raises(HtmlRefused, match="at most 10"):
        html_to_markdown("<p>" + "x" * 20, limit=10)
    assert not looks_like_html("Use <div> like this: </div>")
    assert looks_like_html("<div>x</div>")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("mail jane.doe+x@example.co.uk.", [("email", "jane.doe+x@example.co.uk")]),
        ("card 4111 1111 1111 1111 ok", [("credit_card", "4111 1111 1111 1111")]),
        ("4111-1111-1111-1112", []),
        ("host 192.168.1.10, version 1.2.3.400 and 1.2.3.4.5", [("ipv4", "192.168.1.10")]),
        (
            "+49 30 1234567 or (555) 010-9999",
            [("phone", "+49 30 1234567"), ("phone", "(555) 010-9999")],
        ),
        ("555-010-9999", [("phone", "555-010-9999")]),
        ("030 1234 5678", [("phone", "030 1234 5678")]),
        ("on 2023-01-15 at 12:30, 3.14159265, 1,000,000, 2010-2020, ISBN 978-3-16-148410-0", []),
        ("order 12345678 of 20231115", []),
        ("key sk-" + "a1B2" * 8 + " here", [("secret_key", "sk-" + "a1B2" * 8)]),
        ("hf_" + "x" * 34, [("secret_key", "hf_" + "x" * 34)]),
        ("xoxb-" + "a1" * 5, [("secret_key", "xoxb-" + "a1" * 5)]),
        (
            f"t: eyJ{'a' * 10}.eyJ{'b' * 10}.{'c' * 10}",
            [("secret_key", f"eyJ{'a' * 10}.eyJ{'b' * 10}.{'c' * 10}")],
        ),
        ("-----BEGIN PRIVATE KEY-----\nA", [("secret_key", "-----BEGIN PRIVATE KEY-----\nA")]),
        ("\u0664111 1111 1111 1111", [("credit_card", "\u0664111 1111 1111 1111")]),
        ("AKIAIOSFODNN7EXAMPLE", [("secret_key", "AKIAIOSFODNN7EXAMPLE")]),
        ("0000 0000 0000 0000", []),
        ("a@b, user@localhost, @name", []),
    ],
)
def test_personal_data_are_found_by_their_shape(text: str, found: list[tuple[str, str]]) -> None:
    spans = find_personal_data(text)
    assert [(span.kind.value, text[span.start : span.end]) for span in spans] == found


@given(
    st.lists(
        st.sampled_from(
            ["a@b.de", "4111111111111111", "10.0.0.1", "+1 555 010 9999", "x", " ", ".", "-", "1"]
        )
    ).map("".join)
)
def test_masking_twice_changes_nothing_and_leaves_nothing(text: str) -> None:
    once = mask_personal_data(text)
    assert mask_personal_data(once) == once
    assert not find_personal_data(once)


def test_masks_name_what_they_hide() -> None:
    assert mask_personal_data("to a@b.de now") == "to [EMAIL] now"
    assert {kind.value for kind in Kind} == {"email", "phone", "ipv4", "credit_card", "secret_key"}


@pytest.mark.parametrize(("digits", "valid"), [("79927398713", True), ("79927398710", False)])
def test_luhn_is_luhns(digits: str, valid: bool) -> None:
    assert luhn_valid(digits) is valid


def test_a_pseudonym_needs_a_key_and_depends_on_it() -> None:
    first, second = b"k" * 16, b"l" * 16
    assert pseudonym("10.0.0.1", first) != pseudonym("10.0.0.1", second)
    assert len(pseudonym("10.0.0.1", first)) == 64
    with pytest.raises(ValueError, match="16"):
        pseudonym("10.0.0.1", b"short")


@pytest.mark.parametrize(
    "piece", ["a@", "1 ", "1.", "0 1 ", "+1 ", "sk-", "eyJ", "a.", "-----BEGIN "]
)
def test_long_texts_are_searched_in_linear_time(piece: str) -> None:
    find_personal_data(piece * (300_000 // len(piece)))
