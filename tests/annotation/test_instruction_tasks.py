"""Tasks of Natural Instructions: read from v1 and v2, rendered by parts, edited, made prompts."""

import json
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from annotation.actions.edit_task import begin_task
from annotation.actions.import_data import ImportPlan, import_data
from annotation.actions.start_import import start_import
from annotation.domain.conversion.instruction_task import (
    PARTS,
    Example,
    Instance,
    InstructionTask,
    task_from,
)
from annotation.models import Demonstration, Import, Prompt
from annotation.models import InstructionTask as Row
from tests.annotation.imports.uploads import work
from tests.cast import a_workspace, log_in, mia

V1 = {
    "Title": "Where it is",
    "Definition": "Say where the thing is.",
    "Emphasis & Caution": "One word is enough.",
    "Things to Avoid": "-",
    "Prompt": "Answer with a place.",
    "Examples": {
        "Positive Examples": [{"input": "The cup?", "output": "table", "reason": "It says so."}],
        "Negative Examples": [
            {
                "input": "The pot?",
                "output": "yes",
                "reason": "No place.",
                "suggestion": "Say stove.",
            }
        ],
    },
    "Instances": [{"input": "The tea?", "output": ["cupboard", "shelf"]}],
}
V2 = {
    "Contributors": ["Ada"],
    "Categories": ["Question Answering"],
    "Definition": ["Say where the thing is."],
    "Positive Examples": [{"input": "The cup?", "output": "table", "explanation": "It says so."}],
    "Negative Examples": [],
    "Instances": [{"id": "t-1", "input": "The tea?", "output": ["cupboard"]}],
    "Instance License": ["CC0"],
}
TASK = InstructionTask(
    title="Where",
    definition="Say where.",
    emphasis="Be short.",
    avoid="Do not guess.",
    prompt="Name a place.",
    positive=(Example("The cup?", "table", "It says so."), Example("The mug?", "sink")),
    negative=(Example("The pot?", "yes", "No place.", "Say stove."),),
    instances=(Instance("The tea?", ("cupboard", "shelf"), "t-1"), Instance("", ("nowhere",))),
)


def test_version_1_and_2_are_read_and_version_2_is_written() -> None:
    one, two = task_from(V1), task_from(V2)
    assert (one.title, one.emphasis, one.avoid) == ("Where it is", "One word is enough.", "")
    assert one.positive == two.positive == (Example("The cup?", "table", "It says so."),)
    assert one.negative == (Example("The pot?", "yes", "No place.", "Say stove."),)
    assert one.instances[0].outputs == ("cupboard", "shelf")
    written = two.as_v2()
    for key, value in V2.items():
        assert written[key] == value, key
    assert task_from(json.loads(json.dumps(one.as_v2()))).as_v2() == one.as_v2()
    assert one.as_v2()["Definition"] == ["Say where the thing is."]


