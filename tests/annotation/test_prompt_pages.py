"""The browser, its edits with their undo, a prompt's page, use cases, and the same over REST."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from annotation import prompt_pages
from annotation.actions.edit_prompts import edit_prompts, run_edit
from annotation.actions.undo_edit import run_undo, undo_edit
from annotation.domain.use_case_rules import guess_use_case
from annotation.models import Comparison, Prompt, PromptEdit, SavedView
from annotation.prompt_filter import PromptFilter
from annotation.prompt_pages import page_of
from tests.annotation.material import a_campaign, a_prompt, an_answer
from tests.cast import a_workspace, ann, log_in, mia, vic
from webapp.workspaces.models import Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def cups() -> Workspace:
    return a_workspace()


@pytest.fixture
def browse(cups: Workspace) -> Any:
    """`browse("?q=poem")`: Mia's answer from the browser."""
    client = log_in(Client(), mia(cups))
    return lambda address="", **headers: client.get(
        f"/w/paper-cups/prompts/{address}", headers=headers
    )


def texts(answer: Any) -> list[str]:
    return [row.excerpt for row in answer.context["listed"].rows]


def test_the_pages_hold_every_prompt_once_in_each_order(cups: Workspace, browse: Any) -> None:
    for number in range(120):
        a_prompt(cups, "x" * (1 + number % 7) + str(number))
    for sort in ("newest", "oldest", "longest", "shortest"):
        seen: list[int] = []
        lengths: list[int] = []
        page, address = None, f"?sort={sort}"
        pages = []
        while address:
            page = browse(address).context["listed"]
            pages.append([row.pk for row in page.rows])
            seen += pages[-1]
            lengths += [row.characters for row in page.rows]
            address = f"?sort={sort}&after={page.next}" if page.next else ""
        assert sorted(seen) == sorted(Prompt.objects.values_list("pk", flat=True)), sort
        if sort in ("longest", "shortest"):
            assert lengths == sorted(lengths, reverse=sort == "longest")
        back = browse(f"?sort={sort}&before={page.previous}").context["listed"]
        assert [row.pk for row in back.rows] == pages[-2]


def test_the_number_of_queries_does_not_grow(cups: Workspace, browse: Any) -> None:
    def asked() -> int:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert browse("?q=tell&tag=a").status_code == 200
        return len(queries)

    prompt = a_prompt(cups, "Tell me", tags=["a"])
    asked()  # what is asked once in a process
    few = asked()
    for number in range(60):
        prompt = a_prompt(cups, f"Tell me {number}", tags=["a", f"b{number}"])
        pair = an_answer(prompt), an_answer(prompt, "other", "tuned")
        Comparison.objects.create(prompt=prompt, left=pair[0], right=pair[1], choice="tie")
    assert asked() == few


def test_a_fragment_is_the_list_alone(cups: Workspace, browse: Any) -> None:
    a_prompt(cups, "Write a poem")
    whole, part = browse("?q=poem"), browse("?q=poem", **{"HX-Request": "true"})
    assert b"<html" in whole.content
    assert b"<html" not in part.content
    assert texts(whole) == texts(part) == ["Write a poem"]


@pytest.mark.parametrize("address", ["?split=x", "?sort=x", "?after=x", "?after=1.2&sort=newest"])
def test_what_it_cannot_read_is_said(cups: Workspace, browse: Any, address: str) -> None:
    a_prompt(cups)
    answer = browse(address)
    assert answer.status_code == 422
    assert b'class="notice bad"' in answer.content


def test_hostile_texts_are_shown_as_text(cups: Workspace, browse: Any) -> None:
    prompt = a_prompt(cups, "<script>alert(1)</script> [x](javascript:alert(1))")
    an_answer(prompt, "<img src=x onerror=alert(1)>")
    for address in ("", f"{prompt.pk}/"):
        content = browse(address).content.decode()
        assert "<script>alert" not in content
        assert "<img src=x" not in content


