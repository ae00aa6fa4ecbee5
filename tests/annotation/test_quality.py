"""Figures of people's work, on votes whose answers are known."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from annotation import votes
from annotation.actions.assign import assign
from annotation.actions.submit import Submission, submit
from annotation.domain import answers
from annotation.models import Assignment, Campaign
from annotation.models.campaigns import Kind
from annotation.quality import campaign_quality
from tests.annotation.material import a_campaign
from tests.cast import a_workspace, ann, log_in, mia, person

pytestmark = pytest.mark.django_db
FEW = [(f"Query {number}", f"Response {number}") for number in range(3)]


def vote(campaign: Campaign, who: Any, choose: Any) -> None:
    """Work through the campaign; `choose(assignment)` gives the answer."""
    while (held := assign(campaign=campaign, annotator=who)) is not None:
        sent = Submission(choose(held), uuid.uuid4(), held.attempt, seconds=10.0)
        submit(assignment=held, annotator=who, submission=sent)


def prefers_first(held: Assignment) -> answers.Comparison:
    """The same text every time, wherever it stands."""
    return answers.comparison("left" if held.shown_order[0] < held.shown_order[1] else "right")


def prefers_second(held: Assignment) -> answers.Comparison:
    return answers.comparison("right" if held.shown_order[0] < held.shown_order[1] else "left")


def test_people_who_mean_the_same_text_agree_however_it_was_shown() -> None:
    campaign = a_campaign(a_workspace(), mia(), items=12, overlap=2)
    vote(campaign, ann(), prefers_first)
    vote(campaign, person("bob@rondo.test"), prefers_first)
    quality = campaign_quality(campaign)
    assert quality.alpha is not None
    assert quality.alpha.agreement == 1.0
    assert quality.alpha.value is None  # all votes are one category: chance would agree too
    assert [one.agrees.value for one in quality.people if one.agrees] == [1.0, 1.0]


def test_people_who_mean_different_texts_disagree() -> None:
    """The control of the test above."""
    campaign = a_campaign(a_workspace(), mia(), items=12, overlap=2)
    vote(campaign, ann(), prefers_first)
    vote(campaign, person("bob@rondo.test"), prefers_second)
    quality = campaign_quality(campaign)
    assert quality.alpha is not None
    assert quality.alpha.value is not None
    assert quality.alpha.value < 0
    assert [one.agrees.value for one in quality.people if one.agrees] == [0.0, 0.0]


def test_somebody_who_always_takes_the_left_one_stands_out() -> None:
    campaign = a_campaign(a_workspace(), mia(), items=30)
    vote(campaign, ann(), lambda held: answers.comparison("left"))
    (one,) = campaign_quality(campaign).people
    assert one.sides is not None
    assert one.sides.left.value == 1.0
    assert one.sides.p_value is not None
    assert one.sides.p_value < 1e-6
    assert one.seconds == 10.0


def test_repeats_measure_consistency_and_not_agreement() -> None:
    campaign = a_campaign(a_workspace(), mia(), items=6, repeat_share=0.5)
    for choose in (prefers_first, lambda held: answers.comparison("left")):
        vote(campaign, ann(), choose)
        Assignment.objects.update(submitted_at=timezone.now() - timedelta(minutes=20))
    (one,) = campaign_quality(campaign).people
    assert one.answers == 6
    assert one.consistency is not None
    assert one.consistency.same.n == 3


def test_tiers_of_rankings_are_compared_answer_by_answer() -> None:
    campaign = a_campaign(a_workspace(), mia(), kind=Kind.RANKING, answers=3, items=5, overlap=2)

    def by_age(held: Assignment) -> answers.RankedAnswers:
        return answers.RankedAnswers(tuple((one,) for one in sorted(held.shown_order)))

    vote(campaign, ann(), by_age)
    vote(campaign, person("bob@rondo.test"), by_age)
    alpha = campaign_quality(campaign).alpha
    assert alpha is not None
    assert alpha.value == pytest.approx(1.0)


def test_habits_of_rankings_tell_who_ranks_as_shown_from_who_reads() -> None:
    workspace = a_workspace()
    campaign = a_campaign(
        workspace, mia(workspace), kind=Kind.RANKING, answers=3, items=12, overlap=4
    )

    def by_age(held: Assignment) -> answers.RankedAnswers:
        return answers.RankedAnswers(tuple((one,) for one in sorted(held.shown_order)))

    def as_shown(held: Assignment) -> answers.RankedAnswers:
        return answers.RankedAnswers(tuple((one,) for one in held.shown_order))

    readers = [ann(), person("bob@rondo.test"), person("cleo@rondo.test")]
    for someone in readers:
        vote(campaign, someone, by_age)
    vote(campaign, person("lou@rondo.test"), as_shown)
    people = {one.person: one for one in campaign_quality(campaign).people}
    lou = people.pop(person("lou@rondo.test"))
    assert lou.sides is not None
    assert (lou.sides.left.value, lou.sides.left.n) == (1.0, 12)  # one vote for each ranking
    assert lou.sides.p_value is not None
    assert lou.sides.p_value < 0.001
    assert lou.estimated is not None
    for one in people.values():
        assert one.estimated is not None
        assert one.estimated > 0.8 > lou.estimated
        assert one.agrees is not None
        assert one.agrees.n == 12 * 3 * 3  # rankings, pairs of each, others
        assert one.sides is not None
        assert one.sides.left.value is not None
        assert one.sides.left.value < 1


def test_a_ranking_repeated_the_other_way_round_is_compared_with_the_first() -> None:
    workspace = a_workspace()
    campaign = a_campaign(
        workspace, mia(workspace), kind=Kind.RANKING, answers=3, items=6, repeat_share=0.5
    )
    for choose in (
        lambda held: answers.RankedAnswers(tuple((one,) for one in sorted(held.shown_order))),
        lambda held: answers.RankedAnswers(tuple((one,) for one in held.shown_order)),
    ):
        vote(campaign, ann(), choose)
        Assignment.objects.update(submitted_at=timezone.now() - timedelta(minutes=20))
    (one,) = campaign_quality(campaign).people
    assert one.answers == 6
    assert one.consistency is not None
    assert one.consistency.same.n == 3


@pytest.mark.parametrize("kind", Kind.values)
def test_the_page_opens_before_and_after_the_first_answer(kind: str) -> None:
    workspace = a_workspace()
    more = {"answers": 4} if kind == Kind.BEST_WORST else {}
    campaign = a_campaign(workspace, mia(workspace), kind=kind, items=2, **more)
    client = log_in(Client(), mia())
    address = f"/w/{workspace.slug}/campaigns/{campaign.pk}/quality/"
    assert "No answers yet" in client.get(address).content.decode()
    given: dict[str, Any] = {
        Kind.DEMONSTRATION: lambda held: answers.Demonstration("Words."),
        Kind.COMPARISON: prefers_first,
        Kind.RANKING: lambda held: answers.RankedAnswers((tuple(held.shown_order),)),
        Kind.BEST_WORST: lambda held: answers.BestWorst(*held.shown_order[:2]),
        Kind.WRITING: lambda held: answers.WrittenPrompt("Write a haiku.", "Words."),
        Kind.FEW_SHOT: lambda held: answers.FewShot("Name it.", tuple(FEW)),
        Kind.CONVERSATION: lambda held: answers.Demonstration(f"Words of {held.pk}."),
    }
    vote(campaign, ann(), given[kind])
    assert "Ann" in client.get(address).content.decode()


def test_of_a_large_campaign_whole_items_are_drawn_and_the_pages_say_so(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = a_workspace()
    campaign = a_campaign(workspace, mia(workspace), items=60, overlap=2)
    vote(campaign, ann(workspace), prefers_first)
    vote(campaign, person("bob@rondo.test"), prefers_first)
    pages = [
        reverse("annotation:campaign_quality", args=[workspace.slug, campaign.pk]),
        reverse("annotation:thresholds", args=[workspace.slug, campaign.pk]),
        reverse("annotation:standing", args=[workspace.slug, campaign.pk, ann().pk]),
    ]
    log_in(client, mia(workspace))
    for page in pages:
        assert 'id="counted"' not in client.get(page).content.decode()
    assert [one.answers for one in campaign_quality(campaign).people] == [60, 60]
    monkeypatch.setattr(votes, "MOST_ITEMS", 20)
    drawn = votes.votes_of(campaign)
    assert 5 < len({one.item for one in drawn}) < 40  # a third of 60, by a hash
    assert all(sum(one.item == each for one in drawn) == 2 for each in {v.item for v in drawn})
    assert [one.assignment for one in votes.votes_of(campaign)] == [v.assignment for v in drawn]
    for page in pages:
        assert 'id="counted"' in client.get(page).content.decode()
