"""The review step: what comes to a reviewer, what a decision changes, and how all of it goes back.

Ann and Bob answer, Cleo answers where three are asked, Mia reviews.
"""

import uuid
from collections.abc import Sequence
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse

from annotation.actions.assign import assign
from annotation.actions.review import accept, adjudicate, fetch_back, send_back, take_back
from annotation.actions.set_standing import WORKS, set_standing
from annotation.actions.skip import skip
from annotation.actions.submit import Submission, submit
from annotation.actions.undo import undo
from annotation.actions.withdraw import withdraw_person
from annotation.boards.queries import count_now
from annotation.domain import answers
from annotation.judgement_filter import JudgementFilter
from annotation.models import (
    Assignment,
    Board,
    Campaign,
    Comparison,
    Completion,
    Decision,
    Demonstration,
    Draft,
    Item,
    Ranking,
    SentBack,
)
from annotation.models.assignments import AssignmentState
from annotation.models.campaigns import Kind, ReviewStep
from annotation.models.standings import StandingState
from annotation.quality import campaign_quality
from annotation.queries import current, progress
from annotation.reviews import order_for, said_of, waiting
from tests.annotation.material import a_campaign
from tests.cast import a_workspace, ann, join, log_in, mia, person, vic
from webapp.api.actions.token import create_token
from webapp.audit.models import AuditEntry

pytestmark = pytest.mark.django_db


def who(name: str) -> Any:
    return person(f"{name}@rondo.test", name=name.title())


def bob() -> Any:
    return who("bob")


def a_review(kind: str = Kind.COMPARISON, review: str = "disagreements", **plan: Any) -> Campaign:
    workspace = a_workspace()
    manager = mia(workspace)
    ann(workspace)
    for name in ("bob", "cleo"):
        join(workspace, who(name), "annotator")
    return a_campaign(workspace, manager, kind=kind, review=review, **{"overlap": 2, **plan})


def sent(answer: Any, held: Assignment) -> Submission:
    return Submission(answer, uuid.uuid4(), held.attempt)


def votes(campaign: Campaign, name: str, older_wins: Sequence[bool | None]) -> None:
    """One vote per item of the campaign, in their order: the older answer, the newer, or a tie."""
    places = list(campaign.items.order_by("pk").values_list("pk", flat=True))
    for _vote in older_wins:
        held = assign(campaign=campaign, annotator=who(name))
        assert held is not None
        older = older_wins[places.index(held.item_id)]
        left = held.shown_order[0] < held.shown_order[1]
        choice = "tie" if older is None else "left" if left == older else "right"
        submit(
            assignment=held, annotator=who(name), submission=sent(answers.comparison(choice), held)
        )


def disputed(**plan: Any) -> tuple[Campaign, Item]:
    """Ann and Bob agree about the first item and differ about the second."""
    campaign = a_review(items=2, **plan)
    votes(campaign, "ann", [True, True])
    votes(campaign, "bob", [True, False])
    return campaign, last_of(campaign)


def last_of(campaign: Campaign) -> Item:
    item = campaign.items.order_by("pk").last()
    assert item is not None
    item.campaign = campaign
    return item


def decide(item: Item, choice: str = "left", by: Any = None) -> Decision:
    by = by or mia()
    shown = order_for(item, by)
    return adjudicate(
        item=item,
        by=by,
        shown=shown,
        submission=Submission(answers.comparison(choice), uuid.uuid4(), 0),
        comment="The right one answers another question.",
    )


def counting(item: Item) -> list[Comparison]:
    return list(current(Comparison.objects.filter(assignment__item=item)).order_by("pk"))


def test_disagreements_wait_and_agreement_does_not() -> None:
    campaign, item = disputed()
    assert list(waiting(campaign)) == [item]


def test_an_item_waits_once_all_its_people_have_answered() -> None:
    campaign = a_review(items=1, overlap=3)
    votes(campaign, "ann", [True])
    votes(campaign, "bob", [False])
    assert not waiting(campaign)
    votes(campaign, "cleo", [True])
    assert waiting(campaign).count() == 1


