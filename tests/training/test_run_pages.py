"""The pages of runs: launched with what a person saw, watched without waiting, compared."""

import html
import shlex
import time
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tests.cast import a_workspace, log_in, mia
from tests.training.registry import DEMONSTRATIONS, a_model, a_run, frozen
from training import curves
from training.actions.launch import LaunchPlan, launch, resolved, start_awaiting
from training.actions.launch_recipe import launch_recipe
from training.models import RunEvent, RunMetric, SavedConfig, TrainingRun
from training.presets import recipe_named
from training.queue_times import expected_starts
from training.run_estimate import arithmetic, estimate
from training.run_form import RunForm
from training.trainers.run_config import describe
from webapp.jobs.models import Job, Worker
from webapp.jobs.queries import Outlook

pytestmark = pytest.mark.django_db


def manager_of(workspace: Any) -> Client:
    return log_in(Client(), mia(workspace))


def page(client: Client, name: str, workspace: Any, *args: Any, query: str = "") -> str:
    answer = client.get(reverse(f"training:{name}", args=[workspace.slug, *args]) + query)
    assert answer.status_code == 200, answer.status_code
    return str(answer.content.decode())


@pytest.mark.parametrize("method", ["sft", "reward", "dpo", "kto", "ppo", "rloo", "raft"])
def test_the_form_has_every_setting_of_its_method_with_help_and_source(method: str) -> None:
    form = RunForm(a_workspace(), method)
    for setting in describe(method):
        field = form.fields[setting.name]
        assert setting.help in str(field.help_text)
        assert setting.source in str(field.help_text)
        assert field.initial == setting.default


def test_what_is_typed_becomes_the_exact_run_json_and_nothing_else() -> None:
    workspace = a_workspace()
    client = manager_of(workspace)
    base = a_model(workspace, mia())
    data = frozen(workspace, mia(), "prompt_completion", DEMONSTRATIONS, DEMONSTRATIONS[:2])
    values = {"name": "mine", "base": base.pk, "data.train": data.pk, "seed": 5}
    values |= {"training.learning_rate": "3e-4", "training.batch_size": 8, "do": "look"}
    address = reverse("training:run_new", args=[workspace.slug])
    looked = client.post(address, values)
    assert "3.0" in looked.content.decode()  # epochs, sft's own default
    assert not TrainingRun.objects.exists()
    launched = client.post(address, {**values, "do": "launch"})
    run = TrainingRun.objects.get()
    assert launched["Location"].endswith(f"/runs/{run.pk}/")
    assert run.config["training"]["learning_rate"] == 3e-4
    assert run.config["training"]["batch_size"] == 8
    assert run.config["training"]["epochs"] == 3.0
    assert (run.config["model"]["path"], run.config["model"]["sha256"]) == (
        "model:base v1",
        base.sha256,
    )
    assert [source["role"] for source in run.config["data"]] == ["train", "validation"]
    assert run.job is not None
    assert run.job.queue == "gpu"


def test_the_command_that_the_page_shows_launches_the_same_run() -> None:
    workspace = a_workspace()
    client = manager_of(workspace)
    base = a_model(workspace, mia(), "a-base")
    data = frozen(workspace, mia(), "prompt_completion", DEMONSTRATIONS, name='Ann\'s "best"')
    form = {"name": "one", "base": base.pk, "data.train": data.pk, "rows": "3", "seed": "7"}
    form |= {"training.epochs": "2.5", "use_lora": "on", "result_name": "tuned"}
    address = reverse("training:run_new", args=[workspace.slug])
    text = client.post(address, {**form, "do": "look"}).content.decode()
    shown = next(line for line in html.unescape(text).splitlines() if "manage.py train" in line)
    words = shlex.split(shown.partition("<code>")[2].partition("</code>")[0])
    assert words[:2] == ["python", "manage.py"]
    call_command(*words[2:], "--no-wait", stdout=StringIO())
    client.post(address, {**form, "name": "two", "do": "launch"})
    one, two = TrainingRun.objects.order_by("name")
    assert one.config == two.config
    assert (one.result_name, two.result_name) == ("tuned", "tuned")
    assert one.data.get().snapshot == data


