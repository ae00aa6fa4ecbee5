"""Formulas in TeX, written by anybody -> MathML that may stand in a page, or None. Pure.

latex2mathml reads the formula. Its tree is built anew from a short list of elements and attributes,
because what it writes itself passes `\\text{<img ...>}` and `\\href{javascript:...}` on; a second
list in nh3 stands behind that. A formula that is too long, too deep, malformed, or whose letters
would not all be seen is no formula: the caller shows it as it was written.
"""

import html
import re
import unicodedata
from collections import Counter
from xml.etree.ElementTree import Element

import nh3
from latex2mathml.converter import convert_to_element

LONGEST = 2_000  # characters of one formula
MOST = 200  # formulas of one text that are set; more are shown as written
DEEPEST = 60  # elements within one another; nh3's time is quadratic in it

_TAGS = """
    math mfrac mi mn mo mover mroot mrow mspace msqrt msub msubsup msup mtable mtd mtext mtr munder
    munderover
"""
TAGS = frozenset(_TAGS.split())
ATTRIBUTES = {
    "math": {"display"},
    "mo": {"fence", "form", "stretchy"},
    "mi": {"mathvariant"},
    "mspace": {"width"},
    "mtd": {"columnalign"},
}
_VALUE = re.compile(r"(?:block|inline|true|false|prefix|postfix|infix|normal|left|center|right)")
_WIDTH = re.compile(r"[0-2](?:\.\d{1,4})?em")  # never negative: nothing is drawn over another thing
_COMMAND = re.compile(r"\\(?:begin|end)\s*\{[a-zA-Z*]+\}(?:\{[clr|]*\})?|\\[a-zA-Z]+")
_LETTER = re.compile(r"[^\W\d_]")


def mathml(tex: str, *, block: bool) -> str | None:
    """The formula between its delimiters as MathML; None where it cannot be shown faithfully."""
    if len(tex) > LONGEST or not tex.strip() or "%" in tex.replace("\\%", ""):
        return None  # after % TeX reads nothing: words would vanish
    try:
        tree = convert_to_element(tex, display="block" if block else "inline")
        written = _element(tree, DEEPEST)
    except Exception:
        return None  # whatever somebody's formula does to a parser, it stays a formula as text
    if _unseen(tex, tree):
        return None
    return clean(written)


def clean(markup: str) -> str:
    """MathML with nothing but the list above."""
    return nh3.clean(
        markup,
        tags=set(TAGS),
        attributes={tag: set(names) for tag, names in ATTRIBUTES.items()},
        strip_comments=True,
        generic_attribute_prefixes=set(),
        link_rel=None,
    )


def _element(node: Element, room: int) -> str:
    """
    Raises:
        RecursionError: deeper than `room`.
    """
    if room == 0:
        raise RecursionError
    tag = node.tag if node.tag in TAGS else "mrow"  # its contents are shown, whatever hid them
    allowed = ATTRIBUTES.get(tag, set())
    given = "".join(
        f' {name}="{value}"'
        for name, value in node.attrib.items()
        if name in allowed and (_WIDTH if name == "width" else _VALUE).fullmatch(value)
    )
    inner = html.escape(html.unescape(node.text or ""))
    inner += "".join(
        _element(child, room - 1) + html.escape(html.unescape(child.tail or "")) for child in node
    )
    return f"<{tag}{given}>{inner}</{tag}>"


def _unseen(tex: str, tree: Element) -> bool:
    """Whether a letter of the formula, commands aside, would not be shown."""
    shown = Counter(_letters(html.unescape("".join(tree.itertext()))))
    return bool(Counter(_letters(_COMMAND.sub(" ", tex))) - shown)


def _letters(text: str) -> list[str]:
    return _LETTER.findall(unicodedata.normalize("NFKD", text))
