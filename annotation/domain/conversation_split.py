"""Long conversations in pieces that fit a context window, without losing a round.

The reference splitter (FastChat's split_long_conversation) loses the last round whenever that
round overflows and emits an empty piece when the first one does; here every round appears once.
"""

from collections.abc import Sequence
from dataclasses import dataclass

TURN_OVERHEAD = 6  # tokens of the template around each turn, as the reference assumes


@dataclass(frozen=True)
class Split:
    """chunks: half-open ranges of turns. overlong: positions in `chunks` of rounds too long alone.

    unanswered: whether a last turn without an answer was left out of every chunk.
    """

    chunks: tuple[tuple[int, int], ...]
    overlong: tuple[int, ...]
    unanswered: bool


def split_conversation(
    turn_token_lengths: Sequence[int], max_length: int, *, per_turn_overhead: int = TURN_OVERHEAD
) -> Split:
    """Group whole rounds (human, gpt) so that each chunk has at most `max_length` tokens.

    A turn costs its tokens plus `per_turn_overhead`. A round longer than `max_length` becomes a
    chunk of its own and is named in `overlong`, never dropped in silence.
    Raises ValueError for a negative length or overhead and for a `max_length` below 1.
    """
    if max_length < 1:
        raise ValueError(f"max_length is {max_length}; it must be at least 1 token.")
    if per_turn_overhead < 0 or any(length < 0 for length in turn_token_lengths):
        raise ValueError("A turn cannot have a negative number of tokens.")
    chunks: list[tuple[int, int]] = []
    overlong: list[int] = []
    whole = len(turn_token_lengths) // 2 * 2
    start, used = 0, 0
    for turn in range(0, whole, 2):
        tokens = sum(turn_token_lengths[turn : turn + 2]) + 2 * per_turn_overhead
        if turn > start and used + tokens > max_length:
            chunks.append((start, turn))
            start, used = turn, 0
        if tokens > max_length:
            overlong.append(len(chunks))
            chunks.append((turn, turn + 2))
            start, used = turn + 2, 0
        else:
            used += tokens
    if whole > start:
        chunks.append((start, whole))
    return Split(tuple(chunks), tuple(overlong), whole < len(turn_token_lengths))
