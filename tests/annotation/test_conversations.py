"""Conversations grow by turns: written, reviewed, ranked, gone on from the preferred answer."""

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from annotation.actions.assign import assign
from annotation.actions.grow import group_of
from annotation.actions.open_campaign import Plan, open_campaign
from annotation.actions.submit import Submission, submit
from annotation.actions.undo import undo
from annotation.actions.withdraw import withdraw_person
from annotation.domain import answers
from annotation.domain.conversation_growth import accepted, preferred
from annotation.domain.preferences import Ranking as Tiers
from annotation.domain.preferences import parse_ranking
from annotation.exports.plan import Kind as Exported
from annotation.models import (
    Assignment,
    Campaign,
    Completion,
    Conversation,
    Demonstration,
    Prompt,
    Ranking,
    Review,
    Turn,
)
from annotation.models.campaigns import Kind, Step
from annotation.models.conversations import Growth, Verdict
from annotation.queries import current
from tests.annotation.material import a_prompt, an_answer
from tests.cast import a_workspace, ann, join, log_in, mia, person
from tests.training.generate.asking import an_endpoint
from tests.training.snapshots import a_snapshot
from training.models import BatchEntry
from training.snapshot_files import blocks
from webapp.audit.models import AuditEntry
from webapp.workspaces.models import Role, Workspace

pytestmark = pytest.mark.django_db
Say = Callable[[Any, Assignment], answers.Answer]


def a_conversation(
    workspace: Workspace, first: str = "What is a paper cup?", **plan: Any
) -> Conversation:
    """One that begins with a prompt of its own; two answers, three reviews, two rankings."""
    prompt = a_prompt(workspace, first)
    given = {"answers": 2, "depth": 2, "reviews": 3, "overlap": 2, **plan}
    campaign = open_campaign(
        workspace=workspace,
        by=mia(workspace),
        plan=Plan(name=f"Talks {uuid.uuid4().hex[:6]}", kind=Kind.CONVERSATION, **given),
        prompts=Prompt.objects.filter(pk=prompt.pk),
    )
    return campaign.conversations.get()


def people(workspace: Workspace, count: int = 6) -> list[Any]:
    found = [person(f"p{number}@rondo.test", name=f"P{number}") for number in range(count)]
    for one in found:
        join(workspace, one, Role.ANNOTATOR)
    return found


def well(who: Any, held: Assignment) -> answers.Answer:
    """Everything is accepted, and the first answer by number is preferred."""
    if held.asks == Step.REVIEW:
        return answers.Review(True)
    if held.asks == Step.RANK:
        return answers.RankedAnswers(tuple((one,) for one in sorted(held.shown_order)))
    return answers.Demonstration(f"{held.asks} of {who.name} to item {held.item_id}")


def give(campaign: Campaign, who: Any, held: Assignment, said: answers.Answer) -> Any:
    held.refresh_from_db()
    held.campaign = campaign
    key = uuid.uuid4()
    return submit(
        assignment=held, annotator=who, submission=Submission(said, key, attempt=held.attempt)
    )


def work_off(campaign: Campaign, team: list[Any], say: Say = well, most: int = 200) -> list[Any]:
    """Everybody takes what there is in turn, until there is nothing; who did what."""
    done = []
    idle = 0
    while idle < len(team) and len(done) < most:
        who = team[0]
        team = [*team[1:], who]
        held = assign(campaign=campaign, annotator=who)
        idle = 0 if held else idle + 1
        if held:
            done.append((who, held.asks, give(campaign, who, held, say(who, held))))
    return done


def test_a_message_is_accepted_from_six_tenths_on_once_all_reviews_are_in() -> None:
    assert accepted([True, True], 3) is None
    assert accepted([True, True, False], 3) is True  # 0.67
    assert accepted([True, False, False], 3) is False
    assert accepted([True, True, True, False, False], 5) is True  # 0.6 exactly
    assert accepted([True, False], 2) is False


def test_the_preferred_answer_is_the_one_that_beats_all_and_no_place_in_a_list_decides() -> None:
    votes = [parse_ranking("a > b > c"), parse_ranking("b > a = c"), parse_ranking("a > c > b")]
    assert preferred(votes, "1") == "a"
    assert preferred([Tiers((("a",),), ("b",)), Tiers((("b",), ("a",)), ())], "1") in "ab"
    assert preferred([Tiers((("b",),), ("a",))], "1") == "b"
    assert preferred([Tiers((), ("a", "b"))], "1") is None
    tied = {preferred([parse_ranking("a = b")], str(seed)) for seed in range(40)}
    assert tied == {"a", "b"}


