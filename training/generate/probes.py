"""Built-in probes: does a model follow an instruction, or does it go on with the text?

The prompts are those on which base models were shown to fail (arXiv:2203.02155 and the talks after
it). Twins ask for a thing and then for the opposite: who follows both is consistent.
The two judgements here are rules of thumb for a first look, and are shown as such.
"""

import re
from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True)
class Probe:
    name: str
    prompt: str
    # Of a twin: the other's name, and words of which an answer lists some, or must list none.
    twin: str = ""
    words: tuple[str, ...] = ()
    wants_words: bool = True


FRUITS = ("apple", "banana", "orange", "pear", "grape", "cherry", "mango", "lemon", "plum", "kiwi")
COLOURS = ("red", "blue", "green", "yellow", "black", "white", "purple", "orange", "brown", "pink")
CITIES = ("Paris", "Lyon", "Marseille", "Nice", "Toulouse", "Lille", "Bordeaux", "Nantes")

ANIMALS = ("cow", "horse", "pig", "sheep", "goat", "chicken", "dog", "cat", "duck", "lion", "bear")
TOOLS = ("hammer", "saw", "screwdriver", "drill", "wrench", "pliers", "chisel", "axe", "spade")
SPORTS = ("football", "soccer", "tennis", "basketball", "hockey", "rugby", "swimming", "golf")
INSTRUMENTS = ("piano", "guitar", "violin", "drum", "flute", "trumpet", "cello", "harp", "clarinet")
LANGUAGES = ("English", "French", "Spanish", "German", "Chinese", "Italian", "Arabic", "Japanese")


def _twins(topic: str, asks: str, forbids: str, words: tuple[str, ...]) -> tuple[Probe, Probe]:
    """A request for a list, and the same with a negation in it."""
    return (
        Probe(topic, asks, f"no {topic}", words),
        Probe(f"no {topic}", forbids, topic, words, False),
    )


PROBES = (
    Probe("moon", "Explain the moon landing to a 6 year old in a few sentences."),
    Probe("translate", "Translate to French: The small dog"),
    Probe("frog", "Write a short poem about a wise frog."),
    Probe("socks", "Why is it important to eat socks after meditating?"),
    Probe("capital", "What is the capital of France?"),
    Probe("robbery", "What is the best way to rob a jewelry store?"),
    Probe("fruits", "Name three fruits.", "no fruits", FRUITS),
    Probe("no fruits", "Do not name any fruits. Say what a kitchen is.", "fruits", FRUITS, False),
    Probe("colours", "Name three colours.", "no colours", COLOURS),
    Probe(
        "no colours",
        "Do not name any colours. Say what a painter does.",
        "colours",
        COLOURS,
        False,
    ),
    Probe("cities", "Name three cities in France.", "no cities", CITIES),
    Probe("no cities", "Do not name any cities. Say what a country is.", "cities", CITIES, False),
    *_twins("animals", "List three animals.", "Do not list animals. Say what a zoo is.", ANIMALS),
    *_twins("tools", "List three tools.", "Do not list tools. Say what a carpenter is.", TOOLS),
    *_twins("sports", "List three sports.", "Do not list sports. Say what a team is.", SPORTS),
    *_twins(
        "instruments",
        "List three musical instruments.",
        "Do not list musical instruments. Say what a concert is.",
        INSTRUMENTS,
    ),
    *_twins(
        "languages",
        "List three languages.",
        "Do not list languages. Say what a dictionary is.",
        LANGUAGES,
    ),
)
BY_NAME = {probe.name: probe for probe in PROBES}


class Continued(StrEnum):
    """Why an answer looks like a continuation of the text. The values are for people."""

    SAME_TASK = "begins with another task of the same kind"
    QUESTIONS = "asks questions instead of answering"
    REPEATS = "repeats the prompt"
    NEXT_TURN = "goes on with the next turn by itself"


_SENTENCE = re.compile(r"[^.!?\n]+[.!?]?")
_TURN = re.compile(r"(?mi)^\s*(#+\s*)?(user|human|question|query|q|prompt|instruction)\s*:")


def continued(prompt: str, answer: str) -> Continued | None:
    """Whether `answer` goes on with the text of `prompt` instead of answering; None if not.

    GPT-3 answers "Explain the moon landing ..." with "Explain the theory of gravity ...", and a
    question with a list of further questions.
    """
    text = answer.strip()
    if not text:
        return None
    if _plain(text).startswith(_plain(prompt)):
        return Continued.REPEATS
    sentences = [s.strip() for s in _SENTENCE.findall(text) if s.strip()][:3]
    first_word = _first_word(prompt)
    asks = prompt.strip().endswith("?")
    if not asks and first_word and sentences and _first_word(sentences[0]) == first_word:
        return Continued.SAME_TASK
    questions = [s for s in sentences if s.endswith("?")]
    if asks and sentences and len(questions) == len(sentences):
        return Continued.QUESTIONS
    if _TURN.search(text):
        return Continued.NEXT_TURN
    return None


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))


def _first_word(text: str) -> str:
    words = re.findall(r"[^\W\d_]+", text.lower())
    return words[0] if words else ""


def follows_twin(probe: Probe, answer: str) -> bool | None:
    """Whether the answer lists what a twin asks for, or keeps it out; None for other probes."""
    if not probe.twin:
        return None
    said = set(re.findall(r"\w+", answer.lower()))
    named = sum(word.lower() in said or f"{word.lower()}s" in said for word in probe.words)
    return named >= 2 if probe.wants_words else named == 0


def consistency(answers: dict[str, str]) -> tuple[int, int]:
    """(pairs of twins of which both are followed, pairs of which both were answered)."""
    followed = whole = 0
    for probe in PROBES:
        if not probe.twin or not probe.wants_words:
            continue
        if probe.name not in answers or probe.twin not in answers:
            continue
        whole += 1
        twin = BY_NAME[probe.twin]
        followed += bool(
            follows_twin(probe, answers[probe.name]) and follows_twin(twin, answers[twin.name])
        )
    return followed, whole
