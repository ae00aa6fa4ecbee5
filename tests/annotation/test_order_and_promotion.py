"""Which items are asked first, and what people agree about made into hidden checks by one act."""

import uuid
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client

from annotation.actions.assign import assign
from annotation.actions.open_campaign import Plan, open_campaign
from annotation.actions.promote_agreed import promote_agreed
from annotation.actions.set_check import remove_check
from annotation.actions.submit import Submission, submit
from annotation.agreed_items import agreed_items
from annotation.domain import answers
from annotation.domain.outcomes import Outcome
from annotation.fingerprints import store_fingerprints
from annotation.models import Assignment, Campaign, Comparison, Prompt
from annotation.models.campaigns import Kind, Order
from annotation.queries import current
from tests.annotation.material import a_campaign, a_prompt
from tests.cast import a_workspace, join, log_in, mia, person
from webapp.workspaces.models import Role

pytestmark = pytest.mark.django_db

SUBJECTS = ("maths", "maths", "maths", "maths", "letters", "letters", "songs", "songs")


def in_order(order: str, overlap: int = 2, batch: int = 50) -> list[tuple[int, str]]:
    """(number of the prompt, its subject) of the slots of a new campaign, first one first."""
    workspace = a_workspace()
    prompts = [a_prompt(workspace, use_case=subject) for subject in SUBJECTS]
    store_fingerprints([(each.pk, each.messages) for each in prompts])
    number = {prompt.pk: place for place, prompt in enumerate(prompts)}
    campaign = open_campaign(
        workspace=workspace,
        by=mia(workspace),
        plan=Plan(
            name=f"{order} {overlap} {batch}",
            kind=Kind.DEMONSTRATION,
            overlap=overlap,
            order=order,
            batch=batch,
        ),
        prompts=Prompt.objects.filter(pk__in=number),
    )
    slots = campaign.assignments.order_by("pk").values_list("item__prompt_id", flat=True)
    return [(number[prompt or 0], SUBJECTS[number[prompt or 0]]) for prompt in slots]


def test_the_oldest_prompt_comes_first_and_nobody_is_asked_twice_before_all_once() -> None:
    assert [place for place, _subject in in_order(Order.FIXED)] == [*range(8), *range(8)]


def test_at_random_is_another_order_in_which_all_come_once_before_any_twice() -> None:
    places = [place for place, _subject in in_order(Order.RANDOM)]
    assert sorted(places[:8]) == list(range(8))
    assert places[:8] == places[8:]  # the same for everybody
    orders = {tuple(places)} | {
        tuple(place for place, _subject in in_order(Order.RANDOM, batch=batch))
        for batch in range(2, 6)
    }
    assert len(orders) > 1
    assert tuple([*range(8), *range(8)]) not in orders


def test_a_batch_has_all_its_answers_before_the_next_begins() -> None:
    places = [place for place, _subject in in_order(Order.BATCHES, batch=3)]
    assert places == [0, 1, 2, 0, 1, 2, 3, 4, 5, 3, 4, 5, 6, 7, 6, 7]


def test_subjects_take_turns_or_stand_together() -> None:
    subjects = [subject for _place, subject in in_order(Order.DIVERSE, overlap=1)]
    assert {*subjects[:3]} == {"maths", "letters", "songs"}
    assert {*subjects[3:6]} == {"maths", "letters", "songs"}
    alike = [subject for _place, subject in in_order(Order.ALIKE, overlap=1)]
    assert alike == ["letters"] * 2 + ["maths"] * 4 + ["songs"] * 2


def test_near_repeats_of_a_subject_come_after_what_is_new() -> None:
    workspace = a_workspace()
    long = "Please explain in simple words why the sky over the sea is blue in the morning "
    texts = [f"{long}{end}" for end in ("now", "now.", "now!")] + ["Count to ten for me, please."]
    prompts = [a_prompt(workspace, text) for text in texts]
    store_fingerprints([(each.pk, each.messages) for each in prompts])
    campaign = open_campaign(
        workspace=workspace,
        by=mia(workspace),
        plan=Plan(name="x", kind=Kind.DEMONSTRATION, order=Order.DIVERSE),
        prompts=Prompt.objects.filter(workspace=workspace),
    )
    asked = [slot.item.prompt_id for slot in campaign.assignments.order_by("pk")]
    assert prompts[3].pk in asked[:2]


