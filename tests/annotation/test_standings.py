"""What a manager can do about bad votes: seen before it is done, in force at once, taken back."""

import uuid
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse

from annotation.actions.assign import assign
from annotation.actions.set_standing import WORKS, set_standing
from annotation.actions.submit import Submission, submit
from annotation.domain import answers
from annotation.models import Campaign, Comparison, Ranking
from annotation.models.campaigns import Kind
from annotation.models.standings import StandingState
from annotation.quality import campaign_quality
from annotation.quality_effect import Thresholds, below, effect_of
from annotation.queries import current
from tests.annotation.material import a_campaign
from tests.cast import a_workspace, ann, log_in, mia, person
from webapp.audit.models import AuditEntry

pytestmark = pytest.mark.django_db
PEOPLE = ("ann", "bob", "cleo", "lou")


def who(name: str) -> Any:
    return person(f"{name}@rondo.test", name=name.title())


def everybody_votes(campaign: Campaign) -> None:
    """The older answer is better but for the last item; Lou says the opposite, without reading."""
    last = campaign.items.order_by("pk").last()
    for name in PEOPLE:
        while (held := assign(campaign=campaign, annotator=who(name))) is not None:
            older_is_left = held.shown_order[0] < held.shown_order[1]
            left = (older_is_left == (held.item != last)) != (name == "lou")
            submit(
                assignment=held,
                annotator=who(name),
                submission=Submission(
                    answers.comparison("left" if left else "right"),
                    uuid.uuid4(),
                    held.attempt,
                    seconds=0.1 if name == "lou" else 30.0,
                ),
            )


@pytest.fixture
def judged() -> Campaign:
    workspace = a_workspace()
    campaign = a_campaign(workspace, mia(workspace), items=12, overlap=4)
    ann(workspace)
    everybody_votes(campaign)
    return campaign


def test_each_persons_figures_tell_lou_from_the_others(judged: Campaign) -> None:
    people = {one.person.name: one for one in campaign_quality(judged).people}
    assert people["Lou"].anomalous
    assert not people["Ann"].anomalous
    assert people["Lou"].agrees.value == 0.0
    assert people["Ann"].agrees.value == pytest.approx(2 / 3)
    assert people["Lou"].estimated < 0.1 < 0.9 < people["Ann"].estimated
    assert (people["Lou"].fast.value, people["Ann"].fast.value) == (1.0, 0.0)
    quality = campaign_quality(judged)
    # 3 of 4 alike on each item: (9 + 1 - 4) / 12 = 0.5; by chance (34/48)^2 + (14/48)^2
    chance = (34**2 + 14**2) / 48**2
    assert quality.fleiss.value == pytest.approx((0.5 - chance) / (1 - chance))
    assert len(quality.cohen) == 6


def test_the_effect_is_shown_before_anything_is_done(judged: Campaign) -> None:
    found = below(judged, Thresholds(agrees=0.5, fast=0.2, anomalous=True))
    assert [one.person.name for one, _reasons in found] == ["Lou"]
    assert len(found[0][1]) == 3
    effect = effect_of(judged, {who("lou").pk})
    assert (effect.now.votes, effect.then.votes) == (48, 36)
    assert effect.turned == 0
    assert dict((w, (a, b)) for w, a, b in effect.writers)["model-0"] == (34 / 48, 33 / 36)
    assert current(Comparison.objects.all()).count() == 48


