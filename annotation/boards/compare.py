"""Two snapshots side by side: what moved between them, and what may only seem to have moved."""

from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from annotation.boards.definition import Definition
from annotation.boards.page import chosen_source, rank_words
from annotation.models import BoardSnapshot
from webapp.workspaces.models import Workspace


@dataclass(frozen=True)
class ModelChange:
    """One model's row of ratings in both; None where that one did not rate it.

    change: points after minus points before, each against the mean of the models that both rated.
    apart: whether the two intervals do not touch; None where one has none.
    """

    model: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    change: float | None
    apart: bool | None


@dataclass(frozen=True)
class SideBySide:
    """rows: strongest of the second first. common: how many models both rated. caution: sentences
    on what makes the two hard to compare."""

    first: BoardSnapshot
    second: BoardSnapshot
    source: str
    sources: tuple[str, ...]
    rows: list[ModelChange]
    common: int
    caution: list[str]


def side_by_side(*, workspace: Workspace, first: int, second: int, source: str = "") -> SideBySide:
    """Ratings in two snapshots of this workspace, of one board or of two.

    first, second: ids of snapshots. source: human, judge or simulated; empty: whoever voted in the
    second one, people before judges.

    Raises:
        ValidationError: this workspace has no such snapshot.
    """
    kept = BoardSnapshot.objects.filter(board__workspace=workspace, pk__in=[first, second])
    found = {each.pk: each for each in kept.select_related("board")}
    missing = [pk for pk in (first, second) if pk not in found]
    if missing:
        raise ValidationError(
            _("There is no snapshot %s of a board here. Choose two from a board’s snapshots.")
            % missing[0]
        )
    one, other = found[first], found[second]
    chosen = chosen_source(other.content, source)
    return SideBySide(
        one,
        other,
        chosen,
        tuple(dict.fromkeys([*one.content["sources"], *other.content["sources"]])),
        *_rows(_rated(one, chosen), _rated(other, chosen)),
        _caution(one, other),
    )


def _rated(snapshot: BoardSnapshot, source: str) -> dict[str, dict[str, Any]]:
    figures = snapshot.content["sources"].get(source)
    rows = figures["ratings"].get("rows", []) if figures else []
    return {row["model"]: {**row, "rank": rank_words(row)} for row in rows}


def _rows(
    before: dict[str, dict[str, Any]], after: dict[str, dict[str, Any]]
) -> tuple[list[ModelChange], int]:
    common = [name for name in before if name in after]
    # A mean of 1000 is of the board's own models: a weaker newcomer lifts all others. Over the
    # models that both have the two scales are one.
    shift = sum(after[name]["rating"] - before[name]["rating"] for name in common)
    shift = shift / len(common) if common else 0.0
    rows = []
    for name in {**after, **before}:
        one, other = before.get(name), after.get(name)
        change, apart = None, None
        if one is not None and other is not None:
            change = other["rating"] - one["rating"] - shift
            apart = _apart(one, other, shift)
        rows.append(ModelChange(name, one, other, change, apart))
    rows.sort(key=lambda row: (row.after is None, -(row.after or row.before or {})["rating"]))
    return rows, len(common)


def _apart(before: dict[str, Any], after: dict[str, Any], shift: float) -> bool | None:
    if "low" not in before or "low" not in after:
        return None
    low, high = after["low"] - shift, after["high"] - shift
    return bool(low > before["high"] or high < before["low"])


def _caution(one: BoardSnapshot, other: BoardSnapshot) -> list[str]:
    found = []
    if one.filter_in_words != other.filter_in_words:
        found.append(
            _("They count different votes: %(one)s; %(other)s.")
            % {"one": one.filter_in_words, "other": other.filter_in_words}
        )
    first, second = (Definition.from_json(each.definition).as_json() for each in (one, other))
    differ = sorted(name for name in first if first[name] != second[name] and name != "seed")
    if differ:
        found.append(_("Their settings differ: %s.") % ", ".join(differ))
    if one.created_at > other.created_at:
        found.append(_("The first one was kept later than the second."))
    return found