def people_who_say(campaign: Campaign, *says: dict[int, str]) -> None:
    """Each person's answer by the number of the item: a completion's place, or tie."""
    items = list(campaign.items.order_by("pk"))
    for number, said in enumerate(says):
        who = person(f"p{number}@rondo.test", name=f"P{number}")
        join(campaign.workspace, who, Role.ANNOTATOR)
        while (held := assign(campaign=campaign, annotator=who)) is not None:
            wanted = said[items.index(held.item)]
            ids = sorted(held.shown_order)
            choice = wanted
            if wanted in ("0", "1"):
                choice = "left" if held.shown_order[0] == ids[int(wanted)] else "right"
            vote = Submission(answers.Comparison(Outcome(choice)), uuid.uuid4(), held.attempt)
            submit(assignment=held, annotator=who, submission=vote)


def a_judged_campaign(**plan: Any) -> Campaign:
    """Three people: of one mind about the first item, nearly about the second, not the third."""
    workspace = a_workspace()
    campaign = a_campaign(workspace, mia(workspace), items=3, overlap=3, **plan)
    people_who_say(
        campaign,
        {0: "1", 1: "0", 2: "0"},
        {0: "1", 1: "0", 2: "1"},
        {0: "1", 1: "tie", 2: "tie"},
    )
    return campaign


def test_what_everybody_says_becomes_a_hidden_check_and_keeps_counting() -> None:
    campaign = a_judged_campaign()
    first, second, third = campaign.items.order_by("pk")
    assert promote_agreed(campaign=campaign, by=mia(), people=3, share=1.0) == 1
    for item in (first, second, third):
        item.refresh_from_db()
    better = sorted(first.completions.values_list("pk", flat=True))[1]
    assert (first.purpose, first.expected) == ("gold", {"better": better})
    assert (second.purpose, third.purpose) == ("work", "work")
    assert current(Comparison.objects.filter(assignment__item=first)).count() == 3
    assert promote_agreed(campaign=campaign, by=mia(), people=3, share=0.6) == 1
    second.refresh_from_db()
    assert second.purpose == "gold"
    remove_check(item=first, by=mia())
    first.refresh_from_db()
    assert first.purpose == "work"


def test_somebody_new_is_asked_it_unseen() -> None:
    campaign = a_judged_campaign(gold_share=0.5)
    promote_agreed(campaign=campaign, by=mia(), people=3, share=1.0)
    newcomer = person("new@rondo.test", name="New")
    join(campaign.workspace, newcomer, Role.ANNOTATOR)
    for _look in range(3):
        if assign(campaign=campaign, annotator=newcomer) is not None:
            break
        Campaign.objects.filter(pk=campaign.pk).update(gold_share=0.5)
        campaign.gold_share = 1.0  # the coin falls the same however often it is thrown
    assert Assignment.objects.get(annotator=newcomer).purpose == "gold"


def test_what_is_not_finished_or_not_clear_is_no_check() -> None:
    campaign = a_judged_campaign()
    first = campaign.items.order_by("pk")[0]
    Assignment.objects.create(campaign=campaign, item=first)
    assert agreed_items(campaign, people=3, share=1.0) == []
    with pytest.raises(ValidationError, match="agreed about so clearly"):
        promote_agreed(campaign=campaign, by=mia(), people=3, share=1.0)
    for people, share in ((1, 1.0), (3, 0.5), (3, 1.5)):
        with pytest.raises(ValidationError, match="at least two people"):
            promote_agreed(campaign=campaign, by=mia(), people=people, share=share)


def test_a_manager_promotes_by_one_button() -> None:
    campaign = a_judged_campaign()
    client = log_in(Client(), mia())
    base = f"/w/{campaign.workspace.slug}/campaigns/{campaign.pk}/checks/"
    page = client.get(base).content.decode()
    assert "Make 1 item a hidden check" in page
    wider = client.get(base, {"people": "3", "agreement": "60"}).content.decode()
    assert "Make these 2 items hidden checks" in wider
    after = client.post(base + "promote/", {"people": "3", "agreement": "60"}, follow=True)
    assert "2 items are hidden checks now." in after.content.decode()
    wrong = client.post(base + "promote/", {"people": "many"}, follow=True)
    assert "Give the number of people" in wrong.content.decode()
