"""Best and worst of several answers: what is said of them, and nothing of those between."""

import uuid
from itertools import combinations
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client

from annotation.actions.assign import assign
from annotation.actions.set_check import set_check
from annotation.actions.simulate import simulate, simulated_annotator
from annotation.actions.submit import KeyReused, Submission, submit
from annotation.actions.undo import undo
from annotation.best_worst import best_worst_of
from annotation.boards.queries import read_all
from annotation.campaign_form import CampaignForm
from annotation.domain import answers
from annotation.domain.best_worst import Counted, scores
from annotation.domain.gold import in_words, is_right
from annotation.domain.preferences import Ballot, pairs_of_ranking
from annotation.domain.preferences import Ranking as Tiers
from annotation.models import Campaign, Ranking
from annotation.models.campaigns import Kind, Purpose
from annotation.quality import campaign_quality
from annotation.quality_effect import effect_of
from annotation.reviews import in_words as said_in_words
from annotation.typed_again import typed_of
from annotation.votes import ranked_votes_of
from tests.annotation.boards.material import a_board
from tests.annotation.exports.test_lines import exported, said
from tests.annotation.material import a_campaign
from tests.cast import a_workspace, ann, join, log_in, mia, person
from training.agreement import agreement_of_pick

pytestmark = pytest.mark.django_db


def best_worst(items: int = 1, **plan: Any) -> Campaign:
    workspace = a_workspace()
    plan = {"answers": 4, **plan}
    return a_campaign(workspace, mia(workspace), kind=Kind.BEST_WORST, items=items, **plan)


def name(campaign: Campaign, who: Any, best: str, worst: str) -> Ranking:
    """`who` names the answers of two writers best and worst."""
    held = assign(campaign=campaign, annotator=who)
    assert held is not None
    by = dict(held.item.completions.values_list("generator", "pk"))
    answer = answers.BestWorst(by[best], by[worst])
    made = submit(
        assignment=held, annotator=who, submission=Submission(answer, uuid.uuid4(), held.attempt)
    )
    assert isinstance(made, Ranking)
    return made


def test_the_best_beats_each_other_one_and_each_other_one_beats_the_worst() -> None:
    tiers = Tiers((("B",), ("A", "C"), ("D",)), partial=True)
    pairs = pairs_of_ranking(tiers, Ballot("p", "g"))
    assert [(pair.chosen, pair.rejected) for pair in pairs] == [
        ("B", "A"),
        ("B", "C"),
        ("B", "D"),
        ("A", "D"),
        ("C", "D"),
    ]
    assert {pair.weight for pair in pairs} == {1 / 5}  # 2 * 4 - 3
    assert not any(pair.tied for pair in pairs)
    assert str(tiers) == "B > A, C > D"


@pytest.mark.parametrize("shown", range(3, 10))
def test_k_answers_make_2k_minus_3_pairs(shown: int) -> None:
    names = tuple("ABCDEFGHI"[:shown])
    tiers = Tiers(((names[0],), names[1:-1], (names[-1],)), partial=True)
    assert tiers.statements == 2 * shown - 3 == len(pairs_of_ranking(tiers, Ballot("p", "g")))


def test_snapshots_get_exactly_the_pairs_of_the_domain() -> None:
    campaign = best_worst()
    name(campaign, ann(campaign.workspace), "model-1", "model-3")
    rows = exported(campaign.workspace)
    texts = {one: one.split(" of ")[1].split(" to")[0] for row in rows for one in two(row)}
    found = [(texts[said(row, "chosen")], texts[said(row, "rejected")]) for row in rows]
    assert sorted(found) == [
        ("model-0", "model-3"),
        ("model-1", "model-0"),
        ("model-1", "model-2"),
        ("model-1", "model-3"),
        ("model-2", "model-3"),
    ]
    assert not any(row["tie"] for row in rows)
    assert {row["weight"] for row in rows} == {1 / 5}
    assert len({row["group"] for row in rows}) == 1


def two(row: dict[str, Any]) -> tuple[str, str]:
    return said(row, "chosen"), said(row, "rejected")


