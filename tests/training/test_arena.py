"""The arena: blind until the vote, no vote without two answers, and every vote a comparison."""

import random
import uuid
from collections import Counter
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse

from annotation.actions.add_texts import add_prompt
from annotation.models import Comparison
from tests.annotation.material import a_prompt, an_answer
from tests.cast import a_workspace, ann, log_in, mia
from tests.training.generate import a_service as serving
from tests.training.generate.a_service import Service
from tests.training.generate.asking import an_endpoint, one, work
from tests.training.generate.conftest import service  # noqa: F401 - a fixture
from training.actions.battle import TooFast, ask_on, leave_battle, start_battle, try_again, vote
from training.generate.pairing import draw_pair, pair_probabilities
from training.models import Battle, BattleState

pytestmark = [pytest.mark.heavy, pytest.mark.django_db]
KEY = uuid.UUID("7f4df0a0-4cb3-4e2b-9a4b-0f6f2f0f9d21")


def two_services(service: Service, **fields: Any) -> Any:  # noqa: F811
    workspace = a_workspace()
    for name in ("secret-seven", "hidden-eight"):
        an_endpoint(workspace, name, base_url=service.base_url, in_arena=True, **fields)
    return workspace


def a_battle(service: Service, text: str = "Hello?") -> Battle:  # noqa: F811
    battle = start_battle(workspace=two_services(service), by=ann(a_workspace()), text=text)
    work()
    return battle


def page_of(battle: Battle, client: Client, **headers: str) -> Any:
    address = reverse("training:battle", args=[battle.workspace.slug, battle.key])
    return log_in(client, ann()).get(address, headers=headers)


def test_a_vote_is_a_comparison_that_boards_can_weigh(service: Service) -> None:  # noqa: F811
    battle = a_battle(service)
    ask_on(battle=battle, by=ann(), text="And then?")
    work()
    battle = vote(battle=battle, by=ann(), choice="right", key=KEY)
    row = Comparison.objects.get()
    assert battle.comparison == row
    assert (row.choice, row.annotator, row.source) == ("right", ann(), "human")
    assert (row.left.generator, row.right.generator) == (battle.left.name, battle.right.name)
    assert (row.order_known, row.pair_probability) == (True, 1.0), "two models are one pair"
    assert row.metadata == {"arena": str(battle.key), "turns": 2, "leaked": []}
    assert row.prompt.messages == [{"role": "user", "content": "Hello?"}]
    assert row.prompt.metadata["follow_ups"] == ["And then?"]
    assert row.left.text == "You said: Hello?"
    assert row.left.metadata["follow_up_answers"] == ["You said: And then?"]
    later = [sent["messages"] for sent in service.asked if len(sent["messages"]) == 3]
    assert [m["role"] for m in later[0]] == ["user", "assistant", "user"], "each has its history"


def test_a_vote_sent_twice_is_one_vote(service: Service) -> None:  # noqa: F811
    battle = a_battle(service)
    for _ in range(2):
        vote(battle=battle, by=ann(), choice="left", key=KEY)
    assert Comparison.objects.count() == 1
    with pytest.raises(ValidationError, match="over"):
        vote(battle=battle, by=ann(), choice="right", key=uuid.uuid4())


def test_nothing_tells_the_models_before_the_vote(service: Service, client: Client) -> None:  # noqa: F811
    battle = a_battle(service)
    answer = page_of(battle, client)
    seen = answer.content.decode() + str(dict(answer.headers))
    for told in ("secret-seven", "hidden-eight", service.host, service.base_url):
        assert told not in seen
    vote(battle=battle, by=ann(), choice="tie", key=KEY)
    told = page_of(battle, client).content.decode()
    assert f"A was {battle.left.name}, B was {battle.right.name}." in told


def test_both_sides_show_equally_much_while_one_is_answering(
    service: Service,  # noqa: F811
    client: Client,
) -> None:
    battle = a_battle(service)
    turn = battle.turns.get()
    type(turn.left).objects.filter(pk=turn.left_id).update(text="one two three four five")
    type(turn.left).objects.filter(pk=turn.right_id).update(text="six seven", state="running")
    shown = page_of(battle, client).content.decode()
    assert "six seven" in shown
    assert ">one two<" in shown, "nine characters, cut between words"
    assert 'name="choice"' not in shown
    assert page_of(battle, client, HX_Request="true").status_code == 200