def rank(campaign: Campaign, name: str, tiers: Sequence[Sequence[int]], out: Sequence[int]) -> None:
    """Answers by their age: 0 is the oldest."""
    held = assign(campaign=campaign, annotator=who(name))
    assert held is not None
    ages = sorted(held.shown_order)
    answer = answers.RankedAnswers(
        tuple(tuple(ages[age] for age in tier) for tier in tiers), tuple(ages[age] for age in out)
    )
    submit(assignment=held, annotator=who(name), submission=sent(answer, held))


@pytest.mark.parametrize(
    ("one", "other", "waits"),
    [
        (([[0], [1], [2]], []), ([[0], [2], [1]], []), True),  # 1 and 2 in opposite order
        (([[0], [1], [2]], []), ([[0], [1, 2]], []), False),  # a tie contradicts nothing
        (([[0], [1]], [2]), ([[0], [1], [2]], []), True),  # only one could rank the last
        (([[0], [1]], [2]), ([[0], [1]], [2]), False),
    ],
)
def test_rankings_disagree_when_two_answers_change_places(
    one: Any, other: Any, waits: bool
) -> None:
    campaign = a_review(Kind.RANKING, items=1, answers=3)
    rank(campaign, "ann", *one)
    rank(campaign, "bob", *other)
    assert waiting(campaign).exists() is waits


def test_a_decision_stands_in_the_figures_instead_of_the_votes() -> None:
    campaign, item = disputed()
    alpha = campaign_quality(campaign).alpha
    before = [vote.pk for vote in counting(item)]
    decision = decide(item)
    standing = counting(item)
    assert [vote.annotator for vote in standing] == [mia()]
    assert [vote.pk for vote in standing] != before
    chosen = JudgementFilter(kinds=("comparison",), campaigns=(campaign.pk,))
    in_snapshots = chosen.apply(Comparison.objects.filter(prompt__workspace=campaign.workspace))
    assert in_snapshots.count() == 3  # two about the first item, one decision about the second
    board = Board.objects.create(workspace=campaign.workspace, name="All", created_by=mia())
    assert count_now(board).votes == 3
    # Agreement is measured on what people said: a decision must not make it look better.
    assert campaign_quality(campaign).alpha == alpha
    assert {one.person for one in campaign_quality(campaign).people} == {ann(), bob()}
    assert progress(campaign).needed == progress(campaign).submitted == 4
    assert decision.assignment is not None
    assert not waiting(campaign)
    assert AuditEntry.objects.filter(action="item.adjudicated", actor=mia()).count() == 1


def test_a_decision_taken_back_leaves_everything_as_it_was() -> None:
    campaign, item = disputed()
    before = counting(item)
    decision = decide(item)
    take_back(decision=decision, by=mia())
    assert counting(item) == before
    assert list(waiting(campaign)) == [item]
    with pytest.raises(ValidationError, match="already"):
        take_back(decision=decision, by=mia())
    again = decide(item, "tie")
    assert [vote.choice for vote in counting(item)] == ["tie"]
    assert again.pk != decision.pk


def test_an_accepted_item_keeps_its_votes_and_waits_no_more() -> None:
    campaign, item = disputed()
    before = counting(item)
    accept(item=item, by=mia())
    assert counting(item) == before
    assert not waiting(campaign)
    with pytest.raises(ValidationError, match="meanwhile"):
        decide(item)


def test_where_everything_is_read_nothing_counts_before_it_is_accepted() -> None:
    campaign = a_review(Kind.DEMONSTRATION, "everything", items=1, overlap=1)
    held = assign(campaign=campaign, annotator=ann())
    assert held is not None
    submit(
        assignment=held,
        annotator=ann(),
        submission=sent(answers.Demonstration("Two and two make four."), held),
    )
    item = last_of(campaign)
    assert not current(Demonstration.objects.filter(assignment__item=item))
    decision = accept(item=item, by=mia())
    assert current(Demonstration.objects.filter(assignment__item=item)).count() == 1
    take_back(decision=decision, by=mia())
    assert not current(Demonstration.objects.filter(assignment__item=item))
    adjudicate(
        item=item,
        by=mia(),
        shown=[],
        submission=Submission(answers.Demonstration("Four."), uuid.uuid4(), 0),
    )
    texts = current(Demonstration.objects.filter(assignment__item=item))
    assert [row.text for row in texts] == ["Four."]


