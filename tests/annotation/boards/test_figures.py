"""A board's figures come from its votes, whatever way they were read, and stay what they were."""

import io
import uuid
from typing import Any

import numpy as np
import pytest
from django.utils import timezone

from annotation.actions.assign import assign
from annotation.actions.submit import Submission, submit
from annotation.boards.actions.freeze_board import Differs, freeze_board, recompute
from annotation.boards.actions.refresh_board import refresh_board
from annotation.boards.definition import Definition, WrongDefinition
from annotation.boards.queries import read_all, shown
from annotation.boards.report import board_report, report_sha256
from annotation.boards.votes import read_votes, write_votes
from annotation.domain.answers import RankedAnswers
from annotation.judgement_filter import JudgementFilter
from annotation.models import Comparison, Prompt
from annotation.models.campaigns import Kind
from tests.annotation.boards.material import a_board, a_vote, votes_among
from tests.annotation.material import a_campaign, a_prompt, an_answer
from tests.cast import a_workspace, ann, mia
from webapp import artifacts
from webapp.workspaces.models import Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def workspace() -> Workspace:
    return a_workspace()


def figures(board: Any, part: str, source: str = "human") -> Any:
    return shown(board).sources[source][part]


def test_the_order_of_known_strengths_comes_out_with_clustered_intervals(
    workspace: Workspace,
) -> None:
    votes_among(workspace, votes=600)
    found = figures(a_board(workspace, mia(workspace)), "ratings")
    assert found["state"] == "rated"
    assert [row["model"] for row in found["rows"]] == ["dog", "cat", "bee", "ant"]
    assert found["interval"] == "clustered by annotator and prompt"
    assert found["clusters"] == {"annotators": 8, "prompts": 15}
    first = found["rows"][0]
    assert first["low"] < first["rating"] < first["high"]
    # A set that holds for all models at once is wider than one model's interval.
    assert first["set_low"] < first["low"]
    assert first["best_rank"] == 1
    assert 0.05 < first["tie_rate"] < 0.25


def test_a_model_that_only_wins_has_no_rating_and_the_board_says_so(workspace: Workspace) -> None:
    prompt = a_prompt(workspace)
    best, other, third = (an_answer(prompt, generator=name) for name in ("best", "mid", "low"))
    a_vote(prompt, best, other, "left")
    a_vote(prompt, third, best, "right")
    a_vote(prompt, other, third, "left")
    a_vote(prompt, third, other, "left")
    found = figures(a_board(workspace, mia(workspace)), "ratings")
    assert found["state"] == "not_rankable"
    assert "best never lost" in found["reason"]
    groups = [set(part["models"]) for part in found["components"]]
    assert groups == [{"best"}, {"mid", "low"}]
    assert found["components"][1]["ratings"] is not None
    assert found["rows"] == []


def test_one_annotator_gives_an_own_ranking_and_no_interval(workspace: Workspace) -> None:
    votes_among(workspace, votes=200, people=1)
    found = figures(a_board(workspace, mia(workspace)), "ratings")
    assert found["interval"] is None
    assert "One annotator has voted" in found["no_interval"]
    assert "low" not in found["rows"][0]
    [own] = found["own"]
    assert own["annotator"] == "worker 0"
    assert own["order"][0]["model"] == "dog"


def test_no_votes_give_no_figures(workspace: Workspace) -> None:
    assert shown(a_board(workspace, mia(workspace))).sources == {}


def test_what_was_read_piece_by_piece_equals_what_is_read_at_once(workspace: Workspace) -> None:
    votes = votes_among(workspace, votes=120)
    board = a_board(workspace, mia(workspace))
    first = refresh_board(board=board)
    assert first.votes == 120
    more = votes_among(workspace, votes=80, seed=8)
    votes[3].withdrawn_at = timezone.now()
    votes[3].save(update_fields=["withdrawn_at"])
    replaced = votes[5]
    a_vote(
        replaced.prompt, replaced.left, replaced.right, "tie",
        annotator_label=replaced.annotator_label, supersedes=replaced,
    )  # fmt: skip
    board.refresh_from_db()
    assert shown(board).state == "behind"
    assert shown(board).newer == len(more) + 1 + 1
    second = refresh_board(board=board)
    assert second.votes == 120 + 80 - 1  # one withdrawn, one replaced by one
    anew = refresh_board(board=board, anew=True)
    one, other = (report.content["sources"]["human"] for report in (second, anew))
    assert [row["model"] for row in one["ratings"]["rows"]] == [
        row["model"] for row in other["ratings"]["rows"]
    ]
    for row, its in zip(one["ratings"]["rows"], other["ratings"]["rows"], strict=True):
        assert row["rating"] == pytest.approx(its["rating"], abs=1e-9)
        assert row["low"] == pytest.approx(its["low"], abs=1e-6)
    assert one["matrix"] == other["matrix"]
    board.refresh_from_db()
    assert shown(board).state == "fresh"


def test_a_snapshot_recomputes_to_the_same_digits(workspace: Workspace) -> None:
    votes_among(workspace, votes=150)
    board = a_board(workspace, mia(workspace), seed=3)
    kept = freeze_board(board=board, by=mia(), name="Round 1, before")
    Comparison.objects.update(choice="tie", strength="")  # whatever happens to the votes
    Prompt.objects.update(use_case="other")
    assert recompute(snapshot=kept) == kept.content
    assert report_sha256(kept.content) == kept.content_sha256


