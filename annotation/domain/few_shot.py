"""A few-shot example: one instruction, several pairs for it, and the items that they make.

InstructGPT's labelers wrote "an instruction, and multiple query/response pairs for that
instruction" (arXiv:2203.02155, 3.2); each of K pairs becomes one item whose prompt shows the other
K - 1. Pure.
"""

from collections.abc import Sequence

FEWEST_PAIRS, MOST_PAIRS = 2, 8

Pair = tuple[str, str]  # query, response


def expand(instruction: str, pairs: Sequence[Pair]) -> list[Pair]:
    """K pairs as K (prompt, completion), in the same order; each prompt shows the others in theirs.

    The prompt is one text, so that a model without a chat template can learn from it too.
    """
    return [
        (_prompt(instruction, [*pairs[:number], *pairs[number + 1 :]], query), response)
        for number, (query, response) in enumerate(pairs)
    ]


def _prompt(instruction: str, shots: Sequence[Pair], query: str) -> str:
    examples = [f"Query: {asked}\nResponse: {answered}" for asked, answered in shots]
    return "\n\n".join([instruction, *examples, f"Query: {query}\nResponse:"])
