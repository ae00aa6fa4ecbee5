"""What self-instruct asks about one task: is it a classification, and what are its instances.

Source: arXiv:2212.10560, section 2.2 and appendix: a few labelled tasks before the new one;
instances input-first in general, and output-first for classification, since a model that is asked
for inputs first makes most of them of one label. The examples are the run's own seeds; those below
stand in where a run's seeds are not labelled.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

MOST_CLASSES, MOST_OTHERS = 12, 19  # the paper's 31 examples
MOST_WITH_INSTANCES = 4
LONGEST_EXAMPLE = 700  # characters: a few long seeds would leave a small model no room
CLASS_STOPS = ("\n", "Task:")
INSTANCE_STOPS = ("Task:",)


@dataclass(frozen=True)
class TaskExample:
    """A task that a person labelled; instances are (input, output), the input perhaps empty."""

    instruction: str
    is_classification: bool | None = None
    instances: tuple[tuple[str, str], ...] = ()


BUILT_IN = (
    TaskExample(
        "Say whether the review below is positive or negative.",
        True,
        (
            ("The room was clean and the staff were kind.", "positive"),
            ("We waited an hour and the soup was cold.", "negative"),
        ),
    ),
    TaskExample(
        "Which of these does the animal belong to: mammal, bird, fish or insect?",
        True,
        (("A trout", "fish"), ("A bat", "mammal")),
    ),
    TaskExample(
        "Is the second sentence a consequence of the first one? Answer yes or no.",
        True,
        (("All my cups are blue. The cup on my table is blue.", "yes"),),
    ),
    TaskExample(
        "Rewrite the sentence so that a child understands it.",
        False,
        (
            (
                "The vessel was moored owing to inclement weather.",
                "The boat stayed tied up because the weather was bad.",
            ),
        ),
    ),
    TaskExample(
        "Give three tips for keeping a vegetable garden through a dry summer.",
        False,
        (
            (
                "",
                "Water early in the morning. Cover the soil with straw. Plant what needs little "
                "water, such as beans.",
            ),
        ),
    ),
    TaskExample(
        "Turn the list of points into a short paragraph.",
        False,
        (
            (
                "market on Saturdays; opens at eight; bread, cheese, flowers",
                "There is a market on Saturdays. It opens at eight and sells bread, cheese and "
                "flowers.",
            ),
        ),
    ),
)


def class_question(task: str, examples: Sequence[TaskExample], *, seed: int = 0) -> str:
    """Asks whether a task is a classification; the answer begins with Yes or No."""
    labelled = [each for each in examples if each.is_classification is not None]
    if len({each.is_classification for each in labelled}) < 2:
        labelled = list(BUILT_IN)
    source = random.Random(f"classes {seed}")  # noqa: S311 - a choice of examples
    chosen = _some([e for e in labelled if e.is_classification], MOST_CLASSES, source)
    chosen += _some([e for e in labelled if not e.is_classification], MOST_OTHERS, source)
    source.shuffle(chosen)
    shown = "\n\n".join(
        f"Task: {_line(each.instruction)}\n"
        f"Is it classification? {'Yes' if each.is_classification else 'No'}"
        for each in chosen
    )
    return (
        "Can the answer to the task only be one of a few given labels? Then it is a "
        f"classification.\n\n{shown}\n\nTask: {_line(task)}\nIs it classification?"
    )


def says_yes(answer: str) -> bool:
    """As the published code reads it: what begins with "yes" is yes, everything else is no."""
    return answer.strip().lower().startswith("yes")


def instance_question(
    task: str, examples: Sequence[TaskExample], *, is_classification: bool, seed: int = 0
) -> str:
    """Asks for instances of a task; annotation.domain.self_instruct reads the answer."""
    usable = [
        each
        for each in examples
        if each.instances
        and bool(each.is_classification) is is_classification
        and _length(each) <= LONGEST_EXAMPLE
    ]
    if not usable:
        usable = [each for each in BUILT_IN if each.is_classification is is_classification]
    source = random.Random(f"instances {seed}")  # noqa: S311 - a choice of examples
    chosen = _some(usable, MOST_WITH_INSTANCES, source)
    shown = _output_first if is_classification else _input_first
    opening = (
        "Write examples for the last task. For each of its class labels, write the label and then "
        "an input to which it belongs."
        if is_classification
        else "Write examples for the last task. If it needs an input, write the input and then the "
        "output; if not, write the output alone."
    )
    done = "\n\n".join(f"Task: {_line(each.instruction)}\n{shown(each)}" for each in chosen)
    return f"{opening}\n\n{done}\n\nTask: {_line(task)}\n"


def _output_first(task: TaskExample) -> str:
    return "\n".join(f"Class label: {output}\n{given}".rstrip() for given, output in task.instances)


def _input_first(task: TaskExample) -> str:
    written = [
        (f"Input: {given}\n" if given.strip() else "") + f"Output: {output}"
        for given, output in task.instances
    ]
    if len(written) == 1:
        return written[0]
    return "\n".join(f"Example {number}\n{each}" for number, each in enumerate(written, start=1))


def _some(tasks: list[TaskExample], most: int, source: random.Random) -> list[TaskExample]:
    return source.sample(tasks, most) if len(tasks) > most else list(tasks)


def _line(text: str) -> str:
    return " ".join(text.split())


def _length(task: TaskExample) -> int:
    return len(task.instruction) + sum(len(a) + len(b) for a, b in task.instances)
