"""Own prompts for a use case, and few-shot examples: kept, refused, corrected, exported."""

import json
import random
import uuid
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from annotation.actions.assign import assign
from annotation.actions.undo import undo
from annotation.actions.withdraw import withdraw_person
from annotation.domain.few_shot import expand
from annotation.domain.text_similarity import rouge_l
from annotation.exports.plan import Kind as Exported
from annotation.models import Assignment, Campaign, Demonstration, Draft, Prompt
from annotation.models.campaigns import Kind
from annotation.nearness import nearest_prompt
from annotation.queries import current
from tests.annotation.material import a_campaign, a_prompt
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


# ---- the diversity meter
def near(client: Client, base: str, text: str) -> Any:
    return client.post(f"{base}nearness/", {"text": text}).json()


def test_the_meter_says_how_near_a_prompt_comes_to_those_there_are() -> None:
    client, campaign, _held, base = anns(kind=Kind.WRITING, items=2)
    a_prompt(campaign.workspace, "Write a short poem about the cold northern sea.")
    a_prompt(campaign.workspace, "Translate the sentence into Finnish.")
    a_prompt(a_workspace("Tea spoons"), "Write a long poem about the warm southern sea.")
    same = near(client, base, "Write a short poem about the cold northern sea.")
    assert same["score"] == 1.0
    assert "almost the same" in same["sentence"]
    # 7 of 9 words of each in order: P = R = F = 7 / 9; the other workspace's is nearer still
    assert near(client, base, "Write a long poem about the warm northern sea")["score"] == 0.78
    assert near(client, base, "Explain gravity to children please")["score"] == 0.0
    assert near(client, base, "Write a")["score"] is None
    assert near(client, base, "")["score"] is None
    assert near(client, base, "a\0b c d")["score"] == 0.0


def test_the_meter_shows_the_campaigns_own_texts_only() -> None:
    client, campaign, held, base = anns(kind=Kind.WRITING, items=2)
    a_prompt(campaign.workspace, "Name the seven secret seas of the exam.")
    sent(client, base, held, prompt="Name four rivers of the north.", text="Ob, Lena, Volga, Don.")
    kept_back = near(client, base, "Name the seven secret seas of the world.")
    assert (kept_back["score"], kept_back["text"]) == (0.88, "")
    assert near(client, base, "Name four rivers of the south.")["text"].startswith("Name four riv")


def test_the_meter_reads_scripts_beyond_latin() -> None:
    client, campaign, _held, base = anns(kind=Kind.WRITING, items=1)
    a_prompt(campaign.workspace, "Напиши короткое стихотворение о море")
    assert near(client, base, "Напиши короткое стихотворение о море!")["score"] == 1.0
    assert 0.4 < near(client, base, "Напиши длинное стихотворение о горе")["score"] < 1.0


def test_the_meter_finds_the_nearest_of_many() -> None:
    """Beside a full scan: never above it, mostly the same, never far below."""
    workspace = a_workspace()
    chance = random.Random(7)
    words = [f"word{number}" for number in range(300)]
    often = [1 / (rank + 1) for rank in range(300)]  # as in texts of people

    def a_text() -> str:
        return " ".join(chance.choices(words, often, k=chance.randint(5, 12)))

    texts = [a_text() for _ in range(1500)]
    Prompt.objects.bulk_create(
        Prompt(workspace=workspace, messages=[], text=text, text_hash=str(number).encode())
        for number, text in enumerate(texts)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE annotation_prompt")
    exact = []
    for _ in range(40):
        asked = a_text()
        found = nearest_prompt(workspace.pk, asked)
        assert found is not None
        best = max(rouge_l(text, asked).f for text in texts)
        assert best - 0.1 < found.score <= best
        exact.append(found.score == best)
    assert sum(exact) >= 30
