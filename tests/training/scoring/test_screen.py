"""A reward model drops rows of a snapshot while it is frozen; what it dropped is counted and said.
The model is a real one, with random weights: what it likes is computed here a second time."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse

from annotation.exports.plan import ExportPlan, Kind, Ties
from annotation.judgement_filter import JudgementFilter
from annotation.models import Comparison, Demonstration, Prompt
from tests.annotation.material import a_prompt, an_answer
from tests.cast import a_workspace, ann, log_in, mia
from tests.training.registry import a_model
from tests.training.scoring.world import a_reward
from tests.training.tiny_model import tiny_tokenizer
from tests.training.tiny_policies import save_reward
from training.actions.change_model import consequences
from training.actions.freeze_snapshot import freeze_snapshot
from training.models import DatasetSnapshot, ModelVersion, TextScore
from training.scoring.screen import Screen
from training.snapshot_files import blocks
from webapp.api.actions.token import create_token
from webapp.jobs.runner import run_next

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.heavy]

ANSWERS = [
    "it is small .",
    "no the cat is rude and bad",
    "the dog likes a bone .",
    "yes",
    "it sees",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_reward(tmp_path_factory.mktemp("reward") / "taste", tiny_tokenizer())


def rewards_of(folder: Path) -> dict[str, float]:
    """What the reward model gives each answer to "is it red ?", one at a time."""
    import torch
    from transformers import LlamaForSequenceClassification

    model, tokenizer = LlamaForSequenceClassification.from_pretrained(folder), tiny_tokenizer()
    model.eval()
    found = {}
    for text in ANSWERS:
        turns = [{"role": "user", "content": "is it red ?"}, {"role": "assistant", "content": text}]
        ids = tokenizer.apply_chat_template(turns, return_dict=False)
        with torch.no_grad():
            found[text] = float(model(torch.tensor([ids])).logits[0, 0])
    return found


def judged(workspace: Any) -> Prompt:
    """Every two answers compared, the first one preferred; one pair a tie; each answer written by
    hand, too."""
    prompt = a_prompt(workspace, "is it red ?")
    answers = [an_answer(prompt, text, f"model-{text[:3]}") for text in ANSWERS]
    for place, left in enumerate(answers):
        for right in answers[place + 1 :]:
            tie = left.text == "yes" and right.text == "it sees"
            Comparison.objects.create(
                prompt=prompt,
                left=left,
                right=right,
                choice="tie" if tie else "left",
                annotator=ann(workspace),
            )
    for text in ANSWERS:
        Demonstration.objects.create(prompt=prompt, text=text, annotator=ann(workspace))
    return prompt


def frozen(workspace: Any, screen: Screen, kind: Kind = Kind.PREFERENCE) -> DatasetSnapshot:
    """As a manager asks for it and the worker writes it."""
    snapshot = freeze_snapshot(
        workspace=workspace,
        by=mia(workspace),
        name=f"Screened {DatasetSnapshot.objects.count()}",
        plan=ExportPlan(kind, ties=Ties.KEEP),
        chosen=JudgementFilter(),
        screen=screen,
    )
    job = run_next(queue="gpu", worker="here")
    assert job is not None
    snapshot.refresh_from_db()
    assert snapshot.job is not None
    assert snapshot.job.state in ("done", "failed"), snapshot.job.error
    return snapshot


def rows(snapshot: DatasetSnapshot) -> list[dict[str, Any]]:
    return [json.loads(line) for block in blocks(snapshot) for line in block.splitlines()]


def said(message: list[dict[str, str]]) -> str:
    return message[-1]["content"]


def a_taste(workspace: Any, folder: Path) -> ModelVersion:
    return a_model(workspace, mia(workspace), "taste", kind="reward", folder=folder)


def test_pairs_that_the_reward_model_disagrees_with_are_dropped_and_counted(folder: Path) -> None:
    workspace = a_workspace()
    judged(workspace)
    value = rewards_of(folder)
    pairs = [(a, b) for n, a in enumerate(ANSWERS) for b in ANSWERS[n + 1 :]]
    margins = {pair: value[pair[0]] - value[pair[1]] for pair in pairs[:-1]}  # the last is the tie
    least = (sorted(margins.values())[3] + sorted(margins.values())[4]) / 2
    reward = a_taste(workspace, folder)
    snapshot = frozen(workspace, Screen(reward, least=least))
    kept = rows(snapshot)
    assert {(said(row["chosen"]), said(row["rejected"])) for row in kept if not row["tie"]} == {
        pair for pair, margin in margins.items() if margin >= least
    }
    assert sum(row["tie"] for row in kept) == 1, "a tie is not looked at"
    told = snapshot.counts["screen"]
    assert (told["looked_at"], told["dropped"], told["unreadable"]) == (9, 4, 0)
    assert snapshot.counts["left_out"]["reward_model"] == {"rows": 4, "prompts": 1}
    assert "looked at 9 rows. It kept 5 and dropped 4" in snapshot.card
    assert "taste v1" in snapshot.card
    assert "dropped by the reward model | 4 | 1 |" in snapshot.card
    page = log_in(Client(), mia(workspace)).get(
        reverse("training:snapshot", args=[workspace.slug, snapshot.pk])
    )
    assert "dropped 4 of the 9 rows it looked at" in page.content.decode()
    assert any("screened" in sentence for sentence in consequences(reward))


def test_the_lowest_share_is_dropped_and_the_same_texts_are_scored_once(folder: Path) -> None:
    workspace = a_workspace()
    judged(workspace)
    reward = a_taste(workspace, folder)
    pairs = frozen(workspace, Screen(reward, lowest=0.25))
    # Nine pairs: the value at a quarter of the way is the third, and what is below it goes.
    assert (pairs.counts["screen"]["dropped"], pairs.rows) == (2, 8)
    assert "below which 25.0% of them lay" in pairs.card
    scored = set(TextScore.objects.values_list("pk", flat=True))
    assert len(scored) == len(ANSWERS)
    answers = frozen(workspace, Screen(reward, lowest=0.5), Kind.PROMPT_COMPLETION)
    assert set(TextScore.objects.values_list("pk", flat=True)) == scored
    value = rewards_of(folder)
    best = sorted(ANSWERS, key=lambda text: -value[text])[:3]
    assert {said(row["completion"]) for row in rows(answers)} == set(best)


def test_what_has_no_finite_score_or_came_later_is_left_out_and_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from training.scoring import screen_rows

    workspace = a_workspace()
    prompt = judged(workspace)
    reward = a_taste(workspace, folder)
    first = frozen(workspace, Screen(reward, least=-1e9))
    assert first.rows == 10
    TextScore.objects.filter(pk=TextScore.objects.order_by("pk")[0].pk).update(value=None)
    real = screen_rows._scores

    def while_it_scores(*of: Any) -> Any:
        found = real(*of)
        left, right = prompt.completions.order_by("pk")[:2]
        late = an_answer(prompt, "a late answer .", "late")
        for other in (left, right):
            Comparison.objects.create(prompt=prompt, left=late, right=other, choice="left")
        return found

    monkeypatch.setattr(screen_rows, "_scores", while_it_scores)
    snapshot = frozen(workspace, Screen(reward, least=-1e9))
    left_out = {reason: told["rows"] for reason, told in snapshot.counts["left_out"].items()}
    assert left_out["came_later"] == 2
    assert left_out["no_reward"] in (3, 4), "each answer is in four pairs, one of them a tie"
    assert "rows had no finite score" in snapshot.card


def test_a_filter_that_cannot_be_is_refused_with_a_sentence(folder: Path) -> None:
    workspace = a_workspace()
    judged(workspace)
    reward = a_taste(workspace, folder)
    stranger = a_workspace("Elsewhere")
    far = a_reward(stranger, mia(stranger), "far")
    with pytest.raises(ValidationError, match="less than a value, or a share"):
        Screen(reward)
    with pytest.raises(ValidationError, match="less than a value, or a share"):
        Screen(reward, least=0.0, lowest=0.5)
    with pytest.raises(ValidationError, match="between 0 and 1"):
        Screen(reward, lowest=1.0)
    with pytest.raises(ValidationError, match="is a number"):
        Screen(reward, least=float("nan"))
    for screen, kind, sentence in (
        (Screen(reward, least=0.0), Kind.UNPAIRED, "filters preferences"),
        (Screen(far, least=0.0), Kind.PREFERENCE, "of this workspace"),
    ):
        with pytest.raises(ValidationError, match=sentence):
            frozen(workspace, screen, kind)
    client = log_in(Client(), mia(workspace))
    address = reverse("training:snapshot_new", args=[workspace.slug])
    given = {"name": "Some", "type": "preference", "validation": "5", "reward": str(reward.pk)}
    given |= {"ties": "keep", "margins": "none", "shape": "chat"}
    for wrong, sentence in (
        ({}, "less than a value, or a share"),
        ({"least": "x"}, "Enter a number"),
        ({"lowest": "100"}, "between 0 and 1"),
        ({"least": "0", "reward": "999999"}, "Select a valid choice"),
        ({"least": "0", "type": "unpaired"}, "filters preferences"),
    ):
        answer = client.post(address, given | wrong)
        assert (answer.status_code, sentence in answer.content.decode()) == (422, True), wrong
    assert not DatasetSnapshot.objects.exists()


def test_a_reward_model_that_drops_everything_fails_with_the_reason(folder: Path) -> None:
    workspace = a_workspace()
    judged(workspace)
    reward = a_taste(workspace, folder)
    Comparison.objects.filter(choice="tie").delete()
    snapshot = frozen(workspace, Screen(reward, least=1e9))
    assert not snapshot.ready
    assert snapshot.job is not None
    assert "9 dropped by the reward model" in snapshot.job.error


def test_the_same_by_the_form_and_over_rest(folder: Path) -> None:
    workspace = a_workspace()
    judged(workspace)
    by = mia(workspace)
    reward = a_taste(workspace, folder)
    client = log_in(Client(), by)
    address = reverse("training:snapshot_new", args=[workspace.slug])
    given = {"name": "By form", "type": "preference", "validation": "5", "reward": str(reward.pk)}
    given |= {"ties": "keep", "margins": "none", "shape": "chat", "lowest": "25"}
    shown = client.get(address, given).content.decode()
    assert "before taste v1 has looked at them" in shown
    assert client.post(address, given).status_code == 302
    assert run_next(queue="gpu", worker="here") is not None
    by_form = DatasetSnapshot.objects.get(name="By form")
    assert (by_form.rows, by_form.screen["lowest"]) == (8, 0.25)
    _row, key = create_token(user=by, name="screens", scope="write", days=1)
    rest = Client(headers={"Authorization": f"Bearer {key}"})
    body = {"name": "By REST", "kind": "preference", "settings": {"people": False}}
    body["settings"] |= {"ties": "keep", "validation_share": 0.05}
    snapshots = reverse("api_snapshots", args=[workspace.slug])
    screen = {"reward": reward.pk, "lowest": 0.25}
    made = rest.post(snapshots, {**body, "screen": screen}, "application/json")
    assert made.status_code == 201, made.content
    assert made.json()["screen"]["reward"]["name"] == "taste"
    assert run_next(queue="gpu", worker="here") is not None
    by_rest = DatasetSnapshot.objects.get(name="By REST")
    assert by_rest.content_sha256 == by_form.content_sha256
    for wrong in ({"reward": 999999, "least": 0}, {"reward": reward.pk}):
        refused = rest.post(snapshots, {**body, "name": "No", "screen": wrong}, "application/json")
        assert refused.status_code == 400, refused.content
