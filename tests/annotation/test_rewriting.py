"""Rewriting a model's answer gives a demonstration and a preference for the rewritten text."""

import uuid

import pytest
from django.test import Client

from annotation.actions.undo import undo
from annotation.models import Assignment, Comparison, Demonstration
from annotation.models.campaigns import Kind
from annotation.queries import current
from tests.annotation.material import a_prompt, an_answer
from tests.cast import a_workspace, ann, log_in, mia

pytestmark = pytest.mark.django_db


def test_a_rewritten_answer_is_a_demonstration_and_a_pair_and_a_correction_replaces_both() -> None:
    workspace = a_workspace()
    start = an_answer(a_prompt(workspace), "Water boils at 90 °C.")
    plan = {"name": "Repair", "kind": Kind.DEMONSTRATION, "answers": "2", "overlap": "1"}
    manager = log_in(Client(), mia(workspace))
    manager.post(
        f"/w/{workspace.slug}/campaigns/new/",
        {**plan, "minutes": "60", "repeats": "0", "rewrites": "on"},
    )
    client = log_in(Client(), ann(workspace))
    campaign = workspace.campaigns.get()
    base = f"/w/{workspace.slug}/work/{campaign.pk}/"
    client.post(f"{base}next/")
    page = client.get(base).content.decode()
    assert "Water boils at 90 °C.</textarea>" in page
    held = Assignment.objects.get(annotator=ann())

    def send(text: str) -> None:
        held.refresh_from_db()
        key = str(uuid.uuid4())
        form = {"text": text, "key": key, "attempt": str(held.attempt)}
        assert client.post(f"{base}{held.pk}/submit/", form).status_code == 302

    send("Water boils at 100 °C.")
    assert Demonstration.objects.get().rewritten_from == start
    pair = Comparison.objects.get()
    assert (pair.left, pair.right.text, pair.choice) == (start, "Water boils at 100 °C.", "right")
    assert (pair.right.author, pair.order_known) == (ann(), False)
    undo(campaign=campaign, annotator=ann())
    send("Water boils at 100 °C at sea level.")
    assert current(Comparison.objects.all()).get().right.text.endswith("sea level.")
    assert current(Demonstration.objects.all()).count() == 1
    undo(campaign=campaign, annotator=ann())
    send(start.text)  # good as it is: nothing to prefer
    assert current(Comparison.objects.all()).count() == 0
    assert current(Demonstration.objects.all()).get().text == start.text
