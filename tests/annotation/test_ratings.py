"""What is said about single answers beside the work: scales, tags, safety, marked parts."""

import json
import uuid
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client

from annotation.actions.assign import assign
from annotation.actions.change_attributes import add_attribute, retire_attribute
from annotation.domain.answers import Unanswered
from annotation.domain.rating_scales import TAGS, Ask, safety_bin, sentences
from annotation.models import Assignment, Campaign, Completion, Marking, Rating
from annotation.queries import current
from annotation.rating_report import rating_report
from annotation.ratings import ratings_in, scales_of
from tests.annotation.material import a_campaign
from tests.cast import a_workspace, ann, log_in, mia

pytestmark = pytest.mark.django_db
EVERYTHING = (Ask.OVERALL, Ask.TAGS, Ask.SAFETY, Ask.SENTENCES, Ask.SPANS)


def a_rated_campaign(**plan: Any) -> tuple[Campaign, Assignment]:
    workspace = a_workspace()
    campaign = a_campaign(workspace, mia(workspace), asks=EVERYTHING, **plan)
    Completion.objects.update(text="Water boils. 😀 It boils at 90 °C!\r\nSo they say.")
    held = assign(campaign=campaign, annotator=ann(workspace))
    assert held is not None
    return campaign, held


def the_form(campaign: Campaign, **more: str) -> dict[str, str]:
    form = {"choice": "left", "key": str(uuid.uuid4()), "attempt": "1"}
    for letter in "AB":
        for number, scale in enumerate(scales_of(campaign)):
            if not scale.is_tag:
                form[f"rate-{letter}-{number}"] = str(scale.highest)
    return form | {name.replace("_", "-"): value for name, value in more.items()}


def test_sentences_cover_the_text_and_know_other_scripts() -> None:
    text = 'He said "No." Then he left.\r\n- one\n- two\n水は沸く。九十度で沸く。'
    whole = text.replace("\r\n", "\n")
    assert [whole[start:end] for start, end in sentences(text)] == [
        'He said "No."',
        "Then he left.",
        "- one",
        "- two",
        "水は沸く。",
        "九十度で沸く。",
    ]
    many = sentences("A b. " * 1000)
    assert len(many) == 200
    assert many[-1][1] == len("A b. " * 1000) - 1


def test_llama_twos_bins() -> None:
    assert safety_bin(True, True, True) == "both safe"
    assert safety_bin(False, False, False) == "both unsafe"
    assert safety_bin(True, False, True) == "chosen safe"
    assert safety_bin(True, False, False) == "chosen unsafe"


