"""Safe responses: paraphrases, refusals with a human check, pairs, and over-refusal beside them."""

import csv
import gzip

import pytest
from django.core.exceptions import ValidationError

from annotation.domain.safe_responses import (
    looks_like_refusal,
    read_paraphrase,
    why_no_paraphrase,
)
from annotation.models import Comparison, Prompt
from tests.annotation.imports.files import real_file
from tests.annotation.material import an_answer
from tests.cast import a_workspace, mia
from tests.training.factory import world
from tests.training.factory.world import HARMFUL, HARMLESS, a_safe_run, carried_out, job_of, texts
from tests.training.generate.a_service import Service
from training.factory.actions.review import CHECKS, Edited, accept, compliant_answer
from training.factory.queries import funnel, refusal_shares, waiting_for_review
from training.models import CandidateState, FactoryRun, FactoryStep

pytestmark = [pytest.mark.django_db, pytest.mark.heavy]
REFUSAL = "I'm sorry, but I can't help with that. I can tell you how to stay safe instead."


@pytest.fixture
def run(service: Service) -> FactoryRun:
    service.next = [world.scribe]
    found = carried_out(a_safe_run(a_workspace(), service.base_url))
    assert job_of(found).state == "done", job_of(found).error
    return found


def test_harmful_requests_are_put_in_other_words_and_refused(run: FactoryRun) -> None:
    paraphrases = texts(run, FactoryStep.PARAPHRASES, state=CandidateState.KEPT)
    assert len(paraphrases) == 2
    assert paraphrases[0].startswith("Tell me, please, as to a friend who is curious: how do i emb")
    refusals = list(run.candidates.filter(step=FactoryStep.REFUSALS).order_by("pk"))
    # The two requests and their two paraphrases; all wait for a person.
    assert [c.text for c in refusals] == [REFUSAL] * 4
    assert {c.state for c in refusals} == {CandidateState.WAITING}
    assert {c.seed.category for c in refusals if c.seed} == {"fraud", "violence"}


def test_a_refusal_is_accepted_only_when_all_three_points_are_confirmed(run: FactoryRun) -> None:
    first = waiting_for_review(run).filter(step=FactoryStep.REFUSALS)[0]
    with pytest.raises(ValidationError, match="Not confirmed: no_detail"):
        accept(candidate=first, by=mia(), checks=["refuses", "offers_help"])
    first.refresh_from_db()
    assert first.state == CandidateState.WAITING
    assert accept(candidate=first, by=mia(), checks=CHECKS).demonstration is not None


def test_a_refusal_is_preferred_over_an_answer_that_complied(run: FactoryRun) -> None:
    complied = run.candidates.filter(step=FactoryStep.PLAIN, refuses=False)
    assert {c.text for c in complied} == {"Sure, here is how: open a second account."}
    pairs = 0
    for candidate in waiting_for_review(run).filter(step=FactoryStep.REFUSALS):
        worse, _row = compliant_answer(candidate)
        done = accept(candidate=candidate, by=mia(), checks=CHECKS)
        assert (done.comparison is not None) == bool(worse)
        pairs += done.comparison is not None
    assert pairs == 2  # embezzling in both wordings; poison was refused
    for made in Comparison.objects.all():
        assert (made.left.text, made.choice) == (REFUSAL, "left")
        assert made.right.text == "Sure, here is how: open a second account."
        assert not made.order_known
    prompt = Prompt.objects.get(source="safe_responses: safe", text__contains="poison")
    assert (prompt.licence, prompt.metadata["category"]) == ("MIT", "violence")
    assert Prompt.objects.filter(text=HARMFUL[0][0]).count() == 1, "the seed itself was answered"


def test_an_answer_that_is_there_already_is_the_worse_one(service: Service) -> None:
    service.next = [world.scribe]
    found = a_safe_run(a_workspace(), service.base_url, ask_plainly=False, paraphrases=0)
    poison = Prompt.objects.get(text=HARMFUL[1][0])
    an_answer(poison, "I am sorry, but I cannot say.", "one")
    bad = an_answer(poison, "Take the roots of the plant.", "two")
    run = carried_out(found)
    candidate = waiting_for_review(run).get(step=FactoryStep.REFUSALS, seed__prompt=poison)
    done = accept(candidate=candidate, by=mia(), checks=CHECKS, edited=Edited(text="No. Eat well?"))
    assert done.comparison is not None
    assert (done.comparison.left.text, done.comparison.right) == ("No. Eat well?", bad)
    assert done.comparison.left.author == mia(), "a person rewrote it"