def test_an_estimate_is_corrected_by_what_runs_took_on_each_machine() -> None:
    workspace = a_workspace()
    base = a_model(workspace, mia(workspace))
    data = frozen(workspace, mia(), "prompt_completion", DEMONSTRATIONS * 10)
    for number, (machine, times) in enumerate([("alpha", 2), ("alpha", 4), ("beta", 10)]):
        run = a_run(workspace, mia(), f"past-{number}", base=base, data=data)
        plain = arithmetic(base, "sft", run.config)
        assert plain is not None
        assert run.job is not None
        began = timezone.now()
        Job.objects.filter(pk=run.job_id).update(
            state="done",
            worker=f"gpu@{machine}:7",
            attempt=1,
            started_at=began,
            finished_at=began,
        )
        batch = run.config["training"]["batch_size"]
        TrainingRun.objects.filter(pk=run.pk).update(
            outcome="done",
            memory={"host": times * plain.bytes},
            step=10,
            ended_at=began + timedelta(seconds=times * 10 * batch),  # so many seconds for a row
        )
    config = TrainingRun.objects.filter(name="past-0").get().config
    found = estimate(base, "sft", config, rows=40)
    assert found is not None
    alpha, beta = found.machines
    # Medians of 2 and 4, and 10; three epochs of 40 rows are 120 rows.
    assert (alpha.machine, alpha.bytes, alpha.seconds, alpha.runs) == (
        "alpha", 3 * found.bytes, 3 * 120.0, 2,
    )  # fmt: skip
    assert (beta.machine, beta.bytes, beta.seconds) == ("beta", 10 * found.bytes, 10 * 120.0)
    other = a_model(workspace, mia(), "other")
    plain_one = estimate(other, "sft", config, rows=40)
    assert plain_one is not None
    assert plain_one.machines == (), "the control: nobody has trained from it"
    client = manager_of(workspace)
    form = {"name": "new", "base": base.pk, "data.train": data.pk, "do": "look"}
    text = client.post(reverse("training:run_new", args=[workspace.slug]), form).content.decode()
    assert "On alpha about" in text
    assert "by what 2 past runs took there" in text


def test_a_plan_that_cannot_work_is_refused_with_every_reason() -> None:
    workspace = a_workspace()
    base = a_model(workspace, mia(workspace))
    data = frozen(workspace, mia(), "prompt_completion", DEMONSTRATIONS)
    plan = LaunchPlan(
        name="mine",
        method="ppo",
        models={"base": base},
        data={"prompts": data},
        config={"training": {"batch_size": 3, "micro_batch_size": 2}},
    )
    with pytest.raises(ValidationError) as refused:
        launch(workspace=workspace, by=mia(), plan=plan)
    said = " ".join(refused.value.messages)
    assert "needs a reward model" in said
    assert "reads prompt_only" in said
    plan = LaunchPlan(
        name="mine", method="sft", models={"base": base}, data={"train": data},
        config={"training": {"lerning_rate": 1}},
    )  # fmt: skip
    with pytest.raises(ValidationError, match="Did you mean 'learning_rate'"):
        launch(workspace=workspace, by=mia(), plan=plan)


def test_kept_settings_a_preset_and_a_clone_fill_the_form() -> None:
    workspace = a_workspace()
    client = manager_of(workspace)
    base = a_model(workspace, mia())
    data = frozen(workspace, mia(), "prompt_completion", DEMONSTRATIONS)
    values = {"name": "mine", "base": base.pk, "data.train": data.pk, "training.epochs": 7}
    values["training.sample_as_chat"] = "on"
    address = reverse("training:run_new", args=[workspace.slug])
    client.post(address, {**values, "do": "save", "config_name": "seven"})
    kept = SavedConfig.objects.get()
    assert kept.config["training"] == {"epochs": 7.0}
    assert 'value="7.0"' in page(client, "run_new", workspace, query=f"?config={kept.pk}")
    run = a_run(workspace, mia(), base=base, data=data, config={"training": {"epochs": 9.0}})
    assert 'value="9.0"' in page(client, "run_new", workspace, query=f"?clone={run.pk}")
    adapters = page(client, "run_new", workspace, query="?preset=qlora")
    assert '<option value="nf4" selected' in adapters
    client.post(reverse("training:config_delete", args=[workspace.slug, kept.pk]))
    assert not SavedConfig.objects.exists()


