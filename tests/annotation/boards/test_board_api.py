"""Boards over REST and in the terminal."""

import io
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from annotation.boards.actions.freeze_board import freeze_board
from annotation.models import Board
from tests.annotation.boards.material import a_board, votes_among
from tests.cast import a_workspace, log_in, mia
from webapp.jobs.models import Job
from webapp.workspaces.models import Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def workspace() -> Workspace:
    return a_workspace()


def call(client: Client, method: str, tail: str = "", body: Any = None, **headers: str) -> Any:
    address = f"/api/v1/workspaces/paper-cups/boards/{tail}"
    return getattr(client, method)(address, body, content_type="application/json", headers=headers)


def test_a_board_is_made_read_changed_and_deleted(workspace: Workspace) -> None:
    votes_among(workspace, votes=80)
    client = log_in(Client(), mia(workspace))
    made = call(client, "post", body={"name": "Help", "definition": {"seed": 4}})
    assert made.status_code == 201
    pk = made.json()["id"]
    shown = call(client, "get", f"{pk}/").json()
    assert (shown["state"], shown["votes"]) == ("fresh", 80)
    assert shown["figures"]["sources"]["human"]["ratings"]["rows"][0]["model"] == "dog"
    changed = call(client, "patch", f"{pk}/", {"definition": {"ties": "davidson"}}).json()
    assert changed["definition"]["ties"] == "davidson"
    assert changed["version"] == 2
    listed = call(client, "get").json()["results"]
    assert [board["name"] for board in listed] == ["Help"]
    assert call(client, "delete", f"{pk}/").status_code == 204
    assert not Board.objects.exists()


def test_the_same_key_makes_one_board(workspace: Workspace) -> None:
    client = log_in(Client(), mia(workspace))
    for _ in range(2):
        made = call(client, "post", body={"name": "Help"}, **{"Idempotency-Key": "once"})
        assert made.status_code == 201
    assert Board.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"name": "x", "definition": {"ties": "coin"}}, "Allowed: half"),
        ({"name": "x", "definition": []}, "an object"),
        ({"name": "x", "filter": {"sources": ["ghost"]}}, "Allowed: human"),
        ({"name": "x", "wings": 2}, "no such field"),
        ({"name": " "}, "blank"),
    ],
)
def test_a_wrong_board_is_refused_with_what_is_allowed(
    workspace: Workspace, body: dict[str, Any], sentence: str
) -> None:
    answer = call(log_in(Client(), mia(workspace)), "post", body=body)
    assert answer.status_code == 400
    assert sentence in answer.content.decode()


def test_votes_are_paged_and_narrowed(workspace: Workspace) -> None:
    votes_among(workspace, votes=60)
    client = log_in(Client(), mia(workspace))
    pk = a_board(workspace, mia()).pk
    page = call(client, "get", f"{pk}/votes/?model=dog&limit=5").json()
    assert len(page["results"]) == 5
    assert page["next"]
    for vote in page["results"]:
        assert "dog" in (vote["left"], vote["right"])
        assert vote["annotator"].startswith("worker")


def test_a_snapshot_and_a_count_are_jobs(workspace: Workspace) -> None:
    client = log_in(Client(), mia(workspace))
    pk = a_board(workspace, mia()).pk
    assert call(client, "post", f"{pk}/snapshots/", {"name": "Before"}).status_code == 202
    assert call(client, "post", f"{pk}/refresh/").json()["job"]
    assert call(client, "post", f"{pk}/refresh/").json()["job"] is None
    assert sorted(Job.objects.values_list("kind", flat=True)) == [
        "board refresh",
        "board snapshot",
    ]


def printed(*arguments: str) -> str:
    out = io.StringIO()
    call_command("board", "--workspace", "paper-cups", *arguments, stdout=out)
    return out.getvalue()


def test_the_terminal_prints_a_board(workspace: Workspace) -> None:
    votes_among(workspace, votes=200)
    board = a_board(workspace, mia(workspace))
    assert printed() == "Helpfulness\n"
    text = printed("Helpfulness", "--refresh")
    assert "clustered by annotator and prompt" in text
    assert text.index("dog") < text.index("ant")
    assert '"state": "rated"' in printed("Helpfulness", "--json")
    freeze_board(board=board, by=mia(), name="Before")
    assert "every digit is the same" in printed("Helpfulness", "--check", "Before")
    with pytest.raises(CommandError, match="There are: Helpfulness"):
        printed("Nothing")
