"""Own prompts for a use case, and few-shot examples: kept, refused, corrected, exported."""

import json
import uuid
from typing import Any

import pytest
from django.test import Client

from annotation.actions.assign import assign
from annotation.actions.undo import undo
from annotation.actions.withdraw import withdraw_person
from annotation.domain.few_shot import expand
from annotation.exports.plan import Kind as Exported
from annotation.models import Assignment, Campaign, Demonstration, Draft, Prompt
from annotation.models.campaigns import Kind
from annotation.queries import current
from tests.annotation.material import a_campaign
from tests.cast import a_workspace, ann, log_in, mia
from tests.training.snapshots import a_snapshot
from training.snapshot_files import blocks

pytestmark = pytest.mark.django_db
TWEETS = [("I love it", "positive"), ("Never again", "negative"), ("It is a cup", "neutral")]


def anns(**plan: Any) -> tuple[Client, Campaign, Assignment, str]:
    workspace = a_workspace()
    campaign = a_campaign(workspace, mia(workspace), **plan)
    held = assign(campaign=campaign, annotator=ann(workspace))
    assert held is not None
    client = log_in(Client(), ann())
    return client, campaign, held, f"/w/{workspace.slug}/work/{campaign.pk}/"


def sent(client: Client, base: str, held: Assignment, **fields: str) -> Any:
    held.refresh_from_db()
    form = {"key": str(uuid.uuid4()), "attempt": str(held.attempt), **fields}
    return client.post(f"{base}{held.pk}/submit/", form)


def pairs(*given: tuple[str, str]) -> dict[str, str]:
    return {
        f"{side}-{number}": text
        for number, pair in enumerate(given, start=1)
        for side, text in zip(("query", "response"), pair, strict=True)
    }


def test_k_pairs_make_k_items_that_show_the_others() -> None:
    items = expand("Give the sentiment.", TWEETS)
    assert items[1] == (
        "Give the sentiment.\n\nQuery: I love it\nResponse: positive\n\n"
        "Query: It is a cup\nResponse: neutral\n\nQuery: Never again\nResponse:",
        "negative",
    )
    assert [text.count("Response: ") for text, _completion in items] == [2, 2, 2]
    assert [completion for _text, completion in items] == ["positive", "negative", "neutral"]
    for (query, response), (text, _completion) in zip(TWEETS, items, strict=True):
        assert f"Query: {query}\nResponse: {response}" not in text  # it does not show its own


def test_a_few_shot_example_is_exported_as_its_k_rows_of_one_group() -> None:
    client, campaign, held, base = anns(kind=Kind.FEW_SHOT)
    answer = sent(client, base, held, instruction="Give the sentiment.", **pairs(*TWEETS))
    assert answer.status_code == 302
    head = Demonstration.objects.get(assignment=held, metadata__few_shot__pair=1)
    assert head.metadata["few_shot"]["pairs"] == [list(pair) for pair in TWEETS]
    snapshot = a_snapshot(campaign.workspace, mia(), Exported.PROMPT_COMPLETION)
    rows = [json.loads(line) for line in b"".join(blocks(snapshot)).splitlines()]
    exported = {(row["prompt"][0]["content"], row["completion"][0]["content"]) for row in rows}
    assert exported == set(expand("Give the sentiment.", TWEETS))
    assert {row["group"] for row in rows} == {head.group}
    assert {row["source"] for row in rows} == {f"campaign: {campaign.name}"}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"instruction": "", **pairs(*TWEETS)}, "The instruction is empty"),
        ({"instruction": "Do.", **pairs(*TWEETS[:2], ("", "x"))}, "The query of pair 3 is empty"),
        ({"instruction": "Do.", **pairs(*TWEETS[:2], ("x", " "))}, "response of pair 3 is empty"),
        ({"instruction": "Do.", **pairs(*TWEETS[:2])}, "has 2 pairs; this campaign asks for 3"),
        (
            {"instruction": "Do.", **pairs(*TWEETS[:2], ("i  LOVE it", "x"))},
            "Pairs 1 and 3 have the same query",
        ),
        ({"instruction": "Do.\0", **pairs(*TWEETS)}, "NUL"),
    ],
)
def test_a_half_example_is_refused_with_a_sentence_and_stays_in_the_form(
    fields: dict[str, str], said: str
) -> None:
    client, campaign, held, base = anns(kind=Kind.FEW_SHOT)
    answer = sent(client, base, held, **fields)
    assert (answer.status_code, said in answer.content.decode()) == (422, True)
    assert "I love it" in answer.content.decode()
    assert not Demonstration.objects.exists()
    assert not Prompt.objects.exists()