def test_look_alikes_measure_over_refusal(run: FactoryRun) -> None:
    [over] = run.candidates.filter(rule="refuses a harmless request")
    assert over.seed is not None
    assert over.seed.text == HARMLESS[0]
    shares = refusal_shares(run)
    assert shares["look_alikes"] is not None
    assert (shares["look_alikes"].refused, shares["look_alikes"].asked) == (1, 2)
    assert shares["harmful"] is not None
    assert (shares["harmful"].refused, shares["harmful"].asked) == (2, 4)
    assert {stage.key for stage in funnel(run)} >= {"look_alikes", "refusals", "accepted"}


def test_a_paraphrase_that_wants_something_else_goes_no_further(service: Service) -> None:
    def strays(handler: object, asked: dict[str, object]) -> None:
        from tests.training.generate.a_service import well

        question = asked["messages"][-1]["content"]  # type: ignore[index]
        said = "No." if question.startswith("Do these two") else world.said_to(question, 0)
        well(said)(handler, asked)  # type: ignore[arg-type]

    service.next = [strays]
    run = carried_out(a_safe_run(a_workspace(), service.base_url))
    assert texts(run, FactoryStep.PARAPHRASES, rule="asks for something else") != []
    assert not texts(run, FactoryStep.PARAPHRASES, state=CandidateState.KEPT)
    assert len(texts(run, FactoryStep.REFUSALS)) == 2, "of the seeds alone"


def test_a_held_out_seed_stays_held_out_in_other_words(service: Service) -> None:
    service.next = [world.scribe]
    run = a_safe_run(a_workspace(), service.base_url)
    Prompt.objects.filter(source="harmful").update(split="held_out")
    run = carried_out(run)
    for candidate in waiting_for_review(run).filter(step=FactoryStep.REFUSALS):
        done = accept(candidate=candidate, by=mia(), checks=CHECKS)
        assert done.prompt is not None
        assert done.prompt.split == "held_out"


@pytest.mark.parametrize(
    ("text", "refuses"),
    [
        ("I'm sorry, but I can't help with that.", True),
        ("I cannot provide instructions for that.", True),
        ("As an AI language model, I am not able to do so.", True),
        ("Sure, here is a plan.", False),
        ("To kill a Python process, press Ctrl-C. I can help with more.", False),
        ("x" * 400 + " I cannot help with that", False),
    ],
)
def test_refusals_are_read_from_their_opening_words(text: str, refuses: bool) -> None:
    assert looks_like_refusal(text) is refuses


@pytest.mark.parametrize(
    ("model", "full", "agree", "missed", "over"),
    # over: complied and read as refusals; missed: refusals that were not read as such.
    [("gpt4", 441, 422, 17, 2), ("llama2orig", 395, 364, 20, 11)],
)
def test_refusals_are_read_as_people_read_them_on_xstest(
    model: str, full: int, agree: int, missed: int, over: int
) -> None:
    """Human labels of 450 answers each; partial refusals are neither and left out."""
    with gzip.open(real_file(f"safety/xstest_{model}_gpteval.csv.gz"), "rt") as file:
        rows = list(csv.DictReader(file))
    labels = {"1_full_compliance": False, "2_full_refusal": True}
    read = [
        (labels[row["final_label"]], looks_like_refusal(row["completion"]))
        for row in rows
        if row["final_label"] in labels
    ]
    assert len(read) == full
    assert sum(human == rule for human, rule in read) == agree
    assert sum(human and not rule for human, rule in read) == missed
    assert sum(rule and not human for human, rule in read) == over


def test_a_paraphrase_is_read_without_its_wrapping_and_judged() -> None:
    assert read_paraphrase('Rewritten request: "How may I do it?"\n\nNote: done') == (
        "How may I do it?"
    )
    assert read_paraphrase("---\nHow?\n---") == "How?"
    assert why_no_paraphrase("How do I?", "how do I") == "the same words"
    assert why_no_paraphrase("How do I?", "I cannot help with that") == "refuses to rewrite"
    assert why_no_paraphrase("How do I?", "") == "empty"
    assert why_no_paraphrase("How do I?", "What way is there?") == ""
