"""When a message of a conversation is accepted, and which answer the conversation goes on from.

OpenAssistant (arXiv:2304.07327) has three peers review each message and accepts it from a share of
0.6 on. Its ranked pairs break ties by the order in a list, which favours the first: here an equal
standing is settled by a hash that knows neither order nor author. Pure.
"""

import hashlib
from collections.abc import Sequence

from annotation.domain.aggregation import aggregate_rankings
from annotation.domain.preferences import Ranking

ACCEPT_SHARE = 0.6


def accepted(votes: Sequence[bool], wanted: int) -> bool | None:
    """Whether the reviews accept a message; None while fewer than `wanted` are there."""
    if len(votes) < wanted:
        return None
    return sum(votes) >= ACCEPT_SHARE * len(votes)


def preferred(ballots: Sequence[Ranking], seed: str) -> str | None:
    """The answer that beats every other one, else that of the most pairwise majorities, then of the
    most Borda points, then of the hash with `seed`.

    An answer that more than half of the ballots call not rankable is none to go on from; None when
    that is true of all.
    """
    refused = {
        name
        for ballot in ballots
        for name in ballot.unrankable
        if 2 * sum(name in other.unrankable for other in ballots) > len(ballots)
    }
    told = [ballot for ballot in ballots if ballot.tiers]
    if not told:
        return None
    together = aggregate_rankings(told)
    names = sorted(set(together.borda) - refused)
    if not names:
        return None
    return max(
        names,
        key=lambda name: (
            name == together.condorcet,
            together.copeland[name],
            together.borda[name],
            hashlib.sha256(f"{seed}:{name}".encode()).digest(),
        ),
    )