def test_a_conversation_grows_to_its_depth_and_its_best_path_is_exported() -> None:
    workspace = a_workspace()
    conversation = a_conversation(workspace)
    campaign = conversation.campaign
    done = work_off(campaign, people(workspace))
    conversation.refresh_from_db()
    assert (conversation.state, conversation.questions) == (Growth.READY, 2)
    steps = [step for _who, step, _row in done]
    assert {step: steps.count(step) for step in steps} == {
        Step.ANSWER: 4,  # two for each of two questions
        Step.QUESTION: 1,  # the second one; the first is the prompt
        Step.REVIEW: 15,  # three of each of those five
        Step.RANK: 4,  # two of each pair of answers
    }
    for who, step, row in done:
        if step == Step.REVIEW:
            assert row.turn.annotator != who
        if step == Step.RANK:
            assert who not in {entry.completion.author for entry in row.entries.all()}

    def rows(kind: Exported) -> list[dict[str, Any]]:
        snapshot = a_snapshot(workspace, mia(), kind)
        return [json.loads(line) for line in b"".join(blocks(snapshot)).splitlines()]

    written = sorted(rows(Exported.PROMPT_COMPLETION), key=lambda row: len(row["prompt"]))
    assert [len(row["prompt"]) for row in written] == [1, 3]
    assert {row["group"] for row in written} == {group_of(conversation)}
    follow_up = written[1]["prompt"]
    assert follow_up[0]["content"] == "What is a paper cup?"
    assert follow_up[1] == {"role": "assistant", "content": written[0]["completion"][0]["content"]}
    pairs = [row for row in rows(Exported.PREFERENCE) if "cup" in row["prompt"][0]["content"]]
    assert sorted(len(pair["prompt"]) for pair in pairs) == [1, 1, 3, 3]
    assert {pair["prompt"][2]["content"] for pair in pairs if len(pair["prompt"]) == 3} == {
        follow_up[2]["content"]
    }


def test_a_rejected_text_is_asked_of_somebody_else_and_too_many_stop_it() -> None:
    workspace = a_workspace()
    conversation = a_conversation(workspace, depth=1)
    team = people(workspace, 12)

    def no_answers(who: Any, held: Assignment) -> answers.Answer:
        if held.asks == Step.REVIEW:
            return answers.Review(False, ("poor",))
        return well(who, held)

    done = work_off(conversation.campaign, team, no_answers)
    conversation.refresh_from_db()
    assert conversation.state == Growth.ABORTED
    assert "rejected" in conversation.reason
    writers = [who for who, step, _row in done if step == Step.ANSWER]
    assert len(writers) == len(set(writers)) == 6  # three tries for each of two answers
    assert not Completion.objects.exists()  # nothing of it reached the answers of the workspace
    assert not conversation.campaign.assignments.filter(state__in=["open", "leased"]).exists()


def test_two_of_three_reviews_are_enough_and_the_third_says_why_not() -> None:
    workspace = a_workspace()
    conversation = a_conversation(workspace, depth=1)
    campaign = conversation.campaign
    writer, *readers = people(workspace, 4)
    held = assign(campaign=campaign, annotator=writer)
    assert held is not None
    turn = give(campaign, writer, held, answers.Demonstration("A cup of paper."))
    assert not Completion.objects.exists()
    for reader, said in zip(
        readers, [(True, ()), (False, ("poor", "language")), (True, ())], strict=True
    ):
        item = Assignment.objects.filter(item__turn=turn, state="open").first()
        Assignment.objects.filter(pk=item.pk).update(  # type: ignore[union-attr]
            state="leased", annotator=reader, lease_until="2100-01-01T00:00Z", attempt=1
        )
        give(campaign, reader, Assignment.objects.get(pk=item.pk), answers.Review(*said))  # type: ignore[union-attr]
    turn.refresh_from_db()
    assert turn.verdict == Verdict.ACCEPTED
    assert Completion.objects.get().author == writer
    assert Review.objects.get(accepted=False).objections == ["poor", "language"]