def test_an_edit_changes_what_it_is_for_and_goes_back(cups: Workspace) -> None:
    one, two = a_prompt(cups, "one", tags=["old"]), a_prompt(cups, "two", use_case="chat")
    every = PromptFilter()
    for kind, value, count in [
        ("tag", "new", 2),
        ("untag", "old", 1),
        ("split", "held_out", 2),
        ("use_case", "chat", 1),
        ("retire", "", 2),
    ]:
        before = list(Prompt.objects.order_by("pk").values())
        edit = edit_prompts(workspace=cups, by=mia(cups), kind=kind, value=value, prompts=every)
        assert edit.changed == count, kind
        assert list(Prompt.objects.order_by("pk").values()) != before
        undo_edit(edit=edit, by=mia(cups))
        assert list(Prompt.objects.order_by("pk").values()) == before, kind
        with pytest.raises(ValidationError, match="undone already"):
            undo_edit(edit=edit, by=mia(cups))
    assert {one.pk, two.pk} == set(Prompt.objects.values_list("pk", flat=True))


def test_an_undo_leaves_alone_what_somebody_changed_since(cups: Workspace) -> None:
    two = [a_prompt(cups, text) for text in ("one", "two")][1]
    edit = edit_prompts(
        workspace=cups, by=mia(cups), kind="split", value="validation", prompts=PromptFilter()
    )
    edit_prompts(
        workspace=cups,
        by=mia(cups),
        kind="split",
        value="held_out",
        prompts=PromptFilter(ids=(two.pk,)),
    )
    undo_edit(edit=edit, by=mia(cups))
    assert list(Prompt.objects.order_by("pk").values_list("split", flat=True)) == [
        "train",
        "held_out",
    ]


def test_a_large_edit_is_a_job_that_leaves_newcomers_alone(cups: Workspace) -> None:
    for number in range(501):
        a_prompt(cups, f"Tell {number}")
    edit = edit_prompts(
        workspace=cups, by=mia(cups), kind="retire", prompts=PromptFilter(search="tell")
    )
    assert edit.job is not None
    assert not Prompt.objects.filter(retired_at__isnull=False).exists()
    late = a_prompt(cups, "Tell me later")
    run_edit(edit=edit, on_batch=lambda done: None)
    assert edit.changed == 501
    assert list(Prompt.objects.filter(retired_at__isnull=True)) == [late]
    undone = undo_edit(edit=edit, by=mia(cups))
    run_undo(edit=undone, on_batch=lambda done: None)
    assert not Prompt.objects.filter(retired_at__isnull=False).exists()


def test_edits_stay_in_their_workspace(cups: Workspace) -> None:
    other = a_prompt(a_workspace("Tea pots"), "theirs")
    with pytest.raises(ValidationError, match="No prompt was chosen"):
        edit_prompts(
            workspace=cups,
            by=mia(cups),
            kind="tag",
            value="x",
            prompts=PromptFilter(ids=(other.pk,)),
        )


def test_the_page_changes_the_chosen_or_the_whole_filter(cups: Workspace) -> None:
    client = log_in(Client(), mia(cups))
    one, two, three = (a_prompt(cups, text) for text in ("a poem", "a poem too", "a list"))
    edit = "/w/paper-cups/prompts/edit/"
    answer = client.post(edit, {"kind": "tag", "tag": "x", "id": [one.pk, three.pk]}, follow=True)
    assert b"2 prompts changed" in answer.content
    client.post(edit, {"kind": "split", "split": "held_out", "everything": "1", "filter": "q=poem"})
    assert sorted(Prompt.objects.filter(tags=["x"]).values_list("pk", flat=True)) == [
        one.pk,
        three.pk,
    ]
    assert sorted(Prompt.objects.filter(split="held_out").values_list("pk", flat=True)) == [
        one.pk,
        two.pk,
    ]
    refused = client.post(edit, {"kind": "tag", "tag": "x"}, follow=True)
    assert b"No prompt was chosen" in refused.content


