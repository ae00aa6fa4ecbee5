"""What an export would hold, for somebody who is still choosing."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import msgspec
from django.db import OperationalError, transaction

from annotation.exports.lines import LeftOut, SplitCount, counts, first_lines, left_out
from annotation.exports.picking import Pick
from annotation.exports.plan import Kind

PATIENCE = 4  # seconds for one statement while somebody waits
LOOKED_AT = 60  # lines
SHOWN = 4  # ballots, demonstrations or prompts


@dataclass(frozen=True)
class Shown:
    """Rows that belong together: one ranking's pairs, or one row.

    said: a ranking in letters by places on the screen ("D > C > A = B"), or empty.
    """

    rows: list[dict[str, Any]]
    said: str = ""

    @property
    def first(self) -> dict[str, Any]:
        return self.rows[0]

    @property
    def strict(self) -> int:
        return sum(not row.get("tie") for row in self.rows)

    @property
    def ties(self) -> int:
        return len(self.rows) - self.strict


@dataclass(frozen=True)
class Preview:
    """too_many: it could not be counted while somebody waits; then there are no figures."""

    splits: list[SplitCount] = field(default_factory=list)
    missing: list[LeftOut] = field(default_factory=list)
    shown: list[Shown] = field(default_factory=list)
    too_many: bool = False

    @property
    def rows(self) -> int:
        return sum(split.rows for split in self.splits)

    @property
    def prompts(self) -> int:
        return sum(split.prompts for split in self.splits)

    @property
    def ties(self) -> int:
        return sum(split.ties for split in self.splits)


def preview(pick: Pick) -> Preview:
    """Counts, what is left out and why, and the first rows. Whether a prompt repeats a protected
    one is found out only when it is frozen."""
    try:
        with transaction.atomic():
            pick.lay_out(patience=PATIENCE)
            found = Preview(counts(pick), left_out(pick), _shown(pick))
            pick.clear()
            return found
    except OperationalError as error:
        if "statement timeout" in str(error):
            return Preview(too_many=True)
        raise


def _shown(pick: Pick) -> list[Shown]:
    found = [msgspec.json.decode(line) for line in first_lines(pick, LOOKED_AT)]
    if pick.plan.kind is not Kind.PREFERENCE:
        return [Shown([row]) for row in found[:SHOWN]]
    return together(found, whole=len(found) < LOOKED_AT)


def together(rows: list[dict[str, Any]], *, whole: bool) -> list[Shown]:
    """Preference rows by ballot, the first few, rankings before votes.

    whole: no row is missing at the end.
    """
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        groups[row["group"]].append(row)
    ballots = list(groups.values())
    if not whole and len(ballots) > 1:
        ballots.pop()
    shown = [Shown(ballot, _in_letters(ballot)) for ballot in ballots]
    return sorted(shown, key=lambda ballot: not ballot.said)[:SHOWN]


def _in_letters(rows: list[dict[str, Any]]) -> str:
    """'D > C > A = B' of a whole ranking's pairs; empty for a vote or when the order is unknown."""
    if len(rows) < 2 or any(row["chosen_position"] < 0 for row in rows):
        return ""
    places = {row[side] for row in rows for side in ("chosen_position", "rejected_position")}
    beaten = dict.fromkeys(places, 0)
    for row in rows:
        if not row["tie"]:
            beaten[row["rejected_position"]] += 1
    tiers: dict[int, list[str]] = defaultdict(list)
    for place in sorted(places):
        tiers[beaten[place]].append(chr(ord("A") + place))
    return " > ".join(" = ".join(tiers[number]) for number in sorted(tiers))