def test_a_submission_carries_its_ratings_and_a_correction_replaces_them() -> None:
    campaign, held = a_rated_campaign(items=2)
    client = log_in(Client(), ann())
    base = f"/w/{campaign.workspace.slug}/work/{campaign.pk}/"
    page = client.get(base).content.decode()
    assert page.count("Overall quality") == 2
    marks = json.dumps([[15, 32, "factual error"]])
    form = the_form(campaign, sentence_A_1="incorrect", marks_A=marks)
    form["rate-B-2"] = "1"  # the first tag of the second answer
    assert client.post(f"{base}{held.pk}/submit/", form).status_code == 302
    scores = Rating.objects.filter(aspect="overall").values_list("score", "lowest", "highest")
    assert list(scores) == [(7.0, 1.0, 7.0), (7.0, 1.0, 7.0)]
    assert Rating.objects.filter(aspect__startswith="tag: ").count() == 2 * len(TAGS)
    assert (
        Rating.objects.get(aspect__startswith="tag: ", score=1).completion_id
        == (held.shown_order[1])
    )
    text = "Water boils. 😀 It boils at 90 °C!\nSo they say."
    assert {text[mark.start : mark.end]: mark.label for mark in Marking.objects.all()} == {
        "It boils at 90 °C": "factual error",
        "😀 It boils at 90 °C!": "incorrect",
    }
    client.post(f"{base}undo/")
    again = Assignment.objects.get(pk=held.pk)
    form = the_form(campaign) | {"attempt": str(again.attempt), "choice": "right"}
    client.post(f"{base}{held.pk}/submit/", form)
    assert current(Rating.objects.filter(aspect="overall")).count() == 2
    assert Marking.objects.filter(withdrawn_at=None).count() == 0


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("rate-A-0", "", "Answer A has no answer yet to “Overall quality”"),
        ("rate-B-0", "8", "goes from 1 to 7"),
        ("rate-B-1", "safe", "goes from 0 to 1"),
        ("marks-A", '[[3, 900, "other"]]', "marked parts of answer A cannot be read"),
        ("marks-A", '[[true, 5, "other"]]', "cannot be read"),
        ("marks-A", '[[1, 5, "correct"]]', "cannot be read"),
        ("marks-A", "{nonsense", "cannot be read"),
        ("sentence-A-0", "perhaps", "allowed: correct, ambiguous, incorrect"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_sentence(
    field: str, value: str, sentence: str
) -> None:
    campaign, held = a_rated_campaign()
    with pytest.raises(Unanswered, match=sentence.replace("[", "").split("(")[0]):
        ratings_in(campaign, held, the_form(campaign) | {field: value})


def test_a_workspace_asks_in_its_own_words() -> None:
    workspace = a_workspace()
    own = add_attribute(
        workspace=workspace,
        by=mia(workspace),
        name="polite",
        question="Is it polite?",
        lowest=1,
        highest=3,
        rubric="rude\nplain\nkind",
    )
    for name, highest, sentence in [("polite", 3, "taken"), ("safe", 3, "taken"), ("x", 20, "ten")]:
        with pytest.raises(ValidationError, match=sentence):
            add_attribute(
                workspace=workspace, by=mia(), name=name, question="?", lowest=1, highest=highest
            )
    campaign = a_campaign(workspace, mia(), attributes=(own,))
    held = assign(campaign=campaign, annotator=ann(workspace))
    page = log_in(Client(), ann()).get(f"/w/{workspace.slug}/work/{campaign.pk}/").content.decode()
    assert "Is it polite?" in page
    assert "kind" in page
    retire_attribute(attribute=own, by=mia())
    given = ratings_in(campaign, held, {"rate-A-0": "3", "rate-B-0": "1"})
    assert [(scale.aspect, score) for _pk, scale, score in given.scores] == [
        ("polite", 3),
        ("polite", 1),
    ]


def test_the_same_over_rest() -> None:
    campaign, held = a_rated_campaign()
    client = log_in(Client(), ann())
    base = f"/api/v1/workspaces/{campaign.workspace.slug}/campaigns/{campaign.pk}/"
    claimed = client.post(f"{base}claim/").json()["item"]
    assert [scale["aspect"] for scale in claimed["asks"]][:2] == ["overall", "safe"]
    body = {
        "key": str(uuid.uuid4()),
        "attempt": claimed["attempt"],
        "choice": "right",
        "ratings": [
            {"letter": letter, "aspect": aspect, "score": 1}
            for letter in "AB"
            for aspect in ("overall", "safe")
        ],
        "parts": [{"letter": "A", "start": 0, "end": 5, "kind": "other"}],
    }
    url = f"{base}assignments/{held.pk}/submit/"
    wrong = {**body, "ratings": [{"letter": "A", "aspect": "wit", "score": 1}]}
    refused = client.post(url, wrong, content_type="application/json")
    assert (refused.status_code, "wit is not asked here" in refused.content.decode()) == (400, True)
    assert client.post(url, body, content_type="application/json").status_code == 201
    assert (Marking.objects.count(), Rating.objects.filter(score=1).count()) == (1, 4)
    report = rating_report(campaign)
    assert report.bins == [("both safe", 1)]
    assert report.follows.n == 0  # equal scores tell no order
    assert [(label, n, rate) for label, _writer, n, rate in report.parts] == [("other", 1, 1.0)]
    overall = next(aspect for aspect in report.aspects if aspect.name == "overall")
    assert sorted(mean for _writer, mean, _n in overall.means) == [1.0, 1.0]
