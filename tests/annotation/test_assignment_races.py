"""Many people at once, on real PostgreSQL with a connection each (reliability A1, A4, A8)."""

import threading
import uuid
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, connections, transaction

from annotation.actions.assign import assign
from annotation.actions.give_back import release_expired
from annotation.actions.review import adjudicate
from annotation.actions.submit import AssignmentLost, Submission, submit
from annotation.domain import answers
from annotation.models import Assignment, Campaign, Comparison
from annotation.models.assignments import AssignmentState
from annotation.queries import current
from annotation.reviews import order_for
from tests.annotation.material import a_campaign
from tests.annotation.test_reviews import disputed
from tests.cast import a_workspace, join, mia, person

pytestmark = [pytest.mark.heavy, pytest.mark.django_db(transaction=True)]
PEOPLE = 12


def at_once(act: Callable[[Any], None], people: list[Any]) -> None:
    """Run `act` for everybody in a thread each, started together; the first error is raised."""
    start, errors = threading.Barrier(len(people)), []

    def run(someone: Any) -> None:
        try:
            start.wait(30)
            act(someone)
        except BaseException as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=[someone]) for someone in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
        assert not thread.is_alive(), "a thread hangs"
    if errors:
        raise errors[0]


def crowd() -> list[Any]:
    return [person(f"worker-{number}@rondo.test") for number in range(PEOPLE)]


def work_until_empty(campaign: Campaign, someone: Any) -> None:
    while (held := assign(campaign=campaign, annotator=someone)) is not None:
        vote = Submission(answer=answers.comparison("left"), key=uuid.uuid4(), attempt=held.attempt)
        submit(assignment=held, annotator=someone, submission=vote)


def test_a1_each_slot_goes_to_one_person_and_nobody_sees_an_item_twice() -> None:
    campaign = a_campaign(a_workspace(), mia(), items=40, overlap=3)
    at_once(lambda someone: work_until_empty(campaign, someone), crowd())
    votes = Counter(Comparison.objects.values_list("assignment__item", "annotator"))
    per_item = Counter(item for item, _ in votes)
    assert set(votes.values()) == {1}
    assert set(per_item.values()) == {3}
    assert len(per_item) == 40


def test_a1_the_control_looking_first_and_taking_later_hands_out_doubles() -> None:
    """Without one locked statement the same slots go to many: the race above is a real one."""
    campaign = a_campaign(a_workspace(), mia(), items=20)
    taken: list[int] = []
    looked = threading.Barrier(PEOPLE)

    def naive(someone: Any) -> None:
        free = Assignment.objects.filter(campaign=campaign, state=AssignmentState.OPEN)
        slot = free.order_by("pk").first()
        looked.wait(30)
        assert slot is not None
        taken.append(slot.pk)

    at_once(naive, crowd())
    assert len(set(taken)) < len(taken)


def test_one_person_in_many_windows_holds_one_item() -> None:
    campaign = a_campaign(a_workspace(), mia(), items=30, overlap=2)
    got = []
    someone = person("worker-0@rondo.test")
    at_once(lambda who: got.append(assign(campaign=campaign, annotator=who)), [someone] * PEOPLE)
    assert len({held.pk for held in got}) == 1
    assert Assignment.objects.filter(state=AssignmentState.LEASED).count() == 1


def test_a8_fifty_posts_of_one_form_are_one_row() -> None:
    campaign = a_campaign(a_workspace(), mia())
    someone = person("worker-0@rondo.test")
    held = assign(campaign=campaign, annotator=someone)
    assert held is not None
    form = Submission(answer=answers.comparison("tie"), key=uuid.uuid4(), attempt=held.attempt)
    rows = []
    at_once(
        lambda who: rows.append(submit(assignment=held, annotator=who, submission=form)),
        [someone] * 50,
    )
    assert len({row.pk for row in rows}) == Comparison.objects.count() == 1


def test_a4_expiry_a_late_answer_and_the_next_person_end_in_exactly_one_vote() -> None:
    """Whichever of the three comes first, the slot holds one accepted vote (A4)."""
    rounds = 25
    campaign = a_campaign(a_workspace(), mia(), items=2 * rounds)
    slow, fast, sweeper = crowd()[:3]
    for _ in range(rounds):
        held = assign(campaign=campaign, annotator=slow)
        assert held is not None
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE annotation_assignment SET lease_until = now() - interval '1 second'"
                " WHERE id = %s",
                [held.pk],
            )

        def act(who: Any, held: Assignment = held) -> None:
            if who == sweeper:
                release_expired(campaign=campaign)
                return
            mine = held if who == slow else assign(campaign=campaign, annotator=fast)
            if mine is None:
                return
            vote = Submission(
                answer=answers.comparison("left"), key=uuid.uuid4(), attempt=mine.attempt
            )
            try:
                submit(assignment=mine, annotator=who, submission=vote)
            except AssignmentLost:
                assert who == slow

        at_once(act, [slow, fast, sweeper])
        with transaction.atomic():
            release_expired(campaign=campaign)
    per_slot = Counter(Comparison.objects.values_list("assignment", flat=True))
    assert set(per_slot.values()) == {1}


def test_two_reviewers_at_once_end_in_one_decision() -> None:
    campaign, item = disputed()
    reviewers = crowd()[:2]
    for each in reviewers:
        join(campaign.workspace, each, "manager")
    ended: list[str] = []

    def decide_it(someone: Any) -> None:
        shown = order_for(item, someone)
        vote = Submission(answer=answers.comparison("tie"), key=uuid.uuid4(), attempt=0)
        try:
            adjudicate(item=item, by=someone, shown=shown, submission=vote)
            ended.append("decided")
        except ValidationError:
            ended.append("refused")

    at_once(decide_it, reviewers)
    assert sorted(ended) == ["decided", "refused"]
    (standing,) = current(Comparison.objects.filter(assignment__item=item))
    assert standing.annotator in reviewers
