"""Reward models score what models said; people check, afresh, what the score would choose."""

from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from annotation.models import Comparison, Completion, Item, Prompt
from tests.cast import a_workspace, ann, log_in, mia, vic
from tests.training.generate.asking import an_endpoint, one
from tests.training.registry import a_model
from tests.training.rounds.world import vote
from tests.training.scoring.world import a_reward, a_sampling, a_scoring
from tests.training.tiny_model import tiny_tokenizer
from tests.training.tiny_policies import save_reward
from training.actions.trial import TrialPlan, start_trial
from training.models import Generation, RewardScore, Scoring
from training.scoring.actions.let_people_check import let_people_check
from training.scoring.actions.start_scoring import start_scoring
from training.scoring.queries import choices, scored, summaries
from webapp.api.actions.token import create_token
from webapp.jobs.models import Job
from webapp.jobs.runner import run_next

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.heavy]


def page(client: Client, route: str, workspace: Any, *args: Any) -> str:
    answer = client.get(reverse(f"training:{route}", args=[workspace.slug, *args]))
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_reward_model_scores_the_answers_of_a_trial_and_the_highest_is_marked(
    tmp_path: Path,
) -> None:
    import torch
    from transformers import LlamaForSequenceClassification

    folder = save_reward(tmp_path / "reward", tiny_tokenizer())
    workspace = a_workspace()
    by = mia(workspace)
    reward = a_model(workspace, by, "taste", kind="reward", folder=folder)
    endpoints = (an_endpoint(workspace, "one"), an_endpoint(workspace, "two"))
    trial = start_trial(workspace=workspace, by=by, plan=TrialPlan(one("is it red ?"), endpoints))
    Job.objects.update(state="done", finished_at=timezone.now(), attempt=1)  # of the questions
    said = ["it is small .", "no the cat is rude and bad"]
    for column, text in zip(trial.columns.order_by("pk"), said, strict=True):
        Generation.objects.filter(pk=column.generation_id).update(
            state="done", text=text, finished_at=timezone.now(), started_at=timezone.now()
        )
    client = log_in(Client(), by)
    posted = client.post(
        reverse("training:trial_score", args=[workspace.slug, trial.pk]), {"reward": reward.pk}
    )
    assert posted.status_code == 302
    assert run_next(queue="gpu", worker="here") is not None
    job = Scoring.objects.select_related("job").get().job
    assert job is not None
    assert job.state == "done", job.error
    model = LlamaForSequenceClassification.from_pretrained(folder).eval()
    tokenizer = tiny_tokenizer()
    values = {}
    for text in said:
        turns = [{"role": "user", "content": "is it red ?"}, {"role": "assistant", "content": text}]
        ids = tokenizer.apply_chat_template(turns, return_dict=False)
        with torch.no_grad():
            values[text] = float(model(torch.tensor([ids])).logits[0, 0])
    kept = dict(RewardScore.objects.values_list("generation__text", "value"))
    assert kept == pytest.approx(values, abs=1e-4)
    text = page(client, "trial", workspace, trial.pk)
    best = max(values.values())
    assert text.count("(highest)") == 1
    assert f'taste v1: <b class="number">{best:.4g}</b> (highest)' in text
    with pytest.raises(ValidationError, match="has scored every answer that is there"):
        start_scoring(reward=reward, by=by, trial=trial)


def test_the_page_of_a_sampling_says_what_the_scores_come_to() -> None:
    workspace = a_workspace()
    by = mia(workspace)
    scoring = a_scoring(workspace, by)
    (found,) = summaries(scoring.batch)
    # Two prompts with two answers each; their scores in order of asking are 0, 1, 2, 3.
    assert (found.answers, found.prompts, found.each, found.mean) == (4, 2, 2.0, 1.5)
    assert found.best == (1 + 3) / 2
    RewardScore.objects.filter(value=3.0).update(value=None)
    (found,) = summaries(scoring.batch)
    assert (found.answers, found.unreadable) == (3, 1)
    text = page(log_in(Client(), vic(workspace)), "sampling", workspace, scoring.batch_id)
    assert "taste v1" in text
    assert "Open the campaign" not in text, "a viewer changes nothing"


def test_people_check_what_it_would_choose_blindly_and_their_votes_are_counted() -> None:
    workspace = a_workspace()
    by = mia(workspace)
    batch = a_sampling(workspace, by, prompts=6, samples=3)
    scoring = a_scoring(workspace, by, batch)
    client = log_in(Client(), by)
    address = reverse("training:scoring_check", args=[workspace.slug, scoring.pk])
    opened = client.post(address, {"name": "Fresh eyes", "overlap": 1})
    scoring.refresh_from_db()
    campaign = scoring.check_campaign
    assert opened["Location"].endswith(f"/campaigns/{campaign.pk}/")
    value = {one.completion: one.value for one in scored(scoring)}
    pairs = choices(scored(scoring), scoring.pk)
    assert Item.objects.filter(campaign=campaign).count() == len(pairs) == 6
    for chosen, other in pairs:
        of_prompt = [one.value for one in scored(scoring) if one.prompt == chosen.prompt]
        assert chosen.value == max(of_prompt) > other.value
    assert len({other.value % 3 for _chosen, other in pairs}) == 2, "not always the same other one"
    assert vote(campaign) == 6
    for number, row in enumerate(Comparison.objects.order_by("pk")):  # 4 agree, 1 tie, 1 not
        better = "left" if value[row.left_id] > value[row.right_id] else "right"
        worse = "right" if better == "left" else "left"
        choice = better if number < 4 else "tie" if number == 4 else worse
        Comparison.objects.filter(pk=row.pk).update(choice=choice)
    (found,) = summaries(batch)
    assert found.agreed is not None
    assert (found.agreed.value, found.agreed.n) == (4.5 / 6, 6)
    text = page(client, "sampling", workspace, batch.pk)
    assert "75 %" in " ".join(text.split())
    assert "Fresh eyes" in text
    again = client.post(address, {"name": "Twice", "overlap": 1}, follow=True).content.decode()
    assert "People are checking it already" in again
    work = log_in(Client(), ann(workspace)).get(f"/w/{workspace.slug}/work/{campaign.pk}/")
    assert "taste" not in work.content.decode(), "it is blind"


