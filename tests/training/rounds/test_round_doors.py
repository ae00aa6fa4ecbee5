"""The same loop from pages, from programs and from the command line."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from tests.cast import a_workspace, log_in, mia, vic
from tests.training.registry import a_model, model_files
from tests.training.rounds import world
from tests.training.rounds.world import a_round, carried_out, drive, fresh
from training.models import ModelVersion, Round
from webapp.jobs.models import Job
from webapp.jobs.runner import run_next

pytestmark = [pytest.mark.heavy, pytest.mark.django_db]


def page(client: Client, found: Round) -> str:
    answer = client.get(reverse("training:round", args=[found.workspace.slug, found.pk]))
    assert answer.status_code == 200
    return answer.content.decode()


def rest(client: Client, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    address = f"/api/v1/workspaces/paper-cups/{path}"
    sent = () if method == "get" else (json.dumps(body or {}),)
    answer = getattr(client, method)(address, *sent, content_type="application/json")
    return answer.status_code, answer.json()


def test_the_page_shows_the_loop_and_what_it_waits_for(client: Client) -> None:
    workspace = a_workspace()
    found = drive(a_round(workspace, mia(workspace)))
    world.answered(found.batch)
    found = drive(found)
    log_in(client, mia())
    text = page(client, found)
    assert "Waits for people: the campaign “helpful 1” has 0 of 4 comparisons." in text
    assert "Go on with what is there" in text
    assert reverse("annotation:campaign", args=[workspace.slug, found.campaign_id]) in text
    assert text.count('<path class="arc') == 9
    client.post(reverse("training:round_pause", args=[workspace.slug, found.pk]))
    assert fresh(found).paused_at is not None
    assert "Let it go on" in page(client, found)
    log_in(client, vic(workspace))
    assert "Let it go on" not in page(client, found)


def test_the_page_of_a_round_that_is_done_shows_the_board_before_and_after(client: Client) -> None:
    workspace = a_workspace()
    found = carried_out(a_round(workspace, mia(workspace)))
    log_in(client, mia())
    text = page(client, found)
    assert "The board before and after" in text
    assert "tuned v1" in text
    assert "Begin the next round" in text
    again = client.get(
        reverse("training:round", args=[workspace.slug, found.pk]), headers={"HX-Request": "true"}
    )
    assert again.status_code == 286
    answer = client.post(reverse("training:round_step", args=[workspace.slug, found.pk]))
    following = Round.objects.get(previous=found)
    assert answer["Location"] == reverse("training:round", args=[workspace.slug, following.pk])


def test_the_form_begins_a_loop_or_says_what_is_wrong(client: Client) -> None:
    workspace = a_workspace()
    base = a_model(workspace, mia(workspace))
    log_in(client, mia())
    address = reverse("training:round_new", args=[workspace.slug])
    assert client.get(address).status_code == 200
    form = {
        "name": "helpful",
        "base": base.pk,
        "result": "tuned",
        "recipe": "sft-dpo",
        "temperatures": "0.7",
        "samples": 1,
        "kind": "comparison",
        "answers": 4,
        "overlap": 1,
        "data": "all",
        "seed": 0,
        "compare_split": "held_out",
        "compare_most": 20,
        "earlier": 1,
        "automatic": ["sample", "open"],
    }
    refused = client.post(address, form)
    assert refused.status_code == 422
    assert "2 to 8 different temperatures" in refused.content.decode()
    refused = client.post(address, form | {"temperatures": "0.7 1.0"})
    assert "no prompt" in refused.content.decode()
    world.prompts(workspace)
    answer = client.post(address, form | {"temperatures": "0.7 1.0"})
    assert answer.status_code == 302
    found = Round.objects.get()
    assert found.plan["temperatures"] == [0.7, 1.0]
    assert list(found.steps.filter(automatic=True).values_list("step", flat=True)) == [
        "sample",
        "open",
    ]


def test_a_program_begins_watches_and_steers_a_round(client: Client) -> None:
    workspace = a_workspace()
    base = a_model(workspace, mia(workspace))
    world.prompts(workspace)
    log_in(client, mia())
    wanted = {"name": "helpful", "result": "tuned", "recipe": "dpo", "base": base.pk}
    status, told = rest(client, "post", "rounds/", wanted | {"temperatures": [0.7]})
    assert (status, "2 to 8 different" in told["detail"]) == (400, True)
    status, told = rest(client, "post", "rounds/", wanted | {"base": 999})
    assert status == 400
    status, told = rest(client, "post", "rounds/", wanted)
    assert status == 201
    assert [step["step"] for step in told["steps"]][:2] == ["sample", "open"]
    found = drive(Round.objects.get(pk=told["id"]))
    world.answered(found.batch)
    found = drive(found)
    status, told = rest(client, "get", f"rounds/{found.pk}/")
    assert (told["have"], told["want"], told["campaign"]) == (0, 4, found.campaign_id)
    assert told["waits_for"].startswith("Waits for people")
    status, told = rest(client, "patch", f"rounds/{found.pk}/", {"judgements": 2})
    assert told["plan"]["judgements"] == 2
    assert rest(client, "post", f"rounds/{found.pk}/pause/")[1]["state"] == "paused"
    status, told = rest(client, "post", f"rounds/{found.pk}/pause/")
    assert (status, "paused already" in told["detail"]) == (400, True)
    assert rest(client, "post", f"rounds/{found.pk}/resume/")[1]["state"] == "running"
    assert rest(client, "get", "rounds/?name=helpful")[1]["results"][0]["number"] == 1


def run(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def test_the_command_begins_shows_and_steers_rounds() -> None:
    workspace = a_workspace()
    a_model(workspace, mia(workspace))
    world.prompts(workspace)
    start = ["round", "start", "paper-cups", "--by", "mia@rondo.test", "--name", "helpful"]
    start += ["--base", "base", "--result", "tuned", "--recipe", "dpo"]
    with pytest.raises(CommandError, match="2 to 8 different"):
        run(*start, "--temperature", "0.7")
    with pytest.raises(CommandError, match="no setting colour"):
        run(*start, "--plan", '{"colour": "red"}')
    said = run(*start, "--plan", '{"automatic": []}')
    assert "1. Answers (by hand): Waits for you to begin it." in said
    assert "helpful 1: Waits for you" in run("round", "status", "paper-cups")
    said = run("round", "step", "paper-cups", "helpful", "--by", "mia@rondo.test")
    assert "helpful 1: Under way" in said
    drive(Round.objects.get())
    said = run("round", "pause", "paper-cups", "helpful:1", "--by", "mia@rondo.test", "--follow")
    assert "helpful 1: Paused" in said
    assert "\r[" in said  # the bar, which ends since nothing moves
    with pytest.raises(CommandError, match="Loops here: helpful"):
        run("round", "status", "paper-cups", "harmless")


def test_a_folder_is_registered_from_the_command_line(tmp_path: Path) -> None:
    workspace = a_workspace()
    mia(workspace)
    for name, data in model_files().items():
        (tmp_path / name).write_bytes(data)
    said = run(
        *("register", "paper-cups", str(tmp_path), "--name", "mine", "--by", "mia@rondo.test"),
        "--no-wait",
    )
    assert "mine v1 is checked by job" in said
    version = ModelVersion.objects.get(name="mine")
    assert version.source == {"kind": "upload", "files": sorted(model_files())}
    with pytest.raises(CommandError, match="Write it as on the hub"):
        run("register", "paper-cups", "no such", "--name", "x", "--by", "mia@rondo.test")


@pytest.mark.heavy
@pytest.mark.django_db(transaction=True)
def test_the_command_waits_for_the_check_and_says_how_it_ended(tmp_path: Path) -> None:
    import threading

    from django.db import connections

    workspace = a_workspace()
    mia(workspace)
    (tmp_path / "pytorch_model.bin").write_bytes(b"pickled")

    def work() -> None:
        while run_next(queue="default", worker="here") is None:
            pass
        connections.close_all()

    worker = threading.Thread(target=work)
    worker.start()
    try:
        with pytest.raises(CommandError, match="refused"):
            run("register", "paper-cups", str(tmp_path), "--name", "x", "--by", "mia@rondo.test")
    finally:
        worker.join()
    assert Job.objects.get(kind="import model").state == "failed"