def test_views_are_ones_own_or_shared_by_managers(cups: Workspace) -> None:
    mias, vics = log_in(Client(), mia(cups)), log_in(Client(), vic(cups))
    save = "/w/paper-cups/prompts/views/"
    mias.post(save, {"name": "Poems", "filter": "q=poem&tag=a", "shared": "1"})
    mias.post(save, {"name": "Mine", "filter": "split=train"})
    vics.post(save, {"name": "Vic's", "filter": "", "shared": "1"})
    assert SavedView.objects.get(name="Poems").filter == {"search": "poem", "tags": ["a"]}
    assert not SavedView.objects.get(name="Vic's").shared
    shown = vics.get("/w/paper-cups/prompts/").content.decode()
    assert "q=poem&amp;tag=a" in shown
    assert ">Mine<" not in shown


@pytest.mark.parametrize("counted", [0, 3000])  # many are found, or few
@pytest.mark.parametrize("window", [3, 50_000])  # ids that are looked through first
def test_paging_shows_every_prompt_once_however_it_is_looked_up(
    cups: Workspace, monkeypatch: pytest.MonkeyPatch, counted: int, window: int
) -> None:
    monkeypatch.setattr(prompt_pages, "COUNTED", counted)
    monkeypatch.setattr(prompt_pages, "WINDOW", window)
    mine = [a_prompt(cups, "abcde"[number] * (3 + number // 2)) for number in range(5)]
    for _ in range(4):
        a_prompt(a_workspace("Tea pots"))
    mine += [a_prompt(cups, "fghi"[number] * (3 + number // 2)) for number in range(4)]
    oldest = [each.pk for each in mine]
    shortest = [each.pk for each in sorted(mine, key=lambda each: (len(each.text), each.pk))]
    prompts = Prompt.objects.filter(workspace=cups)
    for sort, expected in (
        ("oldest", oldest),
        ("newest", oldest[::-1]),
        ("shortest", shortest),
        ("longest", shortest[::-1]),
    ):
        pages = [page_of(cups, prompts, {"sort": sort}, size=2)]
        while pages[-1].next:
            pages.append(page_of(cups, prompts, {"sort": sort, "after": pages[-1].next}, size=2))
        there = [[row.pk for row in page.rows] for page in pages]
        assert [pk for page in there for pk in page] == expected
        back = page_of(cups, prompts, {"sort": sort, "before": pages[-1].previous}, size=2)
        assert [row.pk for row in back.rows] == there[-2]


def test_the_page_of_a_prompt_shows_everything_about_it(cups: Workspace, browse: Any) -> None:
    campaign = a_campaign(cups, mia(cups))
    prompt = Prompt.objects.get()
    left, right = prompt.completions.order_by("pk")
    Comparison.objects.create(
        prompt=prompt, left=left, right=right, choice="left", annotator=ann(cups)
    )
    edit_prompts(
        workspace=cups,
        by=mia(cups),
        kind="tag",
        value="river",
        prompts=PromptFilter(ids=(prompt.pk,)),
    )
    content = browse(f"{prompt.pk}/").content.decode()
    for said in (prompt.text, left.text, "Left is better", campaign.name, "river", "Mia", "Ann"):
        assert said in content, said


@pytest.mark.parametrize(
    ("text", "use_case"),
    [
        ("Write a poem about a cup", "generation"),
        ("Give me some ideas for a birthday", "brainstorming"),
        ("Summarize the following text in one sentence: ...", "summarization"),
        ("Translate to French: good morning", "rewrite"),
        ("Classify this review as positive or negative: fine", "classification"),
        ("Extract all the names from this letter: ...", "extract"),
        ("What is the capital of France?", "open_qa"),
        ("Context: Paris is in France.\nWhere is Paris?", "closed_qa"),
        ("Hi there", "chat"),
        ("", "other"),
    ],
)
def test_a_first_guess_is_a_rule_that_can_be_read(text: str, use_case: str) -> None:
    assert guess_use_case([{"role": "user", "content": text}]) == use_case


def test_own_words_come_first_and_a_person_has_the_last(cups: Workspace) -> None:
    client = log_in(Client(), mia(cups))
    room = "/w/paper-cups/prompts/use-cases/"
    client.post(f"{room}save/", {"name": "recipes", "words": "bake\nRezept"})
    cake = a_prompt(cups, "Write how to bake a cake")
    soup = a_prompt(cups, "Schreib mir ein Rezept", use_case="chat")
    client.post(f"{room}guess/")
    cake.refresh_from_db(), soup.refresh_from_db()
    assert (cake.use_case, cake.flags) == ("recipes", ["use_case_guessed"])
    assert soup.use_case == "chat"  # what a file or a person said stays
    edit_prompts(
        workspace=cups,
        by=mia(cups),
        kind="use_case",
        value="recipes",
        prompts=PromptFilter(ids=(cake.pk,)),
    )
    cake.refresh_from_db()
    assert cake.flags == []
    guess = PromptEdit.objects.get(kind="guess")
    assert guess.changed == 1


def test_the_mix_warns_when_held_out_prompts_are_not_like_the_users(cups: Workspace) -> None:
    for number in range(40):
        a_prompt(cups, f"u{number}", use_case="generation")
        a_prompt(cups, f"e{number}", use_case="classification", split="held_out")
    client = log_in(Client(), mia(cups))
    answer = client.get("/w/paper-cups/prompts/use-cases/?ours=users&theirs=split:held_out")
    assert b"not like your users" in answer.content
    mix = answer.context["mix"]
    assert mix.comparison.js == pytest.approx(0.693, abs=1e-3)  # disjoint: ln 2
    row = next(row for row in mix.rows() if row["name"] == "generation")
    assert (row["ours"]["percent"], row["theirs"]["percent"]) == (100.0, 0.0)
    refused = client.get("/w/paper-cups/prompts/use-cases/?ours=nothing")
    assert refused.status_code == 422


def test_the_same_over_rest(cups: Workspace) -> None:
    client = log_in(Client(), mia(cups))
    room = "/api/v1/workspaces/paper-cups/prompts/"

    def post(tail: str, body: Any, **headers: str) -> Any:
        return client.post(room + tail, body, content_type="application/json", headers=headers)

    body = {"messages": [{"role": "user", "content": "Write to ann@rondo.test"}], "tags": ["a"]}
    made = post("", body)
    assert made.status_code == 201
    assert made.json()["flags"] == ["personal_data:email"]
    assert post("", body).status_code == 200
    assert post("near/", {"messages": body["messages"]}).json()["results"][0]["jaccard"] == 1.0
    assert len(client.get(f"{room}?q=write&tag=a").json()["results"]) == 1
    assert client.get(f"{room}?colour=red").status_code == 400
    assert client.get(f"{room}?split=none").status_code == 400
    key = made.json()["id"]
    edit = post("edits/", {"kind": "tag", "value": "b", "filter": {"tags": ["a"]}}).json()
    assert edit["changed"] == 1
    assert client.get(f"{room}{key}/").json()["tags"] == ["a", "b"]
    assert post(f"edits/{edit['id']}/undo/", {}).status_code == 200
    assert client.get(f"{room}{key}/").json()["tags"] == ["a"]
    both = {"kind": "tag", "value": "b", "ids": [key], "filter": {}}
    for bad in (both, both | {"ids": "x"}, {"kind": "tag", "ids": [key]}, {"kind": "paint"}):
        assert post("edits/", bad).status_code == 400, bad
    for bad_messages in ([], [{"role": "assistant", "content": "x"}], [{"role": "user"}], "x"):
        assert post("", {"messages": bad_messages}).status_code == 400
