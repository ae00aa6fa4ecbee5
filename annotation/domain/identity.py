"""Answers that say who made them: a vote that saw the name is a vote for the name.

Chatbot Arena drops such votes. Names are matched as whole words, and only where the text speaks of
itself ("I am Claude", "as a model trained by ..."), so that a question about a company stays in.
"""

import re
from collections.abc import Iterable

MAKERS = (
    r"open\s?ai|anthropic|google|deep\s?mind|meta(?:\s?ai)?|mistral(?:\s?ai)?|cohere|alibaba(?:\s"
    r"cloud)?|deep\s?seek|microsoft|x\s?ai|lmsys|vicuna|stanford|stability(?:\s?ai)?|databricks|"
    r"nvidia|hugging\s?face|moonshot|zhipu|01\.ai|tencent|baidu|together(?:\s?ai)?"
)
MODELS = (
    r"chat\s?gpt|gpt-?[2-9o][\w.-]*|claude(?:-[\w.-]+)?|bard|gemini|palm(?:-?2)?|llama[\w.-]*|"
    r"vicuna[\w.-]*|alpaca[\w.-]*|koala[\w.-]*|dolly[\w.-]*|guanaco[\w.-]*|mi[sx]tral[\w.-]*|"
    r"qwen[\w.-]*|deepseek[\w.-]*|command-?r[\w.-]*|grok[\w.-]*|falcon[\w.-]*|chatglm[\w.-]*|"
    r"openassistant|tulu[\w.-]*|zephyr[\w.-]*|phi-?[1-9][\w.-]*|gemma[\w.-]*|yi-[\w.-]+"
)
SELF = (
    rf"\b(?:i\s+am|i['’]m|my\s+name\s+is|call\s+me|as)\s+(?:an?\s+|the\s+)?(?:{MODELS})\b",
    rf"\b(?:i\s+am|i['’]m|i\s+was|as\s+an?|my)\b[^.!?\n]{{0,60}}\b(?:trained|made|built|created|"
    rf"developed|designed)\s+(?:and\s+\w+\s+)?by\s+(?:the\s+)?(?:{MAKERS})\b",
    rf"\b(?:{MAKERS})['’]?s?\s+(?:language\s+model|assistant|chatbot)\s*,?\s+(?:i|me)\b",
)
NAMED = "names_its_maker"  # flag of an answer that does, also by a name that is known only here
SAYS_SO = re.compile("|".join(SELF), re.IGNORECASE)


def names_its_maker(text: str) -> bool:
    """Whether the text says of itself which model it is or who made it."""
    return SAYS_SO.search(text) is not None


def leaked_names(text: str, names: Iterable[str]) -> list[str]:
    """Those of `names` (of the models of a comparison) that stand in `text` as words of their own.

    A name of fewer than four letters or digits is too common to tell anything.
    """
    found = []
    for name in names:
        if sum(letter.isalnum() for letter in name) < 4:
            continue
        if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text, re.IGNORECASE):
            found.append(name)
    return found
