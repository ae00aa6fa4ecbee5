"""What stands in a file of training data, line by line."""

import json
from collections import Counter
from itertools import combinations
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from annotation.domain.outcomes import Outcome
from annotation.domain.preferences import (
    Ballot,
    MarginTable,
    pair_of_comparison,
    pairs_of_ranking,
    parse_ranking,
)
from annotation.domain.preferences import Strength as Steps
from annotation.domain.prompt_hash import split_of, split_threshold
from annotation.exports.lines import Tally, counts, first_lines, left_out, lines
from annotation.exports.picking import Pick
from annotation.exports.plan import ExportPlan, Kind, Shape, Ties
from annotation.judgement_filter import JudgementFilter
from annotation.models import (
    Comparison,
    Completion,
    Demonstration,
    Prompt,
    Ranking,
    RankingEntry,
    Rating,
)
from annotation.models.judgements import Choice, Strength
from tests.annotation.material import a_prompt, an_answer
from tests.cast import a_workspace, ann, mia
from tests.oracles.test_oracles import HERE

ORACLE = json.loads((HERE / "cases" / "ranking_expansion.json").read_text())["cases"]
RANKINGS = [case for case in ORACLE if case["expected"] != {"error": True}]

pytestmark = pytest.mark.django_db


def exported(workspace: Any, kind: Kind = Kind.PREFERENCE, **plan: Any) -> list[dict[str, Any]]:
    return written(workspace, kind, **plan)[0]


def written(
    workspace: Any, kind: Kind, chosen: JudgementFilter | None = None, **plan: Any
) -> tuple[list[dict[str, Any]], Tally, dict[str, int]]:
    """The rows, the tally, and what was left out by reason."""
    pick = Pick(workspace, ExportPlan(kind, **plan), chosen or JudgementFilter())
    tally = Tally()
    with transaction.atomic():
        pick.lay_out()
        text = b"".join(lines(pick, tally))
        missing = {item.reason: item.rows for item in left_out(pick)}
        assert left_out(pick) == sorted(tally.missing.values(), key=lambda item: item.reason)
        assert first_lines(pick, 2) == text.splitlines()[:2]
        assert sum(count.rows for count in counts(pick)) == tally.rows
    return [json.loads(line) for line in text.splitlines()], tally, missing


def a_ranking(prompt: Prompt, text: str, **fields: Any) -> Ranking:
    """'D > C > A = B' over answers that are called by their letters and shown in that order."""
    tiers = parse_ranking(text).tiers
    names = sorted(name for tier in tiers for name in tier)
    made = Ranking.objects.create(prompt=prompt, **fields)
    for number, tier in enumerate(tiers, start=1):
        for name in tier:
            RankingEntry.objects.create(
                ranking=made,
                completion=an_answer(prompt, name, generator=name),
                tier=number,
                position=names.index(name) + 1,
            )
    return made


def a_vote(prompt: Prompt, choice: str, **fields: Any) -> Comparison:
    left = Completion.objects.filter(prompt=prompt, generator="L").first()
    right = Completion.objects.filter(prompt=prompt, generator="R").first()
    return Comparison.objects.create(
        prompt=prompt,
        left=left or an_answer(prompt, "left text", generator="L"),
        right=right or an_answer(prompt, "right, longer text", generator="R"),
        choice=choice,
        **fields,
    )


def said(row: dict[str, Any], name: str) -> str:
    assert row[name][0]["role"] == "assistant"
    return str(row[name][0]["content"])


def test_d_over_c_over_a_equal_b_gives_five_triples_and_one_tie() -> None:
    workspace = a_workspace()
    a_ranking(a_prompt(workspace, "Which?"), "D > C > A = B")
    rows = exported(workspace)
    strict = [(said(row, "chosen"), said(row, "rejected")) for row in rows if not row["tie"]]
    ties = [{said(row, "chosen"), said(row, "rejected")} for row in rows if row["tie"]]
    assert strict == [("D", "C"), ("D", "A"), ("D", "B"), ("C", "A"), ("C", "B")]
    assert ties == [{"A", "B"}]
    assert {row["weight"] for row in rows} == {1 / 6}
    assert len({row["group"] for row in rows}) == 1
    assert rows[0]["prompt"] == [{"role": "user", "content": "Which?"}]


