"""Both wizards from the command line."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests.cast import a_workspace, mia
from tests.training.factory import world
from tests.training.factory.world import carried_out, seeds
from tests.training.generate.a_service import Service
from tests.training.generate.asking import an_endpoint
from training.models import FactoryRun

pytestmark = [pytest.mark.django_db, pytest.mark.heavy]


def said(name: str, *more: str, **fields: Any) -> str:
    out = StringIO()
    given = ["--workspace", "paper-cups", "--by", mia().email, *more]
    call_command(name, *given, stdout=out, **fields)
    return out.getvalue()


def test_self_instruct_runs_goes_on_and_reports_from_the_command_line(service: Service) -> None:
    service.next = [world.scribe]
    workspace = a_workspace()
    mia(workspace)
    seeds(workspace)
    an_endpoint(workspace, "small", base_url=service.base_url)
    new = ["--name", "bees", "--model", "small", "--seeds", "source=seeds"]
    told = said("self_instruct", *new, "--set", "wanted=2", "--set", "at_once=1")
    assert "5 seeds; job" in told
    run = carried_out(FactoryRun.objects.get())
    told = said("self_instruct", "--name", "bees", "--report")
    assert "       4  Instructions written" in told
    assert "       1  Instructions: too short. Such as: Too short" in told
    assert "5 of 5 requests answered, 500 tokens in, 100 out, cost 0" in told
    said("self_instruct", "--name", "bees", "--go-on", "--set", "wanted=4")
    run = carried_out(run)
    assert run.versions.count() == 2
    assert run.candidates.filter(step="instructions", state="kept").count() == 4


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--model", "gone"], "There is no model 'gone' to ask. Allowed: small."),
        (["--model", "small", "--set", "wanted"], "write NAME=VALUE"),
        (["--model", "small", "--set", "wanted=many"], "wanted is many. Allowed: 1 to"),
        (["--model", "small", "--budget", "much"], "write a number"),
        (["--model", "small", "--seeds", "source=gone"], "Import seeds first"),
        (["--go-on"], "There is no run named 'bees'"),
    ],
)
def test_bad_arguments_get_a_sentence(more: list[str], sentence: str) -> None:
    workspace = a_workspace()
    mia(workspace)
    seeds(workspace)
    an_endpoint(workspace, "small")
    with pytest.raises(CommandError, match=sentence):
        said("self_instruct", "--name", "bees", *more)


def test_safe_responses_take_two_filters(service: Service) -> None:
    service.next = [world.scribe]
    world.a_safe_run(a_workspace(), service.base_url)
    run = FactoryRun.objects.get()
    told = said(
        "safe_responses",
        *("--name", "other", "--model", run.endpoint.name),
        *("--seeds", "source=harmful", "--look-alikes", "source=harmless"),
    )
    assert "2 seeds; job" in told
    assert FactoryRun.objects.get(name="other").seeds.count() == 4
