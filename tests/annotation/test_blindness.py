"""E7: an annotator sees no model, no other vote and no gold, in pages, JSON, headers or order."""

import re
import uuid
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from annotation.actions.assign import assign
from annotation.actions.set_check import set_check
from annotation.actions.submit import Submission, submit
from annotation.domain import answers
from annotation.models import Campaign, Comparison, Completion
from annotation.models.campaigns import Purpose
from tests.annotation.material import a_campaign
from tests.cast import a_workspace, ann, join, log_in, mia, person

pytestmark = pytest.mark.django_db
SECRETS = ("model-0", "model-1", "bob@rondo.test", "Bob thinks so", "gold", "explained")


@pytest.fixture
def world() -> tuple[Client, Campaign]:
    """Bob has voted with a comment, and one of the eight items is a hidden check."""
    with connection.cursor() as cursor:  # numbers that nothing else on a page can be
        cursor.execute("ALTER SEQUENCE annotation_completion_id_seq RESTART 7300001")
    workspace = a_workspace()
    campaign = a_campaign(workspace, mia(workspace), items=8, overlap=2, gold_share=0.5)
    for number, completion in enumerate(Completion.objects.order_by("pk")):
        Completion.objects.filter(pk=completion.pk).update(text=f"Text {number}.")
    gold = campaign.items.order_by("-pk")[0]
    shown = list(gold.shown.order_by("pk").values_list("completion_id", flat=True))
    set_check(
        item=gold,
        by=mia(),
        purpose=Purpose.GOLD,
        answer=answers.comparison("left"),
        shown=shown,
        explanation="It is explained here.",
    )
    bob = join(workspace, person("bob@rondo.test", name="Bob"), "annotator").user
    while (held := assign(campaign=campaign, annotator=bob)) is not None:
        vote = Submission(
            answers.comparison("tie"), uuid.uuid4(), held.attempt, comment="Bob thinks so"
        )
        submit(assignment=held, annotator=bob, submission=vote)
    return log_in(Client(), ann(workspace)), campaign


def everything(response: Any) -> str:
    return response.content.decode() + str(response.headers)


def own_pages(campaign: Campaign) -> list[str]:
    slug = campaign.workspace.slug
    return [
        reverse("annotation:campaigns", args=[slug]),
        reverse("annotation:own_work", args=[slug]),
        reverse("annotation:work", args=[slug, campaign.pk]),
        reverse("annotation:own_statistics", args=[slug, campaign.pk]),
        reverse("api_campaigns", args=[slug]),
        reverse("workspace_home", args=[slug]),
    ]


def shape(page: str) -> str:
    """A page without what differs between any two items: numbers, keys, texts."""
    page = re.sub(r"<form[^>]*/undo/.*?</form>", "", page, flags=re.S)  # not at the first item
    page = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "KEY", page)
    page = re.sub(r"[A-Za-z0-9]{64}", "TOKEN", page)
    page = re.sub(r"Tell me fact number \d+\.|Text \d+\.", "TEXT", page)
    return re.sub(r"\d+", "N", page)


def test_e7_nothing_an_annotator_reads_tells_models_votes_or_gold(
    world: tuple[Client, Campaign],
) -> None:
    client, campaign = world
    shapes: dict[bool, set[str]] = {True: set(), False: set()}
    while (held := assign(campaign=campaign, annotator=ann())) is not None:
        for url in own_pages(campaign):
            said = everything(client.get(url))
            assert not [secret for secret in SECRETS if secret in said], url
        claim = client.post(reverse("api_claim", args=[campaign.workspace.slug, campaign.pk]))
        assert not [secret for secret in SECRETS if secret in everything(claim)]
        assert "ETag" not in claim.headers
        work = client.get(reverse("annotation:work", args=[campaign.workspace.slug, campaign.pk]))
        page = work.content.decode()
        for completion in held.shown_order:
            assert str(completion) not in page
            assert str(completion) not in claim.content.decode()
        is_gold = held.purpose == Purpose.GOLD
        shapes[is_gold].add(shape(page))
        vote = Submission(answers.comparison("left"), uuid.uuid4(), held.attempt)
        submit(assignment=held, annotator=ann(), submission=vote)
    assert shapes[True]
    assert shapes[True] <= shapes[False], "a hidden check looks like any other item"


def test_e7_the_control_a_manager_does_read_them(world: tuple[Client, Campaign]) -> None:
    """The secrets are there to be found: where they may be read they are."""
    _client, campaign = world
    manager = log_in(Client(), mia())
    slug = campaign.workspace.slug
    checks = everything(manager.get(reverse("annotation:checks", args=[slug, campaign.pk])))
    assert "Hidden check" in checks
    quality = everything(
        manager.get(reverse("annotation:campaign_quality", args=[slug, campaign.pk]))
    )
    assert "Bob" in quality
    prompt = campaign.items.order_by("pk")[0].prompt
    assert prompt is not None
    assert "model-0" in everything(
        manager.get(reverse("annotation:prompt", args=[slug, prompt.pk]))
    )


def test_e7_the_order_of_sides_is_drawn_anew_for_everybody_and_kept() -> None:
    workspace = a_workspace()
    campaign = a_campaign(workspace, mia(workspace), items=1, overlap=40)
    for number in range(40):
        someone = join(workspace, person(f"eye-{number}@rondo.test"), "annotator").user
        held = assign(campaign=campaign, annotator=someone)
        assert held is not None
        vote = Submission(answers.comparison("left"), uuid.uuid4(), held.attempt)
        submit(assignment=held, annotator=someone, submission=vote)
    older = min(Comparison.objects.values_list("left", flat=True))
    left = Comparison.objects.filter(left=older).count()
    assert 8 <= left <= 32  # a fair coin leaves this range once in ten thousand times