def test_each_part_is_on_or_off() -> None:
    marks = {
        "title": "Title: Where",
        "definition": "Definition: Say where.",
        "emphasis": "Emphasis & Caution: Be short.",
        "avoid": "Things to Avoid: Do not guess.",
        "prompt": "Prompt: Name a place.",
        "positive": "Positive Example 1\nInput: The cup?\nOutput: table",
        "negative": "Negative Example 1\nInput: The pot?\nOutput: yes",
    }
    assert {*marks, "reasons"} == set(PARTS)
    everything = TASK.render("The tea?", PARTS)
    order = [everything.index(mark) for mark in marks.values()]
    assert order == sorted(order)
    for left_out, mark in marks.items():
        rendered = TASK.render("The tea?", [part for part in PARTS if part != left_out])
        assert mark not in rendered
        assert all(other in rendered for name, other in marks.items() if name != left_out)
    assert "It says so." in everything
    assert "Say stove." in everything
    plain = TASK.render("The tea?", [part for part in PARTS if part != "reasons"])
    assert "It says so." not in plain
    assert "Say stove." not in plain
    assert TASK.render("The tea?", ()) == "Input: The tea?\nOutput:"
    assert TASK.render(" ", ("definition",)) == "Definition: Say where.\n\nOutput:"
    assert "The mug?" in TASK.render("The tea?", PARTS, 2)
    assert "The mug?" not in TASK.render("The tea?", PARTS, 1)
    assert "Example" not in TASK.render("The tea?", PARTS, 0)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "Definition"),
        ({}, "Definition"),
        ({"Definition": 3}, "Definition"),
        ({"Definition": [3]}, "Definition"),
        ({"Definition": "a", "Instances": {}, "Examples": 4}, "Examples"),
        ({"Definition": "a", "Instances": [3]}, "Instance 1"),
        ({"Definition": "a", "Instances": [{"input": "a", "output": []}]}, "Instance 1"),
        ({"Definition": "a", "Instances": [{"input": "a", "output": [" "]}]}, "empty"),
        ({"Definition": "a", "Positive Examples": [["x"]]}, "Positive Examples 1"),
        ({"Definition": "a" * 30_000}, "20000"),
        ({"Definition": "a\0b"}, "Definition"),
        ({"Definition": "a", "Instances": [{"input": "a", "output": ["b"]}] * 10_001}, "10000"),
    ],
)
def test_what_is_no_task_is_refused_by_the_field(given: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        task_from(given)


# ---- the editor
@pytest.mark.django_db(transaction=True)
def test_a_task_is_brought_edited_previewed_made_into_prompts_and_taken_away(
    client: Client,
) -> None:
    workspace = a_workspace()
    log_in(client, mia(workspace))

    def at(name: str, *more: Any) -> str:
        return reverse(f"annotation:{name}", args=[workspace.slug, *more])

    file = BytesIO(json.dumps(V1).encode())
    file.name = "task001.json"
    answer = client.post(at("task_new"), {"name": "where", "file": file, "licence": "CC0"})
    row = Row.objects.get()
    assert answer["Location"] == at("task", row.pk)
    page = client.get(at("task", row.pk)).content.decode()
    assert "Emphasis &amp; Caution" in page
    given = {
        "definition": "Say where it is.\r\nIn one word.",
        "emphasis": "",
        "title": "Where it is",
        "positive_count": "2",
        "positive_0_input": "The cup?",
        "positive_0_output": "table",
        "positive_1_input": "The pan?",
        "positive_1_output": "stove",
        "negative_count": "0",
        "instance_0_input": "The tea?",
        "instance_0_outputs": "cupboard\r\n---\r\nshelf",
        "instance_1_input": "The salt?",
        "instance_1_outputs": "shelf",
        "parts": ["definition", "positive"],
        "shots": "1",
        "first": "0",
    }
    shown = client.post(at("task_preview", row.pk), given).content.decode()
    assert "Say where it is.\nIn one word." in shown
    assert "The pan?" not in shown  # one example is shown
    assert Row.objects.get().content["Definition"] == ["Say where the thing is."]  # not kept yet
    wrong = client.post(at("task", row.pk), given | {"instance_1_outputs": " "})
    assert wrong.status_code == 422
    assert "Write its answer" in wrong.content.decode()
    made = client.post(at("task", row.pk), given | {"act": "make"})
    imported = Import.objects.get()
    assert made["Location"] == at("import", imported.pk)
    work()
    imported.refresh_from_db()
    assert imported.state == "checked", imported.check_report
    start_import(imported=imported, by=mia())
    work()
    assert sorted(Demonstration.objects.values_list("text", flat=True)) == [
        "cupboard",
        "shelf",
        "shelf",
    ]
    prompt = Prompt.objects.get(text__contains="The tea?")
    assert (prompt.source, prompt.licence) == ("where", "CC0")
    assert prompt.text == (
        "Definition: Say where it is.\nIn one word.\n\nPositive Example 1\nInput: The cup?\n"
        "Output: table\n\nInput: The tea?\nOutput:"
    )
    written = client.get(at("task_file", row.pk))
    back = json.loads(written.content)
    assert [one["input"] for one in back["Positive Examples"]] == ["The cup?", "The pan?"]
    assert back["Negative Examples"] == []
    assert back["Instances"][0]["output"] == ["cupboard", "shelf"]
    # What it wrote is what the importer of that format reads.
    report = import_data(
        workspace=workspace,
        by=mia(),
        file=BytesIO(written.content),
        plan=ImportPlan(name="back.json", dry_run=True),
    )
    assert report.format == "super_natural_instructions"
    client.post(at("task_delete", row.pk))
    assert not Row.objects.exists()
    assert Prompt.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_a_page_of_instances_leaves_the_others_alone(client: Client) -> None:
    workspace = a_workspace()
    log_in(client, mia(workspace))
    many = tuple(Instance(f"q{n}", (f"a{n}",), f"id{n}") for n in range(25))
    content = InstructionTask(definition="Say.", instances=many)
    row = begin_task(workspace=workspace, by=mia(), name="many", content=content)
    given: dict[str, Any] = {"definition": "Say.", "parts": ["definition"], "shots": "2"}
    given |= {"first": "10", "instance_0_input": "changed", "instance_0_outputs": "yes"}
    for number in range(1, 10):
        given |= {f"instance_{number}_input": f"q{10 + number}"}
        given |= {f"instance_{number}_outputs": f"a{10 + number}"}
    address = reverse("annotation:task", args=[workspace.slug, row.pk])
    answer = client.post(address, given)
    assert answer["Location"].endswith("?first=10")
    row.refresh_from_db()
    found = task_from(row.content).instances
    expected = list(many)
    expected[10] = Instance("changed", ("yes",), "id10")
    assert found == tuple(expected)


@pytest.mark.django_db(transaction=True)
def test_the_editor_opens_what_an_import_brought(client: Client) -> None:
    from annotation.actions.start_import import check_import
    from annotation.actions.upload_import import upload_import

    workspace = a_workspace()
    log_in(client, mia(workspace))
    made = upload_import(
        workspace=workspace, by=mia(), name="task9.json", chunks=[json.dumps(V2).encode()]
    )
    check_import(imported=made, by=mia())
    work()
    listed = client.get(reverse("annotation:tasks", args=[workspace.slug])).content.decode()
    assert "task9.json" in listed
    client.post(reverse("annotation:task_open", args=[workspace.slug, made.pk]))
    row = Row.objects.get()
    assert row.name == "task9"
    assert task_from(row.content).other["Categories"] == ["Question Answering"]
    again = client.post(
        reverse("annotation:task_open", args=[workspace.slug, made.pk]), follow=True
    )
    assert "already a task named" in again.content.decode()


def rest(client: Client, method: str, tail: str = "", **body: Any) -> tuple[int, Any]:
    address = f"/api/v1/workspaces/paper-cups/tasks/{tail}"
    sent = () if method == "get" else (json.dumps(body),)
    answer = getattr(client, method)(address, *sent, content_type="application/json")
    return answer.status_code, answer.json() if answer.content else None


@pytest.mark.django_db(transaction=True)
def test_a_program_brings_renders_changes_and_makes_prompts_of_a_task(client: Client) -> None:
    workspace = a_workspace()
    log_in(client, mia(workspace))
    code, refused = rest(client, "post", name="where", task={"Title": "x"})
    assert (code, "with a Definition" in str(refused)) == (400, True)
    code, refused = rest(client, "post", name="where", task=V1, parts=["colour"])
    assert (code, "There is no part 'colour'" in str(refused)) == (400, True)
    assert not Row.objects.exists(), "nothing is half kept"
    code, made = rest(client, "post", name="where", licence="CC0", task=V1)
    assert (code, made["parts"], made["shots"]) == (201, ["definition", "positive", "reasons"], 2)
    assert rest(client, "post", name="where")[0] == 400
    assert [row["name"] for row in rest(client, "get")[1]["results"]] == ["where"]
    path = f"{made['id']}/"
    code, shown = rest(client, "post", path + "render/", parts=["definition"], input="The tea?")
    assert (code, shown["rendered"]) == (
        200,
        [
            {
                "prompt": "Definition: Say where the thing is.\n\nInput: The tea?\nOutput:",
                "outputs": [],
            }
        ],
    )
    assert rest(client, "post", path + "render/", parts=["colour"])[0] == 400
    code, shown = rest(client, "post", path + "render/", parts=["emphasis"])
    first = shown["rendered"][0]
    assert first["prompt"].startswith("Emphasis & Caution: One word is enough.")
    assert first["outputs"] == list(task_from(V1).instances[0].outputs)
    code, changed = rest(client, "patch", path, parts=["definition"], shots=1)
    assert (code, changed["parts"], changed["shots"]) == (200, ["definition"], 1)
    assert changed["task"]["Definition"] == ["Say where the thing is."]
    assert rest(client, "patch", path, shots=99)[0] == 400
    code, brought = rest(client, "post", path + "prompts/")
    assert (code, brought["name"]) == (201, "where.jsonl")
    work()
    start_import(imported=Import.objects.get(pk=brought["id"]), by=mia())
    work()
    assert set(Prompt.objects.values_list("source", flat=True)) == {"where"}
    assert Demonstration.objects.filter(text__in=["cupboard", "shelf"]).exists()
    assert rest(client, "delete", path)[0] == 204
    assert rest(client, "get", path)[0] == 404


@pytest.mark.django_db(transaction=True)
def test_the_command_shows_a_task_and_imports_it(tmp_path: Path) -> None:
    a_workspace()
    file = tmp_path / "where.json"
    file.write_text(json.dumps(V1))

    def said(*more: str) -> str:
        out = StringIO()
        call_command("task", str(file), "--workspace", "paper-cups", *more, stdout=out)
        return out.getvalue()

    shown = said("--show", "1", "--part", "title", "--part", "definition")
    assert "Definition: Say where the thing is." in shown
    assert "Positive Example" not in shown
    assert not Prompt.objects.exists()
    told = said("--part", "definition", "--licence", "CC0")
    rows = len(list(task_from(V1).rows(["definition"], 2)))
    assert f"rows {rows}, imported {rows}" in told
    prompt = Prompt.objects.order_by("pk")[0]
    assert (prompt.source, prompt.licence) == ("where", "CC0")
    assert prompt.text.startswith("Definition: Say where the thing is.\n\nInput:")
    file.write_text("[1]")
    with pytest.raises(CommandError, match="with a Definition"):
        said()
    file.write_text(json.dumps(V1))
    with pytest.raises(CommandError, match="0 or more"):
        said("--shots", "-1")


@pytest.mark.django_db
def test_a_file_that_is_no_task_says_why(client: Client) -> None:
    workspace = a_workspace()
    log_in(client, mia(workspace))
    for data, said in ((b"{", "Expecting"), (b"[1]", "Definition"), (b"[" * 100_000, "nested")):
        file = BytesIO(data)
        file.name = "x.json"
        address = reverse("annotation:task_new", args=[workspace.slug])
        answer = client.post(address, {"name": "x", "file": file})
        assert answer.status_code == 422
        assert said in answer.content.decode()
    assert not Row.objects.exists()
