"""The pages of boards: what they show, who may see them, and where their figures lead."""

import json
import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from annotation.boards.actions.board import public_secret, share_board
from annotation.boards.actions.freeze_board import freeze_board
from annotation.boards.actions.refresh_board import refresh_board
from annotation.boards.page import SECTIONS
from annotation.models import Board, BoardReport, BoardSnapshot, Comparison
from tests.annotation.boards.material import a_board, a_vote, votes_among
from tests.annotation.material import a_prompt, an_answer
from tests.cast import a_workspace, ann, log_in, mia, vic
from webapp.jobs.models import Job
from webapp.workspaces.models import Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def workspace() -> Workspace:
    return a_workspace()


@pytest.fixture
def manager(workspace: Workspace) -> Client:
    return log_in(Client(), mia(workspace))


def address(board: Board, tail: str = "") -> str:
    return f"/w/{board.workspace.slug}/boards/{board.pk}/{tail}"


def shown_text(answer: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def test_a_board_is_made_on_its_page(manager: Client, workspace: Workspace) -> None:
    votes_among(workspace, votes=60)
    made = manager.post(
        f"/w/{workspace.slug}/boards/new/",
        {
            "name": "Helpfulness",
            "ties": "half",
            "interval": "clustered",
            "weights": "none",
            "stopping": "looks",
            "looks": 4,
            "planned_votes": 1000,
            "anchor": "cat",
            "anchor_rating": 1100,
            "elo_k": 4,
            "seed": 1,
            "groups": "experts: worker 1, worker 2\nothers: worker 3",
        },
        follow=True,
    )
    board = Board.objects.get()
    assert made.redirect_chain[-1][0] == address(board)
    assert board.definition["groups"] == {
        "experts": ["worker 1", "worker 2"],
        "others": ["worker 3"],
    }
    text = shown_text(made)
    assert "cat fixed at 1100" in text
    assert "The first look is at 250 votes" in text


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"name": ""}, "required"),
        ({"groups": "no colon here"}, "names no group"),
        ({"ties": "davidson", "position": "on"}, "half wins only"),
        ({"stopping": "looks"}, "how many votes it has"),
        ({"elo_k": "many"}, "number"),
    ],
)
def test_a_board_with_a_wrong_setting_is_refused_with_a_sentence(
    manager: Client, workspace: Workspace, change: dict[str, str], sentence: str
) -> None:
    form = {
        "name": "Board", "ties": "half", "interval": "clustered", "weights": "none",
        "stopping": "none", "looks": 5, "anchor_rating": 1000, "elo_k": 4, "seed": 0,
    }  # fmt: skip
    answer = manager.post(f"/w/{workspace.slug}/boards/new/", form | change)
    assert answer.status_code == 422
    assert sentence in shown_text(answer)
    assert not Board.objects.exists()


def test_every_part_of_a_board_is_a_page(manager: Client, workspace: Workspace) -> None:
    votes_among(workspace, votes=150)
    votes_among(workspace, votes=60, source="judge", names=["gpt-4"], seed=8, topic=7)
    board = a_board(workspace, mia(), reference="ant", stopping="e_value")
    pages = {name: manager.get(address(board, f"figures/{name}/")) for name in SECTIONS}
    assert {name: answer.status_code for name, answer in pages.items()} == dict.fromkeys(
        SECTIONS, 200
    )
    text = {name: shown_text(answer) for name, answer in pages.items()}
    assert "clustered by annotator and prompt" in text["ratings"]
    assert "e-value" in text["ratings"]
    assert "Circles of three" in text["matrix"]
    assert "Win rates against ant" in text["reference"]
    assert "Elo depends on the order" in text["history"]
    assert "Use case" in text["slices"]
    assert "Place on the screen" in text["bias"]
    assert "never added up" in text["judges"]
    assert "gpt-4" in text["judges"]
    assert "Without one annotator" in text["robustness"]
    assert "measured on this board" in text["planner"]
    assert manager.get(address(board, "figures/nonsense/")).status_code == 404


def test_a_board_without_votes_says_what_to_do(manager: Client, workspace: Workspace) -> None:
    board = a_board(workspace, mia())
    for part in ("", "figures/matrix/", "figures/bias/", "figures/planner/", "figures/snapshots/"):
        answer = manager.get(address(board, part))
        assert answer.status_code == 200
    assert "Open a campaign" in shown_text(manager.get(address(board)))


