"""A small world in which quality is known: topics, what is true of each, and a score for every
answer.

A prompt asks for one or two sentences about a topic. An answer earns 1 for each different true
adjective; it loses 1 for a false one, 1.5 for a rude word, 0.5 for a repetition, 1 for each
sentence too many or too few, and 1 if it does not end. Demonstrations are sloppy on purpose, so
that there is something to learn from preferences; preferences are drawn Bradley-Terry from the
difference of the scores, so that the best accuracy that any reward model can reach is known.
"""

import math
import random
from dataclasses import dataclass
from functools import cache
from typing import Any

TOPICS = ("cat", "dog", "sun", "sea", "owl", "fox", "oak", "bee")
ADJECTIVES = (
    *("small", "soft", "warm", "bright", "wide", "deep", "old", "green"),
    *("quick", "calm", "wild", "round", "cold", "loud", "clever", "busy"),
)
RUDE = ("stupid", "ugly")
COUNTS = ("one", "two")
HELD_OUT = {("cat", "two"), ("sea", "one"), ("fox", "two"), ("bee", "one")}
WORDS = " ".join([*TOPICS, *ADJECTIVES, *RUDE, *COUNTS, "tell me about the in sentences is . it"])
TRUE_PER_TOPIC = 4


@cache
def true_of(topic: str) -> tuple[str, ...]:
    """The adjectives that are true of a topic: four, different from topic to topic."""
    return tuple(random.Random(topic).sample(ADJECTIVES, TRUE_PER_TOPIC))


@dataclass(frozen=True)
class Question:
    topic: str
    count: str

    @property
    def prompt(self) -> str:
        return f"tell me about the {self.topic} in {self.count} sentences ."

    @property
    def sentences(self) -> int:
        return COUNTS.index(self.count) + 1


def questions(held_out: bool) -> list[Question]:
    """All questions that training sees, or those that it never does."""
    every = [Question(topic, count) for topic in TOPICS for count in COUNTS]
    return [q for q in every if ((q.topic, q.count) in HELD_OUT) == held_out]


def gold(question: Question, answer: str, ended: bool) -> float:
    """The true worth of an answer."""
    words = answer.split()
    true = [word for word in words if word in true_of(question.topic)]
    said = [word for word in words if word in ADJECTIVES]
    false = sum(word not in true_of(question.topic) for word in said)
    repeated = len(said) - len(set(said))
    rude = sum(word in RUDE for word in words)
    wrong_count = abs(words.count(".") - question.sentences)
    score = len(set(true)) - false - 1.5 * rude - 0.5 * repeated - wrong_count
    return score - (0.0 if ended else 1.0)


def demonstration(question: Question, dice: random.Random) -> str:
    """A sloppy answer: an adjective is true in 60, false in 25, rude in 15 of 100; a quarter of the
    answers have the wrong number of sentences."""
    count = question.sentences if dice.random() < 0.75 else 3 - question.sentences
    parts = []
    for place in range(count):
        kind = dice.choices(("true", "false", "rude"), weights=(60, 25, 15))[0]
        false = [word for word in ADJECTIVES if word not in true_of(question.topic)]
        pool = {"true": true_of(question.topic), "false": false, "rude": RUDE}[kind]
        subject = f"the {question.topic}" if place == 0 else "it"
        parts.append(f"{subject} is {dice.choice(pool)} .")
    return " ".join(parts)


def demonstrations(number: int, seed: int) -> list[dict[str, Any]]:
    """Rows for supervised fine-tuning, over the questions that training sees."""
    dice = random.Random(seed)
    asked = questions(held_out=False)
    found = []
    for _ in range(number):
        question = dice.choice(asked)
        found.append({"prompt": question.prompt, "completion": demonstration(question, dice)})
    return found


@dataclass(frozen=True)
class Said:
    """An answer of a model, and its worth."""

    question: Question
    text: str
    ended: bool

    @property
    def worth(self) -> float:
        return gold(self.question, self.text, self.ended)


def preferences(pairs: list[tuple[Said, Said]], seed: int) -> tuple[list[dict[str, Any]], float]:
    """Rows for a reward model, and the accuracy that the best possible one would have on them.

    Of two answers the better is chosen with probability sigma(difference of worth)."""
    dice = random.Random(seed)
    rows, best = [], []
    for one, other in pairs:
        if one.text == other.text:
            continue
        chance = 1 / (1 + math.exp(other.worth - one.worth))
        first = dice.random() < chance
        chosen, rejected = (one, other) if first else (other, one)
        rows.append(
            {"prompt": one.question.prompt, "chosen": chosen.text, "rejected": rejected.text}
        )
        best.append(max(chance, 1 - chance))
    return rows, sum(best) / len(best)
