"""People at work while the database, the web processes or single requests die (A2, B1, B2, B3)."""

import contextlib
import hashlib
import http.client
import itertools
import json
import os
import random
import threading
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from annotation.actions.open_campaign import Plan, open_campaign
from annotation.models import Assignment, Campaign, Comparison, Completion, Prompt
from annotation.models.assignments import AssignmentState
from annotation.queries import progress
from tests.cast import a_workspace, join, mia, person
from tests.faults.harness import Rondo, until
from tests.faults.history import Told, wrong_with
from webapp.api.actions.token import create_token
from webapp.audit.models import AuditEntry

pytestmark = pytest.mark.fault
PEOPLE = 16
KILLS = 25
MANY = {"WEB_PROCESSES": "2", "WEB_THREADS": "8", "API_REQUESTS_PER_MINUTE": "1000000"}
_numbers = itertools.count(1)


@dataclass
class Room:
    """A campaign with comparisons, people with tokens, and what they were told."""

    campaign: Campaign
    tokens: list[str]
    history: dict[str, Told] = field(default_factory=dict)
    slots: list[int] = field(default_factory=list)  # whose answer was acknowledged

    @property
    def base(self) -> str:
        return f"/api/v1/workspaces/{self.campaign.workspace.slug}/campaigns/{self.campaign.pk}/"

    def wrong(self) -> list[str]:
        votes = Comparison.objects.filter(assignment__campaign=self.campaign)
        stored = votes.filter(superseded_by__isnull=True).values_list(
            "idempotency_key", "assignment"
        )
        return wrong_with(self.history, [(str(key), slot) for key, slot in stored])


def a_room(*, items: int, people: int = PEOPLE, overlap: int = 1, review: str = "") -> Room:
    number = next(_numbers)
    workspace = a_workspace(f"Room {number}")
    manager = mia(workspace)
    texts = [f"Question {place} of room {number}" for place in range(items)]
    prompts = Prompt.objects.bulk_create(
        Prompt(
            workspace=workspace,
            messages=[{"role": "user", "content": text}],
            text=text,
            text_hash=hashlib.sha256(text.encode()).digest(),
        )
        for text in texts
    )
    Completion.objects.bulk_create(
        Completion(
            prompt=prompt,
            text=f"Answer of {who}",
            text_hash=hashlib.sha256(who.encode()).digest(),
            generator=who,
        )
        for prompt in prompts
        for who in ("ant", "bee")
    )
    campaign = open_campaign(
        workspace=workspace,
        by=manager,
        plan=Plan(name="At work", kind="comparison", overlap=overlap, review=review),
        prompts=Prompt.objects.filter(workspace=workspace),
    )
    tokens = []
    for place in range(people):
        someone = person(f"hand-{place}@rondo.test")
        join(workspace, someone, "annotator")
        _row, text = create_token(user=someone, name=f"room {number}", scope="write", days=1)
        tokens.append(text)
    return Room(campaign, tokens)


