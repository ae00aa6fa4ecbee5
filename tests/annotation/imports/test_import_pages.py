"""Files that come in by the browser and over REST: upload, dry run, import, rejects, undo."""

import io
import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from annotation.models import Completion, Demonstration, Import, Prompt
from tests.annotation.imports.files import gz, jsonl
from tests.annotation.imports.uploads import work
from tests.cast import PASSWORD, a_workspace, mia
from webapp import artifacts
from webapp.api.actions.token import create_token
from webapp.jobs.models import Job
from webapp.workspaces.models import Workspace

pytestmark = pytest.mark.django_db

ALPACA = [{"instruction": f"Name {n} rivers.", "input": "", "output": f"{n}!"} for n in range(5)]
BAD = {"instruction": 7, "output": "x"}


@pytest.fixture
def cups() -> Workspace:
    return a_workspace()


@pytest.fixture
def mias(cups: Workspace, client: Client, settings: Any) -> Client:
    client.force_login(mia(cups, password=PASSWORD), backend=settings.AUTHENTICATION_BACKENDS[0])
    return client


def upload(mias: Client, data: bytes, name: str = "rivers.jsonl", **fields: str) -> Any:
    address = reverse("annotation:import_new", args=["paper-cups"])
    return mias.post(address, {"file": SimpleUploadedFile(name, data), **fields})


def page_of(mias: Client, row: Import) -> str:
    return mias.get(reverse("annotation:import", args=["paper-cups", row.pk])).content.decode()


def press(mias: Client, row: Import, act: str, **fields: str) -> Any:
    address = reverse("annotation:import_start", args=["paper-cups", row.pk])
    return mias.post(address, {"act": act, "drop_repeated_digits": "on", **fields})


def test_a_file_is_looked_through_then_imported_and_each_prompt_leads_back_to_it(
    mias: Client,
) -> None:
    answer = upload(mias, jsonl(*ALPACA, BAD), licence="CC-BY-4.0")
    row = Import.objects.get()
    assert answer["Location"] == reverse("annotation:import", args=["paper-cups", row.pk])
    assert "Looking through the file" in page_of(mias, row)
    work()
    row.refresh_from_db()
    assert (row.state, row.format) == ("checked", "alpaca")
    shown = page_of(mias, row)
    for words in ("recognised by 6 of 6", "Name 0 rivers.", "is a number where a text belongs"):
        assert words in shown
    assert not Prompt.objects.exists()
    press(mias, row, "import", licence="CC-BY-4.0")
    work()
    row.refresh_from_db()
    assert (row.state, row.report["imported"], row.report["refused_rows"]) == ("imported", 5, 1)
    prompt = Prompt.objects.first()
    assert prompt is not None
    assert (prompt.imported_in, prompt.licence, prompt.source) == (row, "CC-BY-4.0", "rivers")
    assert Demonstration.objects.filter(imported_in=row).count() == 5
    rejects = mias.get(reverse("annotation:import_rejects", args=["paper-cups", row.pk]))
    line = json.loads(b"".join(rejects.streaming_content))
    assert (line["line"], line["path"]) == (6, "instruction")
    assert json.loads(line["original"]) == BAD
    assert "attachment" in rejects["Content-Disposition"]


def test_the_format_can_be_overridden_and_columns_mapped(mias: Client) -> None:
    upload(mias, b"question,reply\nWhat?,That.\nWhy?,Because.\n", "own.csv")
    work()
    row = Import.objects.get()
    assert "No format is known" in row.check_report["broken"]
    assert "Nothing was" not in page_of(mias, row)
    press(mias, row, "check", format="table", column_prompt="question")
    row.refresh_from_db()
    assert row.plan["format"] == "table"
    work()
    row.refresh_from_db()
    wrong = press(mias, row, "import", format="table", roles="no pair")
    assert wrong.status_code == 422
    assert "Line 1 is no pair" in wrong.content.decode()
    fields = {"column_prompt": "question", "column_demonstration": "reply"}
    press(mias, row, "import", format="table", **fields)
    work()
    assert sorted(Demonstration.objects.values_list("text", flat=True)) == ["Because.", "That."]


