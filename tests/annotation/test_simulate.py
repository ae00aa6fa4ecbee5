"""The simulated annotator goes through the people's own door, and is told apart in every row."""

import pytest
from django.core.exceptions import ValidationError

from annotation.actions.assign import assign
from annotation.actions.set_standing import set_standing
from annotation.actions.simulate import NAME, simulate, simulated_annotator
from annotation.domain.simulated_annotator import compare
from annotation.models import Assignment, Comparison, Ranking
from tests.annotation.material import a_campaign
from tests.cast import a_workspace, ann, mia
from webapp.workspaces.models import Membership

pytestmark = pytest.mark.django_db


def test_it_judges_every_item_once_by_its_rule_and_says_that_it_is_simulated() -> None:
    workspace = a_workspace()
    campaign = a_campaign(workspace, mia(workspace), items=5)
    person = simulated_annotator(workspace=workspace, by=mia(workspace))
    assert simulated_annotator(workspace=workspace, by=mia(workspace)) == person
    assert str(person) == NAME
    assert not person.has_usable_password()
    assert simulate(campaign=campaign, annotator=person, most=3) == 3
    assert simulate(campaign=campaign, annotator=person, most=10) == 2
    assert simulate(campaign=campaign, annotator=person, most=10) == 0
    votes = Comparison.objects.select_related("prompt", "left", "right")
    assert votes.count() == 5
    for vote in votes:
        assert vote.source == "simulated"
        assert vote.annotator == person
        assert vote.left is not None
        assert vote.right is not None
        said = compare(vote.prompt.text, vote.left.text, vote.right.text)
        assert vote.choice == said
    assert not Assignment.objects.filter(campaign=campaign).exclude(state="submitted").exists()


def test_a_person_may_take_over_at_any_point() -> None:
    workspace = a_workspace()
    campaign = a_campaign(workspace, mia(workspace), items=3)
    person = simulated_annotator(workspace=workspace, by=mia(workspace))
    simulate(campaign=campaign, annotator=person, most=1)
    set_standing(campaign=campaign, user=person, state="paused", by=mia(workspace))
    assert simulate(campaign=campaign, annotator=person, most=5) == 0
    assert assign(campaign=campaign, annotator=ann(workspace)) is not None
    set_standing(campaign=campaign, user=person, state="works", by=mia(workspace))
    assert simulate(campaign=campaign, annotator=person, most=5) == 1  # Ann holds the other


def test_it_ranks_in_tiers() -> None:
    workspace = a_workspace()
    campaign = a_campaign(workspace, mia(workspace), kind="ranking", items=1, answers=4)
    person = simulated_annotator(workspace=workspace, by=mia(workspace))
    assert simulate(campaign=campaign, annotator=person, most=5) == 1
    ranking = Ranking.objects.get()
    assert ranking.source == "simulated"
    assert ranking.entries.count() == 4
    assert all(entry.tier == 1 for entry in ranking.entries.all())  # made texts of one shape


def test_what_it_cannot_do_is_refused_with_the_reason_and_it_stays_one_member() -> None:
    workspace = a_workspace()
    campaign = a_campaign(workspace, mia(workspace), kind="demonstration")
    person = simulated_annotator(workspace=workspace, by=mia(workspace))
    with pytest.raises(ValidationError, match="compares and ranks answers"):
        simulate(campaign=campaign, annotator=person, most=1)
    assert Membership.objects.filter(workspace=workspace, user=person).count() == 1