def test_where_models_answer_one_person_goes_on_from_the_preferred_answer() -> None:
    workspace = a_workspace()
    endpoint = an_endpoint(workspace, "talker")
    conversation = a_conversation(
        workspace, model_answers=True, generators=("talker",), reviews=0, overlap=1
    )
    campaign = conversation.campaign
    assert conversation.state == Growth.WAITING
    asked = BatchEntry.objects.filter(generation__endpoint=endpoint, prompt=conversation.root)
    assert asked.count() == 2  # the model is asked by itself for as many as are ranked
    assert work_off(campaign, [ann(workspace)]) == []  # nothing to do before they come
    for number in range(2):
        an_answer(conversation.root, f"Answer {number}", generator="talker")
    an_answer(conversation.root, "Of another", generator="base")
    done = work_off(campaign, [ann()])
    assert [step for _who, step, _row in done] == [Step.RANK, Step.QUESTION]
    conversation.refresh_from_db()
    assert (conversation.state, conversation.questions) == (Growth.WAITING, 2)
    assert [message["role"] for message in conversation.asked.messages] == [
        *("user", "assistant", "user")
    ]
    assert conversation.asked.messages[1]["content"] == "Answer 0"
    for number in range(2):
        an_answer(conversation.asked, f"More {number}", generator="talker")
    assert [step for _who, step, _row in work_off(campaign, [ann()])] == [Step.RANK]
    conversation.refresh_from_db()
    assert conversation.state == Growth.READY
    best = current(Demonstration.objects.all()).order_by("pk")
    assert [row.text for row in best] == ["Answer 0", "More 0"]
    assert {row.annotator_label for row in best} == {"talker"}
    assert {row.assignment.campaign for row in best if row.assignment} == {campaign}


def test_answers_that_nobody_can_rank_stop_the_conversation() -> None:
    workspace = a_workspace()
    conversation = a_conversation(workspace, model_answers=True, overlap=1)
    for number in range(2):
        an_answer(conversation.root, f"Answer {number}")
    held = assign(campaign=conversation.campaign, annotator=ann(workspace))
    assert held is not None
    give(conversation.campaign, ann(), held, answers.RankedAnswers((), tuple(held.shown_order)))
    conversation.refresh_from_db()
    assert (conversation.state, Ranking.objects.count()) == (Growth.ABORTED, 1)


def test_a_text_can_be_corrected_until_somebody_reads_it() -> None:
    workspace = a_workspace()
    conversation = a_conversation(workspace)
    campaign = conversation.campaign
    writer, other, reader = people(workspace, 3)
    held = assign(campaign=campaign, annotator=writer)
    assert held is not None
    give(campaign, writer, held, answers.Demonstration("First."))
    undo(campaign=campaign, annotator=writer)
    give(campaign, writer, held, answers.Demonstration("Second."))
    assert current(Turn.objects.all()).get().text == "Second."
    free = Assignment.objects.filter(item__step=Step.REVIEW, state="open")
    assert {slot.item.turn.text for slot in free if slot.item.turn} == {"Second."}
    second = assign(campaign=campaign, annotator=other)
    assert second is not None
    give(campaign, other, second, answers.Demonstration("Another."))
    reading = assign(campaign=campaign, annotator=reader)
    assert reading is not None
    assert reading.asks == Step.REVIEW
    with pytest.raises(ValidationError, match="reading your text"):
        undo(campaign=campaign, annotator=writer)


def test_a_withdrawn_text_takes_its_conversation_and_all_that_came_of_it() -> None:
    workspace = a_workspace()
    conversation = a_conversation(workspace)
    work_off(conversation.campaign, people(workspace))
    author = current(Demonstration.objects.all()).order_by("pk").first()
    assert author is not None
    assert author.annotator is not None
    withdraw_person(workspace=workspace, user=author.annotator, by=mia())
    conversation.refresh_from_db()
    assert conversation.state == Growth.ABORTED
    assert not current(Demonstration.objects.all()).exists()
    follow_up = Prompt.objects.exclude(pk=conversation.root_id).get()
    assert follow_up.retired_at is not None
    assert not conversation.campaign.assignments.filter(state="open").exists()


