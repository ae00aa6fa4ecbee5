"""Data-budget studies: nested parts, one run each, and what they found with intervals."""

import json
from io import StringIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from annotation.models import Comparison, ItemCompletion
from tests.cast import a_workspace, log_in, mia, vic
from tests.training.registry import a_model, a_run, frozen
from tests.training.rounds import world as rounds
from tests.training.studies.world import a_study, pairs, trained_all, votes_to_learn
from training.actions.execute import _prepare
from training.actions.launch import data_path, read_data_path
from training.models import Study, StudyRun, TrainingRun
from training.snapshot_parts import Part, write_part
from training.studies.actions.compare_models import ask_models, open_comparison
from training.studies.plan import usual_sizes
from training.studies.queries import studies_in, where
from training.studies.results import charts, found_in
from webapp.jobs import Work
from webapp.jobs.actions.claim import claim

pytestmark = pytest.mark.django_db


def lines_of(snapshot: Any, rows: int, folder: Path, draw: int = 0) -> list[str]:
    target = folder / f"{rows}-{draw}.jsonl"
    assert write_part(snapshot, Part(rows, draw), target) == len(target.read_text().splitlines())
    return target.read_text().splitlines()


# ---- parts


def test_a_smaller_part_lies_within_a_larger_one_and_prompts_stay_whole(tmp_path: Path) -> None:
    workspace = a_workspace()
    snapshot = votes_to_learn(workspace, mia(workspace), rows=40)
    parts = [lines_of(snapshot, rows, tmp_path) for rows in (3, 10, 25, 40)]
    # Two rows of each prompt: three rows hold one prompt, twenty-five hold twelve.
    assert [len(part) for part in parts] == [2, 10, 24, 40]
    for smaller, larger in pairwise(parts):
        assert set(smaller) < set(larger)
    for part in parts:
        prompts = [json.loads(line)["prompt"] for line in part]
        assert all(prompts.count(prompt) == 2 for prompt in prompts)
        assert all(json.loads(line)["split"] == "train" for line in part)


def test_another_draw_takes_other_rows_and_the_same_one_the_same(tmp_path: Path) -> None:
    workspace = a_workspace()
    snapshot = votes_to_learn(workspace, mia(workspace), rows=40)
    first = lines_of(snapshot, 10, tmp_path)
    assert lines_of(snapshot, 10, tmp_path) == first
    assert set(lines_of(snapshot, 10, tmp_path, draw=1)) != set(first)


def test_a_part_without_a_row_is_refused(tmp_path: Path) -> None:
    workspace = a_workspace()
    snapshot = votes_to_learn(workspace, mia(workspace))
    with pytest.raises(ValueError, match="1 rows are too few: the first prompt alone has 2"):
        write_part(snapshot, Part(1), tmp_path / "none.jsonl")
    assert not (tmp_path / "none.jsonl").exists()


def test_the_name_of_a_file_says_which_part_it_is() -> None:
    for part in (None, Part(200, 7)):
        assert read_data_path(data_path("train", 12, "train", part)) == (12, "train", part)


@pytest.mark.django_db(transaction=True)
def test_a_run_is_given_its_part_and_all_validation_rows(tmp_path: Path) -> None:
    workspace = a_workspace()
    by = mia(workspace)
    data = frozen(
        workspace,
        by,
        "prompt_completion",
        [{"prompt": str(n), "completion": "x"} for n in range(9)],
        [{"prompt": "v", "completion": "y"}],
    )
    run = a_run(workspace, by, data=data, part=Part(4, 1))
    job = claim(queue="gpu", worker="here")
    assert job is not None
    _prepare(run, tmp_path, Work(job))
    config = json.loads((tmp_path / "run.json").read_text())
    sizes = {
        source["role"]: len((tmp_path / source["path"]).read_text().splitlines())
        for source in config["data"]
    }
    assert sizes == {"train": 4, "validation": 1}
    assert run.data.get().rows == 4


