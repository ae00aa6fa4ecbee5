"""Suggestions: brought, shown as what they are or kept back, written down, never a judgement."""

import json
import uuid
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from annotation.actions.assign import assign
from annotation.actions.change_settings import change_settings, settings_now
from annotation.actions.set_check import set_check
from annotation.actions.show_suggestion import SecondLook
from annotation.actions.submit import Submission, submit
from annotation.actions.suggest import (
    lines_of,
    remove_suggestions,
    suggest,
    suggest_from_verdicts,
)
from annotation.actions.undo import undo
from annotation.anchoring_report import suggestion_report
from annotation.domain import answers
from annotation.domain.outcomes import Outcome
from annotation.exports.lines import Tally, lines
from annotation.exports.picking import Pick
from annotation.exports.plan import ExportPlan
from annotation.exports.plan import Kind as ExportKind
from annotation.judgement_filter import JudgementFilter
from annotation.models import (
    Assignment,
    Campaign,
    Comparison,
    Demonstration,
    Draft,
    Item,
    Suggestion,
    SuggestionSet,
    SuggestionShown,
)
from annotation.models.campaigns import Kind
from annotation.models.suggestions import Origin
from tests.annotation.material import a_campaign
from tests.annotation.test_at_work import a_program
from tests.cast import a_workspace, ann, join, log_in, mia, person
from training.dataset_card import _suggestions as said_of
from webapp.api.actions.token import create_token
from webapp.audit.models import AuditEntry
from webapp.workspaces.models import Role

pytestmark = pytest.mark.django_db


def the_answers(item: Item) -> list[int]:
    return sorted(item.completions.values_list("pk", flat=True))


def suggested(campaign: Campaign, **fields: Any) -> SuggestionSet:
    """For every item: its first answer is better, or what is given."""
    rows = [
        {"item": item.pk, **(fields or {"better": the_answers(item)[0]})}
        for item in campaign.items.order_by("pk")
    ]
    return suggest(
        campaign=campaign, by=mia(), origin=Origin.FILE, name="judge of model-1", rows=rows
    )


def a_suggesting_campaign(suggests: str = "before", **plan: Any) -> Campaign:
    workspace = a_workspace()
    plan = {"control_share": 0.0, **plan}
    return a_campaign(workspace, mia(workspace), suggests=suggests, **plan)


def vote(held: Assignment, choice: str, who: Any = None, **more: Any) -> Any:
    said = Submission(
        answers.Comparison(Outcome(choice)),
        key=more.pop("key", None) or uuid.uuid4(),
        attempt=held.attempt,
        **more,
    )
    return submit(assignment=held, annotator=who or ann(), submission=said)


def take(campaign: Campaign, who: Any = None) -> Assignment:
    held = assign(campaign=campaign, annotator=who or ann(campaign.workspace))
    assert held is not None
    return held


def side_of(held: Assignment, completion: int) -> str:
    return "left" if held.shown_order[0] == completion else "right"


def test_what_was_shown_is_written_down_and_outlives_its_set() -> None:
    campaign = a_suggesting_campaign(items=2)
    made = suggested(campaign)
    held = take(campaign)
    row = SuggestionShown.objects.get()
    first = the_answers(held.item)[0]
    assert (row.assignment, row.annotator, row.shown) == (held, ann(), True)
    assert (row.content, row.moment, row.source) == ({"better": first}, "before", made.name)
    vote(held, side_of(held, first), took_suggestion=True)
    remove_suggestions(made=made, by=mia())
    row.refresh_from_db()
    assert row.taken
    assert not Suggestion.objects.exists()
    take(campaign)
    assert SuggestionShown.objects.count() == 1  # there is none for the next item any more
    assert AuditEntry.objects.filter(action="suggestions.remove").exists()


def test_suggestions_are_no_judgements() -> None:
    campaign = a_suggesting_campaign(items=3)
    suggested(campaign)
    take(campaign)
    assert not Comparison.objects.exists()
    assert suggestion_report(campaign) is None


def test_an_item_of_the_control_share_shows_nothing_and_remembers_what_lay_there() -> None:
    campaign = a_suggesting_campaign(control_share=1.0)
    suggested(campaign)
    page = the_page(campaign)
    row = SuggestionShown.objects.get()
    assert not row.shown
    assert row.content
    assert "Suggested by" not in page


