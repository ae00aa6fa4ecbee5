"""What stands in each column of a file: said once, for the card, the documentation and Parquet."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from annotation.exports.plan import Kind

if TYPE_CHECKING:
    import pyarrow as pa

TEXTS = ("prompt", "chosen", "rejected", "completion")


@dataclass(frozen=True)
class Column:
    name: str
    type: str  # texts, string, float, integer, boolean
    meaning: str | Promise


_PROMPT = Column("prompt", "texts", _("The question: messages up to the one that is answered."))
_COMMON = (
    Column(
        "annotator", "string", _("Who judged, as person-1, person-2 … or as imported; or empty.")
    ),
    Column("group", "string", _("The ranking or vote that the row comes from.")),
)
_JUDGED_BY = Column("judged_by", "string", _("human, judge (a model) or simulated."))
_SUGGESTION = Column(
    "suggestion", "string", _("before or after answering: a suggestion was shown; or empty.")
)
_OF_PROMPT = (
    Column("use_case", "string", _("The prompt's use case.")),
    Column("language", "string", _("The prompt's language (BCP 47).")),
    Column("source", "string", _("Where the prompt comes from.")),
    Column("licence", "string", _("The licence under which the prompt came.")),
    Column("split", "string", _("train or validation, by the prompt's hash.")),
)
_ANSWER = (
    Column("weight", "float", _("How much the row counts.")),
    *_COMMON,
    Column("model", "string", _("Who or what wrote the answer; empty for a demonstration.")),
    _JUDGED_BY,
    _SUGGESTION,
    *_OF_PROMPT,
)

COLUMNS: dict[Kind, tuple[Column, ...]] = {
    Kind.PROMPT_ONLY: (_PROMPT, *_OF_PROMPT),
    Kind.PROMPT_COMPLETION: (
        _PROMPT,
        Column("completion", "texts", _("The answer to learn from.")),
        *_ANSWER,
    ),
    Kind.UNPAIRED: (
        _PROMPT,
        Column("completion", "texts", _("The answer.")),
        Column("label", "boolean", _("true: a good answer; false: a bad one.")),
        *_ANSWER,
    ),
    Kind.PREFERENCE: (
        _PROMPT,
        Column("chosen", "texts", _("The better answer; of a tie, the one named first.")),
        Column("rejected", "texts", _("The worse answer; of a tie, the other one.")),
        Column("weight", "float", _("1 / C(K, 2) of its ranking of K answers, 1 for a vote.")),
        Column("margin", "float", _("In reward units, from the strength; 0 where none was given.")),
        Column("tie", "boolean", _("true: judged equal; chosen and rejected then mean nothing.")),
        Column("both_bad", "boolean", _("true: neither answer is any good (a tie as well).")),
        Column("strength", "string", _("How much better, in the four steps of Llama-2; or empty.")),
        *_COMMON,
        Column("chosen_position", "integer", _("Its place on the screen from 0; -1: not known.")),
        Column("rejected_position", "integer", _("Its place on the screen from 0; -1: not known.")),
        Column("chosen_model", "string", _("Who or what wrote the chosen answer.")),
        Column("rejected_model", "string", _("Who or what wrote the rejected answer.")),
        _JUDGED_BY,
        _SUGGESTION,
        *_OF_PROMPT,
    ),
}


def arrow_schema(kind: Kind, *, chat: bool, extras: bool) -> "pa.Schema":
    """chat: texts are lists of messages. extras: messages may have a name or tool calls, the latter
    as JSON in a string."""
    import pyarrow as pa  # 35 MB that the web process need not hold

    plain = {
        "string": pa.string(),
        "float": pa.float64(),
        "integer": pa.int64(),
        "boolean": pa.bool_(),
    }
    message = [("role", pa.string()), ("content", pa.string())]
    if extras:
        message += [(name, pa.string()) for name in ("name", "tool_calls", "tool_call_id")]
    asked = pa.list_(pa.struct(message)) if chat else pa.string()
    answer = pa.list_(pa.struct(message[:2])) if chat else pa.string()
    return pa.schema(
        [
            (
                column.name,
                (asked if column.name == "prompt" else answer)
                if column.type == "texts"
                else plain[column.type],
            )
            for column in COLUMNS[kind]
        ]
    )
