"""The allow-list behind the markdown parser: what may stand in a page at all."""

import re

import nh3

_TAGS = """
    a blockquote br code del em h1 h2 h3 h4 h5 h6 hr li ol p pre s span strong
    table tbody td th thead tr ul
"""
# Pygments' short names and our own three: nothing that scripts or styles of a page hang on.
_CLASSES = """
    c c1 ch cm cp cpf cs dl err fm gd gi gh gu hl il k kc kd kn kp kr kt l m mb mf mh mi mo
    n na nb nc nd ne nf ni nl nn no nt nv nx o ow p s s1 s2 sa sb sc sd se sh si sr ss sx
    vc vg vi w unseen link-target math
"""
TAGS = frozenset(_TAGS.split())
CLASSES = {"span": set(_CLASSES.split())}
# `align` stands for the alignment of a table's column: style attributes are not allowed anywhere.
ATTRIBUTES = {
    "a": {"href", "title"},
    "ol": {"start"},
    "pre": {"tabindex"},
    "span": {"tabindex"},
    "table": {"tabindex"},
    "td": {"align"},
    "th": {"align"},
}
SCHEMES = {"http", "https", "mailto"}
# A relative address would lead into Rondo itself, on the word of whoever wrote the text.
_LINK = re.compile(r"(?:https?://|mailto:)[^\s\x00-\x20]", re.IGNORECASE)


def may_link(address: str) -> bool:
    return _LINK.match(address) is not None


def clean(html: str) -> str:
    """`html` with nothing but the allow-list: no id, name, style, on*, hx-* or data-* survives.

    The time is quadratic in the depth of nested elements (nh3 0.3): callers bound the depth.
    """
    return nh3.clean(
        html,
        tags=set(TAGS),
        attributes=ATTRIBUTES,
        allowed_classes=CLASSES,
        url_schemes=SCHEMES,
        attribute_filter=_filtered,
        link_rel="noopener noreferrer nofollow",
        strip_comments=True,
        generic_attribute_prefixes=set(),
    )


def _filtered(tag: str, name: str, value: str) -> str | None:
    return None if name == "href" and not may_link(value) else value
