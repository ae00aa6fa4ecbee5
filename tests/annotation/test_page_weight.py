"""How many bytes the annotation page is: the document and every file that it names.

The document is sent as it is (compressing it would let its length tell of the token in it, BREACH);
files are sent as WhiteNoise keeps them, by gzip. tests/benchmarks/bench_page.py measures the same
page over a real server in a real browser.
"""

import gzip
import re
from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.test import Client

from annotation.actions.assign import assign
from annotation.models.campaigns import Kind
from tests.annotation.material import a_campaign
from tests.cast import a_workspace, ann, log_in, mia

pytestmark = pytest.mark.django_db
MOST = 120_000
FIELDS: dict[str, dict[str, Any]] = {
    Kind.DEMONSTRATION: {},
    Kind.COMPARISON: {"asks": ("overall", "tags", "spans", "sentences")},
    Kind.RANKING: {"answers": 9},
    Kind.BEST_WORST: {"answers": 9},
}


@pytest.mark.parametrize("kind", FIELDS)
def test_the_whole_page_is_at_most_120_kilobytes(kind: str) -> None:
    workspace = a_workspace()
    campaign = a_campaign(
        workspace, mia(workspace), kind=kind, guidelines="Be kind.", **FIELDS[kind]
    )
    person = ann(workspace)
    assert assign(campaign=campaign, annotator=person) is not None
    page = log_in(Client(), person).get(f"/w/{workspace.slug}/work/{campaign.pk}/")
    assert page.status_code == 200
    named = set(re.findall(r'(?:src|href)="/static/([^"?#]+)', page.content.decode()))
    assert {"vendor/htmx.min.js", "css/work.css", "js/work.js"} <= named
    files = [Path(str(finders.find(name))) for name in named]
    sent = len(page.content) + sum(len(gzip.compress(file.read_bytes())) for file in files)
    assert sent <= MOST