# ---- the study


def test_it_launches_one_run_for_each_size_with_the_same_seed(client: Client) -> None:
    workspace = a_workspace()
    study = a_study(workspace, mia(workspace), draw=5, config={"training": {"epochs": 2}})
    runs = [point.run for point in study.runs.select_related("run")]
    assert [run.name for run in runs] == ["budget-4", "budget-8", "budget-16"]
    for run, rows in zip(runs, (4, 8, 16), strict=True):
        assert run.config["seed"] == 5
        assert run.config["training"]["epochs"] == 2
        train, validation = (source["path"] for source in run.config["data"])
        assert read_data_path(train)[2] == Part(rows, 5)
        assert read_data_path(validation)[2] is None
    assert where(studies_in(workspace).get()).words == "3 runs are on their way."


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"sizes": (4,)}, "Give 2 to 12 different sizes."),
        ({"sizes": (4, 4)}, "Give 2 to 12 different sizes."),
        ({"sizes": (4, 17)}, "16 training rows; each size lies between 1 and that"),
        ({"method": "ppo"}, "The method is “ppo”. Allowed: sft, reward, dpo, kto."),
        ({"name": "two words"}, "The name is “two words”"),
        ({"draw": 2**32}, "The seed lies between 0 and"),
        ({"method": "sft"}, "holds preferences"),
    ],
)
def test_what_cannot_be_studied_is_refused_as_a_whole(wrong: dict[str, Any], sentence: str) -> None:
    workspace = a_workspace()
    with pytest.raises(ValidationError, match=sentence):
        a_study(workspace, mia(workspace), **wrong)
    assert not Study.objects.exists()
    assert not TrainingRun.objects.exists()


def test_it_needs_rows_to_measure_by() -> None:
    workspace = a_workspace()
    by = mia(workspace)
    with pytest.raises(ValidationError, match="no validation rows"):
        a_study(workspace, by, snapshot=frozen(workspace, by, "preference", pairs(16)))


def test_a_study_has_its_own_name_and_each_size_once() -> None:
    workspace = a_workspace()
    study = a_study(workspace, mia(workspace))
    with pytest.raises(ValidationError, match="already a study named “budget”"):
        a_study(workspace, mia(), base=study.base, snapshot=study.snapshot)
    other = a_run(workspace, mia(), base=study.base)
    with pytest.raises(IntegrityError, match="a_study_has_each_size_once"), transaction.atomic():
        StudyRun.objects.create(study=study, rows=8, run=other)
    with pytest.raises(IntegrityError, match="a_size_is_one_row_or_more"), transaction.atomic():
        StudyRun.objects.create(study=study, rows=0, run=other)


def test_usual_sizes_are_halves_of_halves() -> None:
    assert usual_sizes(1000) == (62, 125, 250, 500, 1000)
    assert usual_sizes(3) == (3,)


# ---- what it found


def test_accuracy_has_an_interval_at_each_size() -> None:
    workspace = a_workspace()
    study = a_study(workspace, mia(workspace))
    trained_all(study, eval_accuracy=[0.25, 0.5, 0.75], eval_loss=[0.9, 0.8, 0.7])
    found = found_in(studies_in(workspace).get(pk=study.pk))
    assert [row.rows for row in found] == [4, 8, 16]
    assert [row.loss for row in found] == [0.9, 0.8, 0.7]
    # Wilson for 2 of 4 at z = 1.96: centre 1/2, reach 1.96 / (1 + 3.8415 / 4) * sqrt(1/16 + 3.8415
    # / 64) = 1 * 0.35 -> 0.150 to 0.850.
    half = found[1].accuracy
    assert half is not None
    assert (half.n, half.value) == (4, 0.5)
    assert (half.low, half.high) == (pytest.approx(0.150, abs=5e-4), pytest.approx(0.850, abs=5e-4))
    drawn = {each["id"]: each["chart"] for each in charts(found)}
    assert set(drawn) == {"study-accuracy", "study-loss"}
    assert drawn["study-accuracy"]["x"]["values"] == [4, 8, 16]