def the_page(campaign: Campaign) -> str:
    take(campaign)
    client = log_in(Client(), ann())
    return client.get(f"/w/{campaign.workspace.slug}/work/{campaign.pk}/").content.decode()


def test_the_page_says_what_is_suggested_and_not_by_which_model() -> None:
    campaign = a_suggesting_campaign()
    suggested(campaign)
    page = the_page(campaign)
    held = Assignment.objects.get(annotator=ann())
    letter = "AB"[held.shown_order.index(the_answers(held.item)[0])]
    assert "Suggested by an imported file" in page
    assert f"<strong>{letter}</strong>" in page
    assert "judge of" not in page


def test_a_campaign_that_shows_none_shows_none() -> None:
    campaign = a_suggesting_campaign("")
    suggested(campaign)
    assert "Suggested by" not in the_page(campaign)
    assert not SuggestionShown.objects.exists()


def test_a_hidden_check_comes_as_any_item_comes_and_is_in_no_figure() -> None:
    campaign = a_suggesting_campaign(gold_share=0.5, items=12)
    suggested(campaign)
    hidden = campaign.items.order_by("pk")[:6]
    for item in hidden:
        set_check(
            item=item,
            by=mia(),
            purpose="gold",
            answer=answers.comparison("tie"),
            shown=the_answers(item),
        )
    met = []
    while (held := assign(campaign=campaign, annotator=ann(campaign.workspace))) is not None:
        met.append((held.purpose, SuggestionShown.objects.filter(assignment=held).exists()))
        vote(held, "left")
    assert ("gold", True) in met
    assert all(shown for _purpose, shown in met)
    report = suggestion_report(campaign)
    assert report is not None
    assert report.whole.shown.answers == 6


def test_after_answering_another_answer_is_asked_for_once_more() -> None:
    campaign = a_suggesting_campaign("after", items=2)
    suggested(campaign)
    held = take(campaign)
    other = the_answers(held.item)[1]
    key = uuid.uuid4()
    with pytest.raises(SecondLook):
        vote(held, side_of(held, other), key=key, typed={"choice": side_of(held, other)})
    with pytest.raises(SecondLook):  # the network's retry: nobody has looked yet
        vote(held, side_of(held, other), key=key)
    assert not Comparison.objects.exists()
    assert Draft.objects.get().content == {"choice": side_of(held, other)}
    vote(held, side_of(held, the_answers(held.item)[0]))
    report = suggestion_report(campaign)
    assert report is not None
    assert (report.whole.looked_again, report.whole.gave_in) == (1, 1)
    held = take(campaign)
    vote(held, side_of(held, the_answers(held.item)[0]))  # the same at once: nothing to look at
    assert SuggestionShown.objects.filter(first__isnull=True).count() == 1


def test_a_corrected_answer_keeps_the_record_of_the_first_sight() -> None:
    campaign = a_suggesting_campaign(items=1)
    suggested(campaign)
    held = take(campaign)
    vote(held, "left")
    again = undo(campaign=campaign, annotator=ann())
    vote(again, "right")
    assert SuggestionShown.objects.count() == 1
    report = suggestion_report(campaign)
    assert report is not None
    assert report.whole.shown.answers == 1


def test_the_report_parts_shown_from_kept_back() -> None:
    campaign = a_suggesting_campaign(items=60, control_share=0.5, overlap=2)
    suggested(campaign)
    bob = person("bob@rondo.test", name="Bob")
    join(campaign.workspace, bob, Role.ANNOTATOR)
    for who in (ann(campaign.workspace), bob):
        for _item in range(60):
            held = take(campaign, who)
            row = SuggestionShown.objects.get(assignment=held)
            first, second = the_answers(held.item)
            follows = row.shown or held.item_id % 3 == 0
            vote(held, side_of(held, first if follows else second), who, seconds=4.0)
    report = suggestion_report(campaign)
    assert report is not None
    shown, control = report.whole.shown, report.whole.control
    assert shown.answers + control.answers == 120
    assert shown.agrees.n + control.agrees.n == 60
    assert shown.agrees.value == 1.0
    thirds = [one.pk for one in campaign.items.all() if one.pk % 3 == 0]
    kept = SuggestionShown.objects.filter(shown=False)
    expected = kept.filter(assignment__item__in=thirds).count() / kept.count()
    assert control.agrees.value == pytest.approx(expected)
    assert report.whole.difference == pytest.approx(1 - expected)
    assert report.whole.low is not None
    assert report.whole.low > 0
    assert {one.person for one in report.people} == {ann(), bob}
    assert report.sources == []


