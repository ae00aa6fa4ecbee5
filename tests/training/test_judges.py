"""Who judged what a model learned from is said on the snapshot, the run, the model and its card."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from tests.cast import a_workspace, log_in, mia
from tests.training.registry import a_model, a_run
from tests.training.snapshots import a_comparison, a_snapshot
from training.actions.push_model import card, consequences_of_pushing
from training.judges import in_words, judged_for
from training.models import Parentage
from webapp.api.actions.token import create_token

pytestmark = pytest.mark.django_db


def page(workspace: Any, route: str, pk: int) -> str:
    address = reverse(f"training:{route}", args=[workspace.slug, pk])
    return str(log_in(Client(), mia(workspace)).get(address).content.decode())


def test_a_judge_is_marked_from_the_snapshot_to_the_card_of_the_model() -> None:
    workspace = a_workspace()
    by = mia(workspace)
    for source, votes in (("human", 2), ("judge", 3), ("simulated", 1)):
        for _vote in range(votes):
            a_comparison(workspace, source=source, annotator_label="" if source == "human" else "j")
    snapshot = a_snapshot(workspace, by=by)
    assert snapshot.counts["judged_by"] == {"human": 2, "judge": 3, "simulated": 1}
    assert "tags: [rondo, preference, rlaif]" in snapshot.card
    said = "People 2, models (RLAIF) 3, a simulated annotator 1"
    assert said in page(workspace, "snapshot", snapshot.pk)

    base = a_model(workspace, by)
    run = a_run(workspace, by, "teaching", base=base)
    assert "RLAIF" not in page(workspace, "run", run.pk), "the control: demonstrations"
    run.data.update(snapshot=snapshot)
    taste = a_model(workspace, by, "taste", kind="reward", run=run)
    assert said in page(workspace, "run", run.pk)
    assert said in page(workspace, "model", taste.pk)

    polishing = a_run(workspace, by, "polishing", base=base)
    polishing.models.create(role="reward", version=taste)
    policy = a_model(workspace, by, "policy", run=polishing)
    for role, parent in (("base", base), ("reward", taste)):
        Parentage.objects.create(child=policy, parent=parent, role=role)
    assert said in page(workspace, "run", polishing.pk), "it learns what its reward model learned"
    assert said in page(workspace, "model", policy.pk)
    assert judged_for(policy) == {"human": 2, "judge": 3, "simulated": 1}
    assert judged_for(base) == {}
    assert "Rows judged by" not in page(workspace, "model", base.pk)
    assert "models (RLAIF) 3" in card(policy)
    assert any("RLAIF" in sentence for sentence in consequences_of_pushing(policy))
    _row, key = create_token(user=by, name="models", scope="read", days=1)
    rest = Client(headers={"Authorization": f"Bearer {key}"})
    told = rest.get(reverse("api_model", args=[workspace.slug, policy.pk])).json()
    assert told["judged_by"] == {"human": 2, "judge": 3, "simulated": 1}


def test_people_alone_are_no_rlaif_and_what_was_screened_passes_the_word_on() -> None:
    workspace = a_workspace()
    by = mia(workspace)
    people = a_snapshot(workspace, by=by)
    assert "rlaif" not in people.card
    assert in_words({"human": 1}) == "people 1"
    a_comparison(workspace, source="judge", annotator_label="j")
    mixed = a_snapshot(workspace, by=by)
    taste = a_model(workspace, by, "taste", kind="reward", run=a_run(workspace, by, "teaching"))
    taste.run.data.update(snapshot=mixed)
    later = a_run(workspace, by, "later", base=a_model(workspace, by, "other"))
    passed = later.data.get().snapshot
    made = a_model(workspace, by, "made", run=later)
    assert judged_for(made) == {}
    passed.screened_by, passed.screen = taste, {"least": 0.0}
    passed.save()
    assert judged_for(made) == {"human": 1, "judge": 1}