def test_people_s_votes_against_the_base_become_a_win_rate(client: Client) -> None:
    workspace = a_workspace()
    by = mia(workspace)
    rounds.prompts(workspace, train=1, held_out=4)
    study = a_study(workspace, by)
    models = trained_all(study)
    assert where(studies_in(workspace).get()).act == "ask"
    with pytest.raises(ValidationError, match="no answers to compare yet"):
        open_comparison(study=study, by=by)
    batch = ask_models(study=study, by=by)
    assert batch.entries.count() == 4 * 4  # the base and three models, four held-out prompts
    with pytest.raises(ValidationError, match="asked already"):
        ask_models(study=study, by=by)
    rounds.answered(batch)
    assert where(studies_in(workspace).get()).act == "compare"
    campaign = open_comparison(study=study, by=by)
    shown = ItemCompletion.objects.filter(item__campaign=campaign)
    by_item: dict[int, set[str]] = {}
    for item, name in shown.values_list("item", "completion__generator"):
        by_item.setdefault(item, set()).add(name)
    assert len(by_item) == 4 * 3
    assert all(str(study.base) in names and len(names) == 2 for names in by_item.values())
    assert rounds.vote(campaign) == 12
    newest = str(models[-1])
    # All votes on the largest model are turned into its wins, one of them into a tie.
    for vote in Comparison.objects.order_by("pk"):
        sides = {"left": vote.left.generator, "right": vote.right.generator}
        if newest in sides.values():
            winner = next(side for side, name in sides.items() if name == newest)
            Comparison.objects.filter(pk=vote.pk).update(choice=winner)
            last = vote.pk
    Comparison.objects.filter(pk=last).update(choice="tie")
    found = found_in(studies_in(workspace).get())
    best = found[-1].wins
    assert best is not None
    assert (best.n, best.value) == (4, 3.5 / 4)
    assert best.low is not None
    assert best.low < 3.5 / 4 < (best.high or 0)
    with pytest.raises(ValidationError, match="open already"):
        open_comparison(study=study, by=by)


def test_a_reward_model_gives_no_answers() -> None:
    workspace = a_workspace()
    study = a_study(workspace, mia(workspace), method="reward")
    trained_all(study)
    assert where(studies_in(workspace).get()).key == "done"
    with pytest.raises(ValidationError, match="Reward models give no answers"):
        ask_models(study=study, by=mia())


def test_models_are_asked_when_all_runs_have_left_one() -> None:
    workspace = a_workspace()
    study = a_study(workspace, mia(workspace))
    with pytest.raises(ValidationError, match="Some runs have not left a model yet"):
        ask_models(study=study, by=mia())
    run = study.runs.select_related("run__job").first()
    assert run is not None
    rounds.ended(run.run.job, "failed", error="The disk is full.")
    trained_all_but_first = list(study.runs.all())[1:]
    for point in trained_all_but_first:
        rounds.trained(point.run)
    assert where(studies_in(workspace).get()).words == "1 run failed or was stopped."


# ---- doors