def test_a_board_counts_five_wins_of_four_answers_and_no_tie() -> None:
    campaign = best_worst()
    name(campaign, ann(campaign.workspace), "model-1", "model-3")
    votes = read_all(a_board(campaign.workspace, mia()))
    assert len(votes) == 5
    assert votes.judgements() == 1
    assert 2 not in votes["outcome"].tolist()  # the code of a tie
    names = votes.names.models
    met = {
        frozenset((names[a], names[b])) for a, b in zip(votes["left"], votes["right"], strict=True)
    }
    assert met == {frozenset(pair) for pair in combinations(names, 2)} - {
        frozenset(("model-0", "model-2"))
    }


def test_agreement_looks_at_decided_pairs_only() -> None:
    campaign = best_worst(overlap=2)
    for email in ("bob@rondo.test", "cleo@rondo.test"):
        who = person(email, name=email[:3])
        join(campaign.workspace, who, "annotator")
        name(campaign, who, "model-1", "model-3")
    _votes, pairs = ranked_votes_of(campaign)
    assert len(pairs) == 10
    assert {pair.order for pair in pairs} == {-1, 1}
    quality = campaign_quality(campaign)
    assert [one.agrees.value for one in quality.people if one.agrees] == [1.0, 1.0]
    effect = effect_of(campaign, {quality.people[0].person.pk})
    assert effect is not None
    assert len(effect.now.winners) == 5


def test_agreement_of_a_snapshot_knows_no_tie_between_the_others(monkeypatch: Any) -> None:
    from annotation.exports.picking import Pick
    from annotation.exports.plan import ExportPlan
    from annotation.exports.plan import Kind as Files
    from annotation.judgement_filter import JudgementFilter

    campaign = best_worst(overlap=2)
    for number, email in enumerate(("bob@rondo.test", "cleo@rondo.test")):
        who = person(email, name=email[:3])
        join(campaign.workspace, who, "annotator")
        name(campaign, who, "model-1", ("model-3", "model-2")[number])
    pick = Pick(campaign.workspace, ExportPlan(kind=Files.PREFERENCE), JudgementFilter())
    pick.lay_out()
    # Bob's five pairs and Cleo's five have four in common: (1,0) (1,2) (1,3) and, turned, (2,3).
    assert agreement_of_pick().n == 4


def test_counts_are_best_minus_worst_over_shown() -> None:
    campaign = best_worst(items=3)
    who = ann(campaign.workspace)
    name(campaign, who, "model-1", "model-3")
    name(campaign, who, "model-1", "model-0")
    name(campaign, who, "model-2", "model-3")
    found = {one.name: (one.best, one.worst, one.shown) for one in best_worst_of(campaign)}
    assert found == {
        "model-0": (0, 1, 3),
        "model-1": (2, 0, 3),
        "model-2": (1, 0, 3),
        "model-3": (0, 2, 3),
    }
    first = best_worst_of(campaign)[0]
    assert (first.name, first.score, first.low) == ("model-1", 2 / 3, None)  # one person: no range


def test_the_interval_is_clustered_by_person() -> None:
    rows = [Counted("m", str(who), best, 0, 10) for who, best in enumerate((2, 4, 6, 8, 5))]
    (one,) = scores(rows)
    # Score 25/50 = 0.5; e_g = -3, -1, 1, 3, 0: sum of squares 20; variance 5/4 * 20 / 2500 = 0.01;
    # t with 4 degrees at 95 % is 2.776.
    assert one.score == 0.5
    assert one.low == pytest.approx(0.5 - 0.2776, abs=1e-4)
    assert one.high == pytest.approx(0.5 + 0.2776, abs=1e-4)


def test_sent_twice_it_is_stored_once_and_another_answer_is_refused() -> None:
    campaign = best_worst()
    who = ann(campaign.workspace)
    held = assign(campaign=campaign, annotator=who)
    assert held is not None
    key, (first, second, *_others) = uuid.uuid4(), held.shown_order
    sent = Submission(answers.BestWorst(first, second), key, held.attempt)
    row = submit(assignment=held, annotator=who, submission=sent)
    assert submit(assignment=held, annotator=who, submission=sent) == row
    turned = Submission(answers.BestWorst(second, first), key, held.attempt)
    with pytest.raises(KeyReused):
        submit(assignment=held, annotator=who, submission=turned)
    assert Ranking.objects.get().partial