def test_one_wrong_row_keeps_everything_out_and_is_named() -> None:
    campaign = a_suggesting_campaign(items=3)
    one, two, _three = campaign.items.order_by("pk")
    rows: list[dict[str, Any]] = [
        {"item": one.pk, "better": the_answers(one)[0]},
        {"item": two.pk, "better": the_answers(one)[0]},
        {"item": one.pk, "choice": "tie"},
        {"item": 2**70, "choice": "tie"},
        {"choice": "tie"},
    ]
    with pytest.raises(ValidationError) as refused:
        suggest(campaign=campaign, by=mia(), origin=Origin.FILE, name="x", rows=rows)
    said = " ".join(refused.value.messages)
    for part in ("Row 2", "Row 3", "twice", "Row 4", "Row 5", "Nothing was stored"):
        assert part in said
    assert "Row 1" not in said
    assert not SuggestionSet.objects.exists()


def test_a_newer_set_replaces_what_an_item_had() -> None:
    campaign = a_suggesting_campaign(items=2)
    older = suggested(campaign)
    newer = suggested(campaign, choice="tie")
    assert (older.suggestions.count(), newer.suggestions.count()) == (0, 2)


@pytest.mark.parametrize("data", [b"[1]", b"{", b'{"item": 1', b"\xff", b'{"a": NaN}', b"[" * 9000])
def test_a_line_that_is_no_object_is_named(data: bytes) -> None:
    with pytest.raises(ValidationError, match="Line 2"):
        list(lines_of(b'{"item": 1}\n' + data))


def test_a_judge_whose_verdicts_are_there_suggests_where_it_is_of_one_mind() -> None:
    campaign = a_suggesting_campaign(items=3)
    sure, torn, _silent = campaign.items.order_by("pk")
    for item, choices in ((sure, "left right"), (torn, "left left")):
        first, second = the_answers(item)
        for choice, (left, right) in zip(
            choices.split(), ((first, second), (second, first)), strict=True
        ):
            Comparison.objects.create(
                prompt_id=item.prompt_id or 0,
                source="judge",
                annotator_label="stern-8b",
                left_id=left,
                right_id=right,
                choice=choice,
            )
    made = suggest_from_verdicts(campaign=campaign, by=mia(), key="verdicts stern-8b")
    found = Suggestion.objects.get()
    assert (found.item, found.content) == (sure, {"better": the_answers(sure)[0]})
    assert made.origin == Origin.JUDGE
    with pytest.raises(ValidationError, match="Choose one"):
        suggest_from_verdicts(campaign=campaign, by=mia(), key="verdicts mild-8b")


def test_settings_change_when_they_are_shown() -> None:
    campaign = a_suggesting_campaign("")
    now = settings_now(campaign)
    changed = change_settings(
        campaign=campaign,
        by=mia(),
        wanted=type(now)(**{**vars(now), "suggests": "after", "control_share": 0.25}),
    )
    assert (changed.suggests, changed.control_share) == ("after", 0.25)


def test_a_manager_brings_a_file_and_takes_it_away() -> None:
    campaign = a_suggesting_campaign(items=2)
    client = log_in(Client(), mia())
    base = f"/w/{campaign.workspace.slug}/campaigns/{campaign.pk}/suggestions/"
    listed = b"".join(client.get(base + "items/").streaming_content)  # type: ignore[attr-defined]
    items = [json.loads(line) for line in listed.splitlines()]
    assert b"generator" not in listed
    lines = [{"item": one["item"], "better": one["answers"][1]["id"]} for one in items]
    file = SimpleUploadedFile("p.jsonl", "\n".join(map(json.dumps, lines)).encode())
    answer = client.post(base, {"name": "my rules", "file": file}, follow=True)
    assert "2 items have a suggestion" in answer.content.decode()
    assert "my rules" in client.get(base).content.decode()
    refused = client.post(base, {"file": SimpleUploadedFile("p.jsonl", b"{}")})
    assert refused.status_code == 422
    assert "no item here" in refused.content.decode()
    assert client.post(base, {}).status_code == 422
    made = SuggestionSet.objects.get()
    client.post(f"{base}{made.pk}/remove/")
    assert not SuggestionSet.objects.exists()