def test_a_snapshot_whose_file_was_changed_says_so(workspace: Workspace) -> None:
    votes_among(workspace, votes=30)
    board = a_board(workspace, mia(workspace))
    kept = freeze_board(board=board, by=mia(), name="Before")
    with artifacts.reading(kept.votes_file["path"]) as file:
        votes = read_votes(file)
    turned = votes.keep(np.arange(len(votes))[::-1])
    content = io.BytesIO()
    write_votes(turned, content)
    with artifacts.writing(
        kept.votes_file["path"], name="votes.npz", content_type="application/zip"
    ) as changed:
        changed.write(content.getvalue())
    with pytest.raises(Differs, match="not the one"):
        recompute(snapshot=kept)


def test_a_ranking_is_one_ballot_of_all_its_pairs(workspace: Workspace) -> None:
    manager, annotator = mia(workspace), ann(workspace)
    campaign = a_campaign(workspace, manager, kind=Kind.RANKING, answers=4)
    held = assign(campaign=campaign, annotator=annotator)
    assert held is not None
    shown_order = held.shown_order
    submit(
        assignment=held,
        annotator=annotator,
        submission=Submission(
            key=uuid.uuid4(),
            attempt=held.attempt,
            answer=RankedAnswers(((shown_order[0],), tuple(shown_order[1:3])), (shown_order[3],)),
        ),
    )
    votes = read_all(a_board(workspace, manager))
    assert len(votes) == 3  # the fourth answer could not be ranked: no pair with it
    assert votes.judgements() == 1
    assert sorted(votes["outcome"].tolist()) == [0, 0, 2]


def test_judges_and_people_are_never_one_sum(workspace: Workspace) -> None:
    votes_among(workspace, votes=120)
    flipped = {"ant": 0.9, "bee": 0.2, "cat": -0.3, "dog": -0.8}
    votes_among(workspace, votes=120, strengths=flipped, source="judge", names=["gpt-4"], seed=9)
    board = a_board(workspace, mia(workspace))
    assert figures(board, "ratings")["rows"][0]["model"] == "dog"
    judged = figures(board, "ratings", "judge")
    assert judged["rows"][0]["model"] == "ant"
    assert judged["interval"] == "clustered"  # by prompt: the judge is one
    assert figures(board, "ratings")["votes"] == 120
    found = shown(board).content
    assert found is not None
    assert found["judges"]["sources"][0]["judges"][0]["name"] == "gpt-4"


def test_a_filter_narrows_and_a_slice_splits(workspace: Workspace) -> None:
    votes_among(workspace, votes=200)
    whole = a_board(workspace, mia(workspace))
    chosen = JudgementFilter(labels=("worker 1", "worker 2"))
    part = a_board(workspace, mia(workspace), "Two people", filter=chosen)
    assert figures(part, "ratings")["votes"] < figures(whole, "ratings")["votes"]
    assert figures(part, "ratings")["annotators"] == 2
    dimensions = {one["dimension"]: one for one in figures(whole, "slices")}
    assert {"use_case", "tag", "language"} <= set(dimensions)
    parts = [value["votes"] for value in dimensions["use_case"]["values"]]
    assert sum(parts) == 200


@pytest.mark.parametrize("ties", ["davidson", "rao_kupper"])
def test_a_model_of_ties_gives_the_order_with_its_own_interval(
    workspace: Workspace, ties: str
) -> None:
    votes_among(workspace, votes=600)
    found = figures(a_board(workspace, mia(workspace), ties=ties), "ratings")
    assert [row["model"] for row in found["rows"]] == ["dog", "cat", "bee", "ant"]
    assert found["interval"] == "clustered by annotator and prompt"
    half = figures(a_board(workspace, mia(workspace), "Half"), "ratings")
    width, usual = (rows[0]["high"] - rows[0]["low"] for rows in (found["rows"], half["rows"]))
    assert width == pytest.approx(usual, rel=0.5)


def test_leaks_are_left_out_and_counted(workspace: Workspace) -> None:
    votes_among(workspace, votes=50)
    prompt = a_prompt(workspace)
    named = an_answer(prompt, "I am Claude, made to help.", "cat")
    other = an_answer(prompt, "Claude Monet was a painter.", "dog")
    a_vote(prompt, named, other, "left")
    found = figures(a_board(workspace, mia(workspace)), "ratings")
    assert (found["votes"], found["left_out"]) == (50, {"leaked": 1})
    kept = figures(a_board(workspace, mia(workspace), "All", drop_leaked=False), "ratings")
    assert kept["votes"] == 51


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"ties": "coin"}, "Allowed: half"),
        ({"level": 2}, "from 0.5 to 0.999"),
        ({"position": "yes"}, "true or false"),
        ({"wings": 2}, "no setting 'wings'"),
        ({"ties": "davidson", "position": True}, "half wins only"),
        ({"interval": "bootstrap", "weights": "pairs"}, "no bootstrap"),
    ],
)
def test_a_wrong_definition_is_refused_with_what_is_allowed(
    given: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(WrongDefinition, match=sentence):
        Definition.from_json(given)


def test_a_definition_is_what_was_written() -> None:
    made = Definition(ties="davidson", anchor="dog", groups={"experts": ("Ann", "Bob")}, looks=3)
    assert Definition.from_json(made.as_json()) == made


def test_equal_votes_in_another_order_give_equal_digits(workspace: Workspace) -> None:
    votes_among(workspace, votes=150)
    votes = read_all(a_board(workspace, mia(workspace)))
    turned = votes.keep(np.arange(len(votes))[::-1])
    one, other = (
        board_report(each, Definition())["sources"]["human"]["ratings"]["rows"]
        for each in (votes, turned)
    )
    assert [row["rating"] for row in one] == [row["rating"] for row in other]
