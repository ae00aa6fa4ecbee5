"""Whatever people do in whatever order, the books of a campaign balance (reliability A5)."""

import uuid
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from annotation.actions.assign import assign
from annotation.actions.change_campaign import MAY_BECOME, change_state
from annotation.actions.change_settings import change_settings, settings_now
from annotation.actions.give_back import release_expired
from annotation.actions.skip import skip
from annotation.actions.submit import AssignmentLost, Submission, submit
from annotation.actions.undo import undo
from annotation.actions.withdraw import withdraw_person
from annotation.domain import answers
from annotation.models import Assignment, Campaign, Comparison
from annotation.models.assignments import AssignmentState
from annotation.models.campaigns import State
from annotation.queries import current, progress
from tests.annotation.material import a_campaign
from tests.cast import a_workspace, mia, person

pytestmark = pytest.mark.heavy

ITEMS, OVERLAP = 2, 1
people = st.sampled_from(["ann", "bob"])


class Books(RuleBasedStateMachine):
    """Claim, answer, correct, skip, expire, pause, close, withdraw and resize at random."""

    def __init__(self) -> None:
        super().__init__()
        workspace = a_workspace(f"Room {uuid.uuid4()}")
        self.campaign: Campaign = a_campaign(
            workspace, mia(), items=ITEMS, overlap=OVERLAP, repeat_share=0.5
        )

        self.most = OVERLAP  # the largest overlap so far

    def who(self, name: str) -> Any:
        return person(f"{name}@rondo.test")

    def fresh(self) -> Campaign:
        self.campaign.refresh_from_db()
        return self.campaign

    def held(self, name: str) -> Assignment | None:
        return Assignment.objects.filter(
            campaign=self.campaign, annotator=self.who(name), state=AssignmentState.LEASED
        ).first()

    @rule(name=people)
    def claim(self, name: str) -> None:
        if self.fresh().state == State.OPEN:
            assign(campaign=self.campaign, annotator=self.who(name))

    @rule(name=people, choice=st.sampled_from(["left", "right", "tie", "both_bad"]))
    def answer(self, name: str, choice: str) -> None:
        held = self.held(name)
        if held is None:
            return
        sent = Submission(answers.comparison(choice), uuid.uuid4(), held.attempt)
        if self.fresh().state == State.CLOSED:
            with pytest.raises(AssignmentLost):
                submit(assignment=held, annotator=self.who(name), submission=sent)
        else:
            submit(assignment=held, annotator=self.who(name), submission=sent)

    @rule(name=people)
    def work(self, name: str) -> None:
        self.claim(name)
        self.answer(name, "left")

    @rule(name=people)
    def pass_on(self, name: str) -> None:
        held = self.held(name)
        if held is not None:
            skip(assignment=held, annotator=self.who(name), reason="not mine")

    @rule(name=people)
    def correct(self, name: str) -> None:
        mine = Assignment.objects.filter(campaign=self.campaign, annotator=self.who(name))
        answered = mine.filter(state=AssignmentState.SUBMITTED).exists()
        if answered and self.fresh().state != State.CLOSED:
            undo(campaign=self.campaign, annotator=self.who(name))

    @rule(name=people)
    def begins_a_correction_and_walks_away(self, name: str) -> None:
        self.correct(name)
        self.time_passes()

    @rule()
    def time_passes(self) -> None:
        past = timezone.now() - timedelta(hours=2)
        Assignment.objects.filter(lease_until__isnull=False).update(lease_until=past)
        Assignment.objects.filter(submitted_at__isnull=False).update(submitted_at=past)
        release_expired(campaign=self.campaign)

    @rule(state=st.sampled_from([State.OPEN, State.OPEN, State.PAUSED, State.CLOSED]))
    def manage(self, state: str) -> None:
        if state in MAY_BECOME[self.fresh().state]:
            change_state(campaign=self.campaign, by=mia(), state=state)

    @rule(overlap=st.sampled_from([1, 2]))
    def change_target(self, overlap: int) -> None:
        self.most = max(self.most, overlap)
        wanted = replace(settings_now(self.fresh()), overlap=overlap)
        change_settings(campaign=self.campaign, by=mia(), wanted=wanted)

    @rule(name=people)
    def withdraw(self, name: str) -> None:
        withdraw_person(workspace=self.campaign.workspace, user=self.who(name), by=mia())

    @invariant()
    def the_census_of_slots_is_complete(self) -> None:
        regular = self.campaign.assignments.filter(repeat_of__isnull=True)
        slots = regular.exclude(state=AssignmentState.WITHDRAWN)
        assert progress(self.campaign).needed == slots.count()
        overlap = self.fresh().overlap
        for item in self.campaign.items.all():
            asked = slots.filter(item=item)
            assert asked.count() >= overlap
            if asked.filter(state=AssignmentState.OPEN).exists():
                assert asked.count() == overlap

    @invariant()
    def an_item_never_has_more_votes_than_it_needs(self) -> None:
        for item in self.campaign.items.all():
            votes = current(Comparison.objects.filter(assignment__item=item)).filter(
                assignment__repeat_of__isnull=True
            )
            assert votes.count() <= self.most
            assert votes.values("annotator").distinct().count() == votes.count()

    @invariant()
    def every_answered_slot_has_one_vote_that_counts(self) -> None:
        votes = current(Comparison.objects.filter(assignment__campaign=self.campaign))
        per_slot = list(votes.values_list("assignment", flat=True))
        assert len(per_slot) == len(set(per_slot))
        answered = self.campaign.assignments.filter(state=AssignmentState.SUBMITTED)
        assert set(answered.values_list("pk", flat=True)) <= set(per_slot)

    @invariant()
    def only_its_author_corrects_a_vote(self) -> None:
        corrected = Comparison.objects.filter(supersedes__isnull=False)
        assert not corrected.exclude(annotator=F("supersedes__annotator")).exists()


class TestBooks(Books.TestCase, TestCase):  # type: ignore[misc,name-defined]
    settings = settings(
        max_examples=12,
        stateful_step_count=25,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        derandomize=True,
    )
