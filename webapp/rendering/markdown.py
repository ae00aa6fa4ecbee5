"""Markdown written by anybody -> HTML that may stand in a page. Pure: no Django, no files.

The parser knows no HTML (it comes out as text), the sanitiser allows a short list, and the page's
Content-Security-Policy would stop a script even then. No word of the source may go missing: what
the parser would drop in silence is found, and the caller shows the text as it is.
"""

import html
import re
import secrets
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from pygments import highlight
from pygments.formatters.html import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

from webapp.rendering import sanitiser, unseen
from webapp.rendering.formulas import MOST, mathml

MAX_NESTING = 40  # lists and quotes within one another; deeper text is shown as it is
MAX_HIGHLIGHTED = 20_000  # characters of one code block; a longer one is shown without colours

_WORD = re.compile(r"[^\W\d_]+")
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_ALIGN = re.compile(r"text-align:\s*(left|center|right)")
_MATH = {"\\(": "\\)", "\\[": "\\]", "$$": "$$"}
# Between single dollars only what looks like a formula: $x$, $a_1 + b$; not "$5 and $10".
_DOLLARS = re.compile(
    r"\$(?=\S)((?:[a-zA-Z]|[^$\n]{0,200}?[\\^_={}<>+*/][^$\n]{0,200}?)(?<=\S))\$(?!\w)"
)
_FORMATTER = HtmlFormatter(nowrap=True, wrapcode=False)


@dataclass(frozen=True)
class Converted:
    """`html` is None when a word of the source would not be shown."""

    html: str | None
    unseen: bool


def convert(text: str) -> Converted:
    """CommonMark with tables and strikethrough -> allow-listed HTML. Time grows with the square
    of some inputs, so this runs behind the limits of webapp.rendering."""
    parser = _parser()
    env: dict[str, Any] = {"mark": secrets.token_hex(16)}  # nobody can write it into a text
    tokens = parser.parse(text, env)
    if _lost_words(text, tokens, env):
        return Converted(None, unseen.has_unseen(text))
    dirty = parser.renderer.render(tokens, parser.options, env)
    formulas = env.get("formulas", [])
    shown = re.sub(
        f"{env['mark']}([0-9]+)[.]", lambda found: formulas[int(found[1])], sanitiser.clean(dirty)
    )
    return Converted(shown, 'class="unseen"' in dirty)


class _Parser(MarkdownIt):
    def validateLink(self, url: str) -> bool:
        return sanitiser.may_link(url)


class _Renderer(RendererHTML):
    """What differs from the usual: unseen characters, formulas, coloured code, no images."""

    def text(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        return escape(tokens[idx].content)

    def code_inline(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        return f"<code>{escape(tokens[idx].content)}</code>"

    def math(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        """As written, or a mark that convert() replaces by the formula where it can be set."""
        content, ends = tokens[idx].content, len(tokens[idx].markup)
        mark, formulas = env.get("mark", ""), env.setdefault("formulas", [])
        if mark and len(formulas) < MOST and not unseen.has_unseen(content):
            block = tokens[idx].markup in ("\\[", "$$")
            formulas.append(mathml(content[ends:-ends], block=block))
            if formulas[-1] is not None:
                scrolls = ' tabindex="0"' if block else ""  # a wide one, also by keyboard
                return f'<span class="math"{scrolls}>{mark}{len(formulas) - 1}.</span>'
        return f'<span class="math">{escape(content)}</span>'

    def code_block(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        return f'<pre tabindex="0"><code>{escape(tokens[idx].content)}</code></pre>\n'

    def fence(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        language, _, rest = tokens[idx].info.strip().partition(" ")
        said = f'<span class="link-target">{escape(tokens[idx].info.strip())}</span>\n'
        code = _coloured(tokens[idx].content, language)
        return f'<pre tabindex="0">{said if rest else ""}<code>{code}</code></pre>\n'

    def image(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        # Never loaded: an image is a beacon, and its source says when an annotator looks.
        token = tokens[idx]
        words = " ".join(filter(None, [token.content, str(token.attrs.get("title", ""))]))
        target = escape(str(token.attrs.get("src", "")))
        return f'[image: {escape(words)}] <span class="link-target">({target})</span>'

    def link_open(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        href = str(tokens[idx].attrs.get("href", ""))
        said = str(tokens[idx].attrs.get("title", ""))
        title = f"{said} ({href})" if said else href
        return f'<a href="{html.escape(href)}" title="{html.escape(title)}">'

    def table_open(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        return '<table tabindex="0">\n'  # wide ones scroll, also by keyboard

    def th_open(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        return _cell(tokens[idx])

    td_open = th_open

    def link_close(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        return "</a>"


def escape(text: str) -> str:
    """Text as HTML, with every unseen character replaced by a mark that names it."""
    return "".join(
        html.escape(piece) if kind == "text" else f'<span class="unseen">{piece}</span>'
        for kind, piece in unseen.split(text)
    )


def _parser() -> MarkdownIt:
    options = {"html": False, "linkify": False, "typographer": False, "maxNesting": MAX_NESTING}
    parser = _Parser("commonmark", options, renderer_cls=_Renderer)
    parser.enable(["table", "strikethrough"])
    parser.inline.ruler.before("escape", "math", _math)
    return parser


def _math(state: StateInline, silent: bool) -> bool:
    """A formula in TeX: \\( \\), \\[ \\], $$ $$, $ $; no rule of Markdown reads inside."""
    single = _DOLLARS.match(state.src, state.pos, state.posMax)
    if single is not None:
        if not silent:
            token = state.push("math", "", 0)
            token.content, token.markup = single[0], "$"
        state.pos = single.end()
        return True
    opened = state.src[state.pos : state.pos + 2]
    closing = _MATH.get(opened)
    if closing is None:
        return False
    end = state.src.find(closing, state.pos + 2, state.posMax)
    if end <= state.pos + 2:
        return False
    if not silent:
        token = state.push("math", "", 0)
        token.content, token.markup = state.src[state.pos : end + 2], opened
    state.pos = end + 2
    return True


def _cell(token: Token) -> str:
    """The opening of a table's cell; the parser says its side by a style, which is not allowed."""
    side = _ALIGN.search(str(token.attrs.get("style", "")))
    return f'<{token.tag} align="{side[1]}">' if side else f"<{token.tag}>"


def _coloured(code: str, language: str) -> str:
    """Code as escaped HTML, with Pygments' classes when its language is known and it is short."""
    if not language or len(code) > MAX_HIGHLIGHTED or unseen.has_unseen(code):
        return escape(code)
    try:
        lexer = get_lexer_by_name(language, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return escape(code)
    return str(highlight(code, lexer, _FORMATTER))


def _lost_words(text: str, tokens: Sequence[Token], env: dict[str, Any]) -> Counter[str]:
    """Words of the source that no token carries: what deep nesting makes the parser leave out.

    Numbers are left out of the account (a list's own are computed), and so are entities.
    """
    shown = Counter[str]()
    for part in _texts(tokens):
        shown.update(_WORD.findall(part))
    for label, reference in env.get("references", {}).items():
        for part in (label, reference.get("href", ""), reference.get("title", "")):
            shown.update(_WORD.findall(unquote(part)))
    return Counter(_WORD.findall(_ENTITY.sub(" ", text))) - shown


def _texts(tokens: Sequence[Token]) -> Iterator[str]:
    for token in tokens:
        if token.type == "inline":
            yield from _texts(token.children or [])
            continue
        yield token.content
        yield token.info
        for value in token.attrs.values():
            yield unquote(str(value))
