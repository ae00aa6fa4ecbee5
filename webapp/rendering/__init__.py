"""Texts that anybody wrote, made safe to show: `render_markdown(text)`, or `raw(text)`.

In a template: `{% markdown text %}`, or `elements/text.html` with rendered.
"""

from webapp.rendering.render import Rendered, raw, render_markdown

__all__ = ["Rendered", "raw", "render_markdown"]
