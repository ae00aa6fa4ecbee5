"""Many clusters are settled by one rule, and opened again at once."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client

from annotation.actions import settle_many as acts
from annotation.actions.settle_cluster import settle_cluster, undo_settlement
from annotation.actions.settle_many import settle_many, undo_settlements
from annotation.models import Completion, DuplicateCluster, Prompt, Settlement
from tests.annotation.curated import a_cluster
from tests.annotation.imports.uploads import work
from tests.annotation.material import an_answer
from tests.cast import a_workspace, eve, log_in, mia
from webapp.audit.models import AuditEntry
from webapp.workspaces.models import Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def cups() -> Workspace:
    return a_workspace()


def prompts_of(cluster: DuplicateCluster) -> list[Prompt]:
    return list(Prompt.objects.filter(memberships__cluster=cluster).order_by("pk"))


def in_use(cluster: DuplicateCluster) -> list[str]:
    return [prompt.text for prompt in prompts_of(cluster) if prompt.retired_at is None]


@pytest.mark.parametrize(
    ("rule", "stays"),
    [
        ("oldest", "How far is it"),
        ("longest", "How far is it to Rome?"),
        ("work", "How far is it to"),
    ],
)
def test_the_rule_says_which_prompt_stays(cups: Workspace, rule: str, stays: str) -> None:
    cluster = a_cluster(
        cups, mia(cups), "How far is it", "How far is it to", "How far is it to Rome?"
    )
    an_answer(prompts_of(cluster)[1])
    settle_many(workspace=cups, by=mia(cups), decision="retired", rule=rule, clusters=[cluster.pk])
    assert in_use(cluster) == [stays]


def test_a_held_out_prompt_stays_whatever_the_rule_says(cups: Workspace) -> None:
    cluster = a_cluster(cups, mia(cups), "How far", "How far is it")
    Prompt.objects.filter(text="How far is it").update(split="held_out")
    settle_many(
        workspace=cups, by=mia(cups), decision="retired", rule="oldest", clusters=[cluster.pk]
    )
    assert in_use(cluster) == ["How far is it"]


def test_merging_all_open_ones_moves_everything_and_goes_back_at_once(cups: Workspace) -> None:
    first = a_cluster(cups, mia(cups), "How far is it", "How far is it?")
    second = a_cluster(cups, mia(cups), "Who is it", "Who is it?")
    theirs = a_workspace("Tea pots")
    other = a_cluster(theirs, eve(theirs), "What is it", "What is it?")
    for cluster in (first, second, other):
        for prompt in prompts_of(cluster):
            an_answer(prompt)
    before = dict(Completion.objects.values_list("pk", "prompt"))
    row = settle_many(workspace=cups, by=mia(cups), decision="merged", rule="oldest")
    assert (row.settled().count(), row.left) == (2, 0)
    assert [prompt.completions.count() for prompt in prompts_of(first)] == [2, 0]
    assert [prompt.completions.count() for prompt in prompts_of(other)] == [1, 1]
    row = undo_settlements(row=row, by=mia(cups))
    assert row.settled().count() == 0
    assert dict(Completion.objects.values_list("pk", "prompt")) == before
    assert in_use(first) == ["How far is it", "How far is it?"]
    actions = AuditEntry.objects.filter(action__endswith="_many").values_list("action", flat=True)
    assert sorted(actions) == ["prompts.settle_many", "prompts.unsettle_many"]
    with pytest.raises(ValidationError, match="already"):
        undo_settlements(row=row, by=mia(cups))


def test_only_those_of_the_same_words(cups: Workspace) -> None:
    near = a_cluster(cups, mia(cups), "How far is it", "How far is that")
    same = a_cluster(cups, mia(cups), "Who is it", "Who is it?")
    DuplicateCluster.objects.filter(pk=same.pk).update(exact=True)
    settle_many(workspace=cups, by=mia(cups), decision="retired", rule="oldest", only_exact=True)
    assert in_use(same) == ["Who is it"]
    assert len(in_use(near)) == 2


def test_what_cannot_be_settled_stays_open_and_is_counted(
    cups: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = a_cluster(cups, mia(cups), "How far", "How far?", "How far!")
    small = a_cluster(cups, mia(cups), "Who is it", "Who is it?")
    monkeypatch.setattr("annotation.actions.settle_cluster.AT_ONCE", 2)
    row = settle_many(workspace=cups, by=mia(cups), decision="retired", rule="oldest")
    assert (row.settled().count(), row.left) == (1, 1)
    assert len(in_use(large)) == 3
    # What a person decides about it later is not part of the decision about many.
    settle_cluster(cluster=large, by=mia(cups), decision="kept")
    undo_settlement(cluster=small, by=mia(cups))
    settle_cluster(cluster=small, by=mia(cups), decision="kept")
    undo_settlements(row=row, by=mia(cups))
    states = DuplicateCluster.objects.values_list("state", flat=True)
    assert set(states) == {DuplicateCluster.State.KEPT}


def test_more_than_a_page_is_a_job_and_so_is_its_undo(
    cups: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acts, "AT_ONCE", 1)
    clusters = [a_cluster(cups, mia(cups), f"How {n}", f"How {n}?") for n in ("far", "old")]
    row = settle_many(workspace=cups, by=mia(cups), decision="retired", rule="oldest")
    assert row.finished_at is None
    with pytest.raises(ValidationError, match="being made"):
        settle_many(workspace=cups, by=mia(cups), decision="kept", rule="oldest")
    work()
    row.refresh_from_db()
    assert row.job is not None
    row.job.refresh_from_db()
    assert row.job.result == {"settled": 2, "left": 0}
    assert [in_use(cluster) for cluster in clusters] == [["How far"], ["How old"]]
    undo_settlements(row=row, by=mia(cups))
    work()
    assert all(len(in_use(cluster)) == 2 for cluster in clusters)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [({"decision": "burnt"}, "Decide"), ({"rule": "best"}, "stays"), ({"clusters": [0]}, "chosen")],
)
def test_it_refuses(cups: Workspace, wrong: dict[str, Any], sentence: str) -> None:
    a_cluster(cups, mia(cups), "How far", "How far?")
    asked: dict[str, Any] = {"decision": "kept", "rule": "oldest", **wrong}
    with pytest.raises(ValidationError, match=sentence):
        settle_many(workspace=cups, by=mia(cups), **asked)
    assert not Settlement.objects.exists()


def test_clusters_of_another_workspace_are_not_touched(cups: Workspace) -> None:
    theirs = a_workspace("Tea pots")
    other = a_cluster(theirs, eve(theirs), "How far", "How far?")
    with pytest.raises(ValidationError, match="chosen"):
        settle_many(
            workspace=cups, by=mia(cups), decision="retired", rule="oldest", clusters=[other.pk]
        )


def test_the_page_settles_what_is_chosen_and_takes_it_back(client: Client, cups: Workspace) -> None:
    chosen = a_cluster(cups, mia(cups), "How far", "How far?")
    other = a_cluster(cups, mia(cups), "Who is it", "Who is it?")
    log_in(client, mia(cups))
    address = "/w/paper-cups/prompts/duplicates/"
    assert f'name="cluster" value="{chosen.pk}"' in client.get(address).content.decode()
    answer = client.post(
        f"{address}settle/",
        {"cluster": [chosen.pk], "decision": "retired", "rule": "oldest"},
        follow=True,
    )
    assert "1 group of duplicates was settled at once" in answer.content.decode()
    assert (len(in_use(chosen)), len(in_use(other))) == (1, 2)
    row = Settlement.objects.get()
    client.post(f"{address}settlements/{row.pk}/undo/")
    assert len(in_use(chosen)) == 2
    refused = client.post(f"{address}settle/", {"cluster": "x"}, follow=True)
    assert refused.status_code == 200
    assert "settled at once" not in refused.content.decode()