@pytest.mark.parametrize("case", RANKINGS, ids=lambda case: case["id"])
def test_the_database_expands_rankings_as_the_oracle_says(case: dict[str, Any]) -> None:
    workspace = a_workspace()
    given, expected = case["input"], case["expected"]
    a_ranking(a_prompt(workspace), given["ranking"])
    rows = exported(workspace)
    pairs = [[said(row, "chosen"), said(row, "rejected")] for row in rows]
    strict = [pair for pair, row in zip(pairs, rows, strict=True) if not row["tie"]]
    ties = [sorted(pair) for pair, row in zip(pairs, rows, strict=True) if row["tie"]]
    assert sorted(strict) == sorted(expected["pairs"])
    assert sorted(ties) == sorted(expected["ties"])


def test_rows_are_the_pairs_of_the_domain() -> None:
    """PostgreSQL and annotation.domain.preferences say the same of any ballot."""
    workspace = a_workspace()
    prompt = a_prompt(workspace)
    a_ranking(prompt, "B > A = C > D = E")
    for choice, strength in (
        (Choice.LEFT, Strength.SLIGHTLY),
        (Choice.RIGHT, Strength.SIGNIFICANTLY),
        (Choice.TIE, ""),
        (Choice.BOTH_BAD, ""),
    ):
        a_vote(prompt, choice, strength=strength)
    table = MarginTable.LARGE
    shown = ["left text", "right, longer text"]
    pairs = pairs_of_ranking(parse_ranking("B > A = C > D = E"), Ballot("p", "g", shown="ABCDE"))
    for outcome, step in (
        (Outcome.LEFT, Steps.SLIGHTLY),
        (Outcome.RIGHT, Steps.SIGNIFICANTLY),
        (Outcome.TIE, None),
        (Outcome.BOTH_BAD, None),
    ):
        pairs.append(
            pair_of_comparison(*shown, outcome, step, Ballot("p", "g", None, shown, table))
        )
    expected = {
        (
            *((p.chosen, p.rejected) if not p.tied else sorted((p.chosen, p.rejected))),
            round(p.weight, 12),
            p.margin,
            p.tied,
            p.both_bad,
            p.strength.value if p.strength else "",
            *((p.chosen_position, p.rejected_position) if not p.tied else ()),
        )
        for p in pairs
    }
    found = {
        (
            *(
                (said(row, "chosen"), said(row, "rejected"))
                if not row["tie"]
                else sorted((said(row, "chosen"), said(row, "rejected")))
            ),
            round(row["weight"], 12),
            row["margin"],
            row["tie"],
            row["both_bad"],
            row["strength"],
            *((row["chosen_position"], row["rejected_position"]) if not row["tie"] else ()),
        )
        for row in exported(workspace, margins=table)
    }
    assert found == expected


@pytest.mark.parametrize(
    ("ties", "ways", "weights"),
    [
        (Ties.KEEP, 6, {1 / 6}),
        (Ties.DROP, 5, {1 / 6}),
        (Ties.RENORMALISE, 5, {1 / 5}),
        (Ties.HALF, 7, {1 / 6, 1 / 12}),
    ],
)
def test_ties_are_treated_as_was_said(ties: Ties, ways: int, weights: set[float]) -> None:
    workspace = a_workspace()
    a_ranking(a_prompt(workspace), "D > C > A = B")
    a_vote(a_prompt(workspace), Choice.BOTH_BAD)
    rows, _, missing = written(workspace, Kind.PREFERENCE, ties=ties)
    ranked = [row for row in rows if not row["both_bad"]]
    assert len(ranked) == ways
    assert {row["weight"] for row in ranked} == weights
    assert (len(rows) == ways + 1) == (ties is Ties.KEEP)
    assert missing.get("both_bad", 0) == (ties is not Ties.KEEP)
    assert missing.get("tie", 0) == (ties in (Ties.DROP, Ties.RENORMALISE))
    assert not any(row["tie"] for row in rows) or ties is Ties.KEEP
    if ties is Ties.HALF:
        both = [{said(row, "chosen"), said(row, "rejected")} for row in ranked[-2:]]
        assert both == [{"A", "B"}, {"A", "B"}]
        assert said(ranked[-1], "chosen") != said(ranked[-2], "chosen")


def test_what_was_withdrawn_or_corrected_is_never_in_a_file() -> None:
    workspace = a_workspace()
    prompt = a_prompt(workspace)
    old = a_vote(prompt, Choice.LEFT)
    new = a_vote(prompt, Choice.RIGHT, supersedes=old)
    a_vote(prompt, Choice.LEFT, withdrawn_at=timezone.now())
    rows, tally, _ = written(workspace, Kind.PREFERENCE)
    assert [said(row, "chosen") for row in rows] == ["right, longer text"]
    assert {kind: list(ids) for kind, ids in tally.ids.items()} == {"comparison": [new.pk]}


