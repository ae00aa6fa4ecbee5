"""A first guess at what a prompt is for, by rules a person can read; people correct it.

The ten classes are InstructGPT's (arXiv:2203.02155, table 1 and appendix A.2.1), which also gives
examples of each. The rules look at how the request begins, at what is asked for, and at whether
there is a text to work on; they know English, and leave other languages to people or to words of
the workspace's own.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from annotation.domain.conversation_text import SILENT

GIVEN_TEXT = 280  # characters from which a prompt probably brings the text it is about
BEGINNING = 400  # characters in which the request is looked for

# In this order: the narrower class first. Each is looked for in the beginning and the last line.
_PHRASES: dict[str, str] = {
    "summarization": r"""summari[sz]e summary tl;?\s?dr in_one_sentence key_points key_takeaways
        abstract_of""",
    "extract": r"""extract (list|find|identify|name)_(all|every|each).{1,60}\b(in|from|mentioned)
        pull_out""",
    "classification": r"""classify categori[sz]e sentiment which_category rate_the
        is_(this|the_following)_.{0,60}\b(or|positive|negative|true|spam) label_(the|each|this)
        entail(s|ment)?""",
    "rewrite": r"""re-?write rephrase paraphrase translate proofread simplify
        (correct|edit|improve)_(the|this|my) convert_(the|this|it) turn_(this|the|it)_.{0,40}into
        make_(this|it)_(more|less|sound|shorter|longer)
        fix_(the|this|my)_(grammar|spelling|text)""",
    "brainstorming": r"""brainstorm ideas? suggest(ions)? names?_for ways_to tips
        give_me_(some|a_few|\d+|a_list) list_(of_)?(\d+|some|a_few|ways|possible|potential)
        what_are_(some|\d+|a_few|ways|good) recommend(ations)?""",
    "generation": r"""write compose draft create generate continue_(the|this) make_(me_)?a
        tell_(me_)?a_(story|joke) design develop implement build code program function_that script
        essay poem story letter e-?mail_to outline plan_for""",
}
_RULES: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (name, re.compile(rf"\b({'|'.join(phrases.split())})\b".replace("_", r"\s+"), re.IGNORECASE))
    for name, phrases in _PHRASES.items()
)
_QUESTION = re.compile(
    r"^\W*(what|who|whom|whose|when|where|why|which|how|is|are|was|were|do|does|did|can|could|"
    r"should|would|will|has|have|explain|define|describe|compare)\b|\?\s*$",
    re.IGNORECASE,
)
_GIVEN = re.compile(
    r"\b(passage|context|article|paragraph|text|document|according to|based on|given the|excerpt)\b"
    r".{0,80}[:\n]|^(context|passage|text|article)\s*:",
    re.IGNORECASE,
)


def guess_use_case(
    messages: Iterable[Mapping[str, Any]], own: Mapping[str, Sequence[str]] | None = None
) -> str:
    """One of InstructGPT's ten classes, or a name of `own`; "other" when no rule speaks.

    own: words and phrases for each class of the workspace's own, or further ones for one of the
    ten; they are asked first, in the whole last turn, without regard to case.
    """
    turns = [turn for turn in messages if turn.get("role") not in SILENT]
    text = str(turns[-1].get("content") or "") if turns else ""
    for name, words in (own or {}).items():
        if any(_holds(text, word) for word in words if word.strip()):
            return name
    if len(turns) > 2:
        return "chat"
    request = f"{text[:BEGINNING]}\n{text.rstrip().rpartition(chr(10))[2][-BEGINNING:]}"
    if _GIVEN.search(text) and _QUESTION.search(request) and not _begins_with_an_order(request):
        return "closed_qa"
    for name, pattern in _RULES:
        if pattern.search(request):
            return name
    if _QUESTION.search(request):
        return "closed_qa" if len(text) > GIVEN_TEXT and "\n" in text.strip() else "open_qa"
    return "chat" if 0 < len(text.split()) <= 4 else "other"


def _begins_with_an_order(request: str) -> bool:
    return any(pattern.match(request.lstrip()) for _, pattern in _RULES)


def _holds(text: str, word: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(word.strip())}(?!\w)", text, re.IGNORECASE) is not None