def test_all_or_nothing_keeps_the_file_out_and_says_so(mias: Client) -> None:
    upload(mias, jsonl(*ALPACA, BAD))
    work()
    row = Import.objects.get()
    press(mias, row, "import", all_or_nothing="yes")
    work()
    row.refresh_from_db()
    assert (row.state, Prompt.objects.count()) == ("kept_out", 0)
    assert "5 good rows were kept out with it" in page_of(mias, row)
    press(mias, row, "import")
    work()
    row.refresh_from_db()
    assert (row.state, Prompt.objects.count()) == ("imported", 5)


def test_the_same_file_again_is_named_and_adds_nothing(mias: Client) -> None:
    for _ in range(2):
        upload(mias, gz(jsonl(*ALPACA)), "rivers.jsonl.gz")
        work()
        row = Import.objects.order_by("-pk")[0]
        press(mias, row, "import")
        work()
    first = Import.objects.order_by("pk")[0]
    upload(mias, gz(jsonl(*ALPACA)), "again.jsonl.gz")
    work()
    third = Import.objects.order_by("-pk")[0]
    assert "The same bytes were imported before" in page_of(mias, third)
    second = Import.objects.order_by("pk")[1]
    assert (second.report["imported"], second.report["duplicates"]) == (0, 5)
    assert set(Prompt.objects.values_list("imported_in", flat=True)) == {first.pk}


def test_a_cancelled_import_leaves_nothing(mias: Client) -> None:
    upload(mias, jsonl(*ALPACA))
    row = Import.objects.get()
    mias.post(reverse("annotation:import_cancel", args=["paper-cups", row.pk]))
    work()
    assert Job.objects.get(kind="import check").state == "cancelled"
    assert "Nothing of it was kept" in page_of(mias, row)
    assert not Prompt.objects.exists()


def test_undoing_a_later_file_brings_back_the_answers_that_it_replaced(mias: Client) -> None:
    line = {"question_id": 81, "model_id": "m"}
    for number in (1, 2):
        choices = [{"index": 0, "turns": [f"answer {number}"]}]
        upload(mias, jsonl({**line, "answer_id": f"a{number}", "choices": choices}))
        work()
        press(mias, Import.objects.latest("pk"), "import")
        work()
    assert Completion.objects.get(retired_at=None).text == "answer 2"
    mias.post(
        reverse("annotation:import_undo", args=["paper-cups", Import.objects.latest("pk").pk])
    )
    work()
    assert [(each.text, each.retired_at) for each in Completion.objects.all()] == [
        ("answer 1", None)
    ]


def test_an_import_is_undone_while_nothing_depends_on_it(mias: Client, cups: Workspace) -> None:
    older = Prompt.objects.create(workspace=cups, messages=[], text="older", text_hash=b"0" * 32)
    upload(mias, jsonl(*ALPACA))
    work()
    row = Import.objects.get()
    press(mias, row, "import")
    work()
    undo = reverse("annotation:import_undo", args=["paper-cups", row.pk])
    assert "5 demonstrations" in mias.get(undo).content.decode()
    mias.post(undo)
    work()
    row.refresh_from_db()
    assert (row.state, row.undone_by) == ("undone", mia(cups))
    assert list(Prompt.objects.all()) == [older]
    press(mias, row, "import")  # and in again
    work()
    assert Prompt.objects.count() == 6


def test_an_import_on_which_something_stands_stays(mias: Client) -> None:
    data = [{"instruction": "x", "output": f"by {who}", "generator": who} for who in "mn"]
    upload(mias, jsonl(*data))
    work()
    row = Import.objects.get()
    press(mias, row, "import")
    work()
    answered = Prompt.objects.get()
    Completion.objects.create(prompt=answered, text="by a model", text_hash=b"1" * 32)
    undo = reverse("annotation:import_undo", args=["paper-cups", row.pk])
    answer = mias.post(undo, follow=True)
    assert "other things stand on its rows: 1 completions" in answer.content.decode()
    work()
    assert Prompt.objects.filter(imported_in=row).exists()


def test_an_upload_that_is_too_large_is_refused_in_a_sentence(
    mias: Client, settings: Any, cups: Workspace
) -> None:
    settings.UPLOAD_MAX_BYTES = 100
    answer = upload(mias, b"x" * 101)
    assert answer.status_code == 413
    assert "larger than 100" in answer.content.decode().replace("\xa0", " ")
    unread = io.BytesIO(b"never read")
    address = reverse("annotation:import_new", args=["paper-cups"])
    announced = mias.generic(
        "POST", address, b"", "multipart/form-data; boundary=x",
        **{"CONTENT_LENGTH": "2000000", "wsgi.input": unread},
    )  # fmt: skip
    assert (announced.status_code, unread.tell()) == (413, 0)
    assert not Import.objects.exists()


