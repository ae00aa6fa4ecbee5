"""Check questions: mixed in unseen, trained on first, counted for the person only."""

import uuid
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client

from annotation.actions.assign import assign
from annotation.actions.change_campaign import change_state
from annotation.actions.set_check import remove_check, set_check
from annotation.actions.set_standing import set_standing
from annotation.actions.submit import Submission, submit
from annotation.domain import answers
from annotation.domain.gold import check_is_due, in_words, is_right
from annotation.models import Assignment, Campaign, Comparison, Item, Prompt, Standing
from annotation.models.campaigns import Kind, Purpose, State
from annotation.models.standings import StandingState
from annotation.queries import current, progress
from annotation.standings import checks_of, gold_accuracy, training_of
from tests.annotation.material import a_campaign
from tests.cast import a_workspace, ann, log_in, mia, person
from tests.webapp.jobs.trivial import run
from webapp.audit.models import AuditEntry

pytestmark = pytest.mark.django_db


def vote(campaign: Campaign, who: Any, *, right: bool = True) -> Assignment | None:
    """Answer the next item: a check rightly or wrongly, anything else for the left one."""
    held = assign(campaign=campaign, annotator=who)
    if held is None:
        return None
    expected = held.item.expected
    left = expected is None or (expected["better"] == held.shown_order[0]) == right
    answer = answers.comparison("left" if left else "right")
    submit(
        assignment=held, annotator=who, submission=Submission(answer, uuid.uuid4(), held.attempt)
    )
    return held


def as_check(campaign: Campaign, count: int, purpose: str = Purpose.GOLD) -> list[Item]:
    items = list(campaign.items.filter(purpose=Purpose.WORK).order_by("pk")[:count])
    for item in items:
        shown = list(item.shown.order_by("pk").values_list("completion_id", flat=True))
        set_check(
            item=item,
            by=mia(),
            purpose=purpose,
            answer=answers.comparison("left"),
            shown=shown,
            explanation="Because it is *true*.",
        )
    return items


def test_the_right_answer_holds_whatever_side_it_is_shown_on() -> None:
    expected = {"better": 8}
    assert is_right(answers.comparison("right"), expected, [7, 8])
    assert is_right(answers.comparison("left"), expected, [8, 7])
    assert not is_right(answers.comparison("tie"), expected, [8, 7])
    assert is_right(answers.comparison("both_bad"), {"choice": "both_bad"}, [8, 7])
    ranked = {"tiers": [[4], [3], [1, 2]], "unrankable": []}
    assert in_words(ranked, [1, 2, 3, 4]) == "D > C > A = B"
    order = answers.RankedAnswers(((4,), (3,), (2,), (1,)))
    assert is_right(order, ranked, [1, 2, 3, 4])  # all five strict pairs; the tie is free
    upside_down = answers.RankedAnswers(((1,), (2,), (3,), (4,)))
    assert not is_right(upside_down, ranked, [1, 2, 3, 4])
    assert not is_right(answers.RankedAnswers(((4,), (3,), (2,)), (1,)), ranked, [1, 2, 3, 4])


def test_checks_come_at_their_share_and_the_coin_cannot_be_counted() -> None:
    dealt = [check_is_due(1, 1, number, 0.2) for number in range(1000)]
    assert 150 <= sum(dealt) <= 250
    gaps = {gap for gap in range(1, 40) if any(dealt[i] and dealt[i + gap] for i in range(900))}
    assert len(gaps) > 30  # no period to learn
    assert not any(check_is_due(1, 1, number, 0.0) for number in range(100))


def test_hidden_checks_are_mixed_in_for_everybody_and_count_for_nothing_else() -> None:
    campaign = a_campaign(a_workspace(), mia(), items=34, overlap=2, gold_share=0.5)
    gold = {item.pk for item in as_check(campaign, 4)}
    for who in (ann(), person("bob@rondo.test")):
        while vote(campaign, who):
            pass
    asked = Comparison.objects.filter(is_check=True).values_list(
        "annotator__name", "assignment__item_id"
    )
    assert {item for _who, item in asked} <= gold
    assert len({who for who, _item in asked}) == 2
    assert len(asked) == len(set(asked))
    assert current(Comparison.objects.all()).count() == progress(campaign).needed == 60
    assert progress(campaign).submitted == 60


def test_a_page_of_a_hidden_check_looks_like_any_other() -> None:
    workspace = a_workspace()
    campaign = a_campaign(workspace, mia(), items=2)
    as_check(campaign, 1)
    real = assign(campaign=campaign, annotator=ann(workspace))
    client = log_in(Client(), ann())
    pages = [client.get(f"/w/{workspace.slug}/work/{campaign.pk}/").content.decode()]
    Assignment.objects.filter(pk=real.pk).delete()
    Campaign.objects.update(gold_share=0.5)
    Assignment.objects.create(
        campaign=campaign,
        item=campaign.items.get(purpose=Purpose.GOLD),
        annotator=ann(),
        state="leased",
        purpose=Purpose.GOLD,
        attempt=1,
        lease_until=real.lease_until,
        shown_order=list(
            campaign.items.get(purpose=Purpose.GOLD).shown.values_list("completion_id", flat=True)
        ),
    )
    pages.append(client.get(f"/w/{workspace.slug}/work/{campaign.pk}/").content.decode())
    for page in pages:
        assert not any(word in page for word in ("gold", "check question", "Hidden", "true*"))


