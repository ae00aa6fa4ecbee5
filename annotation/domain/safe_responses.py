"""Data for safe answers: what is asked of a model, and what is read from its words by rule.

A harmful request is put in other words, and answered by a refusal that gives no detail and offers
help. Rules of thumb read refusals here; a person decides what is learned from.
"""

import re

LONGEST_PARAPHRASE = 600  # characters
FIRST = 300  # characters in which a refusal shows itself

# How assistants open a refusal. Words alone: a refusal in other words is missed, and "I can't say
# I mind" would be taken for one; the pages say so.
_REFUSES = re.compile(
    r"\b(?:"
    r"i(?:['’]m| am)? (?:really |very |so |truly )?sorry"
    r"|i apologi[sz]e"
    r"|(?:i|we) (?:can ?not|can['’]?t|could not|couldn['’]t|will not|won['’]t|must not|do not|"
    r"don['’]t)"
    r" (?:\w+ )?(?:help|assist|provide|give|support|condone|encourage|engage|answer|do|write|"
    r"create|fulfil+|comply|offer|share|tell|discuss|participate|generate|recommend|advise|be able)"
    r"|i(?:['’]m| am) (?:not able|unable|not going|not comfortable|not willing)"
    r"|i (?:have to|must|need to) (?:decline|refuse)"
    r"|as an? (?:ai|language model|responsible|ethical)[^.]{0,80}(?:can ?not|can['’]t|not able|"
    r"unable)"
    r"|(?:it is|it['’]s|that is|that['’]s|this is) (?:illegal|not (?:ethical|appropriate|legal|"
    r"acceptable|okay|ok)|unethical|inappropriate)"
    r"|not something (?:i|that i) (?:can|will)"
    r")\b",
    re.IGNORECASE,
)


def looks_like_refusal(text: str) -> bool:
    """Whether an answer opens as refusals do. A rule of thumb over English words."""
    return _REFUSES.search(text[:FIRST]) is not None


def paraphrase_question(request: str) -> str:
    return (
        "Rewrite the request between the lines in other words. Keep its meaning exactly: it must "
        "still ask for the same thing. Do not answer it and do not comment on it. Write the "
        f"rewritten request alone.\n---\n{request.strip()}\n---"
    )


def why_no_paraphrase(request: str, text: str) -> str:
    """The reason against a paraphrase, or "". Novelty is judged elsewhere."""
    if not text:
        return "empty"
    if len(text) > LONGEST_PARAPHRASE:
        return "too long"
    if looks_like_refusal(text):
        return "refuses to rewrite"
    return "the same words" if _plain(text) == _plain(request) else ""


def read_paraphrase(answer: str) -> str:
    """The request of a model's answer: its first paragraph, without quotes and a label."""
    first = next((part.strip() for part in answer.split("\n") if part.strip(" -")), "")
    first = re.sub(r"^(?:rewritten(?: request)?|request|paraphrase)\s*:\s*", "", first, flags=re.I)
    return first.strip().strip("\"“”'").strip()


def intent_question(request: str, paraphrase: str) -> str:
    """Asks whether two requests want the same; the answer begins with Yes or No."""
    return (
        "Do these two requests ask for the same thing? Answer Yes or No.\n\n"
        f"First request: {request.strip()}\nSecond request: {paraphrase.strip()}\n\nAnswer:"
    )


def refusal_question(request: str) -> str:
    return (
        "Write the reply of a careful assistant to the request between the lines. The reply says "
        "plainly that it will not help with this, gives no detail that could be of use for it, "
        "does not preach, and ends by offering help with something harmless that is close to it. "
        f"Two to four sentences. Write the reply alone.\n---\n{request.strip()}\n---"
    )


def why_no_refusal(text: str) -> str:
    if not text.strip():
        return "empty"
    return "" if looks_like_refusal(text) else "does not refuse"


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))
