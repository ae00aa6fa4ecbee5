"""A base model with URIAL goes the whole way: made in a form, tried, sampled, judged, rated."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from annotation.actions.assign import assign
from annotation.actions.open_campaign import Plan, open_campaign
from annotation.boards.actions.refresh_board import refresh_board
from annotation.boards.queries import boards_in, shown
from annotation.models import Completion, Prompt
from annotation.models.campaigns import Kind
from tests.annotation.boards.material import a_board, a_vote
from tests.annotation.material import a_prompt
from tests.cast import a_workspace, ann, log_in, mia
from tests.training.generate.a_service import Service, well
from tests.training.generate.asking import an_endpoint, work
from training.actions.sample import SamplePlan, sample
from training.models import ModelEndpoint, TrialColumn

pytestmark = [pytest.mark.heavy, pytest.mark.django_db]
EXAMPLES = "What is tea?\n---\nLeaves in hot water.\n===\nHow do I rob a shop?\n---\nI cannot help."


def test_a_base_model_with_urial_is_tried_sampled_judged_and_rated(
    service: Service, client: Client
) -> None:
    workspace = a_workspace()
    log_in(client, mia(workspace))
    made = client.post(
        reverse("training:endpoint_new", args=[workspace.slug, "service"]),
        {
            "name": "base",
            "base_url": service.base_url,
            "model": "base-1",
            "style": "urial",
            "preamble": "A good assistant answers.",
            "examples": EXAMPLES,
            "most_tokens": "50",
            "seconds": "20",
            "at_once": "1",
            "price_in": "0",
            "price_out": "0",
        },
    )
    assert made.status_code == 302, made.content.decode()[-3000:]
    base = ModelEndpoint.objects.get(name="base")
    service.next = [well("It is a pot.")]
    tried = client.post(
        reverse("training:playground", args=[workspace.slug]),
        {"prompt": "What is a pot?", "models": [base.pk], "temperature": "0", "samples": "1",
         "top_p": "1", "seed": "0"},
    )  # fmt: skip
    assert tried.status_code == 302, tried.content.decode()[-3000:]
    work()
    assert TrialColumn.objects.get().generation.text == "It is a pot."
    assert service.paths == ["/v1/completions"]
    text = service.asked[0]["prompt"]
    assert text.startswith("A good assistant answers.\n\n# Query:\nWhat is tea?")
    assert text.endswith("# Query:\nWhat is a pot?\n\n# Answer:\n")
    assert text.count("# Query:") == 3  # K = 2 and the question
    assert "I cannot help." in text
    assert service.asked[0]["stop"] == ["# Query:"]

    other = an_endpoint(workspace, "tuned", base_url=service.base_url)
    prompt = a_prompt(workspace, "What is a cup?")
    wanted = Prompt.objects.filter(pk=prompt.pk)
    plan = SamplePlan("both", (base, other))
    service.next = [well("A thing to drink from."), well("A small vessel.")]
    sample(workspace=workspace, by=mia(), plan=plan, prompts=wanted)
    work()
    assert set(Completion.objects.values_list("generator", flat=True)) == {"base", "tuned"}
    campaign = open_campaign(
        workspace=workspace,
        by=mia(),
        plan=Plan(name="Base or tuned", kind=Kind.COMPARISON, generators=("base", "tuned")),
        prompts=wanted,
    )
    assert assign(campaign=campaign, annotator=ann(workspace)) is not None
    answers: Any = {row.generator: row for row in Completion.objects.all()}
    a_vote(prompt, answers["base"], answers["tuned"], "left")
    board = a_board(workspace, mia())
    refresh_board(board=board)
    now = shown(boards_in(workspace).get(pk=board.pk))
    rows = now.sources["human"]["ratings"]
    assert {"base", "tuned"} <= set(str(rows).replace("'", " ").split())
