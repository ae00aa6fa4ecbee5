"""Every figure leads to the votes it counts, and to no others."""

import re
from typing import Any
from urllib.parse import urlencode

import pytest
from django.http import QueryDict
from django.test import Client

from annotation.boards.actions.board import public_secret, share_board
from annotation.boards.queries import shown
from annotation.boards.vote_list import VoteFilter, votes_of
from annotation.models import Board, Comparison
from tests.annotation.boards.material import a_board, a_vote, votes_among
from tests.annotation.boards.test_pages import address
from tests.annotation.material import a_prompt, an_answer
from tests.cast import a_workspace, log_in, mia
from webapp.workspaces.models import Workspace

pytestmark = [pytest.mark.heavy, pytest.mark.django_db]


@pytest.fixture
def workspace() -> Workspace:
    return a_workspace()


def behind(board: Board, filters: dict[str, Any]) -> int:
    given = QueryDict(urlencode({"judged_by": "human", **filters}))
    return int(votes_of(board, VoteFilter.from_params(given)).count())


def a_full_board(workspace: Workspace) -> Board:
    votes_among(workspace, votes=150)
    for choice, strength in (("left", "better"), ("right", "slightly_better")):
        some = Comparison.objects.filter(choice=choice).values("pk")[:30]
        Comparison.objects.filter(pk__in=some).update(strength=strength)
    votes_among(workspace, votes=60, source="judge", names=["gpt-4"], seed=8, topic=7)
    groups = {"experts": ("worker 1", "worker 2"), "others": ("worker 3",)}
    return a_board(workspace, mia(workspace), reference="ant", groups=groups, controls=("bee",))


def test_a_slice_leads_to_its_votes(workspace: Workspace) -> None:
    board = a_full_board(workspace)
    found = shown(board).sources["human"]["slices"]
    dimensions = {one["dimension"] for one in found}
    assert {"use_case", "tag", "language", "annotator_group", "strength"} <= dimensions
    for dimension in found:
        for value in dimension["values"]:
            assert behind(board, value["filter"]) == value["votes"], value["value"]


def test_what_was_left_out_in_turn_leads_to_its_votes(workspace: Workspace) -> None:
    board = a_full_board(workspace)
    found = shown(board).sources["human"]["robustness"]
    for part in ("annotators", "topics"):
        for row in found[part]["largest"]:
            assert behind(board, row["filter"]) == row["votes"], row["group"]


def test_figures_of_the_bias_panel_lead_to_their_votes(workspace: Workspace) -> None:
    board = a_full_board(workspace)
    prompt = a_prompt(workspace)
    named = an_answer(prompt, "I am Claude, made to help.", "cat")
    leak = a_vote(prompt, named, an_answer(prompt, "A painter.", "dog"), "left")
    found = shown(board).sources["human"]["bias"]
    assert found["leaked_filter"] == {"ids": str(leak.pk)}
    assert behind(board, found["leaked_filter"]) == 1
    assert behind(board, found["duplicates"]["filter"]) == found["duplicates"]["most"]
    [control] = found["controls"]
    assert (control["model"], behind(board, {"model": "bee"})) == ("bee", control["n"])
    first = found["position"]["first"]
    # The leak was decided for the left answer and is no vote.
    assert round(first["value"] * first["n"]) == behind(board, {"choice": "left"}) - 1
    assert behind(board, {"choice": "both_bad"}) < behind(board, {"choice": "left"})


def test_the_reference_and_the_judges_lead_to_their_votes(workspace: Workspace) -> None:
    board = a_full_board(workspace)
    content = shown(board).content
    assert content is not None
    for row in content["sources"]["human"]["reference"]["rows"]:
        assert behind(board, {"model": row["model"], "against": "ant"}) == row["n_total"]
    [judge] = content["judges"]["sources"][0]["judges"]
    assert behind(board, {"judged_by": "judge", "who": judge["key"]}) == judge["votes"] == 60


@pytest.mark.parametrize("part", ["slices", "bias", "reference", "robustness", "judges"])
def test_the_part_shows_links_and_they_open(workspace: Workspace, part: str) -> None:
    board = a_full_board(workspace)
    client = log_in(Client(), mia())
    page = client.get(address(board, f"figures/{part}/")).content.decode()
    links = {
        link.replace("&amp;", "&") for link in re.findall(r'href="([^"]*votes/\?[^"]*)"', page)
    }
    assert links
    for link in sorted(links)[:12]:
        assert client.get(link).status_code == 200, link


def test_a_public_board_without_people_has_no_link_that_names_one(workspace: Workspace) -> None:
    board = share_board(board=a_full_board(workspace), by=mia(), on=True, texts=True)
    base = f"/board/{board.pk}/{public_secret(board)}/"
    for part in ("slices", "bias", "judges"):
        page = Client().get(f"{base}?part={part}").content.decode()
        assert "votes/?" in page or part == "judges"
        assert "who=" not in page
        assert "group=" not in page
    assert Client().get(f"{base}votes/?group=experts").status_code == 404


def test_votes_outside_any_campaign_are_found(workspace: Workspace) -> None:
    votes_among(workspace, votes=20)
    board = a_board(workspace, mia(workspace))
    assert behind(board, {"outside": "1"}) == 20
    assert behind(board, {"repeat": "1"}) == 0
    assert behind(board, {"strength": "better"}) == 0
