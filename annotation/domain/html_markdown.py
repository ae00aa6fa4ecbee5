"""HTML as web chats show it, turned into Markdown. Linear in the text's length, no parser library.

Only what answers are made of: paragraphs, headings, emphasis, lists, code, links, tables, quotes.
Anything else loses its tags and keeps its text.
"""

import html
import re
from collections.abc import Callable
from dataclasses import dataclass, field

# No quoted attributes in the pattern: an unclosed quote would make it quadratic. A ">" inside an
# attribute is rare, and then costs a few stray letters.
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)([^<>]*)>")
_HREF = re.compile(r"""\bhref\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", re.IGNORECASE)
_CODE_CLASS = re.compile(r"""language-([A-Za-z0-9+#_.-]+)""")
_SPACES = re.compile(r"[ \t\r\n]+")
_ANSWER_TAGS = re.compile(
    r"<(?:p|div|span|pre|code|ul|ol|li|h[1-6]|br|table|strong|em)\b[^<>]*>", re.I
)

_INLINE = {"b": "**", "strong": "**", "em": "*", "i": "*", "del": "~~", "s": "~~", "code": "`"}
_BLOCKS = {"p", "div", "section", "article", "header", "footer", "table", "figure"}
_HIDDEN = {"script", "style", "svg", "head", "button", "template"}
_HEADING = re.compile(r"h([1-6])")


class HtmlRefused(ValueError):
    """The text is too long to be treated as HTML."""


def looks_like_html(text: str) -> bool:
    """Whether the text is marked up as a chat page is: it starts with such a tag and closes one."""
    start = _ANSWER_TAGS.match(text.lstrip())
    return start is not None and "</" in text


@dataclass
class _Writer:
    parts: list[str] = field(default_factory=list)
    lists: list[tuple[str, int]] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    quote_starts: list[int] = field(default_factory=list)
    hidden: int = 0
    pre: int = 0
    pre_language: str = ""
    cells: int = 0

    def text(self, raw: str) -> None:
        if self.hidden:
            return
        said = html.unescape(raw)
        if not self.pre:
            said = _SPACES.sub(" ", said)
            if said == " " and (not self.parts or self.parts[-1].endswith("\n")):
                return
            if self.parts and self.parts[-1].endswith("\n"):
                said = said.lstrip(" ")
        if said:
            self.parts.append(said)

    def newline(self, count: int) -> None:
        """At least `count` line ends before what follows, except at the very start."""
        if not self.parts:
            return
        ends = 0
        for part in reversed(self.parts):
            stripped = part.rstrip("\n")
            ends += len(part) - len(stripped)
            if stripped or ends >= count:
                break
        if ends < count:
            self.parts.append("\n" * (count - ends))


def html_to_markdown(text: str, *, limit: int = 2 * 1024 * 1024) -> str:
    """Markdown for a fragment of HTML; text without tags comes back with its entities resolved.

    Raises HtmlRefused when the text has more than `limit` characters.
    """
    if len(text) > limit:
        raise HtmlRefused(f"has {len(text):,} characters of HTML; at most {limit:,} are converted")
    text = _without_comments(text)
    writer = _Writer()
    last = 0
    for match in _TAG.finditer(text):
        if match.start() > last:
            writer.text(text[last : match.start()])
        last = match.end()
        name = (match.group(2) or "").lower()
        if name:
            _tag(writer, name, match.group(3), closing=bool(match.group(1)))
    writer.text(text[last:])
    if writer.pre:
        writer.parts.append("\n```")
    joined = "".join(writer.parts)
    return re.sub(r"\n{3,}", "\n\n", joined).strip()


def _without_comments(text: str) -> str:
    """By searching, not by pattern: a pattern would look to the end for each unclosed comment."""
    parts = []
    last = 0
    while (start := text.find("<!--", last)) >= 0:
        end = text.find("-->", start + 4)
        if end < 0:
            break
        parts.append(text[last:start])
        last = end + 3
    parts.append(text[last:])
    return "".join(parts)


def _tag(writer: _Writer, name: str, attributes: str, *, closing: bool) -> None:
    if name in _HIDDEN:
        writer.hidden = max(0, writer.hidden - 1) if closing else writer.hidden + 1
    elif writer.hidden:
        return
    elif name == "pre":
        _pre(writer, attributes, closing)
    elif writer.pre:
        _inside_pre(writer, name, attributes, closing)
    elif name in _INLINE:
        writer.parts.append(_INLINE[name])
    elif handler := _HANDLERS.get(name):
        handler(writer, attributes, closing)
    elif name in _BLOCKS:
        writer.newline(2)
    elif heading := _HEADING.fullmatch(name):
        writer.newline(2)
        if not closing:
            writer.parts.append("#" * int(heading.group(1)) + " ")


def _inside_pre(writer: _Writer, name: str, attributes: str, closing: bool) -> None:
    if name == "code" and not closing:
        _code_language(writer, attributes)
    elif name == "br":
        writer.parts.append("\n")


def _pre(writer: _Writer, attributes: str, closing: bool) -> None:
    if closing:
        if writer.pre:
            writer.pre -= 1
            writer.newline(1)
            writer.parts.append("```\n\n")
        return
    writer.newline(2)
    language = _CODE_CLASS.search(attributes)
    writer.parts.append(f"```{language.group(1) if language else ''}\n")
    writer.pre += 1


def _code_language(writer: _Writer, attributes: str) -> None:
    """The language stands on the code inside, after the fence was already written."""
    language = _CODE_CLASS.search(attributes)
    name = language.group(1) if language else ""
    if name and writer.parts[-1:] == ["```\n"]:
        writer.parts[-1] = f"```{name}\n"
    elif len(writer.parts) > 1 and writer.parts[-2] == "```\n":
        # Chat pages put "pythonCopy code" between the fence and the code.
        caption = writer.parts[-1].replace("Copy code", "").strip()
        if name or not caption or (len(caption) <= 20 and caption.isprintable()):
            writer.parts[-2:] = [f"```{name or caption}\n"]


def _list(kind: str) -> Callable[[_Writer, str, bool], None]:
    def handle(writer: _Writer, attributes: str, closing: bool) -> None:
        if closing:
            if writer.lists:
                writer.lists.pop()
            writer.newline(1 if writer.lists else 2)
        else:
            writer.newline(1 if writer.lists else 2)
            writer.lists.append((kind, 0))

    return handle


def _item(writer: _Writer, attributes: str, closing: bool) -> None:
    if closing:
        writer.newline(1)
        return
    writer.newline(1)
    kind, number = writer.lists[-1] if writer.lists else ("ul", 0)
    if writer.lists:
        writer.lists[-1] = (kind, number + 1)
    mark = f"{number + 1}. " if kind == "ol" else "* "
    # Deeper than eight levels indentation says nothing more and would grow without bound.
    writer.parts.append("   " * min(8, max(0, len(writer.lists) - 1)) + mark)


def _break(writer: _Writer, attributes: str, closing: bool) -> None:
    writer.parts.append("\n")


def _rule(writer: _Writer, attributes: str, closing: bool) -> None:
    writer.newline(2)
    writer.parts.append("---\n\n")


def _link(writer: _Writer, attributes: str, closing: bool) -> None:
    if not closing:
        found = _HREF.search(attributes)
        target = next((group for group in found.groups() if group), "") if found else ""
        writer.links.append(html.unescape(target))
        if target:
            writer.parts.append("[")
    elif writer.links:
        target = writer.links.pop()
        if target:
            writer.parts.append(f"]({target})")


def _row(writer: _Writer, attributes: str, closing: bool) -> None:
    if closing:
        writer.parts.append(" |")
        writer.newline(1)
        if writer.cells < 0:
            writer.parts.append("|" + " --- |" * -writer.cells + "\n")
        writer.cells = 0
    else:
        writer.newline(1)


def _cell(heading: bool) -> Callable[[_Writer, str, bool], None]:
    def handle(writer: _Writer, attributes: str, closing: bool) -> None:
        if not closing:
            writer.cells += -1 if heading else 1
            if writer.parts and not writer.parts[-1].endswith(("\n", " ")):
                writer.parts.append(" ")
            writer.parts.append("| ")

    return handle


_HANDLERS: dict[str, Callable[[_Writer, str, bool], None]] = {
    "ul": _list("ul"),
    "ol": _list("ol"),
    "li": _item,
    "br": _break,
    "hr": _rule,
    "a": _link,
    "tr": _row,
    "th": _cell(True),
    "td": _cell(False),
}