def test_the_effect_on_rankings_looks_at_every_pair_of_answers() -> None:
    """Three people put the oldest answer first and the other two level; Lou turns all around."""
    workspace = a_workspace()
    campaign = a_campaign(
        workspace, mia(workspace), kind=Kind.RANKING, answers=3, items=4, overlap=4
    )
    for name in PEOPLE:
        while (held := assign(campaign=campaign, annotator=who(name))) is not None:
            best, *rest = sorted(held.shown_order)
            tiers = ((best,), tuple(rest)) if name != "lou" else (tuple(rest), (best,))
            sent = Submission(answers.RankedAnswers(tiers), uuid.uuid4(), held.attempt)
            submit(assignment=held, annotator=who(name), submission=sent)
    effect = effect_of(campaign, {who("lou").pk})
    assert (effect.now.votes, effect.then.votes) == (16, 12)
    assert (effect.now.items, effect.then.items) == (4, 4)
    assert effect.turned == 0
    # of 2 battles a ranking model-0 wins both, or with Lou neither; the others tie one, lose one
    shares = {writer: (now, then) for writer, now, then in effect.writers}
    assert shares["model-0"] == (24 / 32, 1.0)
    assert shares["model-1"] == ((12 * 0.5 + 4 * 1.5) / 32, 0.25)
    assert effect.then.alpha.value == 1.0
    assert effect.now.alpha.value < 0.5
    # with two others left, Lou's side is a draw with one of them and the majority goes away
    fewer = effect_of(campaign, {who(name).pk for name in PEOPLE if name not in ("ann", "lou")})
    assert fewer.turned == 4 * 2, "the best answer against each of two; the tie stays"
    page = log_in(Client(), mia(workspace)).get(
        reverse("annotation:standing", args=[workspace.slug, campaign.pk, who("lou").pk])
    )
    assert "Pairs of answers whose majority changes" in page.content.decode()
    assert Ranking.objects.count() == 16, "nothing was done"


def test_votes_leave_every_figure_and_come_back(judged: Campaign) -> None:
    set_standing(
        campaign=judged, user=who("lou"), state=StandingState.EXCLUDED, reason="random", by=mia()
    )
    assert current(Comparison.objects.all()).count() == 36
    assert campaign_quality(judged).alpha.value == 1.0
    set_standing(campaign=judged, user=who("lou"), state=WORKS, by=mia())
    assert current(Comparison.objects.all()).count() == 48
    trail = AuditEntry.objects.filter(action="standing.set").order_by("pk")
    assert [entry.changes["state"] for entry in trail] == [
        ["works", "excluded"],
        ["excluded", "works"],
    ]
    with pytest.raises(ValidationError, match="no standing"):
        set_standing(campaign=judged, user=who("lou"), state="fired", by=mia())


def test_a_stopped_person_is_handed_nothing_and_keeps_the_draft() -> None:
    campaign = a_campaign(a_workspace(), mia(), items=2)
    assign(campaign=campaign, annotator=ann())
    set_standing(campaign=campaign, user=ann(), state=StandingState.PAUSED, by=mia())
    assert assign(campaign=campaign, annotator=ann()) is None
    assert campaign.assignments.filter(annotator=ann()).count() == 0
    set_standing(campaign=campaign, user=ann(), state=WORKS, by=mia())
    assert assign(campaign=campaign, annotator=ann()) is not None


def test_the_pages_of_quality(judged: Campaign) -> None:
    client = log_in(Client(), mia())
    base = f"/w/{judged.workspace.slug}/campaigns/{judged.pk}/"
    page = client.get(f"{base}quality/").content.decode()
    assert "unlike the others" in page
    shown = client.get(f"{base}quality/thresholds/?agrees=50&answers=5").content.decode()
    assert "agrees with others 0 %, asked for 50 %" in shown
    assert "Battles won by model-0" in shown
    assert client.get(f"{base}quality/thresholds/?agrees=500").status_code == 422
    client.post(
        f"{base}quality/thresholds/?agrees=50",
        {"state": "excluded", "person": str(who("lou").pk), f"reason-{who('lou').pk}": "low"},
    )
    assert current(Comparison.objects.all()).count() == 36
    assert "low" in client.get(f"{base}people/{who('lou').pk}/").content.decode()
    client.post(f"{base}people/{who('lou').pk}/", {"state": "works"})
    assert current(Comparison.objects.all()).count() == 48
    anns = log_in(Client(), ann())
    own = anns.get(f"/w/{judged.workspace.slug}/work/{judged.pk}/statistics/").content.decode()
    assert "Agrees with others" in own
    assert "Lou" not in own
