"""What may stand in rendered text, written a second time so that the product cannot agree with
itself: (element, attribute) pairs as a parser sees them."""

from html.parser import HTMLParser

ELEMENTS = {
    *("a", "blockquote", "br", "code", "del", "em", "hr", "li", "ol", "p", "pre", "s", "span"),
    *("strong", "table", "tbody", "td", "th", "thead", "tr", "ul"),
    *("h1", "h2", "h3", "h4", "h5", "h6"),
    *("math", "mfrac", "mi", "mn", "mo", "mover", "mroot", "mrow", "mspace", "msqrt", "msub"),
    *("msubsup", "msup", "mtable", "mtd", "mtext", "mtr", "munder", "munderover"),
}
ATTRIBUTES = {
    ("a", "href"),
    ("a", "title"),
    ("a", "rel"),
    ("ol", "start"),
    ("td", "align"),
    ("th", "align"),
    ("span", "class"),
    ("span", "tabindex"),
    ("pre", "class"),  # the raw view's own
    ("pre", "tabindex"),
    ("table", "tabindex"),
    ("math", "display"),
    ("mo", "fence"),
    ("mo", "form"),
    ("mo", "stretchy"),
    ("mi", "mathvariant"),
    ("mspace", "width"),
    ("mtd", "columnalign"),
}
SCHEMES = ("http://", "https://", "mailto:")


class Findings(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forbidden: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ELEMENTS:
            self.forbidden.append(f"<{tag}>")
        for name, value in attrs:
            if (tag, name) not in ATTRIBUTES:
                self.forbidden.append(f"<{tag} {name}>")
            if name == "href" and not (value or "").lower().startswith(SCHEMES):
                self.forbidden.append(f"<{tag} {name}={value}>")


def forbidden_in(html: str) -> list[str]:
    findings = Findings()
    findings.feed(html)
    findings.close()
    return findings.forbidden
