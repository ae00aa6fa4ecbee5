"""A battle as its voter may see it: nothing here tells the models before the vote.

While one side is still answering, both show equally much, so that speed does not tell them apart.
"""

import re
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from training.models import Battle, BattleState, BattleTurn, Generation, GenerationState
from webapp.rendering import Rendered, render_markdown

HIDDEN = "…"
SIDE_STATES = [("answering", "answering"), ("done", "done"), ("failed", "failed")]


@dataclass(frozen=True)
class Side:
    letter: str  # A is left
    state: str  # answering, done or failed
    text: str
    rendered: Rendered | None  # when both sides are done
    reason: str  # why there is no answer


@dataclass(frozen=True)
class Turn:
    number: int
    text: str
    sides: tuple[Side, Side]

    @property
    def done(self) -> bool:
        return all(side.state == "done" for side in self.sides)

    @property
    def failed(self) -> bool:
        return any(side.state == "failed" for side in self.sides)


def shown_turns(battle: Battle, *, render: bool = True) -> list[Turn]:
    turns = battle.turns.select_related("left", "right").order_by("number")
    return [_turn(battle, turn, render) for turn in turns]


def _turn(battle: Battle, turn: BattleTurn, render: bool) -> Turn:
    rows = (turn.left, turn.right)
    going = any(not row.is_finished for row in rows)
    done = all(row.state == GenerationState.DONE for row in rows)
    least = min(len(row.text) for row in rows)
    sides = []
    for letter, row in zip("AB", rows, strict=True):
        text, state, reason = row.text, "done", ""
        if going:
            text, state = _whole_words(row.text, least), "answering"
        elif row.state != GenerationState.DONE:
            state, text, reason = "failed", "", _reason(battle, row)
        rendered = render_markdown(text) if done and render else None
        sides.append(Side(letter, state, text, rendered, reason))
    return Turn(turn.number, turn.text, (sides[0], sides[1]))


def _whole_words(text: str, least: int) -> str:
    """The beginning of `text`, not much longer than `least` characters, cut between words."""
    if len(text) <= least:
        return text
    return text[:least].rpartition(" ")[0] or text[:least]


def _reason(battle: Battle, row: Generation) -> str:
    """The reason without whatever would tell which model it is: names, hosts, models."""
    reason = row.error or _("It was stopped.")
    for endpoint in (battle.left, battle.right):
        for word in {endpoint.name, endpoint.model, endpoint.host, endpoint.host.partition(":")[0]}:
            if word:
                reason = re.sub(re.escape(word), HIDDEN, reason, flags=re.IGNORECASE)
    return reason


def names(battle: Battle) -> dict[str, str] | None:
    """Letter -> the model's name, once the vote is given."""
    if battle.state != BattleState.VOTED:
        return None
    return {"A": battle.left.name, "B": battle.right.name}


def as_json(battle: Battle) -> dict[str, Any]:
    """The battle for programs: as blind as the page."""
    told = names(battle)
    return {
        "key": str(battle.key),
        "state": battle.state,
        "turns": [
            {
                "number": turn.number,
                "text": turn.text,
                "answers": [
                    {
                        "letter": side.letter,
                        "state": side.state,
                        "text": side.text,
                        "reason": side.reason,
                    }
                    for side in turn.sides
                ],
            }
            for turn in shown_turns(battle, render=False)
        ],
        "models": told,
        "leaked": bool(battle.leaked) if told else None,
        "choice": battle.comparison.choice if told and battle.comparison else None,
    }
