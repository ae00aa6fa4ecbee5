"""Models to ask: keys that stay secret and belong to their host (F6), prompts for base models."""

from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client
from django.urls import reverse

from tests.cast import a_workspace, log_in, mia
from tests.training.generate.asking import an_endpoint, asked, one, work
from tests.training.tiny_model import write_tiny_model
from training.actions.endpoint import (
    EndpointPlan,
    add_endpoint,
    change_endpoint,
    endpoint_of_version,
    retire_endpoint,
)
from training.actions.register import make_ready, new_version
from training.endpoint_forms import examples_from, examples_text
from training.generate.probes import (
    BY_NAME,
    PROBES,
    Continued,
    consistency,
    continued,
    follows_twin,
)
from training.generate.wording import URIAL_EXAMPLES, wording
from training.model_store import fingerprint_of_manifest, store_folder
from training.models import ModelEndpoint, PromptStyle
from webapp.audit.models import AuditEntry

pytestmark = [pytest.mark.heavy, pytest.mark.django_db]
KEY = "sk-$HOME-{{key}}-123456"
HERE, THERE = "http://127.0.0.1:8001/v1", "http://127.0.0.1:8002/v1"


@pytest.fixture(autouse=True)
def allowed(settings: Any) -> None:
    settings.OUTBOUND_ALLOWED_HOSTS = ["127.0.0.1:8001", "127.0.0.1:8002"]
    settings.MODELS_WARM_SECONDS = 0


def a_service() -> ModelEndpoint:
    workspace = a_workspace()
    return add_endpoint(
        workspace=workspace,
        by=mia(workspace),
        name="Small",
        kind="service",
        plan=EndpointPlan(base_url=HERE, model="small", key=KEY),
    )


def test_a_key_is_kept_encrypted_and_shown_by_its_end_alone(client: Client) -> None:
    endpoint = a_service()
    with connection.cursor() as cursor:
        cursor.execute("SELECT key FROM training_modelendpoint WHERE id = %s", [endpoint.pk])
        assert KEY not in cursor.fetchone()[0]
    assert ModelEndpoint.objects.get().key == KEY, "$HOME and {{key}} are just text"
    log_in(client, mia())
    for name, arguments in (("endpoints", []), ("endpoint", [endpoint.pk])):
        page = client.get(reverse(f"training:{name}", args=["paper-cups", *arguments]))
        assert "••••3456" in page.content.decode()
        assert KEY[:12] not in page.content.decode()
    shown = client.get("/api/v1/workspaces/paper-cups/endpoints/").content.decode()
    assert KEY[:12] not in shown
    assert not any(KEY[:12] in str(entry.changes) for entry in AuditEntry.objects.all())


def test_a_new_host_needs_its_key_again() -> None:
    endpoint = a_service()
    change_endpoint(endpoint=endpoint, by=mia(), plan=EndpointPlan(base_url=HERE, model="large"))
    assert ModelEndpoint.objects.get().key == KEY, "the host is the same"
    change_endpoint(endpoint=endpoint, by=mia(), plan=EndpointPlan(base_url=THERE, model="large"))
    assert ModelEndpoint.objects.get().key == ""


@pytest.mark.parametrize(
    ("plan", "field"),
    [
        ({"base_url": "http://169.254.169.254/v1"}, "base_url"),
        ({"base_url": HERE + "/chat/completions"}, "base_url"),
        ({"key": "two words"}, "key"),
        ({"template": "no place for it"}, "template"),
        ({"model": " "}, "model"),
        ({"stop": tuple("abcde")}, "stop"),
        ({"most_tokens": 0}, "most_tokens"),
    ],
)
def test_what_cannot_be_is_refused_at_its_field(plan: dict[str, Any], field: str) -> None:
    workspace = a_workspace()
    given = {"base_url": HERE, "model": "small"} | plan
    with pytest.raises(ValidationError) as refused:
        add_endpoint(
            workspace=workspace,
            by=mia(workspace),
            name="Wrong",
            kind="service",
            plan=EndpointPlan(**given),
        )
    assert list(refused.value.message_dict) == [field]