def test_the_same_message_sent_twice_is_one_and_a_stopped_conversation_takes_none() -> None:
    workspace = a_workspace()
    conversation = a_conversation(workspace)
    campaign = conversation.campaign
    held = assign(campaign=campaign, annotator=ann(workspace))
    assert held is not None
    held.campaign = campaign
    said = Submission(answers.Demonstration("Paper."), uuid.uuid4(), attempt=held.attempt)
    first = submit(assignment=held, annotator=ann(), submission=said)
    assert submit(assignment=held, annotator=ann(), submission=said) == first
    assert Turn.objects.count() == 1
    late = assign(campaign=campaign, annotator=mia())
    assert late is not None
    Conversation.objects.update(state=Growth.ABORTED)
    with pytest.raises(ValidationError, match="stopped"):
        give(campaign, mia(), late, answers.Demonstration("Late."))


def test_managers_read_the_tree_on_pages_and_programs_over_rest_and_either_answers() -> None:
    workspace = a_workspace()
    conversation = a_conversation(workspace, depth=1, reviews=1, overlap=1)
    campaign = conversation.campaign
    client = log_in(Client(), mia())
    base = f"/api/v1/workspaces/{workspace.slug}/campaigns/{campaign.pk}/"
    item = client.post(f"{base}claim/").json()["item"]
    assert (item["step"], item["messages"][-1]["content"]) == ("answer", "What is a paper cup?")

    def send(**body: Any) -> int:
        sent = {"key": str(uuid.uuid4()), "attempt": item["attempt"], **body}
        address = f"{base}assignments/{item['assignment']}/submit/"
        return client.post(address, sent, content_type="application/json").status_code

    assert send(text="A cup.") == 201
    log_in(client, ann(workspace))
    first = assign(campaign=campaign, annotator=ann())
    assert first is not None
    give(campaign, ann(), first, answers.Demonstration("Paper, rolled up."))
    item = client.post(f"{base}claim/").json()["item"]
    assert (item["step"], item["reviewed"]) == ("review", "A cup.")
    assert send(accepted=False) == 400  # without a reason
    assert send(accepted=False, objections=["poor"]) == 201
    log_in(client, mia())
    work_off(campaign, people(workspace))
    listed = client.get(f"{base}conversations/?state=ready").json()["results"]
    assert [row["state"] for row in listed] == ["ready"]
    said = listed[0]["messages"]
    assert [row["role"] for row in said] == ["user", "assistant", "assistant", "assistant"]
    assert [row["verdict"] for row in said].count("rejected") == 1
    assert [row["preferred"] for row in said if row["role"] == "assistant"].count(True) == 1
    pages = f"/w/{workspace.slug}"
    with CaptureQueriesContext(connection) as asked:
        tree = client.get(f"{pages}/campaigns/conversations/{conversation.pk}/").content.decode()
    assert len(asked) < 25
    assert "preferred" in tree
    assert "poor" in tree
    assert (
        "Ready 1" in client.get(f"{pages}/campaigns/{campaign.pk}/conversations/").content.decode()
    )
    other = a_conversation(workspace, "Another beginning?")
    client.post(f"{pages}/campaigns/conversations/{other.pk}/stop/", {"reason": "Leads nowhere."})
    other.refresh_from_db()
    assert (other.state, other.reason) == (Growth.ABORTED, "Leads nowhere.")
    assert AuditEntry.objects.filter(action="conversation.stop").count() == 1


def test_a_team_that_is_too_small_for_it_is_told_before_it_stands_still() -> None:
    workspace = a_workspace()
    a_prompt(workspace, "What is a paper cup?")
    team = people(workspace, 2)
    client = log_in(Client(), mia(workspace))
    address = f"/w/{workspace.slug}/campaigns/new/"
    plan = {"kind": "conversation", "answers": 2, "overlap": 2, "minutes": 60, "repeats": 0}
    refused = client.post(address, {"name": "Talks", **plan, "reviews": 1})
    assert (refused.status_code, "takes 4 people; 3 may work" in refused.content.decode()) == (
        422,
        True,
    )
    chosen = {"workers": [one.pk for one in team], "model_answers": "on", "overlap": 1}
    few = client.post(address, {"name": "Talks", **plan, **chosen, "reviews": 2})
    assert "takes 3 people; 2 may work" in few.content.decode()
    opened = client.post(address, {"name": "Talks", **plan, **chosen, "reviews": 1})
    assert opened.status_code == 302
    assert Conversation.objects.get().campaign.reviews == 1
