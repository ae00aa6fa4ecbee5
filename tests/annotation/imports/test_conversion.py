"""Labelled data sets on their way in: the pages, the command line, and real data."""

import gzip
import json
from collections import defaultdict
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from annotation.domain.conversion.recipes import Recipe
from annotation.domain.conversion.tasks import TASKS
from annotation.domain.conversion.template_files import read_templates
from annotation.models import Demonstration, Import
from tests.annotation.imports.uploads import work
from tests.cast import a_workspace, mia
from webapp.workspaces.models import Workspace

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data" / "flan"
ROWS = [
    {"sentence1": "It rains.", "sentence2": "It is wet.", "gold": 0},
    {"sentence1": "It rains.", "sentence2": "It is dry.", "gold": 1},
    {"sentence1": "It rains.", "sentence2": "It is cold.", "gold": 2},
]
DATA = "".join(json.dumps(row) + "\n" for row in ROWS).encode()


@pytest.fixture
def workspace() -> Workspace:
    return a_workspace()


@pytest.fixture
def signed_in(workspace: Workspace, client: Client, settings: Any) -> Client:
    client.force_login(mia(workspace), backend=settings.AUTHENTICATION_BACKENDS[0])
    return client


def at(name: str, workspace: Workspace, *others: Any) -> str:
    return reverse(f"annotation:{name}", args=[workspace.slug, *others])


def brought(client: Client, workspace: Workspace, data: bytes = DATA, task: str = "nli") -> Import:
    file = SimpleUploadedFile("rows.jsonl", data)
    answer = client.post(at("conversion_new", workspace), {"file": file, "task": task})
    row = Import.objects.latest("pk")
    assert answer["Location"] == at("conversion", workspace, row.pk)
    assert "Looking through the file" in client.get(answer["Location"]).content.decode()
    work()
    return row


def filled(page: Any, **changes: Any) -> dict[str, Any]:
    """What a browser would send of the page's form."""
    form = page.context["form"]
    names = [field.html_name for field in form]
    said = {name: form[name].value() for name in names}
    sent = {name: value for name, value in said.items() if value is not None and value is not False}
    return sent | {"count": form.templates} | changes


@pytest.mark.django_db
def test_a_data_set_becomes_demonstrations(workspace: Workspace, signed_in: Client) -> None:
    row = brought(signed_in, workspace)
    address = at("conversion", workspace, row.pk)
    page = signed_in.get(address)
    form = page.context["form"]
    # Its columns are known by their usual names; the labels stand there and wait for words.
    assert form["field_premise"].value() == "sentence1"
    assert form["answers"].value() == ""
    sent = filled(page, label_field="gold", answers="0 = yes\n1 = no\n2 = maybe", act="check")
    sent["template_0_input"] = "{premise}\r\nSo: {hypothesis}"  # as a browser sends it
    for number in (1, 2):
        sent[f"template_{number}_input"] = ""
    shown = signed_in.post(at("conversion_preview", workspace, row.pk), sent).content.decode()
    assert "It rains.\nSo: It is dry." in shown
    assert signed_in.post(address, sent | {"act": "keep"})["Location"] == address
    assert signed_in.get(address).context["form"]["label_field"].value() == "gold"
    assert signed_in.post(address, sent)["Location"] == at("import", workspace, row.pk)
    work()
    row.refresh_from_db()
    assert (row.check_report["imported"], row.check_report["refused_rows"]) == (3, 0)
    # The options of every import do not forget the recipe.
    start = {"act": "import", "format": "labelled", "all_or_nothing": "yes"}
    signed_in.post(at("import_start", workspace, row.pk), start)
    work()
    made = Demonstration.objects.order_by("pk").values_list("prompt__text", "text")
    assert list(made) == [
        ("It rains.\nSo: It is wet.", "yes"),
        ("It rains.\nSo: It is dry.", "no"),
        ("It rains.\nSo: It is cold.", "maybe"),
    ]
    again = signed_in.get(address)
    assert again["Location"] == at("import", workspace, row.pk)


@pytest.mark.django_db
def test_labels_without_words_are_listed_and_refused(
    workspace: Workspace, signed_in: Client
) -> None:
    rows = [{"text": f"film {number}", "label": number % 2} for number in range(6)]
    data = "".join(json.dumps(row) + "\n" for row in rows).encode()
    row = brought(signed_in, workspace, data, "sentiment")
    page = signed_in.get(at("conversion", workspace, row.pk))
    assert page.context["form"]["answers"].value() == "0 = \n1 = "
    answer = signed_in.post(page.request["PATH_INFO"], filled(page, act="check"))
    assert answer.status_code == 422
    assert "gives the label 0 no word" in answer.content.decode()
    # One word of two: the rows of the other are refused, and their reason is counted.
    signed_in.post(page.request["PATH_INFO"], filled(page, act="check", answers="0 = bad"))
    work()
    row.refresh_from_db()
    assert row.check_report["reasons"] == {"The label '1' is not in the label map ('0').": 3}