def test_the_same_decision_sent_twice_is_one() -> None:
    _campaign, item = disputed()
    shown = order_for(item, mia())
    form = Submission(answers.comparison("left"), uuid.uuid4(), 0)
    first = adjudicate(item=item, by=mia(), shown=shown, submission=form)
    second = adjudicate(item=item, by=mia(), shown=shown, submission=form)
    assert first == second
    assert Decision.objects.count() == 1


def test_nobody_reviews_what_they_have_answered() -> None:
    campaign, item = disputed()
    campaign.reviewers.set([ann()])
    assert not waiting(campaign, ann())
    for act in (lambda: decide(item, by=ann()), lambda: accept(item=item, by=ann())):
        with pytest.raises(ValidationError, match="somebody else"):
            act()


def answer_of(item: Item, name: str) -> Assignment:
    slot = Assignment.objects.select_related("item__campaign__workspace").get(
        item=item, annotator=who(name)
    )
    return slot


def test_what_comes_back_is_asked_first_with_the_answer_filled_in() -> None:
    campaign, item = disputed()
    slot = answer_of(item, "bob")
    send_back(assignment=slot, by=mia(), comment="  Read B to its end. ")
    assert not waiting(campaign)  # it is with its author
    held = assign(campaign=campaign, annotator=bob())
    assert held is not None
    assert held.pk == slot.pk
    assert held.attempt == slot.attempt + 1
    was = Comparison.objects.get(assignment=slot)
    assert Draft.objects.get(item=item, annotator=bob()).content["choice"] == was.choice
    assert len(counting(item)) == 2  # the answer counts until another one is in
    other = "right" if was.choice == "left" else "left"
    submit(assignment=held, annotator=bob(), submission=sent(answers.comparison(other), held))
    row = SentBack.objects.get()
    assert (row.ending, row.comment) == ("corrected", "Read B to its end.")
    assert not waiting(campaign)  # now they agree
    assert Comparison.objects.filter(supersedes=was).count() == 1
    assert assign(campaign=campaign, annotator=bob()) is None


def test_an_author_may_let_the_answer_stand_and_say_why() -> None:
    campaign, item = disputed()
    send_back(assignment=answer_of(item, "bob"), by=mia(), comment="Sure?")
    held = assign(campaign=campaign, annotator=bob())
    assert held is not None
    skip(assignment=held, annotator=bob(), reason="The first one invents a date.")
    row = SentBack.objects.get()
    assert (row.ending, row.reply) == ("kept", "The first one invents a date.")
    assert list(waiting(campaign)) == [item]
    assert len(counting(item)) == 2
    assert assign(campaign=campaign, annotator=bob()) is None


def test_a_reservation_of_what_came_back_that_runs_out_is_asked_again() -> None:
    campaign, item = disputed()
    slot = answer_of(item, "bob")
    send_back(assignment=slot, by=mia(), comment="Sure?")
    assert assign(campaign=campaign, annotator=bob()) is not None
    Draft.objects.filter(item=item).update(content={"choice": "tie"})
    Assignment.objects.filter(pk=slot.pk).update(state=AssignmentState.SUBMITTED, lease_until=None)
    assert assign(campaign=campaign, annotator=bob()) is not None
    assert Draft.objects.get(item=item).content == {"choice": "tie"}  # the correction begun


def test_what_was_sent_back_can_be_fetched_back_and_a_decision_does_so() -> None:
    campaign, item = disputed()
    slot = answer_of(item, "bob")
    row = send_back(assignment=slot, by=mia(), comment="Sure?")
    with pytest.raises(ValidationError, match="already"):
        send_back(assignment=slot, by=mia(), comment="Sure?")
    fetch_back(sent=row, by=mia())
    assert list(waiting(campaign)) == [item]
    with pytest.raises(ValidationError, match="meanwhile"):
        fetch_back(sent=row, by=mia())
    send_back(assignment=slot, by=mia(), comment="Sure?")
    held = assign(campaign=campaign, annotator=bob())
    assert held is not None
    decide(item)
    assert not SentBack.objects.filter(ended_at__isnull=True)
    slot.refresh_from_db()
    assert slot.state == AssignmentState.SUBMITTED


