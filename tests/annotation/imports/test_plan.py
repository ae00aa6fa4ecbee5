"""What a person may decide: cleaning, splitting, languages, labels; the same at all doors."""

import json
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from annotation.import_forms import PlanForm, initial_of
from annotation.imports.plan import CONVERSION, DEFAULTS, ImportPlan
from annotation.management.commands.import_data import Command, chosen
from annotation.models import Demonstration, Prompt
from tests.annotation.imports.files import jsonl
from tests.annotation.imports.test_import_data import assert_adds_up
from tests.cast import a_workspace, mia

EVERYTHING: dict[str, Any] = {
    "format": "labelled",
    "source": "nli",
    "licence": "MIT",
    "columns": {"prompt": "question"},
    "roles": {"Assistent": "assistant"},
    "labels": {"A wins": "left"},
    "languages": {"Plattdüütsch": "nds"},
    "html": True,
    "rank_best": "lowest",
    "judged_by": "judge",
    "all_or_nothing": True,
    "mask": True,
    "tags": ["new"],
    "split": "held_out",
    "use_case": "chat",
    "delimiter": ";",
    "header": False,
    "clean": True,
    "drop_repeated_digits": False,
    "drop_restarted_lists": False,
    "special_tokens": ["<s>"],
    "keep_languages": ["en"],
    "skip_languages": ["ko"],
    "split_tokens": 2048,
    "conversion": {
        "templates": [
            {
                "name": "ask",
                "input": "{premise}?",
                "target": "{answer}.",
                "syntax": "braces",
                "choices": "",
            }
        ],
        "task": "nli",
        "columns": {"premise": "sentence1"},
        "answers": {"0": "yes"},
        "label_field": "gold",
        "with_options": True,
        "each_row": "all",
        "seed": 7,
    },
}


def bring(record_or_data: Any, **options: Any) -> Any:
    import io

    from annotation.actions.import_data import import_data

    data = record_or_data if isinstance(record_or_data, bytes) else jsonl(record_or_data)
    workspace = a_workspace()
    plan = ImportPlan.from_json("file.jsonl", options)
    return import_data(workspace=workspace, by=mia(workspace), file=io.BytesIO(data), plan=plan)


def talk(*texts: str, **fields: Any) -> dict[str, Any]:
    turns = [{"from": ("human", "gpt")[at % 2], "value": text} for at, text in enumerate(texts)]
    return {"conversations": turns, **fields}


# ---- one plan, three doors


def test_a_plan_survives_json_and_knows_every_option() -> None:
    plan = ImportPlan.from_json("x.csv", EVERYTHING)
    assert plan.as_json() == EVERYTHING
    assert set(EVERYTHING) == set(DEFAULTS)  # a new option belongs here, in all three doors
    assert ImportPlan.from_json("x.csv", {}).as_json() == {}


def test_the_form_says_the_same_plan() -> None:
    form = PlanForm(initial_of(EVERYTHING), columns=["question"])
    assert form.is_valid(), form.errors
    # A recipe has a page of its own: tests/annotation/imports/test_conversion.py.
    assert form.cleaned_data["plan"] | {CONVERSION: EVERYTHING[CONVERSION]} == EVERYTHING
    empty = PlanForm(initial_of({}))
    assert empty.is_valid(), empty.errors
    assert empty.cleaned_data["plan"] == {}


def test_the_command_line_has_the_same_options_and_defaults() -> None:
    parser = Command().create_parser("manage.py", "import_data")
    plain = vars(parser.parse_args(["f.csv", "--workspace", "w"]))
    assert ImportPlan.from_json("f.csv", chosen(plain)).as_json() == {}
    assert set(chosen(plain)) == set(DEFAULTS) - {CONVERSION}  # `convert` has that


def test_rest_has_the_same_options() -> None:
    from annotation.import_api import PlanBody

    assert set(PlanBody().fields) == set(DEFAULTS)
    given = PlanBody(data=EVERYTHING)
    assert given.is_valid(), given.errors
    assert dict(given.validated_data) == EVERYTHING


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ({"format": "shargpt"}, "'shargpt' is not known. Allowed: alpaca, "),
        ({"roles": {"bot": "robot"}}, "may be mapped to system, user, assistant, tool"),
        ({"labels": {"A": "first"}}, "left, right, tie, both_bad"),
        ({"columns": {"prompt": 7}}, "pairs of texts"),
        ({"split_tokens": 3}, "from 16 to"),
        ({"split_tokens": True}, "from 16 to"),
        ({"mask": "yes"}, "true or false"),
        ({"tags": ["x" * 61]}, "1 to 60 characters"),
        ({"source": "a\0b"}, "A text of at most"),
        ({"delimiter": "||"}, "One character"),
        ({"colour": 1}, "no such option"),
    ],
)
def test_a_wrong_option_is_answered_in_a_sentence(option: Any, sentence: str) -> None:
    with pytest.raises(ValidationError) as refused:
        ImportPlan.from_json("x", option)
    (said,) = refused.value.message_dict.values()
    assert sentence in said[0]


# ---- cleaning, splitting, languages


