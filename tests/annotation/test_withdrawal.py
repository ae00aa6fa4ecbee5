"""A person or an item is taken out: of every figure at once, and of nothing in silence."""

import uuid

import pytest
from django.test import Client

from annotation.actions.assign import assign
from annotation.actions.submit import Submission, submit
from annotation.actions.withdraw import of_person, withdraw_item, withdraw_person
from annotation.domain import answers
from annotation.models import Assignment, Comparison
from annotation.queries import current, progress
from tests.annotation.material import a_campaign
from tests.cast import a_workspace, ann, log_in, mia, person
from tests.training.snapshots import a_snapshot
from webapp.audit.models import AuditEntry

pytestmark = pytest.mark.django_db


def test_a_persons_votes_leave_the_figures_and_the_snapshots_that_hold_them_are_named() -> None:
    workspace = a_workspace()
    campaign = a_campaign(workspace, mia(workspace), items=3)
    for someone in (ann(workspace), ann(), person("bob@rondo.test")):
        held = assign(campaign=campaign, annotator=someone)
        sent = Submission(answers.comparison("left"), uuid.uuid4(), held.attempt)
        submit(assignment=held, annotator=someone, submission=sent)
    snapshot = a_snapshot(workspace, mia(), name="Round 1")
    assert [holder.what for holder in of_person(workspace, ann()).holders] == ["Snapshot “Round 1”"]
    client = log_in(Client(), mia())
    url = f"/w/{workspace.slug}/campaigns/{campaign.pk}/people/{ann().pk}/withdraw/"
    page = client.get(url).content.decode()
    assert "comparison: 2" in page
    assert f"/snapshots/{snapshot.pk}/" in page
    assert current(Comparison.objects.all()).count() == 3
    client.post(url, {"reason": "asked for it"})
    assert current(Comparison.objects.all()).get().annotator == person("bob@rondo.test")
    assert (progress(campaign).needed, progress(campaign).submitted) == (3, 1)
    entry = AuditEntry.objects.get(action="person.withdraw")
    assert entry.changes["held by"] == ["", "Snapshot “Round 1”"]
    assert not of_person(workspace, ann()).anything
    assert assign(campaign=campaign, annotator=person("bob@rondo.test")) is not None


def test_somebody_elses_workspace_is_not_touched() -> None:
    ours, theirs = a_workspace(), a_workspace("Tea pots")
    for workspace in (ours, theirs):
        campaign = a_campaign(workspace, mia(workspace))
        held = assign(campaign=campaign, annotator=ann(workspace))
        sent = Submission(answers.comparison("left"), uuid.uuid4(), held.attempt)
        submit(assignment=held, annotator=ann(), submission=sent)
    withdraw_person(workspace=ours, user=ann(), by=mia())
    assert current(Comparison.objects.all()).get().prompt.workspace == theirs


def test_an_item_goes_with_its_slots_and_its_votes() -> None:
    workspace = a_workspace()
    campaign = a_campaign(workspace, mia(workspace), items=2, overlap=2)
    held = assign(campaign=campaign, annotator=ann(workspace))
    sent = Submission(answers.comparison("tie"), uuid.uuid4(), held.attempt)
    submit(assignment=held, annotator=ann(), submission=sent)
    withdraw_item(item=held.item, by=mia(), reason="private data")
    assert current(Comparison.objects.all()).count() == 0
    assert progress(campaign).needed == 2
    assert not Assignment.objects.filter(item=held.item).exclude(state="withdrawn").exists()


def test_a_withdrawal_over_rest_says_what_goes_before_it_goes() -> None:
    workspace = a_workspace()
    campaign = a_campaign(workspace, mia(workspace), items=2)
    for _item in range(2):
        held = assign(campaign=campaign, annotator=ann(workspace))
        sent = Submission(answers.comparison("left"), uuid.uuid4(), held.attempt)
        submit(assignment=held, annotator=ann(), submission=sent)
    a_snapshot(workspace, mia(), name="Round 1")
    client = log_in(Client(), mia())
    base = f"/api/v1/workspaces/{workspace.slug}/campaigns/{campaign.pk}"
    item = f"{base}/items/{held.item_id}/withdrawal/"
    person_of_it = f"{base}/people/{ann().pk}/withdrawal/"
    assert client.get(item).json()["judgements"]["comparison"] == 1
    foreseen = client.get(person_of_it).json()
    assert foreseen["judgements"]["comparison"] == 2
    assert [holder["what"] for holder in foreseen["holders"]] == ["Snapshot “Round 1”"]
    assert current(Comparison.objects.all()).count() == 2
    gone = client.post(item, {"reason": "private"}, content_type="application/json")
    assert gone.json()["judgements"]["comparison"] == 1
    assert current(Comparison.objects.all()).count() == 1
    refused = client.post(person_of_it, {"because": "?"}, content_type="application/json")
    assert refused.status_code == 400
    client.post(person_of_it, {}, content_type="application/json")
    assert not current(Comparison.objects.all()).exists()