def test_a_cell_leads_to_its_votes_and_a_vote_to_its_prompt(
    manager: Client, workspace: Workspace
) -> None:
    votes_among(workspace, votes=120)
    board = a_board(workspace, mia())
    page = manager.get(address(board, "figures/matrix/")).content.decode()
    link = re.search(r'href="([^"]*votes/\?[^"]*model=dog&amp;against=ant)"', page)
    assert link is not None
    votes = manager.get(link.group(1).replace("&amp;", "&"))
    expected = Comparison.objects.filter(
        left__generator__in=["dog", "ant"], right__generator__in=["dog", "ant"]
    )
    assert f"{expected.count()} judgements" in shown_text(votes)
    one = re.search(r'href="([^"]*votes/c\d+/)"', votes.content.decode())
    assert one is not None
    vote = shown_text(manager.get(one.group(1)))
    assert "Question 7-" in vote
    assert "Answer of" in vote
    won = manager.get(address(board, "votes/?model=dog&outcome=win"))
    assert won.status_code == 200
    assert manager.get(address(board, "votes/c999999/")).status_code == 404
    assert manager.get(address(board, "votes/x1/")).status_code == 404


def test_what_a_filter_of_votes_cannot_mean_finds_nothing_and_breaks_nothing(
    manager: Client, workspace: Workspace
) -> None:
    votes_among(workspace, votes=10)
    board = a_board(workspace, mia())
    for query in (
        "model=%00",
        "who=label:",
        "prompt=x",
        "kind=ranking&model=dog",
        "page=99",
        "outcome=x",
    ):
        assert manager.get(address(board, f"votes/?{query}")).status_code == 200


def test_a_large_board_says_that_it_is_behind_and_a_job_counts_it(
    manager: Client, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("annotation.boards.queries.INLINE", 20)
    votes_among(workspace, votes=40)
    board = a_board(workspace, mia())
    assert "not counted yet" in shown_text(manager.get(address(board)))
    manager.post(address(board, "refresh/"))
    manager.post(address(board, "refresh/"))
    job = Job.objects.get()  # asked twice, it is one job
    assert (job.kind, job.arguments) == ("board refresh", {"board": board.pk, "anew": False})
    refresh_board(board=board)
    Job.objects.update(state="done", finished_at=job.created_at)
    BoardReport.objects.update(seconds=0)  # so that no pause is due before the next count
    assert "behind" not in shown_text(manager.get(address(board)))
    prompt = a_prompt(workspace)
    a_vote(prompt, an_answer(prompt, generator="ant"), an_answer(prompt, generator="dog"), "left")
    stale = manager.get(address(board))
    assert "1 judgement came or went" in shown_text(stale)
    assert 'hx-trigger="load"' in stale.content.decode()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("ratings.csv", "text/csv"),
        ("matrix.csv", "text/csv"),
        ("board.json", "application/json"),
        ("ratings.svg", "image/svg+xml"),
        ("matrix.svg", "image/svg+xml"),
        ("history.svg", "image/svg+xml"),
    ],
)
def test_figures_come_as_files(manager: Client, workspace: Workspace, name: str, kind: str) -> None:
    votes_among(workspace, votes=60, strengths={"<b>&": 0.5, "=cmd()": 0.0, "dog": -0.4})
    board = a_board(workspace, mia(), "Board <1>")
    answer = manager.get(address(board, f"files/{name}"))
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith(kind)
    text = answer.content.decode()
    if name == "board.json":
        assert json.loads(text)["figures"]["sources"]["human"]["ratings"]["state"] == "rated"
    elif name.endswith("svg"):
        assert "<b>" not in text
        assert "&lt;b&gt;&amp;" in text
    else:
        assert "'=cmd()" in text
    assert manager.get(address(board, "files/other.exe")).status_code == 404


def test_a_snapshot_is_kept_shown_and_checked(manager: Client, workspace: Workspace) -> None:
    votes_among(workspace, votes=80)
    board = a_board(workspace, mia())
    manager.post(address(board, "snapshots/"), {"name": "Round 1, before"})
    votes_among(workspace, votes=80, seed=9)
    manager.post(address(board, "snapshots/"), {"name": "Round 1, after"})
    again = manager.post(address(board, "snapshots/"), {"name": "Round 1, after"}, follow=True)
    assert "has a snapshot named" in shown_text(again)
    first, second = BoardSnapshot.objects.order_by("pk")
    page = manager.get(address(board, f"snapshots/{first.pk}/"))
    assert "80 judgements" in shown_text(page)
    checked = manager.post(address(board, f"snapshots/{first.pk}/check/"), follow=True)
    assert "every digit is the same" in shown_text(checked)