@pytest.mark.parametrize(
    ("comment", "sentence"), [("  ", "Say what"), ("x" * 2001, "at most 2000")]
)
def test_sending_back_needs_a_comment_that_fits(comment: str, sentence: str) -> None:
    _campaign, item = disputed()
    with pytest.raises(ValidationError, match=sentence):
        send_back(assignment=answer_of(item, "bob"), by=mia(), comment=comment)


def test_a_decided_item_cannot_be_corrected_by_its_author() -> None:
    campaign, item = disputed()
    decide(item)
    with pytest.raises(ValidationError, match="reviewed already"):
        undo(campaign=campaign, annotator=bob())


def test_who_is_excluded_stays_so_whatever_a_reviewer_does() -> None:
    campaign, item = disputed()
    decision = decide(item)
    set_standing(campaign=campaign, user=bob(), state=StandingState.EXCLUDED, by=mia())
    take_back(decision=decision, by=mia())
    assert [vote.annotator for vote in counting(item)] == [ann()]
    again = decide(item) if waiting(campaign) else None
    assert again is None  # without Bob nobody disagrees
    set_standing(campaign=campaign, user=bob(), state=WORKS, by=mia())
    assert len(counting(item)) == 2
    decide(item)
    set_standing(campaign=campaign, user=bob(), state=StandingState.EXCLUDED, by=mia())
    set_standing(campaign=campaign, user=bob(), state=WORKS, by=mia())
    assert [vote.annotator for vote in counting(item)] == [mia()]


def test_a_reviewer_who_is_withdrawn_leaves_the_votes_as_they_were() -> None:
    campaign, item = disputed()
    before = counting(item)
    decide(item)
    withdraw_person(workspace=campaign.workspace, user=mia(), by=mia())
    assert counting(item) == before


def test_withdrawing_somebody_asks_nobody_about_a_decided_item() -> None:
    campaign, item = disputed()
    decide(item)
    withdraw_person(workspace=campaign.workspace, user=bob(), by=mia())
    assert not Assignment.objects.filter(item=item, state=AssignmentState.OPEN)
    assert [vote.annotator for vote in counting(item)] == [mia()]
    first = campaign.items.order_by("pk").first()
    assert Assignment.objects.filter(item=first, state=AssignmentState.OPEN).count() == 1


def test_the_reviewer_reads_every_answer_in_one_order_of_letters() -> None:
    _campaign, item = disputed()
    shown = order_for(item, mia())
    assert shown == order_for(item, mia())
    words = {one.words for one in said_of(item, shown)}
    assert words == {"A", "B"}  # one found the older better, one the newer


def page(campaign: Campaign, item: Item | None = None) -> str:
    here: list[Any] = [campaign.workspace.slug, campaign.pk]
    if item is None:
        return reverse("annotation:reviews", args=here)
    return reverse("annotation:review_item", args=[*here, item.pk])


def test_the_pages_of_a_review_name_nobody_and_no_model(client: Client) -> None:
    campaign, item = disputed()
    Completion.objects.update(text="An answer.")
    log_in(client, mia())
    assert b"disagree" in client.get(page(campaign)).content
    body = client.get(page(campaign, item)).content.decode()
    assert "Person 1" in body
    assert "Person 2" in body
    for secret in ("Bob", "bob@rondo.test", "Ann<", "ann@rondo.test", "model-0", "model-1"):
        assert secret not in body, secret


def test_a_reviewer_accepts_decides_and_sends_back_on_the_page(client: Client) -> None:
    campaign, item = disputed()
    log_in(client, mia())
    url = page(campaign, item)
    slot = answer_of(item, "bob")
    back = {"act": "send_back", "assignment": slot.pk, "review_comment": "Look again."}
    assert client.post(url, back).status_code == 302
    assert "Look again." in client.get(page(campaign) + "?part=away").content.decode()
    sent_back = SentBack.objects.get()
    assert client.post(url, {"act": "fetch_back", "sent": sent_back.pk}).status_code == 302
    form = {"act": "adjudicate", "key": str(uuid.uuid4())}
    refused = client.post(url, form)
    assert refused.status_code == 422
    assert "Nothing is chosen" in refused.content.decode()
    assert client.post(url, {**form, "choice": "left"}).status_code == 302
    decided = client.get(url).content.decode()
    assert "Decided anew" in decided
    assert "Take the decision back" in decided
    assert client.post(url, {"act": "take_back"}).status_code == 302
    assert client.post(url, {"act": "accept"}).status_code == 302
    assert "Accepted" in client.get(page(campaign) + "?part=decided").content.decode()
    assert client.post(url, {"act": "dance"}).status_code == 422


