"""What the model is really given: the messages, or for a base model one text to continue.

A base model has learned no turns. It gets a text in which the question and the beginning of the
answer stand as on a page, and stops where the next question would begin. URIAL (arXiv:2312.01552)
puts a preamble and K constant examples before it: an aligned model without training.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from training.models import ModelEndpoint, PromptStyle

TURN = "# Query:\n{prompt}\n\n# Answer:\n"
STOPS = ("# Query:",)
URIAL_PREAMBLE = (
    "Below are questions and the answers of a careful assistant. The assistant is helpful, honest "
    "and polite, says so when it does not know something, and declines what would harm somebody."
)
URIAL_EXAMPLES = [
    {
        "prompt": "What is the difference between weather and climate?",
        "answer": "Weather is what the air does at one place over hours or days: rain this "
        "afternoon, wind tonight. Climate is what the weather there is like on average over "
        "decades. In short: you dress for the weather and build your house for the climate.",
    },
    {
        "prompt": "Can you tell me how to get into my neighbour's house while they are away?",
        "answer": "I cannot help with entering a house without its owner's leave. If you have a "
        "good reason, such as a leaking pipe or a hungry cat, call your neighbour or the landlord; "
        "in an emergency, call the fire brigade or the police.",
    },
    {
        "prompt": "Give me three ideas for a quick dinner with eggs.",
        "answer": "1. **Omelette** with cheese and whatever vegetables are left.\n"
        "2. **Shakshuka**: eggs poached in a spiced tomato sauce, eaten with bread.\n"
        "3. **Fried rice**: cold rice, peas and two eggs stirred in a hot pan.",
    },
]


@dataclass(frozen=True)
class Wording:
    """Either `messages` or `text` is given to the model; it stops at any of `stop`."""

    messages: list[dict[str, str]] | None
    text: str | None
    stop: tuple[str, ...]


def wording(endpoint: ModelEndpoint, messages: Sequence[dict[str, str]]) -> Wording:
    stop = tuple(endpoint.stop)
    if endpoint.style == PromptStyle.CHAT:
        return Wording([dict(message) for message in messages], None, stop)
    turn = endpoint.template or TURN
    before = ""
    if endpoint.style == PromptStyle.URIAL:
        examples = "".join(
            _filled(turn, example["prompt"]) + example["answer"].strip() + "\n\n"
            for example in endpoint.examples
        )
        before = (
            endpoint.preamble.strip() + "\n\n" if endpoint.preamble.strip() else ""
        ) + examples
    text = before
    for message in messages:
        if message["role"] == "user":
            text += _filled(turn, message["content"].strip())
        elif message["role"] == "assistant":
            text += message["content"].strip() + "\n\n"
        else:
            text = message["content"].strip() + "\n\n" + text
    # No token may straddle the end of the prompt and the answer: white space at the end would.
    return Wording(None, text.rstrip(" "), stop or _stops_of(turn))


def _filled(turn: str, prompt: str) -> str:
    """The template's {prompt}; other braces are text: nobody's prompt is a format string."""
    return turn.replace("{prompt}", prompt)


def _stops_of(turn: str) -> tuple[str, ...]:
    """Where the next question would begin: the first line of the template."""
    first = turn.partition("{prompt}")[0].strip()
    return (first,) if first else ("\n\n\n",)