class Hand:
    """One person's program: claims and answers, and sends again what nobody answered."""

    def __init__(self, rondo: Rondo, room: Room, who: int, stop: threading.Event) -> None:
        self.rondo, self.room, self.stop = rondo, room, stop
        self.headers = {
            "Authorization": f"Bearer {room.tokens[who]}",
            "Content-Type": "application/json",
        }
        self.chance = random.Random(who)

    def ask(self, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        """Status and answer; 0 when the connection broke."""
        server = http.client.HTTPConnection("127.0.0.1", self.rondo.port, timeout=20)
        with contextlib.suppress(OSError, http.client.HTTPException):
            try:
                server.request("POST", self.room.base + path, json.dumps(body), self.headers)
                answer = server.getresponse()
                content = answer.read()
                if answer.status < 500:
                    return answer.status, json.loads(content)
                return answer.status, None
            finally:
                server.close()
        return 0, None

    def item(self) -> Any:
        status, claimed = self.ask("claim/", {})
        return claimed["item"] if status == 200 else None

    def work(self) -> None:
        while not self.stop.is_set():
            item = self.item()
            if item is None:
                self.stop.wait(0.05)
            else:
                self.answer(item, patient=self.chance.random() < 0.7)

    def answer(self, item: Any, *, patient: bool = True) -> None:
        """The patient send the same form again until they hear; others leave it unknown."""
        key = str(uuid.uuid4())
        body = {"key": key, "attempt": item["attempt"], "choice": "left"}
        self.room.history[key] = Told.UNKNOWN
        while True:
            status, _answer = self.ask(f"assignments/{item['assignment']}/submit/", body)
            if status == 201:
                self.room.history[key] = Told.OK
                self.room.slots.append(item["assignment"])
            elif 400 <= status < 500:
                self.room.history[key] = Told.REFUSED
            if status in range(1, 500) or not patient or self.stop.is_set():
                return
            self.stop.wait(0.05)


def while_people_work(rondo: Rondo, room: Room, act: Callable[[], None]) -> None:
    stop = threading.Event()
    hands = [Hand(rondo, room, who, stop) for who in range(len(room.tokens))]
    threads = [threading.Thread(target=hand.work, daemon=True) for hand in hands]
    for thread in threads:
        thread.start()
    try:
        act()
    finally:
        stop.set()
        for thread in threads:
            thread.join(60)
    assert not any(thread.is_alive() for thread in threads), "a client hangs"


def goes_on(room: Room, more: int = 5) -> None:
    """Some more answers are acknowledged: it works (again)."""
    now = len(room.slots)
    until(lambda: len(room.slots) >= now + more, "people's answers are taken")


def killing_the_database(rondo: Rondo, room: Room, kills: int, chance: random.Random) -> None:
    for _kill in range(kills):
        goes_on(room, chance.randint(3, 25))
        rondo.kill_database()
        rondo.start_database()
    goes_on(room)


def test_b1_no_acknowledged_answer_is_lost_when_the_database_is_killed(rondo: Rondo) -> None:
    room = a_room(items=1500)
    rondo.start_web(**MANY)
    rondo.ready()
    while_people_work(
        rondo, room, lambda: killing_the_database(rondo, room, KILLS, random.Random(1))
    )
    told = Counter(room.history.values())
    print(f"{KILLS} kills: {dict(told)}")
    assert told[Told.OK] > 5 * KILLS
    assert room.wrong() == []


def test_b1_the_control_without_synchronous_commit_loses_answers(rondo: Rondo) -> None:
    room = a_room(items=1500)
    rondo.start_web(**MANY, CONTROL_SYNCHRONOUS_COMMIT="off")
    rondo.ready()

    def until_one_is_lost() -> None:
        for attempt in range(KILLS):
            killing_the_database(rondo, room, 1, random.Random(attempt))
            if any(said.startswith("lost") for said in room.wrong()):
                return

    while_people_work(rondo, room, until_one_is_lost)
    assert any(said.startswith("lost") for said in room.wrong())


def test_b2_no_acknowledged_answer_is_lost_when_web_processes_are_killed(rondo: Rondo) -> None:
    room = a_room(items=1500)
    web = rondo.start_web(**MANY)
    rondo.ready()

    def killing() -> None:
        nonlocal web
        chance = random.Random(2)
        for kill in range(KILLS):
            goes_on(room, chance.randint(3, 25))
            if kill % 5 == 4:  # all of it, and a new start
                web.end()
                web = rondo.start_web(**MANY)
            else:
                victims = web.children()
                os.kill(chance.choice(victims), 9)
        goes_on(room)

    while_people_work(rondo, room, killing)
    print(f"{KILLS} kills: {dict(Counter(room.history.values()))}")
    assert room.wrong() == []


# What must be stored after a death at each point of a submission: of an ordinary answer, which is
# one statement, and of one that a reviewer reads first, which is a transaction.
POINTS = {
    "answer.begun": False,
    "answer.committed": True,
    "submit.begun": False,
    "submit.taken": False,
    "submit.stored": False,
    "submit.committed": True,
}


@pytest.mark.parametrize("point", POINTS)
def test_b3_a_submission_that_dies_anywhere_is_whole_or_absent(rondo: Rondo, point: str) -> None:
    room = a_room(items=2, people=1, review="everything" if point.startswith("submit") else "")
    web = rondo.start_web(**MANY, FAULT=f"{point}:exit9")
    rondo.ready()
    hand = Hand(rondo, room, 0, threading.Event())
    item = hand.item()
    body = {"key": str(uuid.uuid4()), "attempt": item["attempt"], "choice": "left"}
    path = f"assignments/{item['assignment']}/submit/"
    assert hand.ask(path, body)[0] == 0, "the process died before it could answer"

    def state() -> tuple[int, int, str, int]:
        slot = Assignment.objects.get(pk=item["assignment"])
        votes = Comparison.objects.filter(assignment=slot).count()
        audited = AuditEntry.objects.filter(
            action="comparison.submit", workspace=room.campaign.workspace
        )
        return votes, audited.count(), slot.state, progress(room.campaign).submitted

    stored = POINTS[point]
    leased, submitted = AssignmentState.LEASED, AssignmentState.SUBMITTED
    assert state() == ((1, 1, submitted, 1) if stored else (0, 0, leased, 0))
    web.end()
    rondo.start_web(**MANY)
    rondo.ready()
    assert hand.ask(path, body)[0] == 201, "the same form again"
    assert state() == (1, 1, submitted, 1)


def test_b3_the_control_without_a_fault_answers(rondo: Rondo) -> None:
    room = a_room(items=1, people=1)
    rondo.start_web(**MANY, FAULT="submit.nowhere:exit9")
    rondo.ready()
    hand = Hand(rondo, room, 0, threading.Event())
    hand.answer(hand.item())
    assert room.wrong() == []
    assert list(room.history.values()) == [Told.OK]


def test_a2_sixty_four_people_over_http_meet_nowhere(rondo: Rondo) -> None:
    """Claims with skips between: each slot is answered once, nobody sees an item twice."""
    room = a_room(items=150, people=64, overlap=2)
    rondo.start_web(**MANY)
    rondo.ready()
    seen: Counter[tuple[int, int]] = Counter()
    items = dict(Assignment.objects.filter(campaign=room.campaign).values_list("pk", "item"))

    def work(who: int) -> None:
        hand = Hand(rondo, room, who, threading.Event())
        while (item := hand.item()) is not None:
            seen[who, items[item["assignment"]]] += 1
            if hand.chance.random() < 0.1:
                path = f"assignments/{item['assignment']}/skip/"
                assert hand.ask(path, {"reason": "not mine"})[0] == 200
            else:
                hand.answer(item)

    threads = [threading.Thread(target=work, args=[who]) for who in range(len(room.tokens))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
        assert not thread.is_alive()
    assert room.wrong() == []
    assert set(seen.values()) == {1}
    assert len(room.slots) == len(set(room.slots)) == 2 * 150
