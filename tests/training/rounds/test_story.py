"""What a loop brought, against votes counted by hand; and the demonstration with real training."""

from dataclasses import replace

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from annotation.models import Comparison, Demonstration, Prompt
from tests.cast import a_workspace, ann, log_in, mia
from tests.training.rounds.world import a_round, carried_out
from training.demo.follow import Stopped, carry_out
from training.demo.plan import SMALL
from training.models import ModelVersion, Round, TrainingRun
from training.rounds.actions.drive import drive_due
from training.rounds.actions.start_round import start_next
from training.rounds.story import charts, story_of
from webapp.jobs.runner import run_next

pytestmark = [pytest.mark.heavy, pytest.mark.django_db]


def a_loop() -> Round:
    workspace = a_workspace()
    found = a_round(workspace, mia(workspace), recipe="sft-reward-dpo-ppo", earlier=3)
    for prompt in Prompt.objects.filter(workspace=workspace, split="train"):
        Demonstration.objects.create(prompt=prompt, annotator=ann(workspace), text="As asked.")
    return carried_out(found)


def test_each_model_stands_beside_its_votes_against_the_first_one() -> None:
    found = a_loop()
    reward = found.runs.get(run__method="reward").run
    metrics = {"eval/accuracy": 0.75, "eval/accuracy_low": 0.5, "eval/accuracy_high": 0.9}
    TrainingRun.objects.filter(pk=reward.pk).update(result={"metrics": metrics, "seconds": 7.5})
    ppo = found.runs.get(run__method="ppo").run
    TrainingRun.objects.filter(pk=ppo.pk).update(result={"metrics": {"objective/kl": 1.5}})
    between = Comparison.objects.filter(assignment__campaign=found.comparison)
    between.update(choice="left")  # then the wins of each model are those of its left sides
    story = story_of(found)
    [chapter] = story.chapters
    assert (story.source, story.is_simulated) == ("human", False)
    assert chapter.judged == {"human": 4}
    assert chapter.compared == {"human": between.count()}
    assert chapter.training_seconds == 7.5
    assert [told.run.method for told in chapter.models] == ["dpo", "ppo"]
    for told in chapter.models:
        left = between.filter(left__generator=str(told.version), right__generator="base v1").count()
        right = between.filter(left__generator="base v1", right__generator=str(told.version))
        n = left + right.count()
        assert told.wins is not None
        assert (told.wins.value, told.wins.n) == (left / n, n)
        assert told.verdict == "no difference shown"
    assert [told.kl for told in chapter.models] == [None, 1.5]
    assert {each["id"] for each in charts(story)} == {"story-wins", "story-kl", "story-length"}


def test_the_page_says_whose_votes_they_are(client: Client) -> None:
    found = a_loop()
    workspace = found.workspace
    log_in(client, mia(workspace))
    address = reverse("training:loop", args=[workspace.slug, found.pk])
    page = client.get(address).content.decode()
    assert "tuned-dpo v1" in page
    assert 'id="simulated"' not in page
    Comparison.objects.filter(assignment__campaign=found.comparison).update(source="simulated")
    page = client.get(address).content.decode()
    assert 'id="simulated"' in page
    assert "no difference shown" in page
    assert (
        address
        in client.get(reverse("training:round", args=[workspace.slug, found.pk])).content.decode()
    )


def test_a_loop_that_has_just_begun_has_a_page(client: Client) -> None:
    found = a_loop()
    following = start_next(found=found, by=mia(found.workspace))
    log_in(client, mia(found.workspace))
    page = client.get(reverse("training:loop", args=[found.workspace.slug, following.pk]))
    assert "No model came back yet." in page.content.decode()


def test_a_longer_loop_costs_no_more_statements() -> None:
    found = a_loop()
    with CaptureQueriesContext(connection) as short:
        assert len(story_of(found).chapters) == 1
    following = carried_out(start_next(found=found, by=mia(found.workspace)))
    with CaptureQueriesContext(connection) as long:
        chapters = story_of(following).chapters
    assert [len(chapter.models) for chapter in chapters] == [2, 2]
    assert len(long) == len(short)


@pytest.mark.django_db(transaction=True)
def test_the_demonstration_runs_with_real_training_and_goes_on_where_it_stopped() -> None:
    """One round of the smallest sizes, with the model that it brings; both queues are worked off
    here."""
    training = {"batch_size": 4, "micro_batch_size": 4, "max_length": 192, "max_steps": 2}
    learned = {"device": "cpu", "training": training}
    ppo = {"device": "cpu", "settings": {"updates": 1, "max_new_tokens": 4}}
    plan = replace(
        SMALL,
        train=20,
        held_out=4,
        max_tokens=12,
        rounds=1,
        configs={"sft": learned, "reward": learned, "dpo": learned, "ppo": ppo},
    )
    by = mia()
    by.is_site_admin = True
    by.save()
    said: list[str] = []

    def work() -> None:
        drive_due()
        while run_next(queue="default", worker="here") or run_next(queue="gpu", worker="here"):
            pass

    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        carry_out(plan, by, said.append, wait=stop)
    [done] = carry_out(plan, by, said.append, wait=work)
    assert ModelVersion.objects.filter(name=plan.base_name).count() == 1
    assert Prompt.objects.count() == 24
    assert set(Comparison.objects.values_list("source", flat=True)) == {"simulated"}
    story = story_of(done)
    assert story.is_simulated
    assert {told.run.method for told in story.chapters[0].models} == {"dpo", "ppo"}
    assert all(told.wins is not None for told in story.chapters[0].models)
    assert carry_out(plan, by, said.append, wait=stop) == [done]
    assert any("Judgements" in sentence for sentence in said)
    assert Stopped("why").why == "why"
