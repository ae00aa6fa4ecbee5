"""Self-instruct from seeds to demonstrations, with every step kept in rows."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError

from annotation.models import Demonstration, Prompt
from tests.cast import a_workspace, ann, mia
from tests.training.factory import world
from tests.training.factory.world import a_run, carried_out, fresh, job_of, texts
from tests.training.generate.a_service import Service, well
from tests.training.generate.asking import an_endpoint
from training.factory.actions.review import Edited, accept, dismiss
from training.factory.actions.steer import change_settings, go_on
from training.factory.queries import funnel, rejections, spending, waiting_for_review
from training.generate import claims
from training.models import Candidate, CandidateState, FactoryRequest, FactoryRun, FactoryStep
from webapp.audit.models import AuditEntry
from webapp.faultpoint import FaultInjected

pytestmark = [pytest.mark.django_db, pytest.mark.heavy]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "pause_before", lambda tries, asked_for: 0.0)


@pytest.fixture
def model(service: Service) -> Service:
    service.next = [world.scribe]
    return service


def bars(run: FactoryRun) -> dict[tuple[str, str], tuple[int, int]]:
    return {(stage.key, stage.rule): (stage.count, stage.lost) for stage in funnel(run)}


def test_seeds_become_instances_that_wait_for_a_person(model: Service) -> None:
    run = carried_out(a_run(a_workspace(), model.base_url))
    assert job_of(run).state == "done", job_of(run).error
    # Two lists of four parts each: two new tasks, one for eyes, one of two words.
    assert texts(run, state=CandidateState.KEPT) == [t.capitalize() for t in world.NEW_TASKS[:4]]
    assert texts(run, rule="needs more than text") == ["Draw a map of the town with a river."] * 2
    assert texts(run, rule="too short") == ["Too short"] * 2
    classes = dict(
        run.candidates.filter(step=FactoryStep.INSTRUCTIONS, state=CandidateState.KEPT).values_list(
            "text", "is_classification"
        )
    )
    assert [classes[t.capitalize()] for t in world.NEW_TASKS[:4]] == [False, False, False, True]
    waiting = [(c.input, c.text) for c in waiting_for_review(run)]
    assert ("You are late again!", "angry") in waiting  # output first, read the other way round
    assert ("See you at six.", "calm") in waiting
    assert ("", f"An answer to: {world.NEW_TASKS[0]}") in waiting
    assert len(waiting) == 5


def test_the_requests_are_those_of_the_paper(model: Service) -> None:
    run = carried_out(a_run(a_workspace(), model.base_url, human=3, machine=1, wanted=6))
    lists = [
        sent
        for sent in model.asked
        if sent["messages"][0]["content"].startswith("Come up with a series of tasks:\n1. ")
    ]
    first = next(sent for sent in lists if sent["seed"] == 0)
    # While nothing of the machine is kept, the seeds fill its place: 3 + 1 of the five.
    assert first["messages"][0]["content"].count("\n") == 5
    assert first["messages"][0]["content"].endswith("\n5.")
    assert (first["temperature"], first["top_p"], first["presence_penalty"]) == (0.7, 0.5, 2.0)
    assert first["stop"] == ["\n8"]  # twice the examples, as "\n16" after eight
    shown = dict(
        FactoryRequest.objects.filter(run=run, step=FactoryStep.INSTRUCTIONS).values_list(
            "number", "shown"
        )
    )
    assert (len(shown[0]["seeds"]), len(shown[0]["machine"])) == (4, 0)
    assert (len(shown[2]["seeds"]), len(shown[2]["machine"])) == (3, 1)
    question = next(
        s for s in model.asked if "Is it classification?" in s["messages"][0]["content"]
    )
    assert question["temperature"] == 0
    # The seeds are the examples: two of them were labelled as classifications.
    assert question["messages"][0]["content"].count("? Yes") == 2


def test_a_new_task_that_resembles_an_older_one_is_rejected_with_its_neighbour(
    model: Service,
) -> None:
    # Number 3 writes the two tasks of number 0 again.
    run = carried_out(a_run(a_workspace(), model.base_url, wanted=8, most_requests=4, at_once=4))
    again = list(run.candidates.filter(rule="too like another").order_by("pk"))
    assert [c.text for c in again] == [t.capitalize() for t in world.NEW_TASKS[:2]]
    assert [c.nearest for c in again] == [c.text for c in again]
    assert [c.similarity for c in again] == [1.0, 1.0]
    kept = run.candidates.filter(step=FactoryStep.INSTRUCTIONS, state=CandidateState.KEPT)
    assert all(c.similarity is not None and c.similarity < 0.7 for c in kept)
    # 4 lists x 4 parts: 16, less 4 for eyes, 4 too short, 2 twice.
    assert bars(run)[FactoryStep.INSTRUCTIONS, ""] == (16, 0)
    assert bars(run)[FactoryStep.INSTRUCTIONS, "too like another"][1] == 2
    assert kept.count() == 6, "it ended at its most requests, short of what was wanted"


def test_what_is_accepted_becomes_a_prompt_and_a_demonstration_with_its_whole_way(
    model: Service,
) -> None:
    workspace = a_workspace()
    run = carried_out(a_run(workspace, model.base_url, wanted=2, at_once=1))
    first, second = list(waiting_for_review(run))[:2]
    accept(candidate=first, by=mia())
    again = accept(candidate=first, by=mia())  # a double click
    assert Demonstration.objects.filter(text=first.text).count() == 1
    made = again.prompt
    assert made is not None
    assert made.text == world.NEW_TASKS[0]
    assert made.source == "self_instruct: first"
    assert made.tags == ["self_instruct"]
    way = made.metadata["factory"]
    assert way["model"] == run.endpoint.name
    assert way["run"] == run.pk
    assert way["template"] == "instances"
    assert way["settings_version"] == 1
    assert set(way["seeds"]) <= set(run.seeds.values_list("pk", flat=True))
    assert len(way["seeds"]) == 4
    assert again.completion is not None
    assert again.completion.generator == run.endpoint.name
    assert again.demonstration is not None
    assert again.demonstration.annotator == mia()
    assert again.demonstration.rewritten_from == again.completion
    edited = accept(candidate=second, by=mia(), edited=Edited(text="Better.", input="Salt"))
    assert edited.is_edited
    assert edited.demonstration is not None
    assert edited.demonstration.text == "Better."
    assert edited.prompt is not None
    assert edited.prompt.metadata["input"] == "Salt"
    assert edited.completion is not None
    assert edited.completion.text == second.text, "what the model wrote stays"
    assert AuditEntry.objects.filter(action="factory.accept").count() == 2
    assert bars(run)["accepted", ""] == (2, 0)


def test_what_is_rejected_by_a_person_needs_a_reason_and_stays_in_the_report(
    model: Service,
) -> None:
    run = carried_out(a_run(a_workspace(), model.base_url, wanted=2, at_once=1))
    first = waiting_for_review(run)[0]
    with pytest.raises(ValidationError, match="Say why"):
        dismiss(candidate=first, by=mia(), reason="  ")
    dismiss(candidate=first, by=mia(), reason="Wrong answer")
    with pytest.raises(ValidationError, match="decided meanwhile"):
        accept(candidate=first, by=ann())
    [row] = [row for row in rejections(run) if row["state"] == CandidateState.DISMISSED]
    assert (row["reason"], row["n"], row["examples"]) == ("Wrong answer", 1, [first])
    assert not Prompt.objects.filter(
        workspace=run.workspace, source="self_instruct: first"
    ).exists()


def test_settings_change_on_the_way_and_each_request_knows_its_own(model: Service) -> None:
    run = carried_out(a_run(a_workspace(), model.base_url, wanted=2, at_once=1))
    made = change_settings(run=run, by=mia(), changes={"wanted": 4, "temperature": 1.0})
    assert made.version == 2
    assert change_settings(run=run, by=mia(), changes={"wanted": 4}).version == 2  # nothing new
    carried_out(go_on(run=run, by=mia()))
    versions = dict(
        FactoryRequest.objects.filter(run=run, step=FactoryStep.INSTRUCTIONS).values_list(
            "number", "version"
        )
    )
    assert versions == {0: 1, 1: 2}
    assert [s["temperature"] for s in model.asked if s["stop"] == ["\n8"]] == [0.7, 1.0]
    with pytest.raises(ValidationError, match="Allowed: 0"):
        change_settings(run=run, by=mia(), changes={"temperature": 3})
    with pytest.raises(ValidationError, match="There is no setting colour"):
        change_settings(run=run, by=mia(), changes={"colour": 3})


def test_a_worker_that_dies_between_two_answers_counts_none_of_them_twice(
    model: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = carried_out(a_run(a_workspace(), model.base_url))
    calls = len(model.asked)
    model.asked.clear()
    other = a_workspace("Second cups")
    run = a_run(other, model.base_url, endpoint=an_endpoint(other, base_url=model.base_url))
    # It breaks in the transaction of every second answer, again and again.
    from training.factory.actions import carry_out

    seen = 0

    def breaks(name: str) -> None:
        nonlocal seen
        seen += 1
        if seen % 2 == 0:
            raise FaultInjected(name)

    monkeypatch.setattr(carry_out, "faultpoint", breaks)
    monkeypatch.setattr("webapp.jobs.actions.finish.backoff_seconds", lambda *a: 0, raising=False)
    for _attempt in range(30):
        job = job_of(run)
        if job.state == "done":
            break
        job.max_attempts, job.not_before = 99, job.created_at
        job.save()
        carried_out(run)
    assert seen > calls, "it did break on the way"
    assert job_of(run).state == "done"
    assert len(model.asked) == calls, "every request was made once"
    assert texts(run) == texts(whole)
    assert texts(run, FactoryStep.INSTANCES) == texts(whole, FactoryStep.INSTANCES)
    assert [s.count for s in funnel(run)] == [s.count for s in funnel(whole)]
    assert spending(run)["tokens_in"] == 100 * calls


def test_the_same_seed_gives_the_same_requests(model: Service) -> None:
    carried_out(a_run(a_workspace(), model.base_url))
    first = [sent["messages"] for sent in model.asked]
    model.asked.clear()
    other = a_workspace("Second cups")
    carried_out(a_run(other, model.base_url))
    key = repr
    assert sorted((sent["messages"] for sent in model.asked), key=key) == sorted(first, key=key)


def test_other_scripts_are_kept_and_compared_by_their_characters(model: Service) -> None:
    said = (
        " 请解释为什么海水是咸的。\n10. 请解释为什么海水是咸的呢。\n11. 写一封婉拒邀请的信给朋友。"
    )

    def chinese(handler: Any, asked: dict[str, Any]) -> None:
        text = asked["messages"][0]["content"]
        other = "No" if text.endswith("classification?") else "Output: 好的"
        well(said if text.startswith("Come up") else other)(handler, asked)

    model.next = [chinese]
    plain = carried_out(a_run(a_workspace(), model.base_url, most_requests=1, at_once=1))
    assert set(plain.candidates.values_list("rule", flat=True)) == {"too short"}
    model.next = [chinese]
    few: dict[str, Any] = {"most_requests": 1, "at_once": 1, "other_scripts": True}
    run = carried_out(a_run(a_workspace(), model.base_url, name="other", **few))
    assert texts(run, state=CandidateState.KEPT) == [
        "请解释为什么海水是咸的。",
        "写一封婉拒邀请的信给朋友。",
    ]
    [alike] = run.candidates.filter(rule="too like another")
    assert alike.nearest == "请解释为什么海水是咸的。"


def test_a_run_is_refused_with_every_reason(model: Service) -> None:
    workspace = a_workspace()
    a_run(workspace, model.base_url)
    with pytest.raises(ValidationError, match="named “first” already"):
        a_run(workspace, model.base_url)
    from annotation.prompt_filter import PromptFilter

    with pytest.raises(ValidationError, match="Import seeds first"):
        a_run(workspace, model.base_url, name="none", chosen=PromptFilter(sources=("gone",)))
    theirs = an_endpoint(a_workspace("Second cups"))
    with pytest.raises(ValidationError, match="of this workspace"):
        a_run(workspace, endpoint=theirs, name="theirs")
    with pytest.raises(ValidationError, match="threshold is 2"):
        a_run(workspace, model.base_url, name="wild", threshold=2.0)
    assert fresh(FactoryRun.objects.get(workspace=workspace)).name == "first"
    assert Candidate.objects.count() == 0