def test_the_pages_begin_a_study_and_show_what_it_found(client: Client) -> None:
    workspace = a_workspace()
    by = mia(workspace)
    base = a_model(workspace, by)
    snapshot = votes_to_learn(workspace, by)
    log_in(client, by)
    slug = workspace.slug
    assert "No study yet" in client.get(reverse("training:studies", args=[slug])).content.decode()
    new = reverse("training:study_new", args=[slug])
    assert 'value="2, 4, 8, 16"' in client.get(new).content.decode()
    form = {"name": "budget", "method": "dpo", "base": base.pk, "snapshot": snapshot.pk}
    refused = client.post(new, form | {"sizes": "4, 99", "draw": "0"})
    assert refused.status_code == 422
    assert "each size lies between 1 and that" in refused.content.decode()
    answer = client.post(new, form | {"sizes": "4, 16", "draw": "0"})
    study = Study.objects.get()
    assert answer["Location"] == reverse("training:study", args=[slug, study.pk])
    page = client.get(answer["Location"]).content.decode()
    assert "2 runs are on their way." in page
    run = study.runs.all()[0].run
    assert run.config["training"]["save_every"] == 20, "the preset of the base's size"
    trained_all(study, eval_accuracy=[0.25, 0.5])
    page = client.get(answer["Location"]).content.decode()
    assert "50 %" in page
    assert 'id="study-accuracy"' in page
    assert "Let them answer" in page
    again = client.get(answer["Location"], headers={"HX-Request": "true"})
    assert again.status_code == 286
    assert "budget" in client.get(reverse("training:run", args=[slug, run.pk])).content.decode()
    log_in(client, vic(workspace))
    assert "Let them answer" not in client.get(answer["Location"]).content.decode()


def test_programs_begin_studies_and_read_them(client: Client) -> None:
    workspace = a_workspace()
    by = mia(workspace)
    rounds.prompts(workspace)
    base, snapshot = a_model(workspace, by), votes_to_learn(workspace, by)
    log_in(client, by)
    address = f"/api/v1/workspaces/{workspace.slug}/studies/"
    body = {"name": "budget", "method": "dpo", "base": base.pk, "snapshot": snapshot.pk}
    refused = client.post(address, {**body, "sizes": [1]}, content_type="application/json")
    assert refused.status_code == 400
    made = client.post(address, {**body, "sizes": [4, 8]}, content_type="application/json")
    assert made.status_code == 201
    assert [point["wanted"] for point in made.json()["points"]] == [4, 8]
    study = Study.objects.get()
    trained_all(study, eval_accuracy=[0.25, 0.5])
    one = client.get(f"{address}{study.pk}/").json()
    assert one["points"][1]["accuracy"]["value"] == 0.5
    assert one["state"] == "trained"
    asked = client.post(f"{address}{study.pk}/compare/", content_type="application/json")
    assert asked.json()["state"] == "answering"
    assert client.get(address).json()["results"][0]["name"] == "budget"


def test_the_same_from_a_shell() -> None:
    workspace = a_workspace()
    by = mia(workspace)
    a_model(workspace, by)
    votes_to_learn(workspace, by)

    def said(*words: str) -> str:
        out = StringIO()
        call_command("study", *words, stdout=out)
        return out.getvalue()

    given = ["--by", by.email, "--name", "budget", "--method", "dpo", "--base", "base"]
    text = said("start", workspace.slug, *given, "--snapshot", "16 votes")
    assert "4 runs are on their way." in text
    trained_all(Study.objects.get(), eval_accuracy=[0.1, 0.2, 0.3, 0.5])
    assert "16 accuracy 0.500 (0.150 to 0.850, n = 4)" in said("status", workspace.slug, "budget")
    assert "budget: Trained" in said("status", workspace.slug)
    with pytest.raises(CommandError, match="No prompt is held out"):
        said("compare", workspace.slug, "budget", "--by", by.email)
    with pytest.raises(CommandError, match=r"There is no study 'none'\. Studies here: budget"):
        said("status", workspace.slug, "none")


def test_the_list_asks_as_much_of_the_database_however_many_there_are(client: Client) -> None:
    workspace = a_workspace()
    by = mia(workspace)
    base, snapshot = a_model(workspace, by), votes_to_learn(workspace, by)
    log_in(client, by)
    address = reverse("training:studies", args=[workspace.slug])

    def statements() -> int:
        with CaptureQueriesContext(connection) as asked:
            assert client.get(address).status_code == 200
        return len(asked)

    a_study(workspace, by, base=base, snapshot=snapshot)
    statements()
    one = statements()
    for number in range(4):
        a_study(workspace, by, base=base, snapshot=snapshot, name=f"budget-{number}")
    assert statements() == one
