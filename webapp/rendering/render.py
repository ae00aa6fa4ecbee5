"""Markdown to safe HTML within limits of bytes and time, or the text as it is with a note."""

import re
from dataclasses import dataclass
from functools import lru_cache

from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from webapp.rendering import pool
from webapp.rendering.markdown import Converted, escape

MAX_BYTES = 256 * 1024
KEPT_CHARACTERS = 16_384  # texts up to this length are kept rendered, the 256 used last

_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Rendered:
    """`html` is safe to put in a page; `notes` are sentences to show beside it; `limited` says
    that the text stands there as it was written, without formatting; `text` is what was written."""

    html: SafeString
    notes: tuple[str, ...]
    limited: bool
    text: str

    @property
    def as_written(self) -> SafeString:
        """The raw view of the text, which always exists."""
        return self.html if self.limited else _preformatted(escape(self.text))


def render_markdown(text: str) -> Rendered:
    """Render untrusted markdown. Never raises for any text, and every word of it is shown."""
    if len(text) > MAX_BYTES or len(text.encode(errors="replace")) > MAX_BYTES:
        return raw(text, _("Formatting limited: the text is longer than 256 kB."))
    if _SURROGATE.search(text):
        return raw(text, _("Formatting limited: the text is not valid Unicode."))
    try:
        converted = _kept(text) if len(text) <= KEPT_CHARACTERS else pool.pool.convert(text)
    except pool.TooSlow:
        return raw(text, _("Formatting limited: the text takes too long to format."))
    if converted.html is None:
        return raw(text, _("Formatting limited: the text is nested too deeply."))
    notes = (_unseen_note(),) if converted.unseen else ()
    html = mark_safe(converted.html)  # noqa: S308 - the sanitiser made it
    return Rendered(html, notes, limited=False, text=text)


def raw(text: str, *notes: str) -> Rendered:
    """The text as it was written, escaped, with unseen characters marked."""
    body = escape(text)
    if 'class="unseen"' in body:
        notes = (*notes, _unseen_note())
    return Rendered(_preformatted(body), notes, limited=True, text=text)


def _preformatted(escaped: str) -> SafeString:
    return format_html('<pre class="raw" tabindex="0">{}</pre>', mark_safe(escaped))  # noqa: S308


@lru_cache(maxsize=256)
def _kept(text: str) -> Converted:
    return pool.pool.convert(text)


def _unseen_note() -> str:
    return _("Characters that cannot be seen are shown by their names.")