def test_an_undone_answer_is_filled_in_again_and_replaced() -> None:
    campaign = best_worst()
    who = ann(campaign.workspace)
    first = name(campaign, who, "model-1", "model-3")
    held = undo(campaign=campaign, annotator=who)
    assert held is not None
    letters = dict(zip(held.shown_order, "ABCD", strict=True))
    writers = dict(held.item.completions.values_list("generator", "pk"))
    assert typed_of(held) == {
        "best": letters[writers["model-1"]],
        "worst": letters[writers["model-3"]],
    }
    assert name(campaign, who, "model-0", "model-3").supersedes == first


def test_a_reviewer_reads_it_without_an_order_between() -> None:
    campaign = best_worst()
    row = name(campaign, ann(campaign.workspace), "model-1", "model-3")
    by = {entry.completion.generator: entry.completion_id for entry in row.entries.all()}
    letters = {by[f"model-{at}"]: letter for at, letter in enumerate("ABCD")}
    assert said_in_words(row, letters) == "B > A, C > D"


def test_a_check_is_right_when_both_are() -> None:
    expected = {"best": 7, "worst": 9}
    assert in_words(expected, [9, 8, 7]) == "best C, worst A"
    assert is_right(answers.BestWorst(7, 9), expected, [9, 8, 7])
    assert not is_right(answers.BestWorst(7, 8), expected, [9, 8, 7])
    campaign = best_worst(items=2)
    item = campaign.items.order_by("pk")[0]
    shown = list(item.completions.order_by("pk").values_list("pk", flat=True))
    set_check(
        item=item,
        by=mia(),
        purpose=Purpose.TRAINING,
        answer=answers.BestWorst(shown[0], shown[1]),
        shown=shown,
    )
    name(campaign, ann(campaign.workspace), "model-0", "model-1")
    (one,) = campaign_quality(campaign).people
    assert one.training is not None
    assert (one.training.value, one.training.n) == (1.0, 1)


def test_the_simulated_annotator_names_two() -> None:
    campaign = best_worst()
    rule = simulated_annotator(workspace=campaign.workspace, by=mia())
    assert simulate(campaign=campaign, annotator=rule, most=1) == 1
    assert Ranking.objects.get().partial


def test_two_answers_are_too_few() -> None:
    with pytest.raises(ValidationError, match="three answers or more"):
        best_worst(answers=2)
    workspace = a_workspace()
    given = {"name": "N", "kind": Kind.BEST_WORST, "answers": "2", "overlap": "1", "minutes": "60"}
    form = CampaignForm({**given, "repeats": "0"}, workspace=workspace)
    assert not form.is_valid()
    assert "2 were asked for" in str(form.errors["answers"])


@pytest.mark.parametrize(
    ("sent", "sentence"),
    [
        ({"worst": "B"}, "The best answer is not named yet"),
        ({"best": "A"}, "The worst answer is not named yet"),
        ({"best": "A", "worst": "A"}, "cannot be the worst one too"),
        ({"best": "A", "worst": "Z"}, "is none of the answers"),
        ({"ranking": "A > B > C > D"}, "The best answer is not named yet"),
    ],
)
def test_over_rest_a_half_answer_is_refused_with_a_sentence(
    client: Client, sent: dict[str, str], sentence: str
) -> None:
    campaign = best_worst()
    log_in(client, ann(campaign.workspace))
    root = f"/api/v1/workspaces/{campaign.workspace.slug}/campaigns/{campaign.pk}/"
    item = client.post(f"{root}claim/", content_type="application/json").json()["item"]
    assert item["kind"] == "best_worst"
    body = {"key": str(uuid.uuid4()), "attempt": item["attempt"]}
    address = f"{root}assignments/{item['assignment']}/submit/"
    refused = client.post(address, {**body, **sent}, content_type="application/json")
    assert refused.status_code == 400
    assert sentence in refused.json()["detail"]
    assert not Ranking.objects.exists()
    good = client.post(
        address, {**body, "best": "b", "worst": "D"}, content_type="application/json"
    )
    assert good.status_code == 201
    tiers = Ranking.objects.get().entries.order_by("position").values_list("tier", flat=True)
    assert list(tiers) == [2, 1, 2, 3]


def test_the_quality_page_shows_the_counts(client: Client) -> None:
    campaign = best_worst()
    name(campaign, ann(campaign.workspace), "model-1", "model-3")
    log_in(client, mia())
    page = client.get(f"/w/{campaign.workspace.slug}/campaigns/{campaign.pk}/quality/")
    text = page.content.decode()
    assert "Best minus worst" in text
    assert "1.00" in text