def test_a_side_without_an_answer_says_why_and_is_no_vote(
    service: Service,  # noqa: F811
    client: Client,
) -> None:
    refusal = serving.status(400, b'{"error": {"message": "secret-seven is too small for this"}}')
    service.next = [refusal]
    battle = a_battle(service)
    shown = page_of(battle, client)
    text = shown.content.decode()
    assert "… is too small for this" in text, "the reason without the name"
    assert "secret-seven" not in text
    assert service.host not in text
    with pytest.raises(ValidationError, match="no vote"):
        vote(battle=battle, by=ann(), choice="left", key=KEY)
    service.next = [serving.echo]
    try_again(battle=battle, by=ann())
    work()
    assert vote(battle=battle, by=ann(), choice="left", key=KEY).state == BattleState.VOTED


def test_an_answer_that_names_a_model_is_marked_for_the_boards(service: Service) -> None:  # noqa: F811
    service.next = [serving.well("I am Secret-Seven, at your service.")]
    battle = a_battle(service)
    battle = vote(battle=battle, by=ann(), choice="left", key=KEY)
    assert battle.leaked == ["secret-seven"]
    row = Comparison.objects.get()
    assert row.metadata["leaked"] == ["secret-seven"]
    assert "names_its_maker" in row.left.flags, "the flag by which boards leave it out"


def test_somebody_else_can_neither_see_nor_vote(service: Service, client: Client) -> None:  # noqa: F811
    battle = a_battle(service)
    address = reverse("training:battle", args=[battle.workspace.slug, battle.key])
    assert log_in(client, mia(a_workspace())).get(address).status_code == 404
    with pytest.raises(ValidationError, match="somebody else"):
        vote(battle=battle, by=mia(), choice="left", key=KEY)


def test_votes_faster_than_reading_are_refused(service: Service) -> None:  # noqa: F811
    workspace = two_services(service)
    person = ann(workspace)
    with pytest.raises(TooFast, match="Go on in"):  # noqa: PT012
        for number in range(100):
            start_battle(workspace=workspace, by=person, text=f"Question {number}")
    assert Battle.objects.filter(state=BattleState.OPEN).count() == 1, "an older one is left"


def test_recorded_answers_meet_only_on_prompts_of_the_collection(settings: Any) -> None:
    settings.MODELS_WARM_SECONDS = 0
    workspace = a_workspace()
    person = ann(workspace)
    for name in ("old", "new"):
        an_endpoint(workspace, name, in_arena=True)
    with pytest.raises(ValidationError, match="question of your own"):
        start_battle(workspace=workspace, by=person, text="Hello?")
    with pytest.raises(ValidationError, match="holds no prompt"):
        start_battle(workspace=workspace, by=person)
    a_prompt(workspace, "Nobody answered this.")
    both = add_prompt(
        workspace=workspace, messages=one("Both answered this."), by=None, source="test"
    )
    an_answer(both, "Old answer.", "old")
    an_answer(both, "New answer.", "new")
    battle = start_battle(workspace=workspace, by=person)
    work()
    assert battle.turns.get().text == "Both answered this."
    row = vote(battle=battle, by=person, choice="both_bad", key=KEY).comparison
    assert row is not None
    assert row.prompt == both
    assert {row.left.text, row.right.text} == {"Old answer.", "New answer."}
    assert both.completions.count() == 2, "no copies"


def test_leaving_tells_nothing(service: Service, client: Client) -> None:  # noqa: F811
    battle = a_battle(service)
    leave_battle(battle=battle, by=ann())
    assert "secret-seven" not in page_of(battle, client).content.decode()


def test_pairs_are_drawn_with_the_probability_that_is_stored() -> None:
    # Three models; (1, 2) has three votes: weights 1/4, 1, 1 sum to 9/4.
    probabilities = pair_probabilities([1, 2, 3], {(1, 2): 3})
    assert probabilities[1, 2] == pytest.approx(0.5 / 3 + 0.5 * (1 / 4) / (9 / 4))
    assert probabilities[1, 3] == pytest.approx(0.5 / 3 + 0.5 * 1 / (9 / 4))
    assert sum(probabilities.values()) == pytest.approx(1)
    source, drawn, first = random.Random(5), Counter[Any](), Counter[int]()
    for _ in range(20_000):
        left, right, probability = draw_pair(probabilities, source)
        pair = (min(left, right), max(left, right))
        assert probability == probabilities[pair]
        drawn[pair] += 1
        first[left < right] += 1
    for pair, probability in probabilities.items():
        # four standard errors: sqrt(p (1 - p) / n) is at most 0.0036
        assert abs(drawn[pair] / 20_000 - probability) < 0.015
    assert abs(first[True] / 20_000 - 0.5) < 0.015, "sides are tossed"