def test_what_cannot_go_out_is_counted_by_its_reason() -> None:
    workspace = a_workspace()
    a_vote(a_prompt(workspace, split="held_out"), Choice.LEFT)
    a_vote(a_prompt(workspace, retired_at=timezone.now()), Choice.LEFT)
    a_vote(a_prompt(workspace, metadata={"follow_ups": ["And then?"]}), Choice.LEFT)
    same = a_prompt(workspace)
    Comparison.objects.create(
        prompt=same,
        left=an_answer(same, "equal", "a"),
        right=an_answer(same, "equal", "b"),
        choice="left",
    )
    nameless = a_prompt(workspace)
    Comparison.objects.create(
        prompt=nameless,
        left=an_answer(nameless, "a", "a"),
        right=an_answer(nameless, "b", "b", has_text=False),
        choice="left",
    )
    rows, _, missing = written(workspace, Kind.PREFERENCE)
    assert rows == []
    assert missing == {
        "held_out": 1,
        "retired": 1,
        "several_turns": 1,
        "same_text": 1,
        "no_text": 1,
    }


def test_a_guard_keeps_prompts_out_and_says_why() -> None:
    workspace = a_workspace()
    leaked, fine = a_prompt(workspace), a_prompt(workspace)
    a_vote(leaked, Choice.LEFT)
    a_vote(fine, Choice.LEFT)
    pick = Pick(workspace, ExportPlan(Kind.PREFERENCE), JudgementFilter())
    with transaction.atomic():
        pick.lay_out(lambda ids: [(key, "13-gram") for key in ids if key == leaked.pk])
        assert len(b"".join(lines(pick, Tally())).splitlines()) == 1
        assert [(item.reason, item.rows) for item in left_out(pick)] == [("13-gram", 1)]


def test_annotators_are_numbered_and_imported_names_stay() -> None:
    workspace = a_workspace()
    a_vote(a_prompt(workspace), Choice.LEFT, annotator=mia(workspace))
    a_vote(a_prompt(workspace), Choice.LEFT, annotator=ann(workspace))
    a_vote(a_prompt(workspace), Choice.LEFT, annotator_label="gpt-4", source="judge")
    names = {row["annotator"]: row["judged_by"] for row in exported(workspace)}
    assert names == {"person-1": "human", "person-2": "human", "gpt-4": "judge"}
    assert {row["annotator"] for row in exported(workspace, people=False)} == {""}


def test_pairs_that_were_given_together_share_a_group_and_its_weight() -> None:
    workspace = a_workspace()
    prompt, other = a_prompt(workspace), a_prompt(workspace)
    answers = [an_answer(prompt, name, name) for name in "abc"]
    for left, right in combinations(answers, 2):
        Comparison.objects.create(prompt=prompt, left=left, right=right, choice="left", group="g7")
    a_vote(other, Choice.LEFT, group="g8")
    rows = exported(workspace)
    together = [row for row in rows if row["group"] == "g7"]
    assert [row["weight"] for row in together] == [1 / 3] * 3
    assert [row["weight"] for row in rows if row["group"] == "g8"] == [1.0]
    a_vote(other, Choice.RIGHT, group="g7")
    groups = {row["group"] for row in exported(workspace) if row["group"].startswith("g7")}
    assert len(groups) == 2  # one name over two prompts is two groups


def test_all_rows_of_a_prompt_are_on_one_side_of_the_split() -> None:
    workspace = a_workspace()
    for _ in range(12):
        a_ranking(a_prompt(workspace), "A > B > C")
    marked = a_prompt(workspace, split="validation")
    a_vote(marked, Choice.LEFT)
    rows = exported(workspace, validation_share=0.5, salt="s")
    sides: dict[str, set[str]] = {}
    for row in rows:
        sides.setdefault(row["prompt"][0]["content"], set()).add(row["split"])
    assert all(len(side) == 1 for side in sides.values())
    assert sides[marked.text] == {"validation"}
    for prompt in Prompt.objects.exclude(pk=marked.pk):
        expected = split_of(bytes(prompt.text_hash).hex(), 0.5, salt="s")
        assert sides[prompt.text] == {expected}