def test_the_runs_of_a_recipe_wait_for_the_models_they_need() -> None:
    workspace = a_workspace()
    by = mia(workspace)
    recipe = recipe_named("sft-reward-ppo")
    assert recipe is not None
    pair = {"prompt": "say 1", "chosen": "one", "rejected": "two"}
    data = {
        "prompt_completion": frozen(workspace, by, "prompt_completion", DEMONSTRATIONS),
        "preference": frozen(workspace, by, "preference", [pair]),
        "prompt_only": frozen(workspace, by, "prompt_only", [{"prompt": "say 1"}]),
    }
    base = a_model(workspace, by)
    sft, reward, ppo = launch_recipe(
        workspace=workspace, by=by, recipe=recipe, name="all", base=base, data=data
    )
    assert [run.state for run in (sft, reward, ppo)] == ["queued", "waiting", "waiting"]
    start_awaiting(sft, a_model(workspace, by, "tuned"))
    reward.refresh_from_db()
    ppo.refresh_from_db()
    assert [run.state for run in (reward, ppo)] == ["queued", "waiting"]
    assert reward.config["model"]["path"] == "model:tuned v1"
    start_awaiting(reward, a_model(workspace, by, "scorer", kind="reward"))
    ppo.refresh_from_db()
    assert ppo.state == "queued"
    assert ppo.config["reward_model"]["path"] == "model:scorer v1"
    assert "Waits" not in page(manager_of(workspace), "run", workspace, ppo.pk)


def many_points(run: TrainingRun, count: int, names: int = 10) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO training_runmetric (run_id, name, step, value) "
            "SELECT %s, 'figure ' || name, step, sin(step / 100.0) + "
            "CASE WHEN step = 777 THEN 100 ELSE 0 END "
            "FROM generate_series(1, %s) name, generate_series(1, %s) step",
            [run.pk, names, count // names],
        )
        cursor.execute("ANALYZE training_runmetric")


def test_a_curve_is_thinned_and_loses_no_spike_and_no_end() -> None:
    workspace = a_workspace()
    run = a_run(workspace, mia(workspace))
    many_points(run, 100_000)
    found = curves.points([run.pk])
    assert len(found) == 10
    line = dict(found[run.pk, "figure 1"])
    assert len(line) <= curves.MOST_POINTS + 1
    assert line[777] > 99
    assert max(line) == 10_000
    began = time.perf_counter()
    text = page(manager_of(workspace), "run", workspace, run.pk)
    print(f"a page with 100,000 points: {time.perf_counter() - began:.2f} s, {len(text)} bytes")
    assert "figure 10" in text


def test_a_short_curve_keeps_every_point_and_polling_gets_only_what_is_new() -> None:
    workspace = a_workspace()
    run = a_run(workspace, mia(workspace))
    for step in range(50):
        RunMetric.objects.create(run=run, name="loss", step=step, value=1 / (step + 1))
    assert len(curves.points([run.pk])[run.pk, "loss"]) == 50
    client = manager_of(workspace)
    address = reverse("training:run_curve", args=[workspace.slug, run.pk])
    answer = client.get(address, {"name": "loss", "after": "47"}).json()
    assert answer["x"]["values"] == [48, 49]
    assert len(answer["series"][0]["values"]) == 2
    assert client.get(address, {"name": "loss", "after": "x'"}).json()["x"]["values"][0] == 0


def test_two_runs_are_compared_by_what_differs() -> None:
    workspace = a_workspace()
    base = a_model(workspace, mia(workspace))
    data = frozen(workspace, mia(), "prompt_completion", DEMONSTRATIONS)
    one = a_run(workspace, mia(), "one", base=base, data=data, config={"seed": 1})
    two = a_run(workspace, mia(), "two", base=base, data=data, config={"seed": 2})
    text = page(
        manager_of(workspace), "run_compare", workspace, query=f"?run={one.pk}&run={two.pk}"
    )
    assert "<code>seed</code>" in text
    assert "<code>training.epochs</code>" not in text


def test_the_launch_page_shows_what_differs_from_another_run() -> None:
    workspace = a_workspace()
    client = manager_of(workspace)
    base = a_model(workspace, mia())
    data = frozen(workspace, mia(), "prompt_completion", DEMONSTRATIONS)
    one = a_run(workspace, mia(), "one", base=base, data=data, config={"seed": 1})
    values = {"name": "two", "base": base.pk, "data.train": data.pk, "seed": 77, "do": "look"}
    address = reverse("training:run_new", args=[workspace.slug])
    shown = client.post(address, {**values, "against": one.pk}).content.decode()
    assert "What is not as in one" in shown
    assert "<code>seed</code>" in shown
    assert "<td>77</td>" in shown
    assert "<code>training.epochs</code>" not in shown
    alone = client.post(address, {**values, "against": "no"}).content.decode()
    assert "What is not as in" not in alone