def test_the_public_link_shows_figures_and_nothing_else(
    manager: Client, workspace: Workspace
) -> None:
    votes_among(workspace, votes=80, people=3)
    board = a_board(workspace, mia())
    stranger = Client()
    assert stranger.get(f"/board/{board.pk}/{'0' * 40}/").status_code == 404
    manager.post(address(board, "share/"), {"on": "on"})
    board.refresh_from_db()
    link = f"/board/{board.pk}/{public_secret(board)}/"
    page = stranger.get(link)
    assert page.status_code == 200
    assert "dog" in shown_text(page)
    assert page["Referrer-Policy"] == "no-referrer"
    everything = page.content.decode() + stranger.get(f"{link}files/board.json").content.decode()
    for part in ("matrix", "history", "slices", "bias", "judges", "reference"):
        answer = stranger.get(f"{link}?part={part}")
        assert answer.status_code == 200
        everything += answer.content.decode()
    assert "worker" not in everything  # no annotator's name
    assert "Question 7-" not in everything  # no text
    assert stranger.get(f"{link}?part=robustness").status_code == 404
    assert stranger.get(f"{link}votes/").status_code == 404
    assert stranger.get(f"/board/{board.pk}/{public_secret(board)[:-1]}x/").status_code == 404


def test_a_public_link_shows_texts_and_people_only_where_allowed(
    manager: Client, workspace: Workspace
) -> None:
    votes_among(workspace, votes=20, people=2)
    board = share_board(board=a_board(workspace, mia()), by=mia(), on=True, texts=True)
    link = f"/board/{board.pk}/{public_secret(board)}/"
    text = shown_text(Client().get(f"{link}votes/"))
    assert "Question 7-" in text
    assert "worker" not in text
    assert Client().get(f"{link}votes/?who=label:worker%201").status_code == 404
    share_board(board=board, by=mia(), on=True, texts=True, people=True)
    assert "worker" in shown_text(Client().get(f"{link}votes/"))


def test_a_link_that_was_switched_off_never_opens_again(
    manager: Client, workspace: Workspace
) -> None:
    board = share_board(board=a_board(workspace, mia()), by=mia(), on=True)
    old = f"/board/{board.pk}/{public_secret(board)}/"
    assert Client().get(old).status_code == 200
    share_board(board=board, by=mia(), on=False)
    assert Client().get(old).status_code == 404
    share_board(board=board, by=mia(), on=True)
    assert Client().get(old).status_code == 404


def test_the_public_link_is_throttled(workspace: Workspace, monkeypatch: Any) -> None:
    from webapp.accounts.throttle import Limit

    few = Limit("public board reads in a test", allowed=2, seconds=60)
    monkeypatch.setattr("annotation.boards.public_views.READS", few)
    board = share_board(board=a_board(workspace, mia(workspace)), by=mia(), on=True)
    link = f"/board/{board.pk}/{public_secret(board)}/"
    client = Client()
    assert [client.get(link).status_code for _ in range(3)] == [200, 200, 429]


def test_viewers_read_and_annotators_see_no_board(workspace: Workspace) -> None:
    votes_among(workspace, votes=20)
    board = a_board(workspace, mia(workspace))
    viewer, annotator = log_in(Client(), vic(workspace)), log_in(Client(), ann(workspace))
    assert viewer.get(address(board)).status_code == 200
    assert viewer.post(address(board, "share/"), {"on": "on"}).status_code == 403
    assert annotator.get(address(board)).status_code == 403


def test_the_number_of_queries_does_not_grow_with_the_votes(
    manager: Client, workspace: Workspace, django_assert_max_num_queries: Any
) -> None:
    votes_among(workspace, votes=300, strengths={f"m{at}": at / 10 for at in range(12)})
    board = a_board(workspace, mia())
    refresh_board(board=board)
    with django_assert_max_num_queries(21):
        manager.get(address(board))
    with django_assert_max_num_queries(21):
        manager.get(address(board, "figures/matrix/"))
    with django_assert_max_num_queries(21):
        manager.get(address(board, "votes/"))


def test_a_deleted_board_takes_its_snapshots_and_leaves_the_votes(
    manager: Client, workspace: Workspace
) -> None:
    votes_among(workspace, votes=30)
    board = a_board(workspace, mia())
    freeze_board(board=board, by=mia(), name="Before")
    assert "1 snapshot" in shown_text(manager.get(address(board, "delete/")))
    manager.post(address(board, "delete/"))
    assert not Board.objects.exists()
    assert Comparison.objects.count() == 30
    assert manager.get(reverse("annotation:boards", args=[workspace.slug])).status_code == 200
