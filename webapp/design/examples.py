"""What /design shows: one template for each element, rendered for both themes beside its source."""

import math
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

from django import forms
from django.conf import settings
from django.core.paginator import Paginator
from django.http import HttpRequest
from django.template.loader import get_template
from django.utils import timezone

EXAMPLES = {
    "type": "Type",
    "colours": "Colours",
    "buttons": "Buttons",
    "badges": "States",
    "notices": "Notices",
    "breadcrumbs": "Breadcrumbs",
    "tabs": "Tabs",
    "filters": "Filters",
    "table": "Table",
    "pagination": "Pages",
    "form": "Form",
    "form_errors": "Form with errors",
    "progress": "Progress",
    "figures": "Figures",
    "chart": "Chart",
    "pairs": "Key and value",
    "cards": "Cards",
    "empty": "Empty state",
    "prose": "Untrusted text",
    "code": "Text to copy",
    "times": "Times",
    "dialogs": "Dialogs",
    "toasts": "Toasts",
    "keyboard": "Keyboard",
    "icons": "Icons",
}

SAMPLE = """\
Both answers are right. The second one **shows its work**:

```python
def mean(values: list[float]) -> float:
    return sum(values) / len(values)  # raises on none
```

| answer | words | votes |
|--------|-------|-------|
| first  | 41    | 3     |
| second | 87    | 9     |

> <script>alert("text stays text")</script>, and a\u200bzero-width space is shown.
"""


class ExampleForm(forms.Form):
    name = forms.CharField(max_length=60, help_text="As annotators will read it.")
    kind = forms.ChoiceField(choices=[("compare", "Compare two"), ("rank", "Rank several")])
    overlap = forms.IntegerField(min_value=1, max_value=9, initial=3)
    guidelines = forms.CharField(widget=forms.Textarea, required=False)
    ties = forms.ChoiceField(
        label="Ties",
        choices=[("yes", "Allowed"), ("no", "Not allowed")],
        widget=forms.RadioSelect,
        initial="yes",
        help_text="“Both are bad” is always there.",
    )
    blind = forms.BooleanField(
        label="Hide which model wrote an answer", required=False, initial=True
    )
    file = forms.FileField(label="Prompts", required=False, help_text="JSON Lines, CSV, Parquet.")


def _runs() -> list[dict[str, Any]]:
    now = timezone.now()
    rows = []
    for index, (name, state, kind) in enumerate(
        [
            ("dpo-round-3", "Running", "active"),
            ("reward-round-3", "Finished", "good"),
            ("sft-round-2", "Failed", "bad"),
            ("sft-round-1", "Queued", ""),
        ]
    ):
        losses = [
            2 * math.exp(-step / 12) + 0.4 + 0.08 * math.sin(step * (index + 2))
            for step in range(40)
        ]
        rows.append(
            {
                "name": name,
                "state": state,
                "kind": kind,
                "loss": losses[-1],
                "losses": losses,
                "trend": f"loss, now {losses[-1]:.3f}",
                "started": now - timedelta(minutes=7 * 11**index),
            }
        )
    return rows


def _chart() -> dict[str, Any]:
    steps = list(range(0, 400, 2))
    return {
        "x": {"label": "step", "values": steps},
        "series": [
            {
                "label": name,
                "values": [
                    round(
                        2.2 * math.exp(-step / scale) + floor + 0.05 * math.sin(step * 1.7) ** 3, 4
                    )
                    for step in steps
                ],
            }
            for name, scale, floor in (("training loss", 60, 0.35), ("held-out loss", 80, 0.5))
        ],
    }


def example_context(request: HttpRequest) -> dict[str, Any]:
    """Context of design/design.html."""
    from webapp.rendering import render_markdown

    icons = re.findall(r'id="([a-z]+)"', (Path(settings.BASE_DIR) / "static/icons.svg").read_text())
    css = (Path(settings.BASE_DIR) / "static/css/design.css").read_text()
    now = timezone.now()
    shared = {
        "tokens": re.findall(r"\.swatch-([a-z0-9-]+) ", css),
        "icons": icons,
        "runs": _runs(),
        "chart": _chart(),
        "page": Paginator(range(135), 25).page(2),
        "crumbs": [{"label": "Campaigns", "url": "#"}, {"label": "Helpfulness, round 3"}],
        "earlier": now - timedelta(hours=3, minutes=20),
        "later": now + timedelta(days=6, hours=2),
        "rendered": render_markdown(SAMPLE),
    }
    examples = []
    for name, title in EXAMPLES.items():
        template = get_template(f"design/examples/{name}.html")
        shown = {
            theme: template.render(
                {
                    **shared,
                    "theme_name": theme,
                    "form": ExampleForm(auto_id=f"{theme}_%s"),
                    "bad_form": ExampleForm(
                        {"name": "", "overlap": "12", "kind": "compare", "ties": "yes"},
                        auto_id=f"{theme}_bad_%s",
                    ),
                },
                request,
            )
            for theme in ("light", "dark")
        }
        source: str = template.template.source  # type: ignore[attr-defined]
        examples.append({"name": name, "title": title, "source": source.strip(), **shown})
    return {"examples": examples, "crumbs": shared["crumbs"]}