def test_a_retired_model_is_asked_no_more_and_loses_its_key() -> None:
    endpoint = retire_endpoint(endpoint=a_service(), by=mia())
    assert endpoint.key == ""
    with pytest.raises(ValidationError, match="retired"):
        asked(endpoint)


def test_urial_puts_a_preamble_and_examples_before_the_question() -> None:
    workspace = a_workspace()
    endpoint = add_endpoint(
        workspace=workspace,
        by=mia(workspace),
        name="Base with URIAL",
        kind="service",
        plan=EndpointPlan(base_url=HERE, model="base", style=PromptStyle.URIAL),
    )
    given = wording(endpoint, one("Who are {you}?"))
    assert given.messages is None
    assert given.text is not None
    assert given.text.startswith("Below are questions")
    assert given.text.endswith("# Query:\nWho are {you}?\n\n# Answer:\n")
    assert given.text.count("# Query:") == len(URIAL_EXAMPLES) + 1
    assert given.stop == ("# Query:",)
    assert examples_from(examples_text(URIAL_EXAMPLES)) == URIAL_EXAMPLES, "the form keeps them"
    chat = an_endpoint(workspace)
    assert wording(chat, one("Who?")).messages == one("Who?")


def test_an_answer_that_continues_the_text_is_told_from_an_answer() -> None:
    moon = "Explain the moon landing to a 6 year old in a few sentences."
    assert continued(moon, "Explain the theory of gravity to a 6 year old.") == Continued.SAME_TASK
    assert continued(moon, "People went to the moon in a rocket.") is None
    france = "What is the capital of France?"
    assert continued(france, "What is the capital of Spain?\nAnd of Italy?") == Continued.QUESTIONS
    assert continued(france, "Paris. Do you want to know more?") is None
    assert continued(france, france + " Paris.") == Continued.REPEATS
    assert continued(france, "Paris.\n\nQ: What about Italy?") == Continued.NEXT_TURN
    twins = {"fruits": "Apples, pears and plums.", "no fruits": "A kitchen is a room."}
    assert consistency(twins) == (1, 1)
    assert consistency(twins | {"no fruits": "A room for apples."}) == (0, 1)


@pytest.mark.heavy
def test_a_registered_model_answers_on_the_gpu_queue(tmp_path: Path) -> None:
    workspace = a_workspace()
    folder = write_tiny_model(tmp_path / "tiny")
    version = new_version(workspace=workspace, name="tiny", by=mia(workspace), kind="policy")
    manifest = store_folder(folder, f"models/test-{version.pk}", lambda: None)
    version = make_ready(
        version=version,
        place=f"models/test-{version.pk}",
        manifest=manifest,
        sha256=fingerprint_of_manifest(manifest),
        facts={"chat": True},
    )
    endpoint = endpoint_of_version(version=version, by=mia())
    assert endpoint_of_version(version=version, by=mia()) == endpoint
    rows = [asked(endpoint, "tell me about the cat .", seed=seed, max_tokens=8) for seed in (1, 2)]
    job = work("gpu")
    assert (job.kind, job.state, job.result["answered"]) == ("answer with models", "done", 2)
    for row in rows:
        row.refresh_from_db()
        assert row.state == "done"
        assert row.text
        assert 0 < row.tokens_out <= 8


def test_every_twin_has_its_other_half_and_negates_it() -> None:
    twins = [probe for probe in PROBES if probe.twin]
    assert len(twins) == 16
    for probe in twins:
        other = BY_NAME[probe.twin]
        assert other.twin == probe.name
        assert other.words == probe.words
        assert other.wants_words is not probe.wants_words
        said = " and ".join(probe.words[:3])
        # Who lists what was asked for follows the one and breaks the other.
        assert follows_twin(probe, said) is probe.wants_words