def test_the_author_sees_what_came_back_and_answers_it(client: Client) -> None:
    campaign, item = disputed()
    send_back(assignment=answer_of(item, "bob"), by=mia(), comment="Read B to its end.")
    log_in(client, bob())
    slug = campaign.workspace.slug
    own = client.get(reverse("annotation:own_work", args=[slug])).content.decode()
    assert "Read B to its end." in own
    assert "to be answered" in own
    work = reverse("annotation:work", args=[slug, campaign.pk])
    assert "came back from a reviewer" in client.get(work).content.decode()
    client.post(reverse("annotation:work_next", args=[slug, campaign.pk]))
    assert "Read B to its end." in client.get(work).content.decode()


def test_reviewers_are_managers_and_those_whom_the_campaign_names(client: Client) -> None:
    campaign, item = disputed()
    campaign.reviewers.set([who("cleo")])
    for someone, status in ((who("cleo"), 200), (bob(), 403), (vic(campaign.workspace), 403)):
        log_in(client, someone)
        assert client.get(page(campaign)).status_code == status
        assert client.get(page(campaign, item)).status_code == status
    log_in(client, who("cleo"))
    listed = client.get(reverse("annotation:campaigns", args=[campaign.workspace.slug]))
    assert page(campaign) in listed.content.decode()


@pytest.mark.parametrize(
    ("kind", "plan", "answer"),
    [
        (Kind.WRITING, {}, answers.WrittenPrompt("Why?", "Because.")),
        (
            Kind.FEW_SHOT,
            {"pairs": 2},
            answers.FewShot("Add.", (("1+1", "2"), ("2+2", "4"))),
        ),
    ],
)
def test_own_texts_are_read_and_written_anew(
    kind: str, plan: dict[str, Any], answer: Any, client: Client
) -> None:
    campaign = a_review(kind, "everything", items=1, overlap=1, **plan)
    held = assign(campaign=campaign, annotator=ann())
    assert held is not None
    submit(assignment=held, annotator=ann(), submission=sent(answer, held))
    item = last_of(campaign)
    assert not current(Demonstration.objects.filter(assignment__item=item))
    log_in(client, mia())
    body = client.get(page(campaign, item) + f"?from={held.pk}").content.decode()
    assert "Because." in body or "2+2" in body
    decision = accept(item=item, by=mia())
    accepted = current(Demonstration.objects.filter(assignment__item=item)).count()
    assert accepted == (2 if kind == Kind.FEW_SHOT else 1)
    take_back(decision=decision, by=mia())
    adjudicate(item=item, by=mia(), shown=[], submission=Submission(answer, uuid.uuid4(), 0))
    own = current(Demonstration.objects.filter(assignment__item=item))
    assert {row.annotator for row in own} == {mia()}


def test_a_ranking_is_decided_anew() -> None:
    campaign = a_review(Kind.RANKING, items=1, answers=3)
    rank(campaign, "ann", [[0], [1], [2]], [])
    rank(campaign, "bob", [[2], [1], [0]], [])
    item = last_of(campaign)
    shown = order_for(item, mia())
    answer = answers.RankedAnswers(((shown[0],), (shown[1], shown[2])))
    adjudicate(item=item, by=mia(), shown=shown, submission=Submission(answer, uuid.uuid4(), 0))
    (ranking,) = current(Ranking.objects.filter(assignment__item=item))
    assert ranking.annotator == mia()
    places = {entry.completion_id: entry.tier for entry in ranking.entries.all()}
    assert places == {shown[0]: 1, shown[1]: 2, shown[2]: 2}


def rest(campaign: Campaign, item: Item | None = None) -> str:
    here: list[Any] = [campaign.workspace.slug, campaign.pk]
    if item is None:
        return reverse("api_reviews", args=here)
    return reverse("api_review", args=[*here, item.pk])