@pytest.mark.django_db
def test_templates_come_from_a_file_and_are_saved_as_one(
    workspace: Workspace, signed_in: Client
) -> None:
    row = brought(signed_in, workspace, task="")
    address = at("conversion", workspace, row.pk)
    flan = {"rte": [["{sentence1} So: {sentence2}", "{answer}"]], "wic": [["{word}", "{answer}"]]}
    data = json.dumps(flan).encode()

    def send(dataset: str) -> Any:
        file = SimpleUploadedFile("templates.json", data)
        sent = filled(signed_in.get(address), templates=file, dataset=dataset, act="file")
        return signed_in.post(address, sent)

    refused = send("")
    assert refused.status_code == 422
    assert "Name one of: rte, wic" in refused.content.decode()
    for _ in range(2):
        assert send("rte").status_code == 302
    row.refresh_from_db()
    templates = row.plan["conversion"]["templates"]
    assert [template["name"] for template in templates] == ["rte 1", "rte 1 (2)"]
    saved = signed_in.get(at("conversion_templates", workspace, row.pk)).content
    assert [template.name for template in read_templates(saved)[""]] == ["rte 1", "rte 1 (2)"]


@pytest.mark.django_db
@pytest.mark.parametrize("name", TASKS)
def test_a_tutorial_goes_from_the_button_to_demonstrations(
    name: str, workspace: Workspace, signed_in: Client
) -> None:
    answer = signed_in.post(at("conversion_tutorial", workspace), {"task": name})
    work()
    page = signed_in.get(answer["Location"])
    sent = filled(page, act="check", each_row="all")
    assert signed_in.post(answer["Location"], sent).status_code == 302
    work()
    row = Import.objects.latest("pk")
    task = TASKS[name]
    made = row.check_report["tables"]["demonstrations"]
    assert (made, row.check_report["refused_rows"]) == (len(task.tutorial) * len(task.templates), 0)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"template_0_syntax": "jinja", "template_0_input": "{{ x.__class__ }}"}, "__class__"),
        ({"template_0_syntax": "mako"}, "Select a valid choice"),
        ({"seed": "-3"}, "greater than or equal to 0"),
        ({"label_field": "colour"}, "Select a valid choice"),
        ({"answers": "0 ="}, "no word"),
        ({"count": "100000"}, ""),
        ({"template_0_name": "follows", "template_1_name": "follows"}, "Two templates"),
    ],
)
def test_a_wrong_recipe_is_answered_in_a_sentence(
    changes: dict[str, str], words: str, workspace: Workspace, signed_in: Client
) -> None:
    row = brought(signed_in, workspace)
    address = at("conversion", workspace, row.pk)
    sent = filled(signed_in.get(address)) | changes | {"act": "check"}
    answer = signed_in.post(address, sent)
    assert answer.status_code == 422
    assert words in answer.content.decode()
    preview = signed_in.post(at("conversion_preview", workspace, row.pk), sent)
    assert preview.status_code == 200


@pytest.mark.django_db
def test_the_command_line_converts_as_the_page_does(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_bytes(DATA)
    columns = ["premise=sentence1", "hypothesis=sentence2"]
    out = StringIO()
    call_command(
        *("convert", str(file), "--workspace", "cups", "--task", "nli", "--label-field", "gold"),
        *(f"--column={column}" for column in columns),
        *("--answer", "0=yes", "--answer", "1=no", "--answer", "2=maybe", "--each-row", "all"),
        stdout=out,
    )
    assert "9 demonstrations" in out.getvalue()
    with pytest.raises(CommandError, match="Give a --template"):
        call_command("convert", str(file), "--workspace", "cups")
    (tmp_path / "t.json").write_text('{"a": [["{b}", "c"]]}')
    with pytest.raises(CommandError, match="has no templates for 'x'"):
        call_command(
            "convert", str(file), "--workspace", "cups", f"--templates={tmp_path}/t.json:x"
        )


# ---- real data


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data are not here")
def test_promptsource_templates_say_what_their_authors_rendered() -> None:
    """Five templates of rotten_tomatoes, 200 rows each; four rows of the raw file differ from the
    data set that was rendered (characters of Windows-1252)."""
    templates = read_templates(
        gzip.decompress((SHARED / "promptsource_templates.json.gz").read_bytes())
    )
    expected = defaultdict(list)
    rendered = gzip.decompress((SHARED / "t0_rendered.jsonl.gz").read_bytes())
    for line in rendered.splitlines():
        one = json.loads(line)
        expected[one["template"]].append(one)
    raw = gzip.decompress((SHARED / "raw/rt_polarity.all.gz").read_bytes()).decode(
        "utf-8", "replace"
    )
    rows = [{"label": line[:1], "text": line[2:].strip()} for line in raw.splitlines() if line]
    compared = 0
    for template in templates["rotten_tomatoes"]:
        name = "rotten_tomatoes_" + "".join(
            letter if letter.isalnum() else "_" for letter in template.name
        )
        if name not in expected:
            continue
        compared += 1
        recipe = Recipe((template,))
        made = {tuple(recipe.convert(row)[0].converted.__dict__.values()) for row in rows}
        found = sum(
            (one["prompt"].strip(), one["completion"].removesuffix("<|endoftext|>")) in made
            for one in expected[name]
        )
        assert found >= 196, (name, found)
    assert compared == 5


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data are not here")
def test_every_template_of_the_shared_files_is_allowed() -> None:
    for file, count in (
        ("promptsource_templates.json.gz", 212),
        ("flan_v1_templates.json.gz", 610),
    ):
        found = read_templates(gzip.decompress((SHARED / file).read_bytes()))
        assert sum(map(len, found.values())) == count
