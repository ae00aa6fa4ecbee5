"""A workspace of made-up judgements: as many as were asked for, marked, consistent, and apart."""

from collections import Counter
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db.models import F

from annotation.domain.prompt_hash import prompt_hash
from annotation.models import (
    Assignment,
    Campaign,
    Comparison,
    Completion,
    Demonstration,
    Prompt,
    Ranking,
)
from annotation.queries import current
from tests.cast import a_workspace, admin
from webapp.workspaces.models import Workspace

pytestmark = pytest.mark.django_db


def generate(**given: Any) -> str:
    out = StringIO()
    call_command("generate_judgements", stdout=out, **given)
    return out.getvalue()


def test_there_are_as_many_as_were_asked_for_and_all_are_shown_as_simulated() -> None:
    admin()
    said = generate(workspace="Made up", judgements=1000)
    assert said.splitlines()[-1].endswith("/w/made-up/")
    found = Workspace.objects.get(name="Made up")
    assert "Made up" in found.description
    counted = {
        model.__name__: current(model._default_manager.filter(prompt__workspace=found)).count()
        for model in (Comparison, Ranking, Demonstration)
    }
    assert counted == {"Comparison": 800, "Ranking": 100, "Demonstration": 100}
    for model in (Comparison, Ranking, Demonstration):
        assert set(model._default_manager.values_list("source", flat=True)) == {"simulated"}
    assert Prompt.objects.filter(workspace=found).count() == 50
    assert not any(
        member.user.has_usable_password()
        for member in found.memberships.filter(role="annotator").select_related("user")
    )


def test_each_judgement_belongs_to_what_its_person_was_shown() -> None:
    admin()
    generate(workspace="Made up", judgements=1000)
    judged = Comparison.objects.select_related("assignment__item", "left", "right")
    for vote in judged[:200]:
        assert vote.assignment is not None
        assert vote.assignment.shown_order == [vote.left_id, vote.right_id]
        assert vote.left.prompt_id == vote.right.prompt_id == vote.prompt_id
        assert vote.assignment.item.prompt_id == vote.prompt_id
        assert vote.annotator_id == vote.assignment.annotator_id
    twice = Assignment.objects.filter(campaign__kind="comparison", state="submitted")
    people = Counter(twice.values_list("item", "annotator"))
    assert max(people.values()) == 1
    ranking = Ranking.objects.latest("pk")
    assert sorted(ranking.entries.values_list("position", flat=True)) == [1, 2, 3]
    assert ranking.entries.filter(tier=1).exists()
    assert Campaign.objects.get(name="Made up: to do").assignments.filter(state="open").count() > 40


def test_the_better_model_wins_more_often_and_the_sides_do_not_matter() -> None:
    """The first and the fourth model are 1.2 apart: 1 / (1 + e^-1.2) = 77 % of what is decided."""
    admin()
    generate(workspace="Made up", judgements=20_000)
    apart = {"made-up-1", "made-up-4"}
    votes = Comparison.objects.filter(
        left__generator__in=apart, right__generator__in=apart, choice__in=["left", "right"]
    )
    assert votes.count() > 1500
    best = votes.filter(left__generator="made-up-4", choice="left").count()
    best += votes.filter(right__generator="made-up-4", choice="right").count()
    assert 0.73 < best / votes.count() < 0.81
    left = Comparison.objects.filter(choice="left").count()
    decided = Comparison.objects.filter(choice__in=["left", "right"]).count()
    assert 0.47 < left / decided < 0.53


def test_a_prompt_has_the_fingerprint_that_an_import_would_give_it() -> None:
    admin()
    generate(workspace="Made up", judgements=100)
    for prompt in Prompt.objects.all():
        assert bytes(prompt.text_hash).hex() == prompt_hash(prompt.messages)
    assert not Completion.objects.exclude(prompt__workspace=F("prompt__workspace")).exists()


def test_a_workspace_that_exists_is_never_filled() -> None:
    admin()
    a_workspace("Paper cups")
    with pytest.raises(CommandError, match="Give the name of one that does not exist"):
        generate(workspace="Paper cups", judgements=100)
    assert not Prompt.objects.exists()


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"judgements": 3}, "3 judgements were asked for. Allowed: 100 to 20000000"),
        ({"by": "nobody@else.test"}, "Nobody here has the address"),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence(given: dict[str, Any], sentence: str) -> None:
    admin()
    with pytest.raises(CommandError, match=sentence):
        generate(workspace="Made up", **given)
    assert not Workspace.objects.exists()


def test_without_a_site_admin_the_command_says_whom_to_name() -> None:
    with pytest.raises(CommandError, match="There is no site admin"):
        generate(workspace="Made up", judgements=100)
