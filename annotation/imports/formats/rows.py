"""What a record means, whatever file it came from: the typed rows that the loader writes.

Nothing a source says is flattened away: ties and both-bad are choices of their own, an order that
is not known says so, and an answer that is named but not given has `text=None`.
"""

from typing import Any

from msgspec import Struct

SYSTEM, USER, ASSISTANT, TOOL = "system", "user", "assistant", "tool"
ROLES = (SYSTEM, USER, ASSISTANT, TOOL)

LEFT, RIGHT, TIE, BOTH_BAD = "left", "right", "tie", "both_bad"
CHOICES = (LEFT, RIGHT, TIE, BOTH_BAD)

HUMAN, JUDGE, SIMULATED = "human", "judge", "simulated"
# Our own four steps of how much better, strongest first (Comparison.strength).
STEPS = ("significantly_better", "better", "slightly_better", "negligibly_better")


class Message(Struct, frozen=True, omit_defaults=True):
    """One turn. `tool_calls` is kept as the source has it (OpenAI's list)."""

    role: str
    content: str
    name: str = ""
    tool_calls: list[Any] | None = None
    tool_call_id: str = ""


class PromptRow(Struct, frozen=True, kw_only=True):
    """What is to be answered: messages up to and including the last one before the answer.

    Without messages the source names the prompt only by `source_id` (a judgement file beside a
    question file). `split` is empty unless the source fixes it. `metadata` holds JSON values.
    """

    messages: tuple[Message, ...] = ()
    source: str = ""
    source_id: str = ""
    licence: str = ""
    language: str = ""
    use_case: str = ""
    split: str = ""
    tags: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    metadata: dict[str, Any] = {}


class Answer(Struct, frozen=True, kw_only=True):
    """A text answering a prompt. `text=None`: the source names the answer without its text.

    generator: the model's or person's name as the source writes it, empty when it does not say.
    last_wins: the generator's answers with another source_id are out of date.
    """

    text: str | None
    generator: str = ""
    last_wins: bool = False
    source_id: str = ""
    flags: tuple[str, ...] = ()
    metadata: dict[str, Any] = {}


class CompletionRow(Struct, frozen=True, kw_only=True):
    """An answer that nobody judged in this record."""

    prompt: PromptRow
    answer: Answer


class DemonstrationRow(Struct, frozen=True, kw_only=True):
    """An answer given as an example to learn from. `author` as the source names it."""

    prompt: PromptRow
    text: str
    author: str = ""
    source_id: str = ""
    flags: tuple[str, ...] = ()
    metadata: dict[str, Any] = {}


class ComparisonRow(Struct, frozen=True, kw_only=True):
    """Two answers to one prompt and the choice between them.

    choice: one of CHOICES. strength: how much better, on the source's own scale (`metadata` names
    it). step: the same as one of STEPS, where the source says it so. right_share: the probability
    that the right one is better, 0 to 1, where a judge gave one. order_known: whether left was
    really shown left (or first); files of chosen and rejected do not say, and their order must not
    enter a statistic of positions.
    """

    prompt: PromptRow
    left: Answer
    right: Answer
    choice: str
    strength: float | None = None
    step: str = ""
    right_share: float | None = None
    order_known: bool = False
    annotator: str = ""
    group: str = ""
    judged_by: str = HUMAN
    source_id: str = ""
    reason: str = ""
    metadata: dict[str, Any] = {}


class RankingRow(Struct, frozen=True, kw_only=True):
    """Answers to one prompt in tiers, best first; `tiers` holds positions in `answers`.

    Two positions in one tier are a tie. What is in no tier was not rankable.
    """

    prompt: PromptRow
    answers: tuple[Answer, ...]
    tiers: tuple[tuple[int, ...], ...]
    annotator: str = ""
    group: str = ""
    judged_by: str = HUMAN
    source_id: str = ""
    reason: str = ""
    metadata: dict[str, Any] = {}


class RatingRow(Struct, frozen=True, kw_only=True):
    """One score of one answer for one aspect, on the closed scale `lowest` to `highest`.

    A thumbs up or down is the aspect `label` on the scale 0 to 1.
    """

    prompt: PromptRow
    answer: Answer
    aspect: str
    score: float
    lowest: float
    highest: float
    annotator: str = ""
    judged_by: str = HUMAN
    source_id: str = ""
    reason: str = ""
    metadata: dict[str, Any] = {}


Row = PromptRow | CompletionRow | DemonstrationRow | ComparisonRow | RankingRow | RatingRow
