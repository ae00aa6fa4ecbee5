"""Several people review a run at once: nobody is shown what another one has before them."""

import json
import threading
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse

from tests.cast import a_workspace, join, log_in, mia, person
from tests.training.factory import world
from tests.training.factory.world import a_run, carried_out
from tests.training.generate.a_service import Service
from training.factory.actions.hold import hold_next
from training.factory.actions.review import dismiss
from training.factory.queries import waiting_for_review
from training.models import Candidate, CandidateState, FactoryRun
from webapp.workspaces.models import Role, Workspace

pytestmark = pytest.mark.heavy


def max_(workspace: Workspace) -> Any:
    user = person("max@rondo.test", name="Max")
    join(workspace, user, Role.MANAGER)
    return user


@pytest.fixture
def run(service: Service) -> FactoryRun:
    """Five candidates wait."""
    service.next = [world.scribe]
    return carried_out(a_run(a_workspace(), service.base_url))


def review(client: Client, run: FactoryRun, **asked: Any) -> Any:
    address = reverse("training:factory_review", args=[run.workspace.slug, run.pk])
    return client.get(address, asked)


@pytest.mark.django_db
def test_two_managers_see_different_candidates(run: FactoryRun) -> None:
    hers, his = log_in(Client(), mia()), log_in(Client(), max_(run.workspace))
    first, second, third = list(waiting_for_review(run))[:3]
    assert review(hers, run).context["candidate"] == first
    assert review(his, run).context["candidate"] == second
    assert review(hers, run).context["candidate"] == first, "a reload keeps what she has"
    # "Later" lets it go, and gives the next that is nobody's.
    assert review(hers, run, after=first.pk).context["candidate"] == third
    assert review(his, run, after=second.pk).context["candidate"] not in (first, second, third)
    assert review(his, run).context["candidate"] == first


@pytest.mark.django_db
def test_who_leaves_holds_nothing_up(run: FactoryRun) -> None:
    first = waiting_for_review(run)[0]
    assert hold_next(run=run, by=mia()) == first
    other = max_(run.workspace)
    assert hold_next(run=run, by=other) != first
    Candidate.objects.filter(pk=first.pk).update(held_until=Now() - timedelta(seconds=1))
    assert hold_next(run=run, by=other) == first


@pytest.mark.django_db
def test_the_page_says_when_others_have_all_that_waits(run: FactoryRun) -> None:
    first, *others = waiting_for_review(run)
    for candidate in others:
        dismiss(candidate=candidate, by=mia(), reason="Makes no sense")
    assert hold_next(run=run, by=mia()) == first
    page = review(log_in(Client(), max_(run.workspace)), run).content.decode()
    assert "Others are at it" in page
    assert "1 waits, and somebody else has it on the screen." in page


@pytest.mark.django_db
def test_programs_take_the_next_one_too(run: FactoryRun) -> None:
    address = reverse("api_factory_next", args=[run.workspace.slug, run.pk])
    taken = []
    for someone in (mia(), max_(run.workspace)):
        client = log_in(Client(), someone)
        answer = client.post(address, json.dumps({}), content_type="application/json")
        taken.append(answer.json()["candidate"]["id"])
    assert taken == [candidate.pk for candidate in waiting_for_review(run)[:2]]
    run.candidates.filter(state=CandidateState.WAITING).update(held_by=mia(), held_until=None)
    Candidate.objects.update(held_until=Now() + timedelta(minutes=1))
    answer = client.post(address, json.dumps({}), content_type="application/json")
    assert answer.json() == {"candidate": None}


@pytest.mark.django_db(transaction=True)
def test_five_people_at_the_same_moment_hold_five_candidates(run: FactoryRun) -> None:
    people = [person(f"worker-{number}@rondo.test") for number in range(5)]
    start, held, errors = threading.Barrier(5), [], []

    def take(someone: Any) -> None:
        try:
            start.wait(30)
            held.append(hold_next(run=run, by=someone))
        except BaseException as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=take, args=[someone]) for someone in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    counted = Counter(candidate.pk for candidate in held if candidate is not None)
    assert set(counted.values()) == {1}, counted
    assert len(counted) == 5, "nobody came away empty"
    owners = run.candidates.filter(state=CandidateState.WAITING).values_list("held_by", flat=True)
    assert sorted(owners) == sorted(someone.pk for someone in people)