def test_the_review_goes_over_rest_as_well(client: Client) -> None:
    campaign, item = disputed()
    log_in(client, mia())
    (row,) = client.get(rest(campaign)).json()["results"]
    assert row["item"] == item.pk
    assert row["decision"] is None
    assert sorted(one["said"] for one in row["judgements"]) == ["A", "B"]
    assert [answer["letter"] for answer in row["answers"]] == ["A", "B"]
    assert "annotator" not in str(row)
    assert "generator" not in str(row)

    def post(**body: Any) -> Any:
        return client.post(rest(campaign, item), body, content_type="application/json")

    back = post(act="send_back", assignment=answer_of(item, "bob").pk, comment="Look again.")
    assert back.status_code == 200
    assert not client.get(rest(campaign)).json()["results"]
    assert post(act="send_back", assignment=1, comment="?").status_code == 404
    assert post(act="adjudicate", key=str(uuid.uuid4())).status_code == 400
    key = str(uuid.uuid4())
    decided = post(act="adjudicate", key=key, choice="left", strength="better", comment="Clear.")
    assert decided.json()["decision"]["outcome"] == "adjudicated"
    assert decided.json()["decision"]["said"] == "A · Better"
    assert post(act="adjudicate", key=key, choice="left", strength="better").status_code == 200
    assert post(act="accept").status_code == 400
    assert post(act="take_back").json()["decision"] is None
    assert post(act="accept").json()["decision"]["outcome"] == "accepted"
    assert post(act="dance").status_code == 400


def test_a_claim_over_rest_tells_what_came_back(client: Client) -> None:
    campaign, item = disputed()
    send_back(assignment=answer_of(item, "bob"), by=mia(), comment="Read B to its end.")
    log_in(client, bob())
    claim = client.post(reverse("api_claim", args=[campaign.workspace.slug, campaign.pk]))
    assert claim.json()["item"]["returned"] == "Read B to its end."


def test_several_are_accepted_at_once_and_each_is_a_decision_of_its_own() -> None:
    campaign = a_reviewed_campaign_of(3)
    client = log_in(Client(), mia())
    base = f"/w/{campaign.workspace.slug}/campaigns/{campaign.pk}/review/several/"
    page = client.get(base).content.decode()
    assert page.count("data-card") == 3
    assert "model-" not in page.replace("of model-", "")
    one, two, three = campaign.items.order_by("pk")
    accept(item=two, by=person("rita@rondo.test", name="Rita"))
    answer = client.post(base, {"item": [one.pk, two.pk, "x"]}, follow=True).content.decode()
    assert "1 item accepted." in answer
    assert "Somebody has decided this item meanwhile." in answer
    assert Decision.objects.count() == 2
    assert Decision.objects.get(item=one).by == mia()
    assert not Decision.objects.filter(item=three).exists()
    nothing = client.post(base, {}, follow=True).content.decode()
    assert "Nothing is ticked." in nothing
    _row, secret = create_token(user=mia(), name="m", scope="write", days=1)
    manager = Client(headers={"Authorization": f"Bearer {secret}"})
    api = f"/api/v1/workspaces/{campaign.workspace.slug}/campaigns/{campaign.pk}/reviews/accept/"
    sent = manager.post(api, {"items": [one.pk, three.pk]}, "application/json").json()
    assert sent["accepted"] == [three.pk]
    assert [row["item"] for row in sent["refused"]] == [one.pk]
    assert manager.post(api, {"items": [9**9]}, "application/json").status_code == 404
    assert manager.post(api, {"items": []}, "application/json").status_code == 400


def a_reviewed_campaign_of(items: int) -> Campaign:
    """Ann has answered all of them, and everything is read."""
    workspace = a_workspace()
    campaign = a_campaign(workspace, mia(workspace), items=items, review=ReviewStep.EVERYTHING)
    while (held := assign(campaign=campaign, annotator=ann(workspace))) is not None:
        vote = Submission(answers.comparison("left"), uuid.uuid4(), held.attempt)
        submit(assignment=held, annotator=ann(), submission=vote)
    return campaign