@pytest.mark.parametrize("share", [0.0, 0.05, 1 / 3, 0.5, 1.0])
def test_the_threshold_is_the_smallest_digest_that_trains(share: float) -> None:
    threshold = int.from_bytes(split_threshold(share), "big")
    assert not threshold / 2**64 < share
    assert threshold == 0 or (threshold - 1) / 2**64 < share


def test_demonstrations_go_out_with_their_prompts() -> None:
    workspace = a_workspace()
    prompt = a_prompt(workspace, "Say hi.", licence="CC0", use_case="chat", source="us")
    Demonstration.objects.create(prompt=prompt, text='Hi,\n"you"!', annotator=ann(workspace))
    (row,) = exported(workspace, Kind.PROMPT_COMPLETION)
    assert row["completion"] == [{"role": "assistant", "content": 'Hi,\n"you"!'}]
    assert (row["licence"], row["use_case"], row["source"]) == ("CC0", "chat", "us")
    (plain,) = exported(workspace, Kind.PROMPT_COMPLETION, shape=Shape.PLAIN)
    assert (plain["prompt"], plain["completion"]) == ("Say hi.", 'Hi,\n"you"!')


def test_prompts_alone_go_out_once_each() -> None:
    workspace = a_workspace()
    texts = {a_prompt(workspace).text for _ in range(3)}
    a_prompt(workspace, split="held_out")
    rows, tally, missing = written(workspace, Kind.PROMPT_ONLY)
    assert {row["prompt"][0]["content"] for row in rows} == texts
    assert missing == {"held_out": 1}
    assert len(tally.ids["prompt"]) == 3


def test_answers_are_liked_or_not_as_the_judgements_say() -> None:
    workspace = a_workspace()
    prompt = a_prompt(workspace)
    a_ranking(prompt, "D > C > A = B")
    a_vote(prompt, Choice.RIGHT)
    bad = a_prompt(workspace)
    a_vote(bad, Choice.BOTH_BAD)
    Demonstration.objects.create(prompt=prompt, text="by hand")
    for score, text in ((1, "up"), (0, "down"), (0.5, "so-so")):
        answer = an_answer(prompt, text, "rated")
        Rating.objects.create(
            prompt=prompt, completion=answer, aspect="label", score=score, lowest=0, highest=1
        )
    rows, _, missing = written(workspace, Kind.UNPAIRED)
    of_prompt = [row for row in rows if row["prompt"][0]["content"] == prompt.text]
    liked = {said(row, "completion"): row["label"] for row in of_prompt}
    assert liked == {
        "D": True,
        "A": False,
        "B": False,
        "right, longer text": True,
        "left text": False,
        "by hand": True,
        "up": True,
        "down": False,
    }
    assert [row["label"] for row in rows if row not in of_prompt] == [False, False]
    assert missing == {"middle": 2}


def test_an_imported_margin_goes_out_as_it_came() -> None:
    workspace = a_workspace()
    beside = {"strength": 0.75, "strength_scale": "margin"}
    a_vote(a_prompt(workspace), Choice.LEFT, metadata=beside)
    (row,) = exported(workspace)
    assert row["margin"] == 0.75


def test_differences_of_scores_are_margins_where_they_are_asked_for() -> None:
    workspace = a_workspace()
    beside = {"strength": 2.5, "strength_scale": "score difference"}
    a_vote(a_prompt(workspace, "pair"), Choice.LEFT, metadata=beside)
    ranking = a_ranking(a_prompt(workspace, "ranked"), "A > B = C > D")
    ranking.metadata = {"scores": [9, 7, 7, None]}
    ranking.save()
    asked = exported(workspace, margins=MarginTable.SCORES)
    assert Counter(row["margin"] for row in asked) == {2.5: 1, 2.0: 2, 0.0: 4}
    assert {row["margin"] for row in exported(workspace, margins=MarginTable.LARGE)} == {0.0}


@pytest.mark.parametrize("text", ['\x02\x01"\\,\n\r\t\x7f', "\\.", "NULL", "\u2028é🎈", "{}"])
def test_any_text_goes_out_as_it_is(text: str) -> None:
    workspace = a_workspace()
    prompt = a_prompt(workspace, f"Q {text}")
    Demonstration.objects.create(prompt=prompt, text=text)
    (row,) = exported(workspace, Kind.PROMPT_COMPLETION)
    assert said(row, "completion") == text
    assert row["prompt"][0]["content"] == f"Q {text}"
