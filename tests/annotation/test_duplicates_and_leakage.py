"""Near duplicates are found, kept or merged without losing anything; held-out prompts stay out."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command

from annotation import fingerprints
from annotation.actions.assign import assign
from annotation.actions.find_duplicates import find_duplicates
from annotation.actions.index_prompts import index_later, index_missing, index_now
from annotation.actions.search_duplicates import run_search
from annotation.actions.settle_cluster import settle_cluster, undo_settlement
from annotation.domain.leakage import Leak
from annotation.fingerprints import near_prompts
from annotation.leakage_guard import kept_out
from annotation.models import (
    Comparison,
    Completion,
    Demonstration,
    DuplicateCluster,
    Item,
    Prompt,
    PromptWord,
)
from tests.annotation.material import a_campaign, a_prompt, an_answer
from tests.cast import a_workspace, ann, eve, mia
from webapp.workspaces.models import Workspace

pytestmark = pytest.mark.django_db

RIVERS = (
    "Name three long rivers of Germany and say in which sea each of them ends today "
    "and how long it takes to row down"
)
RIVERS_TOO = f"{RIVERS}, thanks"
BREAD = "Explain how bread is made from flour, water, salt and yeast in a small bakery"


@pytest.fixture
def cups() -> Workspace:
    return a_workspace()


def clusters_of(workspace: Workspace) -> list[DuplicateCluster]:
    search = find_duplicates(workspace=workspace, by=mia(workspace))
    run_search(search=search, progress=lambda *said: None)
    return list(DuplicateCluster.objects.filter(search=search).order_by("-size", "pk"))


def members(cluster: DuplicateCluster) -> list[int]:
    return sorted(cluster.members.values_list("prompt_id", flat=True))


def test_prompts_without_fingerprints_get_them_and_their_words(cups: Workspace) -> None:
    one, two = a_prompt(cups, RIVERS), a_prompt(cups, "?!")
    assert index_missing(workspace_id=cups.pk, on_batch=lambda done: None) == 2
    assert index_missing(workspace_id=cups.pk, on_batch=lambda done: None) == 0
    assert len(one.fingerprint.keys) == 16
    assert two.fingerprint.keys == []
    assert two.fingerprint.exact is None
    assert "germany" in PromptWord.objects.filter(workspace=cups).values_list("word", flat=True)


def test_two_imports_in_a_row_ask_for_one_index(cups: Workspace) -> None:
    assert index_later(workspace=cups, by=mia(cups)) == index_later(workspace=cups, by=mia(cups))


def test_a_text_is_checked_against_stored_prompts(cups: Workspace) -> None:
    known = a_prompt(cups, RIVERS)
    elsewhere = a_prompt(a_workspace("Tea pots"), RIVERS)
    index_now(prompts=[known.pk, elsewhere.pk])
    near = near_prompts(cups.pk, [{"role": "user", "content": RIVERS_TOO}])
    assert [each.prompt_id for each in near] == [known.pk]
    assert 0.7 <= near[0].jaccard < 1
    assert near_prompts(cups.pk, [{"role": "user", "content": BREAD}]) == []


def test_the_nearest_is_found_among_many_of_one_template_and_by_one_question(
    cups: Workspace, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
) -> None:
    monkeypatch.setattr(fingerprints, "MOST_LOOKED_AT", 2)
    template = "{} and how long does it take to row down this river from its source to the sea"
    older = [a_prompt(cups, template.format(f"Tell me {n} of them {n} times")) for n in range(8)]
    same = a_prompt(cups, template.format("Name the longest ones"))
    index_now(prompts=[*(each.pk for each in older), same.pk])
    asked = [{"role": "user", "content": same.text + ", please"}]
    with django_assert_num_queries(1):
        near = near_prompts(cups.pk, asked)
    assert near[0].prompt_id == same.pk
    assert near[0].jaccard > 0.9
    assert same.pk not in [each.prompt_id for each in near_prompts(cups.pk, asked, without=same.pk)]


def test_a_system_message_alone_makes_no_prompts_alike(cups: Workspace) -> None:
    system = {"role": "system", "content": RIVERS * 3}
    for text in (BREAD, "Say hello"):
        prompt = a_prompt(cups, text)
        prompt.messages = [system, *prompt.messages]
        prompt.save()
    assert clusters_of(cups) == []


def test_clusters_hold_exact_and_near_duplicates_of_one_workspace(cups: Workspace) -> None:
    one, two, three = (a_prompt(cups, text) for text in (RIVERS, RIVERS_TOO, RIVERS.upper()))
    loud, quiet = a_prompt(cups, BREAD + "!"), a_prompt(cups, BREAD)
    a_prompt(cups, "Something else altogether")
    a_prompt(a_workspace("Tea pots"), RIVERS)
    first, second = clusters_of(cups)
    assert members(first) == [one.pk, two.pk, three.pk]
    assert members(second) == [loud.pk, quiet.pk]
    assert (first.exact, second.exact) == (False, True)


def test_what_a_person_kept_apart_is_not_asked_again(cups: Workspace) -> None:
    a_prompt(cups, RIVERS), a_prompt(cups, RIVERS_TOO)
    (cluster,) = clusters_of(cups)
    settle_cluster(cluster=cluster, by=mia(cups), decision="kept")
    assert clusters_of(cups) == []


def test_retiring_keeps_one_and_can_be_taken_back(cups: Workspace) -> None:
    one, two = a_prompt(cups, RIVERS), a_prompt(cups, RIVERS_TOO)
    (cluster,) = clusters_of(cups)
    settled = settle_cluster(cluster=cluster, by=mia(cups), decision="retired", keep=two.pk)
    one.refresh_from_db(), two.refresh_from_db()
    assert one.retired_at is not None
    assert two.retired_at is None
    undo_settlement(cluster=settled, by=mia(cups))
    one.refresh_from_db()
    assert one.retired_at is None


def everything() -> dict[str, list[Any]]:
    tables = (Completion, Comparison, Demonstration, Item)
    return {
        table.__name__: list(table._default_manager.order_by("pk").values_list("pk", "prompt_id"))
        for table in tables
    }


def test_merging_moves_everything_loses_nothing_and_goes_back(cups: Workspace) -> None:
    kept, merged = a_prompt(cups, RIVERS), a_prompt(cups, RIVERS_TOO)
    # The same answer stands under both prompts, and both were judged.
    for prompt in (kept, merged):
        pair = an_answer(prompt, "The Rhine"), an_answer(prompt, "The Elbe", "tuned")
        Comparison.objects.create(prompt=prompt, left=pair[0], right=pair[1], choice="left")
        Demonstration.objects.create(prompt=prompt, text="The Danube")
    before = everything()
    (cluster,) = clusters_of(cups)
    settled = settle_cluster(cluster=cluster, by=mia(cups), decision="merged", keep=kept.pk)
    after = everything()
    assert {name: [key for key, _ in rows] for name, rows in after.items()} == {
        name: [key for key, _ in rows] for name, rows in before.items()
    }
    assert {prompt for rows in after.values() for _, prompt in rows} == {kept.pk}
    assert kept.completions.values("generator", "text_hash").distinct().count() == 2
    undo_settlement(cluster=settled, by=mia(cups))
    assert everything() == before
    assert set(Completion.objects.values_list("source_id", flat=True)) == {""}


def test_it_does_not_merge_under_the_hands_of_somebody_at_work(cups: Workspace) -> None:
    campaign = a_campaign(cups, mia(cups))
    held = assign(campaign=campaign, annotator=ann(cups))
    assert held is not None
    prompt = held.item.prompt
    twin = a_prompt(cups, prompt.text + "!")
    (cluster,) = clusters_of(cups)
    with pytest.raises(ValidationError, match="at work"):
        settle_cluster(cluster=cluster, by=mia(cups), decision="merged", keep=twin.pk)
    assert Item.objects.get(pk=held.item_id).prompt_id == prompt.pk


def test_held_out_prompts_and_what_repeats_them_are_kept_out(cups: Workspace) -> None:
    board = a_prompt(cups, RIVERS, split="held_out")
    other = a_workspace("Tea pots")
    a_prompt(other, BREAD, split="held_out")
    exact = a_prompt(cups, RIVERS.upper())
    near = a_prompt(cups, RIVERS.replace("each", "any"))  # 19 of 25 shingles: 0.76
    part = a_prompt(cups, "Hello. " + " ".join(RIVERS.split()[:13]) + "? I do not know that at all")
    free = a_prompt(cups, BREAD)
    asked = [free.pk, part.pk, near.pk, exact.pk, board.pk]
    found = {each.prompt_id: each for each in kept_out(cups, asked)}
    assert [each.prompt_id for each in kept_out(cups, asked)] == asked[1:]
    assert found[exact.pk].reason is Leak.EXACT
    assert found[part.pk].reason is Leak.THIRTEEN_GRAM
    assert found[near.pk].reason is Leak.NEAR_DUPLICATE
    assert found[board.pk].protected_id == board.pk
    assert {each.protected_id for each in found.values()} == {board.pk}
    assert json.dumps(found[part.pk].as_json())
    assert list(kept_out(other, [eve(other).pk])) == []


def test_a_prompt_that_was_retired_is_still_protected(cups: Workspace) -> None:
    board = a_prompt(cups, RIVERS, split="held_out")
    Prompt.objects.filter(pk=board.pk).update(retired_at="2026-01-31T00:00Z")
    assert len(list(kept_out(cups, [a_prompt(cups, RIVERS + "!").pk]))) == 1


def test_the_command_line_indexes_what_no_worker_has(cups: Workspace) -> None:
    a_prompt(cups, RIVERS)
    out = StringIO()
    call_command("index_prompts", workspace="paper-cups", stdout=out)
    assert out.getvalue() == "Prompts indexed: 1.\n"
    with pytest.raises(CommandError, match="no workspace 'nowhere'"):
        call_command("index_prompts", workspace="nowhere")