def test_the_same_by_rest_with_the_order_of_the_screen() -> None:
    program = a_program(suggests="after", control_share=0.0, kind=Kind.RANKING, answers=3)
    _row, secret = create_token(user=mia(), name="m", scope="write", days=1)
    manager = Client(headers={"Authorization": f"Bearer {secret}"})
    rows = [
        {
            "item": row["item"],
            "tiers": [[row["answers"][0]["id"]], [one["id"] for one in row["answers"][1:]]],
        }
        for row in manager.get(program.base + "items/").json()["results"]
    ]
    made = manager.post(
        program.base + "suggestions/", {"name": "rules", "rows": rows}, "application/json"
    )
    assert made.status_code == 201, made.content
    assert made.json()["items"] == 3
    assert program.call("suggestions/", {"name": "x", "rows": rows}).status_code == 403
    item = program.item()
    assert item["suggestion"] is None  # not before an answer is given
    held = Assignment.objects.get(pk=item["assignment"])
    first = "ABC"[held.shown_order.index(min(held.shown_order))]
    others = [one for one in "ABC" if one != first]
    refused = program.answer(item, choice=None, ranking=" = ".join("ABC"))
    assert refused.status_code == 409
    again = program.item()
    assert again["suggestion"]["after"] is True
    assert again["suggestion"]["ranking"] == f"{first} > {' = '.join(others)}"
    taken = program.answer(
        again, choice=None, ranking=again["suggestion"]["ranking"], took_suggestion=True
    )
    assert taken.status_code == 201
    report = manager.get(program.base + "suggestions/report/").json()["report"]
    assert (report["shown"]["agreement"], report["gave_in"]) == (1.0, 1)
    removed = manager.delete(f"{program.base}suggestions/{made.json()['id']}/")
    assert removed.status_code == 204
    nothing = manager.post(program.base + "suggestions/", {"name": "rules"}, "application/json")
    assert nothing.status_code == 400


def test_a_suggested_text_is_met_with_a_text() -> None:
    campaign = a_suggesting_campaign(kind=Kind.DEMONSTRATION)
    suggested(campaign, text="<script>alert(1)</script> **Yes**")
    page = the_page(campaign)
    assert "<strong>Yes</strong>" in page
    assert "<script>alert(1)" not in page
    held = Assignment.objects.get(annotator=ann())
    said = Submission(answers.Demonstration("No."), key=uuid.uuid4(), attempt=held.attempt)
    submit(assignment=held, annotator=ann(), submission=said)
    assert Demonstration.objects.count() == 1
    report = suggestion_report(campaign)
    assert report is not None
    assert report.whole.shown.agrees.value == 0.0


def test_a_file_tells_the_rows_that_saw_a_suggestion_and_so_does_its_card() -> None:
    campaign = a_suggesting_campaign(items=2, overlap=1)
    one, _two = campaign.items.order_by("pk")
    rows = [{"item": one.pk, "better": the_answers(one)[0]}]
    suggest(campaign=campaign, by=mia(), origin=Origin.FILE, name="x", rows=rows)
    for _item in range(2):
        vote(take(campaign), "left")
    pick = Pick(campaign.workspace, ExportPlan(ExportKind.PREFERENCE), JudgementFilter())
    tally = Tally()
    pick.lay_out()
    written = [json.loads(line) for line in b"".join(lines(pick, tally)).splitlines()]
    assert sorted(row["suggestion"] for row in written) == ["", "before"]
    assert dict(tally.by("suggestion")) == {("",): 1, ("before",): 1}
    assert "shown for 1 of 2 rows: 1 before the person answered, 0 after" in said_of(tally)
    assert "none was shown" in said_of(Tally())
