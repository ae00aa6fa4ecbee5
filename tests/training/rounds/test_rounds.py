"""The loop step by step: what each makes, what it waits for, by hand and by itself."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext

from annotation.models import (
    BoardSnapshot,
    Campaign,
    Completion,
    Demonstration,
    ItemCompletion,
    Prompt,
)
from tests.cast import a_workspace, ann, eve, mia
from tests.training.registry import a_model
from tests.training.rounds import world
from tests.training.rounds.world import a_round, answered, carried_out, drive, ended, fresh
from tests.webapp.webhooks.material import a_listener, told
from training.models import (
    Batch,
    DatasetSnapshot,
    ModelVersion,
    Round,
    SnapshotJudgements,
    TrainingRun,
)
from training.models.rounds import ORDER
from training.rounds import page
from training.rounds.actions.drive import advance, can_move, drive_due
from training.rounds.actions.steer import change_round, pause_round, resume_round, take_step
from training.rounds.plan import ROUND_RECIPES, RoundPlan
from training.rounds.queries import board_change, done_steps, step_at, where
from webapp.jobs.models import Job
from webapp.webhooks.events import Event

pytestmark = [pytest.mark.heavy, pytest.mark.django_db]


def begun(**plan: Any) -> Round:
    workspace = a_workspace()
    return a_round(workspace, mia(workspace), **plan)


def at(found: Round) -> tuple[str, str]:
    step = step_at(found)
    assert step is not None
    return step.step, step.state


def words(found: Round) -> str:
    here = next(step for step in page.shown_steps(fresh(found)) if step.here)
    return here.standing.error or here.standing.words


def test_a_round_goes_from_answers_to_the_board() -> None:
    found = drive(begun())
    assert at(found) == ("sample", "running")
    assert found.batch is not None
    assert found.batch.entries.count() == 4 * 2  # prompts of the split train, temperatures
    assert found.before is not None or found.steps.get(step="sample").job is not None
    answered(found.batch)
    found = drive(found)
    assert at(found) == ("collect", "running")
    assert found.campaign is not None
    assert found.campaign.items.count() == 4
    assert words(found) == ("Waits for people: the campaign “helpful 1” has 0 of 4 comparisons.")
    world.vote(found.campaign, most=3)
    assert at(drive(found)) == ("collect", "running")
    world.vote(found.campaign)
    found = drive(found)
    assert at(found) == ("train", "running")
    snapshot = found.snapshots.get(kind="preference").snapshot
    assert snapshot.rows == 4
    assert SnapshotJudgements.objects.get(snapshot=snapshot).kind == "comparison"
    [run] = [each.run for each in found.runs.all()]
    assert (run.name, run.method, run.result_name) == ("helpful-1-1-dpo", "dpo", "tuned")
    version = world.trained(run)
    found = drive(found)
    assert at(found) == ("answer", "running")
    assert found.model == version
    answered(found.answers)
    found = drive(found)
    assert at(found) == ("compare", "running")
    assert found.comparison is not None
    shown = ItemCompletion.objects.filter(item__campaign=found.comparison)
    makers = set(shown.values_list("completion__generator", flat=True))
    assert makers == {"base v1", "tuned v1"}
    assert set(found.comparison.items.values_list("prompt__split", flat=True)) == {"held_out"}
    world.vote(found.comparison)
    found = drive(found)
    assert where(found).key == "done"
    assert found.ended_at is not None
    change = {row["model"]: row for row in board_change(found)}
    assert change["tuned v1"]["before"] is None
    assert change["tuned v1"]["after"]["rating"] is not None
    assert change["tuned v1"]["newest"]
    assert found.before != found.after
    assert not advance(round_id=found.pk)


def test_every_recipe_of_rounds_ends_with_a_language_model() -> None:
    for key in ROUND_RECIPES:
        recipe = RoundPlan(name="a", result="b", recipe=key).chosen_recipe
        assert recipe.steps[-1][0] in ("sft", "dpo", "ppo", "raft"), key


def test_both_results_of_a_recipe_come_back_and_the_next_round_goes_on_from_the_last() -> None:
    workspace = a_workspace()
    found = a_round(workspace, mia(workspace), recipe="sft-reward-dpo-ppo")
    for prompt in Prompt.objects.filter(workspace=workspace, split="train"):
        Demonstration.objects.create(prompt=prompt, annotator=ann(workspace), text="As asked.")
    found = carried_out(found)
    assert where(found).key == "done"
    runs = [each.run for each in found.runs.all()]
    assert [(run.method, run.result_name) for run in runs] == [
        ("sft", "helpful-1-1-sft"),
        ("reward", "helpful-1-2-reward"),
        ("dpo", "tuned-dpo"),
        ("ppo", "tuned"),
    ]
    shown = ItemCompletion.objects.filter(item__campaign=found.comparison)
    makers = set(shown.values_list("completion__generator", flat=True))
    assert makers == {"base v1", "tuned v1", "tuned-dpo v1"}
    assert str(found.model) == "tuned v1"
    assert {row["model"] for row in board_change(found)} == makers


def test_a_step_by_hand_waits_for_a_person() -> None:
    found = drive(begun(automatic=()))
    assert at(found) == ("sample", "waiting")
    assert where(found).key == "hand"
    assert not Batch.objects.exists()
    take_step(found=found, by=mia())
    found = drive(found)
    answered(found.batch)
    found = drive(found)
    assert at(found) == ("open", "waiting")
    assert not Campaign.objects.exists()
    assert words(found) == "Waits for you to begin it."


def test_a_person_may_say_that_what_people_gave_is_enough() -> None:
    found = drive(begun(judgements=100))
    answered(found.batch)
    found = drive(found)
    world.vote(found.campaign, most=2)
    found = drive(found)
    assert at(found) == ("collect", "running")  # the control: two of four are not enough
    take_step(found=found, by=mia())
    found = drive(found)
    assert found.snapshots.get().snapshot.rows == 2


def test_so_many_judgements_are_enough_when_it_was_said_so() -> None:
    found = drive(begun(judgements=2))
    answered(found.batch)
    found = drive(found)
    world.vote(found.campaign, most=1)
    found = drive(found)
    assert at(found) == ("collect", "running")
    assert "1 of 2 comparisons" in words(found)
    world.vote(found.campaign, most=1)
    assert at(drive(found)) == ("train", "running")


def test_a_paused_round_does_nothing_until_it_goes_on() -> None:
    found = drive(begun())
    pause_round(found=found, by=mia())
    answered(found.batch)
    assert at(drive(found)) == ("sample", "running")
    assert drive_due() == 0
    with pytest.raises(ValidationError, match="paused already"):
        pause_round(found=found, by=mia())
    resume_round(found=found, by=mia())
    assert at(drive(found)) == ("collect", "running")
    with pytest.raises(ValidationError, match="not paused"):
        resume_round(found=found, by=mia())


def test_a_failed_step_says_why_and_is_tried_again() -> None:
    found = drive(begun())
    assert found.batch is not None
    ended(found.batch.job, "failed", error="The worker's disk is full.")
    found = drive(found)
    assert at(found) == ("sample", "failed")
    assert words(found) == "The worker's disk is full."
    assert not can_move(found)
    take_step(found=found, by=mia())
    found = drive(found)
    assert at(found) == ("sample", "running")
    assert found.batch.job.state == "queued"
    assert Batch.objects.count() == 1
    answered(found.batch)
    assert at(drive(found)) == ("collect", "running")


def test_a_run_that_failed_is_resumed_and_not_launched_again() -> None:
    found = drive(begun())
    answered(found.batch)
    found = drive(found)
    world.vote(found.campaign)
    found = drive(found)
    run = found.runs.get().run
    TrainingRun.objects.filter(pk=run.pk).update(outcome="diverged", sentence="The loss is NaN.")
    ended(run.job, "failed", error="The loss is NaN.")
    found = drive(found)
    assert words(found) == "helpful-1-1-dpo: The loss is NaN."
    take_step(found=found, by=mia())
    found = drive(found)
    assert at(found) == ("train", "running")
    assert TrainingRun.objects.count() == 1
    assert Job.objects.get(pk=run.job_id).state == "queued"


def test_a_refused_beginning_leaves_nothing_behind() -> None:
    found = drive(begun())
    answered(found.batch)
    found = drive(found)
    world.vote(found.campaign)
    taken = a_model(found.workspace, mia(), "other")
    ModelVersion.objects.filter(pk=taken.pk).update(name="tuned")
    ModelVersion.objects.filter(pk=found.base.pk).update(state="deleted")
    found = drive(found)
    assert at(found) == ("train", "failed")
    assert "files are missing" in words(found)
    assert not TrainingRun.objects.exists()
    assert not found.runs.exists()
    ModelVersion.objects.filter(pk=found.base.pk).update(state="ready")
    take_step(found=found, by=mia())
    assert at(drive(found)) == ("train", "running")


def test_the_next_round_takes_over_the_settings_with_the_new_model() -> None:
    found = carried_out(begun(temperatures=(0.2, 0.9), judgements=4))
    first = take_step(found=found, by=mia())
    again = take_step(found=found, by=mia())
    assert first == again  # however often it is asked for
    assert (first.number, first.previous, first.base) == (2, found, found.model)
    assert {str(each) for each in first.policies.all()} == {"tuned v1", "base v1"}
    assert first.plan == found.plan
    assert first.board == fresh(found).board
    second = drive(first)
    assert second.batch is not None
    assert second.batch.settings["endpoints"] == ["tuned v1", "base v1"]
    second = carried_out(second)
    assert second.snapshots.get().snapshot.rows == 8  # of all rounds so far
    assert str(second.model) == "tuned v2"
    third = take_step(found=second, by=mia())
    assert [str(each) for each in third.policies.order_by("-pk")] == ["tuned v2", "tuned v1"]


def test_the_next_round_begins_by_itself_when_the_campaign_has_so_many() -> None:
    found = begun(next_when=3, judgements=2)
    found = drive(found)
    answered(found.batch)
    found = drive(found)
    world.vote(found.campaign, most=2)
    found = drive(found)
    world.trained(found.runs.get().run)
    found = drive(found)
    answered(found.answers)
    found = drive(found)
    world.vote(found.comparison)
    found = drive(found)
    assert where(found).key == "done"
    Job.objects.filter(state="queued", kind="round").update(state="cancelled")
    assert not Round.objects.filter(previous=found).exists()  # two of three
    assert drive_due() == 0
    world.vote(found.campaign, most=1)
    ended(fresh(found).job)
    assert drive_due() == 1
    drive(found)
    assert Round.objects.get(previous=found).number == 2


def test_what_it_waits_for_can_be_changed_on_the_way() -> None:
    found = drive(begun())
    change_round(found=found, by=mia(), changes={"judgements": 3, "automatic": ["open"]})
    found = fresh(found)
    assert found.plan["judgements"] == 3
    assert [step.step for step in found.steps.all() if step.automatic] == ["open"]
    with pytest.raises(ValidationError, match="fixed when a round begins"):
        change_round(found=found, by=mia(), changes={"recipe": "sft"})
    with pytest.raises(ValidationError, match="judgements is 0"):
        change_round(found=found, by=mia(), changes={"judgements": 0})


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"temperatures": (0.7,)}, "2 to 8 different temperatures"),
        ({"temperatures": (0.7, 3.0)}, "between 0 and 2"),
        ({"name": "with spaces"}, "letters and digits"),
        ({"recipe": "best-of-n"}, "Allowed: sft"),
        ({"samples": 0}, "samples is 0"),
        ({"answers": 99}, "answers is 99"),
        ({"ties": "maybe"}, "ties is"),
        ({"automatic": ("fly",)}, "automatic is “fly”"),
        ({"preset": "huge"}, "no preset huge"),
        ({"configs": {"magic": {}}}, "magic is none of them"),
    ],
)
def test_a_plan_that_cannot_be_is_refused_with_a_sentence(
    given: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        RoundPlan(**({"name": "a", "result": "b", "recipe": "dpo"} | given))
    assert sentence in " ".join(refused.value.messages)


def test_a_round_begins_only_where_there_is_something_to_do() -> None:
    workspace, other = a_workspace(), a_workspace("Tea pots")
    base = a_model(workspace, mia(workspace))
    foreign = a_model(other, eve(other))
    with pytest.raises(ValidationError) as refused:
        world.start_round(
            workspace=workspace,
            by=mia(),
            plan=RoundPlan(name="a", result="b", recipe="dpo", answers=9, kind="ranking"),
            base=base,
            earlier=[foreign],
        )
    said = " ".join(refused.value.messages)
    for part in ("base v1 cannot answer", "no prompt to answer", "hold some", "shows 9 answers"):
        assert part.lower() in said.lower()
    assert not Round.objects.exists()


def test_the_plan_survives_its_json() -> None:
    plan = RoundPlan(
        name="a",
        result="b",
        recipe="sft-dpo",
        temperatures=(0.1, 0.2),
        configs={"dpo": {"seed": 1}},
    )
    assert RoundPlan.from_json(plan.as_json()) == plan
    with pytest.raises(ValidationError, match="no setting colour"):
        RoundPlan.from_json({**plan.as_json(), "colour": "red"})


def test_the_reconciler_queues_one_job_for_a_round_that_can_move() -> None:
    found = begun()
    assert drive_due() == 0  # its first job waits already
    found = drive(found)
    ended(found.job)
    assert drive_due() == 0  # nothing to do while models answer
    answered(found.batch)
    assert drive_due() == 1
    assert drive_due() == 0
    assert Job.objects.filter(kind="round", state="queued").count() == 1


def test_a_round_costs_the_page_a_constant_number_of_queries() -> None:
    found = carried_out(begun())
    with CaptureQueriesContext(connection) as few:
        page.shown_steps(fresh(found))
    assert len(few) < 12
    assert done_steps(fresh(found)) == 9


def test_each_answer_is_of_a_temperature_that_was_asked_for() -> None:
    found = drive(begun(temperatures=(0.3, 0.8), samples=2))
    answered(found.batch)
    kept = Completion.objects.filter(prompt__in=Prompt.objects.filter(split="train"))
    assert {row.settings["temperature"] for row in kept} == {0.3, 0.8}
    assert kept.count() == 4 * 2 * 2


def test_two_loops_in_one_workspace_do_not_share_names() -> None:
    one = begun()
    BoardSnapshot.objects.all().delete()
    other = a_round(one.workspace, mia(), name="harmless")
    same = a_round(one.workspace, mia())
    assert [str(each) for each in (one, other, same)] == ["helpful 1", "harmless 1", "helpful 2"]
    for each in (one, other, same):
        drive(each)
    assert Batch.objects.count() == 3
    assert not DatasetSnapshot.objects.exists()


def test_other_programs_are_told_how_a_round_goes() -> None:
    workspace = a_workspace()
    by = mia(workspace)
    webhook = a_listener(workspace, by, *(e for e in Event.values if e.startswith("round.")))
    found = carried_out(a_round(workspace, by))
    said = told(webhook)
    assert [event for event, _data in said] == [
        "round.started",
        *["round.step"] * len(ORDER),
        "round.finished",
    ]
    assert [data["step"] for event, data in said if event == "round.step"] == list(ORDER)
    last = said[-1][1]
    assert last == {"round": found.pk, "name": "helpful", "number": 1, "model": str(found.model)}
    failing = drive(a_round(workspace, by, name="harmless"))
    assert failing.batch is not None
    ended(failing.batch.job, "failed", error="The worker's disk is full.")
    drive(failing)
    event, data = told(webhook)[-1]
    assert (event, data["step"]) == ("round.failed", "sample")
    assert data["sentence"] == "The worker's disk is full."