def test_nothing_a_sender_calls_the_file_leads_anywhere(mias: Client) -> None:
    for name in ("../../etc/passwd", "C:\\x\\evil.jsonl", "a\u202eb.jsonl", "<b>.jsonl"):
        upload(mias, jsonl(*ALPACA), name)
    kept = list(Import.objects.order_by("pk").values_list("name", flat=True))
    assert kept == ["passwd", "evil.jsonl", "ab.jsonl", "<b>.jsonl"]
    row = Import.objects.order_by("-pk")[0]
    assert "&lt;b&gt;.jsonl" in page_of(mias, row)
    assert artifacts.exists(row.file["path"])


def test_an_empty_upload_and_a_missing_one_are_refused(mias: Client) -> None:
    assert upload(mias, b"").status_code == 422
    address = reverse("annotation:import_new", args=["paper-cups"])
    assert mias.post(address, {}).status_code == 422


# ---- REST


def api(name: str, *args: Any) -> str:
    return reverse(name, args=["paper-cups", *args])


@pytest.fixture
def program(cups: Workspace) -> Any:
    _row, token = create_token(user=mia(cups), name="t", scope="write", days=1)

    class Program:
        def send(self, data: bytes, name: str = "a.jsonl", **headers: str) -> Any:
            return Client().post(
                f"{api('api_imports')}?name={name}",
                data,
                content_type="application/octet-stream",
                headers={"Authorization": f"Bearer {token}", **headers},
            )

        def post(self, address: str, body: Any = None) -> Any:
            return Client().post(
                address,
                json.dumps(body or {}),
                content_type="application/json",
                headers={"Authorization": f"Bearer {token}"},
            )

        def get(self, address: str) -> Any:
            return Client().get(address, headers={"Authorization": f"Bearer {token}"})

    return Program()


def test_a_program_uploads_looks_imports_and_fetches_the_rejects(program: Any) -> None:
    sent = program.send(jsonl(*ALPACA, BAD))
    assert sent.status_code == 201, sent.content
    pk = sent.json()["id"]
    assert program.post(api("api_import_check", pk), {"licence": "MIT"}).status_code == 200
    work()
    looked = program.get(api("api_import", pk)).json()
    assert (looked["state"], looked["dry_run"]["imported"], looked["report"]) == (
        "checked",
        5,
        None,
    )
    started = program.post(api("api_import_start", pk)).json()
    assert started["plan"] == {"licence": "MIT"}  # that of the dry run
    work()
    done = program.get(api("api_import", pk)).json()
    report = done["report"]
    assert report["rows"] == report["imported"] + report["duplicates"] + report["refused_rows"]
    assert (done["state"], report["refused"][0]["line"]) == ("imported", 6)
    rejects = b"".join(program.get(api("api_import_rejects", pk)).streaming_content)
    assert json.loads(rejects)["line"] == 6
    assert program.post(api("api_import_undo", pk)).status_code == 200
    work()
    assert program.get(api("api_import", pk)).json()["state"] == "undone"


def test_an_upload_sent_twice_with_one_key_is_one(program: Any) -> None:
    key = {"Idempotency-Key": "k1"}
    first, again = program.send(b"{}", **key), program.send(b"{}", **key)
    assert first.json() == again.json()
    assert Import.objects.count() == 1
    assert program.send(b"[]", **key).status_code == 422


def test_a_wrong_option_over_rest_is_named(program: Any) -> None:
    pk = program.send(jsonl(*ALPACA)).json()["id"]
    for body, path in (({"formt": "x"}, "formt"), ({"roles": {"a": "b"}}, "roles")):
        answer = program.post(api("api_import_start", pk), body)
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["path"] == path
    assert not Job.objects.exists()


def test_a_body_that_is_too_large_or_empty_is_refused_over_rest(
    program: Any, settings: Any
) -> None:
    assert program.send(b"").status_code == 400
    settings.UPLOAD_MAX_BYTES = 10
    refused = program.send(b"x" * 11)
    assert (refused.status_code, "larger than" in refused.json()["detail"]) == (413, True)
    assert not Import.objects.exists()