def test_a_corrected_example_replaces_the_earlier_one_whole() -> None:
    client, campaign, held, base = anns(kind=Kind.FEW_SHOT)
    sent(client, base, held, instruction="Give the sentiment.", **pairs(*TWEETS))
    undo(campaign=campaign, annotator=ann())
    sent(client, base, held, instruction="Say how it sounds.", **pairs(*TWEETS))
    now = current(Demonstration.objects.all())
    assert {row.prompt.text.partition("\n")[0] for row in now} == {"Say how it sounds."}
    assert (now.count(), Prompt.objects.filter(retired_at=None).count()) == (3, 3)
    undo(campaign=campaign, annotator=ann())
    sent(client, base, held, instruction="Give the sentiment.", **pairs(*TWEETS))
    assert Prompt.objects.filter(retired_at=None, text__startswith="Give").count() == 3


def test_the_same_form_sent_twice_is_one_example() -> None:
    client, campaign, held, base = anns(kind=Kind.FEW_SHOT)
    form = {"key": str(uuid.uuid4()), "attempt": str(held.attempt), "instruction": "Do."}
    for _again in range(2):
        answer = client.post(f"{base}{held.pk}/submit/", {**form, **pairs(*TWEETS)})
        assert answer.status_code == 302
    assert Demonstration.objects.count() == 3
    other = {**form, **pairs(("other", "pair"), *TWEETS[1:])}
    client.post(f"{base}{held.pk}/submit/", other)
    assert Demonstration.objects.count() == 3


def test_a_use_case_is_proposed_another_may_be_chosen_and_the_prompt_has_it() -> None:
    client, campaign, held, base = anns(
        kind=Kind.WRITING, items=4, use_cases=("summaries", "letters")
    )
    assert list(campaign.items.values_list("use_case", flat=True)) == [
        *("summaries", "letters") * 2
    ]
    assert '<option value="summaries" selected>' in client.get(base).content.decode()
    refused = sent(client, base, held, prompt="Sum this up: ...", text="Short.", use_case="poems")
    assert "is not on the list: summaries, letters" in refused.content.decode()
    sent(client, base, held, prompt="Write to my bank.", text="Dear bank,", use_case="letters")
    written = Demonstration.objects.get()
    assert (written.prompt.text, written.prompt.use_case) == ("Write to my bank.", "letters")
    assert (written.text, written.prompt.created_by) == ("Dear bank,", ann())


def test_a_draft_keeps_every_field_of_both_forms() -> None:
    client, campaign, held, base = anns(kind=Kind.FEW_SHOT)
    fields = {"instruction": "Do.", **pairs(TWEETS[0])}
    client.post(f"{base}{held.pk}/draft/", {**fields, "draft_version": "0"})
    assert Draft.objects.get().content == fields
    page = client.get(base).content.decode()
    assert "positive</textarea>" in page
    assert "Do.</textarea>" in page


def test_withdrawing_a_person_takes_the_prompts_they_wrote_too() -> None:
    client, campaign, held, base = anns(kind=Kind.WRITING)
    sent(client, base, held, prompt="What is my name?", text="Ann.")
    withdraw_person(workspace=campaign.workspace, user=ann(), by=mia())
    assert Prompt.objects.get().retired_at is not None
    assert not current(Demonstration.objects.all()).exists()


def test_a_manager_opens_both_on_the_page_and_programs_write_too() -> None:
    workspace = a_workspace()
    manager = log_in(Client(), mia(workspace))
    plan = {"overlap": "1", "minutes": "60", "repeats": "0", "answers": "2", "texts": "5"}
    address = f"/w/{workspace.slug}/campaigns/new/"
    for kind, more in (("writing", {"use_cases": "letters\n letters \nplans"}), ("few_shot", {})):
        opened = manager.post(address, {"name": kind, "kind": kind, **plan, **more})
        assert opened.status_code == 302, opened.content.decode()
        assert workspace.campaigns.get(name=kind).items.count() == 5
    assert workspace.campaigns.get(name="writing").use_cases == ["letters", "plans"]
    campaign = workspace.campaigns.get(name="few_shot")
    base = f"/api/v1/workspaces/{workspace.slug}/campaigns/{campaign.pk}/"
    item = manager.post(f"{base}claim/").json()["item"]
    assert (item["messages"], item["pairs"]) == ([], 3)
    body = {
        "key": str(uuid.uuid4()),
        "attempt": item["attempt"],
        "instruction": "Do.",
        "pairs": [{"query": query, "response": response} for query, response in TWEETS],
    }
    address = f"{base}assignments/{item['assignment']}/submit/"
    answer = manager.post(address, body, content_type="application/json")
    assert answer.status_code == 201, answer.content
    assert Demonstration.objects.count() == 3
