"""What suggestions did in a campaign, from the answers as they are at the moment of asking."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from annotation.domain import answers
from annotation.domain.anchoring import Anchoring, Answered, anchoring
from annotation.domain.gold import expected_from
from annotation.domain.outcomes import Outcome
from annotation.domain.proportions import Share, share
from annotation.domain.suggestions import says_the_same
from annotation.models import Campaign, Comparison, Demonstration, Ranking, SuggestionShown
from annotation.models.campaigns import Kind, Purpose
from annotation.queries import given
from annotation.standings import ranked
from webapp.accounts.models import User


@dataclass(frozen=True)
class OfPerson:
    person: User
    agrees: Share  # with suggestions that were shown
    taken: int  # of these by the key
    seconds: float | None
    control: Share  # with those that were kept back


@dataclass(frozen=True)
class SuggestionReport:
    whole: Anchoring
    sources: list[tuple[str, Anchoring]]  # by the name of the set, where there are several
    people: list[OfPerson]


def suggestion_report(campaign: Campaign) -> SuggestionReport | None:
    """None where nobody has answered an item with a suggestion."""
    rows = _answered(campaign)
    if not rows:
        return None
    by_source: dict[str, list[Answered]] = defaultdict(list)
    by_person: dict[int, list[Answered]] = defaultdict(list)
    for source, row in rows:
        by_source[source].append(row)
        by_person[row.person].append(row)
    people = User.objects.in_bulk(by_person)
    return SuggestionReport(
        whole=anchoring(row for _source, row in rows),
        sources=[(name, anchoring(found)) for name, found in sorted(by_source.items())]
        if len(by_source) > 1
        else [],
        people=[
            _of_person(people[pk], found)
            for pk, found in sorted(by_person.items(), key=lambda one: -len(one[1]))
            if pk in people
        ],
    )


def _of_person(person: User, rows: list[Answered]) -> OfPerson:
    def agreeing(arm: list[Answered]) -> Share:
        return share(sum(row.agrees for row in arm), len(arm))

    shown = [row for row in rows if row.shown]
    return OfPerson(
        person,
        agreeing(shown),
        sum(row.taken for row in shown),
        anchoring(shown).shown.seconds,
        agreeing([row for row in rows if not row.shown]),
    )


def _answered(campaign: Campaign) -> list[tuple[str, Answered]]:
    """(name of the set, answer) for each answer to an item that had a suggestion."""
    said = _said(campaign)
    met = SuggestionShown.objects.filter(
        assignment__campaign=campaign,
        assignment__purpose=Purpose.WORK,
        assignment__repeat_of__isnull=True,
    ).values_list(
        "assignment_id",
        "assignment__item_id",
        "annotator_id",
        "source",
        "content",
        "shown",
        "taken",
        "first",
    )
    found = []
    for slot, item, person, source, content, shown, taken, first in met.order_by("pk").iterator():
        if (slot, person) not in said:
            continue
        answer, seconds = said[slot, person]
        row = Answered(
            item=item,
            person=person,
            shown=shown,
            agrees=says_the_same(answer, content),
            seconds=seconds,
            taken=taken,
            changed=None if first is None else not says_the_same(first, answer),
        )
        found.append((source, row))
    return found


def _said(campaign: Campaign) -> dict[tuple[int, int], tuple[dict[str, Any], float | None]]:
    """Each person's last answer by (assignment, person), in the form of a suggestion."""
    found: dict[tuple[int, int], tuple[dict[str, Any], float | None]] = {}
    keys = ("assignment_id", "annotator_id", "seconds")
    if campaign.kind == Kind.COMPARISON:
        votes = given(Comparison.objects.filter(assignment__campaign=campaign))
        for slot, person, seconds, choice, left, right in votes.values_list(
            *keys, "choice", "left_id", "right_id"
        ):
            vote = answers.Comparison(Outcome(choice))
            found[slot, person] = expected_from(vote, [left, right]), seconds
    elif campaign.kind == Kind.RANKING:
        rankings = given(Ranking.objects.filter(assignment__campaign=campaign))
        for row in rankings.prefetch_related("entries"):
            entries: Any = row.entries.all()
            place = {entry.completion_id: entry.tier for entry in entries}
            slot, person = int(row.assignment_id or 0), int(row.annotator_id or 0)
            found[slot, person] = expected_from(ranked(place), []), row.seconds
    else:
        texts = given(Demonstration.objects.filter(assignment__campaign=campaign))
        for slot, person, seconds, text in texts.values_list(*keys, "text"):
            found[slot, person] = {"text": text}, seconds
    return found