def test_the_training_comes_first_teaches_and_lets_in_who_got_enough_right() -> None:
    workspace = a_workspace()
    campaign = a_campaign(workspace, mia(), items=4, training_pass=0.6)
    as_check(campaign, 2, Purpose.TRAINING)
    client = log_in(Client(), ann(workspace))
    base = f"/w/{workspace.slug}/work/{campaign.pk}/"
    assert "First 2 questions to practise on" in client.get(base).content.decode()
    client.post(f"{base}next/")
    held = Assignment.objects.get(annotator=ann())
    assert held.purpose == Purpose.TRAINING
    form = {"choice": "both_bad", "key": str(uuid.uuid4()), "attempt": "1"}
    feedback = client.post(f"{base}{held.pk}/submit/", form, follow=True).content.decode()
    assert "Not quite" in feedback
    assert "Because it is <em>true</em>" in feedback
    vote(campaign, ann(), right=True)
    entry = training_of(ann(), campaign)
    assert (entry.done, entry.right, entry.admitted, entry.to_get_right) == (2, 1, False, 2)
    assert vote(campaign, ann()) is None
    assert "2 are needed" in client.get(base).content.decode()
    set_standing(campaign=campaign, user=ann(), state=StandingState.ADMITTED, by=mia())
    assert vote(campaign, ann()).purpose == Purpose.WORK


def test_an_item_that_is_a_check_no_more_gets_its_slots_back() -> None:
    campaign = a_campaign(a_workspace(), mia(), items=2, overlap=2)
    (item,) = as_check(campaign, 1)
    assert progress(campaign).needed == 2
    remove_check(item=item, by=mia())
    assert progress(campaign).needed == 4
    assert AuditEntry.objects.filter(action="item.purpose").count() == 2


def test_texts_have_no_right_answer() -> None:
    campaign = a_campaign(a_workspace(), mia(), kind=Kind.DEMONSTRATION)
    with pytest.raises(ValidationError, match="no right answer"):
        set_check(
            item=campaign.items.get(),
            by=mia(),
            purpose=Purpose.GOLD,
            answer=answers.Demonstration("x"),
            shown=[],
        )


def test_the_threshold_pauses_after_five_checks_and_a_manager_lets_go_on() -> None:
    campaign = a_campaign(a_workspace(), mia(), items=60, gold_share=0.5, pause_below=0.7)
    as_check(campaign, 8)
    while vote(campaign, ann(), right=False):
        pass
    stopped = Standing.objects.get()
    assert (stopped.state, stopped.by) == (StandingState.PAUSED, None)
    assert "0 of 5 hidden checks were right" in stopped.reason
    assert gold_accuracy(checks_of(campaign)[ann().pk]).n == 5
    set_standing(campaign=campaign, user=ann(), state=StandingState.ADMITTED, by=mia())
    assert vote(campaign, ann(), right=False) is not None
    assert Standing.objects.get().state == StandingState.ADMITTED


def test_a_draft_is_looked_at_and_opened_and_an_empty_one_is_not() -> None:
    workspace = a_workspace()
    a_campaign(workspace, mia(workspace), items=3)
    client = log_in(Client(), mia())
    plan = {"name": "Draft", "kind": "comparison", "answers": "2", "overlap": "1", "minutes": "60"}
    base = f"/w/{workspace.slug}/campaigns/"
    tale = Prompt.objects.order_by("pk")[0].text
    client.post(f"{base}new/?q={tale}", {**plan, "repeats": "0", "gold": "5", "then": "prepare"})
    draft = Campaign.objects.get(name="Draft")
    assert (draft.state, draft.gold_share, draft.items.count()) == (State.DRAFT, 0.05, 1)
    assert client.get(f"/w/{workspace.slug}/work/{draft.pk}/").status_code == 404
    page = client.get(f"{base}{draft.pk}/preview/").content.decode()
    assert tale in page
    assert "<kbd>Ctrl" not in page
    change_state(campaign=draft, by=mia(), state=State.OPEN)
    draft.refresh_from_db()
    assert draft.opened_at is not None
    draft.items.all().delete()
    Campaign.objects.update(state=State.DRAFT)
    with pytest.raises(ValidationError, match="no items"):
        change_state(campaign=draft, by=mia(), state=State.OPEN)


def test_a_large_campaign_is_laid_out_by_a_job(monkeypatch: pytest.MonkeyPatch) -> None:
    from annotation.actions import open_campaign

    workspace = a_workspace()
    a_campaign(workspace, mia(workspace), items=3)
    monkeypatch.setattr(open_campaign, "LARGE", 2)
    client = log_in(Client(), mia())
    plan = {"name": "Large", "kind": "comparison", "answers": "2", "overlap": "2", "minutes": "60"}
    client.post(f"/w/{workspace.slug}/campaigns/new/", {**plan, "repeats": "0"})
    large = Campaign.objects.get(name="Large")
    assert large.state == State.LAYING_OUT
    job = run()
    assert (job.state, job.result) == ("done", {"items": 3})
    large.refresh_from_db()
    assert (large.state, large.assignments.count()) == (State.OPEN, 6)