def test_what_cannot_be_scored_or_checked_says_why() -> None:
    workspace = a_workspace()
    by = mia(workspace)
    batch = a_sampling(workspace, by, samples=1)
    policy = a_model(workspace, by)
    with pytest.raises(ValidationError, match="reward model of this workspace"):
        start_scoring(reward=policy, by=by, batch=batch)
    stranger = a_workspace("Elsewhere")
    with pytest.raises(ValidationError, match="reward model of this workspace"):
        start_scoring(reward=a_reward(stranger, mia(stranger), "far"), by=by, batch=batch)
    reward = a_reward(workspace, by, "new")
    start_scoring(reward=reward, by=by, batch=batch)
    with pytest.raises(ValidationError, match="is scoring these answers already"):
        start_scoring(reward=reward, by=by, batch=batch)
    scoring = a_scoring(workspace, by, batch)
    with pytest.raises(ValidationError, match="Sample two or more for each"):
        let_people_check(scoring=scoring, by=by, name="One each")
    client = log_in(Client(), by)
    address = reverse("training:sampling_score", args=[workspace.slug, batch.pk])
    said = client.post(address, {"reward": policy.pk}, follow=True).content.decode()
    assert "Select a valid choice" in said


def test_the_same_over_rest() -> None:
    workspace = a_workspace()
    by = mia(workspace)
    batch = a_sampling(workspace, by)
    _row, key = create_token(user=by, name="scores", scope="write", days=1)
    client = Client(headers={"Authorization": f"Bearer {key}"})
    address = reverse("api_scorings", args=[workspace.slug])
    reward = a_reward(workspace, by, "over-rest")
    refused = client.post(address, {"reward": reward.pk}, "application/json")
    assert (refused.status_code, "sampling or a trial" in refused.content.decode()) == (400, True)
    made = client.post(address, {"reward": reward.pk, "sampling": batch.pk}, "application/json")
    assert made.status_code == 201, made.content
    assert made.json()["job"]
    scoring = a_scoring(workspace, by, batch)
    one_of = reverse("api_scoring", args=[workspace.slug, scoring.pk])
    assert client.get(one_of).json()["found"]["mean"] == 1.5
    check = reverse("api_scoring_check", args=[workspace.slug, scoring.pk])
    checked = client.post(check, {"name": "By a program"}, "application/json")
    assert checked.status_code == 201, checked.content
    assert checked.json()["campaign"]
    assert len(client.get(address).json()["results"]) == 2
    assert Completion.objects.filter(prompt__workspace=workspace).count() == 4


def test_prompts_are_tagged_by_the_score_of_their_best_answer() -> None:
    workspace = a_workspace()
    by = mia(workspace)
    batch = a_sampling(workspace, by, prompts=4, samples=2)
    scoring = a_scoring(workspace, by, batch)  # the prompts' best scores are 1, 3, 5, 7
    prompts = [one.prompt for one in scored(scoring)][::2]
    client = log_in(Client(), by)
    address = reverse("training:scoring_tag", args=[workspace.slug, scoring.pk])
    assert "Tag prompts by the scores of taste v1" in page(client, "sampling", workspace, batch.pk)
    posted = client.post(address, {"least": "3.5", "tag": "below"})
    assert posted["Location"].endswith("/prompts/?tag=below")

    def tagged(tag: str) -> set[int]:
        return set(Prompt.objects.filter(tags__contains=[tag]).values_list("pk", flat=True))

    assert tagged("below") == set(prompts[:2])
    client.post(address, {"lowest": "75", "tag": "lowest"})
    assert tagged("lowest") == set(prompts[:3])
    for wrong, sentence in (
        ({"tag": "none"}, "Give a score, or a share"),
        ({"tag": "none", "least": "0.5"}, "no prompt scores less"),
        ({"tag": "none", "least": "1", "lowest": "5"}, "Give a score, or a share"),
        ({"tag": "none", "lowest": "0"}, "between 0 and 1"),
        ({"least": "9"}, "required"),
    ):
        assert sentence in client.post(address, wrong, follow=True).content.decode(), wrong
    assert not tagged("none")
    _row, key = create_token(user=by, name="tags", scope="write", days=1)
    rest = Client(headers={"Authorization": f"Bearer {key}"})
    one_of = reverse("api_scoring_tag", args=[workspace.slug, scoring.pk])
    told = rest.post(one_of, {"tag": "by-rest", "least": 2}, "application/json")
    assert (told.status_code, told.json()["changed"]) == (200, 1), told.content
    assert tagged("by-rest") == set(prompts[:1])
    assert rest.post(one_of, {"tag": "x"}, "application/json").status_code == 400
