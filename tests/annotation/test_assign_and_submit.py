"""The way of an item: claimed, answered, corrected, passed on. One database, no threads."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from annotation.actions.assign import assign
from annotation.actions.change_campaign import change_guidelines, change_state
from annotation.actions.give_back import release_expired
from annotation.actions.skip import skip
from annotation.actions.submit import AssignmentLost, KeyReused, Submission, submit
from annotation.actions.undo import undo
from annotation.domain import answers
from annotation.models import Assignment, Comparison, Demonstration, Draft, Ranking, Skip
from annotation.models.assignments import AssignmentState
from annotation.models.campaigns import Kind, State
from annotation.queries import current, progress
from tests.annotation.material import a_campaign, an_answer
from tests.cast import a_workspace, ann, mia, person
from webapp.audit.models import AuditEntry

pytestmark = pytest.mark.django_db
LEFT = answers.comparison("left", "better")


def sent(assignment: Assignment, answer: answers.Answer = LEFT, **fields: Any) -> Submission:
    fields.setdefault("key", uuid.uuid4())
    return Submission(answer=answer, attempt=assignment.attempt, **fields)


def test_a_vote_is_stored_as_it_was_shown() -> None:
    campaign = a_campaign(a_workspace(), mia())
    held = assign(campaign=campaign, annotator=ann())
    vote = submit(assignment=held, annotator=ann(), submission=sent(held, seconds=12.5))
    assert isinstance(vote, Comparison)
    assert [vote.left_id, vote.right_id] == held.shown_order
    assert (vote.choice, vote.strength, vote.seconds) == ("left", "better", 12.5)
    assert assign(campaign=campaign, annotator=ann()) is None
    assert AuditEntry.objects.filter(action="comparison.submit").count() == 1


def test_a_person_keeps_the_item_until_it_is_answered() -> None:
    campaign = a_campaign(a_workspace(), mia(), items=3)
    first = assign(campaign=campaign, annotator=ann())
    assert assign(campaign=campaign, annotator=ann()) == first


def test_nobody_is_asked_the_same_twice_and_the_overlap_is_exact() -> None:
    campaign = a_campaign(a_workspace(), mia(), items=2, overlap=2)
    people = [ann(), person("bob@rondo.test"), person("cleo@rondo.test")]
    for someone in people * 3:
        held = assign(campaign=campaign, annotator=someone)
        if held is not None:
            submit(assignment=held, annotator=someone, submission=sent(held))
    pairs = list(Comparison.objects.values_list("assignment__item", "annotator"))
    assert len(pairs) == len(set(pairs)) == 4


def test_the_order_shown_differs_between_people_and_is_kept() -> None:
    campaign = a_campaign(a_workspace(), mia(), items=40)
    orders = []
    while (held := assign(campaign=campaign, annotator=ann())) is not None:
        orders.append(held.shown_order == sorted(held.shown_order))
        submit(assignment=held, annotator=ann(), submission=sent(held))
    assert 5 <= sum(orders) <= 35  # 40 fair coins leave this range once in a hundred million


def test_nobody_judges_an_own_text() -> None:
    workspace = a_workspace()
    campaign = a_campaign(workspace, mia())
    item = campaign.items.get()
    item.shown.all().delete()
    for author in (ann(), None):
        item.shown.create(
            completion=an_answer(
                item.prompt, generator="people", author=author, text=f"by {author}"
            )
        )
    assert assign(campaign=campaign, annotator=ann()) is None
    assert assign(campaign=campaign, annotator=person("bob@rondo.test")) is not None


def test_a8_a_key_sent_twice_is_one_row() -> None:
    campaign = a_campaign(a_workspace(), mia())
    held = assign(campaign=campaign, annotator=ann())
    twice = sent(held)
    assert submit(assignment=held, annotator=ann(), submission=twice) == submit(
        assignment=held, annotator=ann(), submission=twice
    )
    other = Submission(answer=answers.comparison("tie"), key=twice.key, attempt=held.attempt)
    with pytest.raises(KeyReused):
        submit(assignment=held, annotator=ann(), submission=other)
    assert (
        Comparison.objects.count()
        == AuditEntry.objects.filter(action="comparison.submit").count()
        == 1
    )


def test_a3_a_late_answer_is_kept_as_a_draft_and_never_counted_twice() -> None:
    campaign = a_campaign(a_workspace(), mia(), kind=Kind.DEMONSTRATION)
    held = assign(campaign=campaign, annotator=ann())
    Assignment.objects.update(lease_until=timezone.now() - timedelta(minutes=1))
    assert release_expired(campaign=campaign) == 1
    bob = person("bob@rondo.test")
    his = assign(campaign=campaign, annotator=bob)
    assert his is not None
    with pytest.raises(AssignmentLost):
        submit(
            assignment=held,
            annotator=ann(),
            submission=sent(held, answers.Demonstration("A slow answer.")),
        )
    assert Draft.objects.get(annotator=ann()).content["text"] == "A slow answer."
    submit(assignment=his, annotator=bob, submission=sent(his, answers.Demonstration("A fast one")))
    assert Demonstration.objects.get().annotator == bob


def test_a_skipped_item_goes_to_somebody_else() -> None:
    campaign = a_campaign(a_workspace(), mia())
    held = assign(campaign=campaign, annotator=ann())
    with pytest.raises(ValidationError, match="why you skip"):
        skip(assignment=held, annotator=ann(), reason=" ")
    skip(assignment=held, annotator=ann(), reason="I do not know the language.", flagged=True)
    assert Skip.objects.get().flagged
    assert assign(campaign=campaign, annotator=ann()) is None
    assert assign(campaign=campaign, annotator=person("bob@rondo.test")) is not None


def test_a_correction_supersedes_and_an_unfinished_undo_loses_nothing() -> None:
    campaign = a_campaign(a_workspace(), mia(), items=2)
    held = assign(campaign=campaign, annotator=ann())
    submit(assignment=held, annotator=ann(), submission=sent(held))
    assign(campaign=campaign, annotator=ann())
    again = undo(campaign=campaign, annotator=ann())
    assert again == held
    assert current(Comparison.objects.all()).count() == 1
    submit(
        assignment=again, annotator=ann(), submission=sent(again, answers.comparison("both_bad"))
    )
    assert current(Comparison.objects.all()).get().choice == "both_bad"
    assert Comparison.objects.count() == 2
    undo(campaign=campaign, annotator=ann())
    Assignment.objects.filter(pk=held.pk).update(lease_until=timezone.now() - timedelta(hours=1))
    release_expired(campaign=campaign)
    assert progress(campaign).submitted == 1
    held.refresh_from_db()
    assert held.state == AssignmentState.SUBMITTED


def test_it_refuses_a_ranking_with_a_missing_completion() -> None:
    campaign = a_campaign(a_workspace(), mia(), kind=Kind.RANKING, answers=4)
    held = assign(campaign=campaign, annotator=ann())
    a, b, c, d = held.shown_order
    with pytest.raises(ValidationError, match="C, D is not placed"):
        submit(
            assignment=held,
            annotator=ann(),
            submission=sent(held, answers.RankedAnswers(((a,), (b,)))),
        )
    ranking = submit(
        assignment=held,
        annotator=ann(),
        submission=sent(held, answers.RankedAnswers(((d,), (c, a)), (b,))),
    )
    assert isinstance(ranking, Ranking)
    assert list(ranking.entries.order_by("position").values_list("completion_id", "tier")) == [
        (a, 2),
        (b, None),
        (c, 2),
        (d, 1),
    ]


def test_own_items_come_back_with_the_sides_swapped() -> None:
    campaign = a_campaign(a_workspace(), mia(), items=5, repeat_share=0.5)
    for _ in range(2):
        held = assign(campaign=campaign, annotator=ann())
        submit(assignment=held, annotator=ann(), submission=sent(held))
    Assignment.objects.filter(state=AssignmentState.SUBMITTED).update(
        submitted_at=timezone.now() - timedelta(minutes=11)
    )
    repeat = assign(campaign=campaign, annotator=ann())
    assert repeat.repeat_of is not None
    assert repeat.shown_order == repeat.repeat_of.shown_order[::-1]
    assert progress(campaign).needed == 5


def test_a_cap_and_a_deadline_end_the_work_of_a_person() -> None:
    workspace = a_workspace()
    capped = a_campaign(workspace, mia(), items=2, cap=1)
    held = assign(campaign=capped, annotator=ann())
    submit(assignment=held, annotator=ann(), submission=sent(held))
    assert assign(campaign=capped, annotator=ann()) is None
    over = a_campaign(workspace, mia(), deadline=timezone.now() - timedelta(seconds=1))
    assert assign(campaign=over, annotator=ann()) is None


def test_pausing_lets_people_finish_and_closing_keeps_their_text() -> None:
    campaign = a_campaign(a_workspace(), mia(), items=2)
    held = assign(campaign=campaign, annotator=ann())
    change_state(campaign=campaign, by=mia(), state=State.PAUSED)
    submit(assignment=held, annotator=ann(), submission=sent(held))
    campaign = change_state(campaign=campaign, by=mia(), state=State.OPEN)
    held = assign(campaign=campaign, annotator=ann())
    change_state(campaign=campaign, by=mia(), state=State.CLOSED)
    with pytest.raises(AssignmentLost):
        submit(assignment=held, annotator=ann(), submission=sent(held))
    assert Draft.objects.get().content["choice"] == "left"
    with pytest.raises(ValidationError, match="Closed and cannot become Paused"):
        change_state(campaign=campaign, by=mia(), state=State.PAUSED)


def test_guidelines_are_versioned() -> None:
    campaign = a_campaign(a_workspace(), mia(), guidelines="Be kind.")
    assert change_guidelines(campaign=campaign, by=mia(), text="Be kind.").version == 1
    assert change_guidelines(campaign=campaign, by=mia(), text="Be kind and exact.").version == 2


def test_a_campaign_without_anything_to_do_is_refused() -> None:
    with pytest.raises(ValidationError, match="finds no prompt"):
        a_campaign(a_workspace(), mia(), items=0, kind=Kind.DEMONSTRATION)
    with pytest.raises(ValidationError, match="No prompt of the filter has 2 answers"):
        a_campaign(a_workspace(), mia(), items=1, generators=("nobody",))
