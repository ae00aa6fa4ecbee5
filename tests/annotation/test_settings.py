"""Settings that change while people work: slots, people and what counts follow; answers stay."""

import uuid
from dataclasses import replace
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from annotation.access import campaigns_to_work_in
from annotation.actions.assign import assign
from annotation.actions.change_settings import change_settings, settings_now
from annotation.actions.submit import Submission, submit
from annotation.domain import answers
from annotation.models import Assignment, Campaign, Comparison
from annotation.models.campaigns import Kind
from annotation.queries import current, progress
from tests.annotation.material import a_campaign
from tests.annotation.test_reviews import decide, disputed, who
from tests.cast import a_workspace, ann, join, log_in, mia
from webapp.audit.models import AuditEntry

pytestmark = pytest.mark.django_db


def change(campaign: Campaign, **wanted: Any) -> None:
    campaign.refresh_from_db()
    settings = replace(settings_now(campaign), **wanted)
    change_settings(campaign=campaign, by=mia(), wanted=settings)
    campaign.refresh_from_db()


def answer(campaign: Campaign, name: str) -> Assignment | None:
    held = assign(campaign=campaign, annotator=who(name))
    if held is not None:
        vote = Submission(answers.comparison("left"), uuid.uuid4(), held.attempt)
        submit(assignment=held, annotator=who(name), submission=vote)
    return held


def test_more_people_per_item_add_the_places_that_are_missing() -> None:
    campaign = a_campaign(a_workspace(), mia(), items=2)
    assert answer(campaign, "ann") is not None
    change(campaign, overlap=3)
    assert (progress(campaign).needed, progress(campaign).submitted) == (6, 1)
    for name in ("bob", "cleo"):
        assert [answer(campaign, name) is not None for _item in range(3)] == [True, True, False]
    assert answer(campaign, "ann") is not None
    assert progress(campaign).missing == 0


def test_fewer_people_per_item_take_free_places_only() -> None:
    campaign = a_campaign(a_workspace(), mia(), items=2, overlap=3)
    answer(campaign, "ann")
    answer(campaign, "bob")
    held = assign(campaign=campaign, annotator=who("cleo"))
    assert held is not None
    change(campaign, overlap=1)
    per_item = [
        campaign.assignments.filter(item=item).exclude(state="withdrawn").count()
        for item in campaign.items.order_by("pk")
    ]
    assert sorted(per_item) == [1, 2]  # an answer and one in work; the other item's answer
    vote = Submission(answers.comparison("tie"), uuid.uuid4(), held.attempt)
    submit(assignment=held, annotator=who("cleo"), submission=vote)
    assert current(Comparison.objects.all()).count() == 3


def test_a_decided_item_gets_no_further_place() -> None:
    campaign, item = disputed()
    decide(item)
    change(campaign, overlap=3)
    assert not campaign.assignments.filter(item=item, state="open").exists()
    assert campaign.assignments.filter(state="open").count() == 1


def test_another_review_step_changes_what_counts_at_once() -> None:
    campaign, item = disputed()
    change(campaign, review="everything")
    assert not current(Comparison.objects.all()).exists()
    change(campaign, review="disagreements")
    assert current(Comparison.objects.all()).count() == 4
    decide(item)
    change(campaign, review="")
    assert current(Comparison.objects.filter(assignment__item=item)).get().annotator == mia()


def test_who_may_work_changes_for_the_next_claim() -> None:
    workspace = a_workspace()
    campaign = a_campaign(workspace, mia(workspace), items=2)
    ann(workspace)
    join(workspace, who("bob"), "annotator")
    change(campaign, workers=(who("bob"),))
    assert not campaigns_to_work_in(ann(), workspace).exists()
    assert campaigns_to_work_in(who("bob"), workspace).exists()
    change(campaign, workers=())
    assert campaigns_to_work_in(ann(), workspace).exists()


def test_the_page_shows_what_is_in_force_and_saves_what_is_given(client: Client) -> None:
    workspace = a_workspace()
    campaign = a_campaign(workspace, mia(workspace), items=1, overlap=2, gold_share=0.05, daily=7)
    log_in(client, mia())
    url = reverse("annotation:campaign_settings", args=[workspace.slug, campaign.pk])
    page = client.get(url).content.decode()
    assert 'name="daily" value="7"' in page
    assert 'name="gold" value="5"' in page
    form = {"overlap": 3, "minutes": 30, "repeats": 10, "gold": 5, "review": "disagreements"}
    refused = client.post(url, {**form, "overlap": 0})
    assert refused.status_code == 422
    assert client.post(url, {**form, "overlap": 1}).status_code == 422  # one cannot disagree
    assert client.post(url, {**form, "deadline": "2027-01-31T12:00"}).status_code == 302
    campaign.refresh_from_db()
    assert (campaign.overlap, campaign.minutes, campaign.daily) == (3, 30, None)
    assert (campaign.repeat_share, campaign.review) == (0.1, "disagreements")
    assert progress(campaign).needed == 3
    entry = AuditEntry.objects.get(action="campaign.settings")
    assert entry.changes["overlap"] == ["2", "3"]
    assert "gold_share" not in entry.changes


@pytest.mark.parametrize("kind", Kind.values)
def test_every_kind_has_settings_and_saving_them_unchanged_leaves_no_trace(
    kind: str, client: Client
) -> None:
    workspace = a_workspace()
    campaign = a_campaign(workspace, mia(workspace), kind=kind, items=1, answers=4)
    for name in ("ann", "bob", "cleo", "dora", "emil"):
        join(workspace, who(name), "annotator")
    log_in(client, mia())
    url = reverse("annotation:campaign_settings", args=[workspace.slug, campaign.pk])
    assert client.get(url).status_code == 200
    sent = {"overlap": campaign.overlap, "minutes": campaign.minutes, "repeats": 0}
    assert client.post(url, sent).status_code == 302
    assert not AuditEntry.objects.filter(action="campaign.settings").exists()