@pytest.mark.django_db
def test_cleaning_says_for_each_conversation_what_became_of_it() -> None:
    good = talk("Tell me about rivers.", "Copy12 chars / 3 wordsThe Rhine is long.", id="a")
    rows = [
        good,
        talk("Hi", "Hello!", id="b"),  # fewer than 16 characters
        talk("Who made you?", "I was trained by OpenAI, of course.", id="c"),
        talk("Give me nine digits.", "Here they are: 111111111.", id="d"),
        talk("Another question here.", "The id was there before.", id="a"),
        {**good, "id": "e"},  # the same opening
        talk("What is a lake?", "Still water in a basin."),
    ]
    report = bring(b"".join(jsonl(row) for row in rows), clean=True)
    assert (report.imported, report.refused_rows) == (2, 5)
    reasons = {reason.partition(": ")[2] for reason in report.reasons}
    assert reasons == {
        "at most one turn, or fewer than 16 characters",
        "names a vendor, or is an error page",
        "nine times the same digit in a row",
        "the id of an earlier conversation",
        "the first question and answer of an earlier one",
    }
    assert_adds_up(report)
    assert Demonstration.objects.get(prompt__source_id="a").text == "The Rhine is long."
    (sample,) = report.samples  # before and after
    assert (sample["line"], sample["fixes"]) == (1, ["cleaned"])
    assert "Copy12 chars" in sample["before"]
    assert sample["after"][0]["text"] == "The Rhine is long."
    plain = bring(b"".join(jsonl(row) for row in rows))
    assert plain.refused_rows == 0  # the control: without asking nothing is left out


@pytest.mark.django_db
def test_a_long_conversation_is_split_and_no_round_is_lost() -> None:
    texts = [f"{'question' if at % 2 == 0 else 'answer'} {at} " + "x" * 200 for at in range(8)]
    report = bring(talk(*texts, id="long", system="Be kind."), split_tokens=130)
    assert report.fixes == {"long conversation split into parts": 1}
    parts = list(Demonstration.objects.order_by("pk").select_related("prompt"))
    assert len(parts) == 4
    seen = []
    for number, part in enumerate(parts, start=1):
        head, *turns = part.prompt.messages
        assert head == {"role": "system", "content": "Be kind."}
        seen += [turn["content"] for turn in turns] + [part.text]
        assert part.prompt.metadata["part"] == number
        assert part.prompt.source_id == f"long_{2 * (number - 1)}"
    assert seen == texts


@pytest.mark.django_db
def test_a_round_longer_than_the_limit_is_kept_and_named() -> None:
    report = bring(talk("a" * 400, "b" * 400, "c", "d"), split_tokens=64)
    assert report.fixes["a round longer than the limit became a part of its own"] == 1
    assert sorted(Demonstration.objects.values_list("text", flat=True)) == ["b" * 400, "d"]


@pytest.mark.django_db
def test_special_tokens_and_languages() -> None:
    rows = [
        talk("Say <s> now, please.", "<s> it is, my friend.", lang="English"),
        talk("Noch eine Frage dazu.", "Eine Antwort darauf.", lang="de-AT"),
        talk("무엇입니까, 이것은?", "이것은 강입니다, 친구.", lang="Korean"),
        talk("Unknown tongue here.", "Nobody said which one.", lang=""),
    ]
    data = b"".join(jsonl(row) for row in rows)
    report = bring(data, special_tokens=["<s>"], skip_languages=["ko"])
    assert report.reasons == {"left out: its language is ko": 1}
    assert Prompt.objects.get(text="Say <|s|> now, please.").language == "en"
    assert report.fixes == {"special tokens broken up": 1}
    kept = bring(data, keep_languages=["de"])
    assert kept.reasons == {"left out: its language is en": 1, "left out: its language is ko": 1}


@pytest.mark.django_db
def test_what_rows_do_not_say_can_be_said_for_all() -> None:
    rows = [{"prompt": "x", "language": "Plattdüütsch", "tags": "old", "use_case": "qa"}]
    rows += [{"prompt": "y", "prompt_id": "2"}]
    report = bring(
        b"".join(jsonl(row) for row in rows),
        format="table",
        languages={"Plattdüütsch": "nds"},
        tags=["new"],
        split="held_out",
        use_case="chat",
        licence="MIT",
    )
    assert report.imported == 2
    first, second = Prompt.objects.order_by("text")
    assert (first.language, first.tags, first.use_case) == ("nds", ["old", "new"], "qa")
    assert (second.tags, second.use_case) == (["new"], "chat")
    assert {first.split, second.split} == {"held_out"}
    assert {first.licence, second.licence} == {"MIT"}
    assert first.imported_in is not None
    assert first.imported_in.name == "file.jsonl"


# ---- labelled data as instructions


@pytest.mark.django_db
def test_labelled_data_become_instructions_by_a_template() -> None:
    rows = [
        {"premise": "It rains.", "hypothesis": "It is wet.", "label": 0},
        {"premise": "It rains.", "hypothesis": "It is dry.", "label": 2},
        {"premise": "It rains.", "hypothesis": "It is cold.", "label": 9},
    ]
    report = bring(
        b"".join(jsonl(row) for row in rows),
        format="labelled",
        conversion={
            "templates": [{"name": "so", "input": "{premise} So: {hypothesis}"}],
            "answers": {"0": "yes", "2": "no"},
            "with_options": True,
        },
    )
    assert (report.imported, report.refused_rows) == (2, 1)
    assert "The label '9' is not in the label map" in report.refused[0]["reason"]
    first = Demonstration.objects.select_related("prompt").order_by("pk").first()
    assert first is not None
    assert first.prompt.text == "It rains. So: It is wet.\n\nOPTIONS:\n- yes\n- no"
    assert (first.text, first.prompt.metadata["template"]) == ("yes", "so")
    missing = bring(json.dumps(rows[0]).encode(), format="labelled")
    assert "needs a template" in missing.refused[0]["reason"]