def test_rollouts_show_tokens_and_their_sums() -> None:
    workspace = a_workspace()
    run = a_run(workspace, mia(workspace))
    token = {"text": "<b>", "logp": -1.0, "ref_logp": -1.5, "kl": 0.5, "value": 0.1}
    token |= {"reward": 0.25, "advantage": -1.0, "return": 0.3}
    RunEvent.objects.create(
        run=run,
        attempt=1,
        kind="rollout",
        step=3,
        at=timezone.now(),
        data={"prompt": "say", "tokens": [token, token], "score": 1.0, "ended": True},
    )
    text = page(manager_of(workspace), "run_rollouts", workspace, run.pk)
    assert "&lt;b&gt;" in text
    assert "<dd>0.5</dd>" in text  # two rewards of 0.25
    assert "bad-4" in text


def test_a_queued_run_is_stopped_at_once_and_may_be_started_again() -> None:
    workspace = a_workspace()
    run = a_run(workspace, mia(workspace))
    client = manager_of(workspace)
    client.post(reverse("training:run_stop", args=[workspace.slug, run.pk]))
    assert TrainingRun.objects.get().state == "cancelled"
    assert "Start again" in page(client, "run", workspace, run.pk)
    client.post(reverse("training:run_resume", args=[workspace.slug, run.pk]))
    assert TrainingRun.objects.get().state == "queued"


def test_the_queue_says_when_a_run_will_begin_by_what_those_ahead_take() -> None:
    workspace = a_workspace()
    client = manager_of(workspace)
    base = a_model(workspace, mia())
    data = frozen(workspace, mia(), "prompt_completion", DEMONSTRATIONS * 10)  # 40 rows
    two_epochs = {"training": {"epochs": 2}}
    runs = [
        a_run(workspace, mia(), f"run-{number}", base=base, data=data, config=two_epochs)
        for number in range(4)
    ]
    past, first, second, third = runs
    batch = past.config["training"]["batch_size"]
    began = timezone.now()
    Job.objects.filter(pk=past.job_id).update(
        state="done", worker="gpu@alpha:7", attempt=1, started_at=began, finished_at=began
    )
    TrainingRun.objects.filter(pk=past.pk).update(
        outcome="done",
        memory={"host": 1000},
        step=10,
        ended_at=began + timedelta(seconds=10 * batch),  # a second for a row: 80 s for two epochs
    )
    Job.objects.filter(pk=first.job_id).update(
        state="running", worker="gpu@alpha:7", attempt=1, lease_until=began + timedelta(hours=1),
        started_at=began, heartbeat_at=began,
    )  # fmt: skip
    TrainingRun.objects.filter(pk=first.pk).update(eta_seconds=600.0)
    Worker.objects.create(name="gpu@alpha:7", queue="gpu", host="alpha", pid=7, slots=1)
    assert expected_starts(Outlook()) == {second.job_id: 600, third.job_id: 600 + 80}
    Worker.objects.create(name="gpu@beta:7", queue="gpu", host="beta", pid=7, slots=1)
    assert expected_starts(Outlook()) == {second.job_id: 0, third.job_id: 80}
    Worker.objects.filter(host="beta").delete()
    text = " ".join(page(client, "runs", workspace).split())
    assert text.count("Begins in about") == 2
    assert "1 job ahead" in text
    TrainingRun.objects.filter(pk=past.pk).delete()
    assert expected_starts(Outlook()) == {second.job_id: 600}, "nobody knows how long it takes"


def test_what_the_form_does_not_say_stays_unsaid() -> None:
    """A setting that decides for itself when it is not given: a box that is not ticked says no."""
    workspace = a_workspace()
    base = a_model(workspace, mia(workspace))
    a_model(workspace, mia(), "taste", kind="reward")
    prompts = frozen(workspace, mia(), "prompt_only", [{"prompt": "p"}])
    given = {"name": "mine", "base": base.pk, "reward": base.pk + 1, "data.prompts": prompts.pk}
    said = {"": None, "true": True, "false": False}
    for value, expected in said.items():
        form = RunForm(workspace, "ppo", {**given, "settings.share_first_forward": value})
        assert form.is_valid(), form.errors
        config = resolved(form.plan(purpose="run"))
        assert config["settings"]["share_first_forward"] is expected
