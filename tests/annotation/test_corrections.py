"""A correction begins with what was answered, whatever the kind; a day has its limit."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from annotation.actions.assign import assign
from annotation.models import Assignment, Draft
from annotation.models.campaigns import Kind
from tests.annotation.material import a_campaign
from tests.cast import a_workspace, ann, log_in, mia

pytestmark = pytest.mark.django_db
RATED = {"rate-A-0": "6", "rate-B-0": "2"}
ANSWERED: list[tuple[str, dict[str, Any], dict[str, str]]] = [
    (Kind.DEMONSTRATION, {}, {"text": "A *text*.", "comment": "Hard."}),
    (Kind.COMPARISON, {}, {"choice": "left", "strength": "better"}),
    (Kind.COMPARISON, {"asks": ("overall",)}, {"choice": "tie", **RATED}),
    (Kind.RANKING, {"answers": 3}, {"tier-A": "2", "tier-B": "none", "tier-C": "1"}),
    (
        Kind.WRITING,
        {"use_cases": ("letters", "plans")},
        {"prompt": "Plan it.", "text": "Done.", "use_case": "plans"},
    ),
    (
        Kind.FEW_SHOT,
        {"pairs": 2},
        {
            "instruction": "Do.",
            **{"query-1": "a", "response-1": "b", "query-2": "c", "response-2": "d"},
        },
    ),
    (Kind.CONVERSATION, {}, {"text": "Once."}),
]


@pytest.mark.parametrize(("kind", "plan", "fields"), ANSWERED)
def test_a_correction_begins_with_what_was_answered(
    kind: str, plan: dict[str, Any], fields: dict[str, str]
) -> None:
    workspace = a_workspace()
    campaign = a_campaign(workspace, mia(workspace), kind=kind, **plan)
    held = assign(campaign=campaign, annotator=ann(workspace))
    assert held is not None
    client = log_in(Client(), ann())
    base = f"/w/{workspace.slug}/work/{campaign.pk}/"
    form = {"key": str(uuid.uuid4()), "attempt": str(held.attempt), **fields}
    assert client.post(f"{base}{held.pk}/submit/", form).status_code == 302
    client.post(f"{base}undo/")
    assert Draft.objects.get().content == fields
    assert "Your draft of this item was kept" in client.get(base).content.decode()


def test_the_page_of_a_campaign_says_what_it_was_set_up_with() -> None:
    workspace = a_workspace()
    campaign = a_campaign(
        workspace, mia(workspace), cap=7, daily=5, gold_share=0.1, workers=(ann(workspace),)
    )
    page = log_in(Client(), mia()).get(f"/w/{workspace.slug}/campaigns/{campaign.pk}/")
    shown = page.content.decode()
    for name, value in (
        ("Items per person at most", "7"),
        ("Items per person and day at most", "5"),
        ("Hidden checks", "10 %"),
        ("Who may work", "Ann"),
        ("Deadline", "none"),
    ):
        assert f"<dt>{name}</dt><dd>{value}</dd>" in shown


def test_a_day_has_its_limit_and_the_page_says_so() -> None:
    workspace = a_workspace()
    campaign = a_campaign(workspace, mia(workspace), kind=Kind.DEMONSTRATION, items=3, daily=1)
    held = assign(campaign=campaign, annotator=ann(workspace))
    assert held is not None
    now = timezone.now()
    Assignment.objects.filter(pk=held.pk).update(state="submitted", submitted_at=now)
    assert assign(campaign=campaign, annotator=ann()) is None
    page = log_in(Client(), ann()).get(f"/w/{workspace.slug}/work/{campaign.pk}/")
    assert "Come back tomorrow" in page.content.decode()
    Assignment.objects.filter(pk=held.pk).update(submitted_at=now - timedelta(days=1))
    assert assign(campaign=campaign, annotator=ann()) is not None
