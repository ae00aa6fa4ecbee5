"""A task of Natural Instructions: what it holds, how an instance of it is asked, v1 and v2 JSON.

Source: Mishra et al. 2022 (arXiv:2104.08773, figure 2: the schema; section 5: its rendering); Wang
et al. 2022 (arXiv:2204.07705: Super-NaturalInstructions, which keeps definition and examples).
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

TITLE, DEFINITION, EMPHASIS = "Title", "Definition", "Emphasis & Caution"
AVOID, PROMPT = "Things to Avoid", "Prompt"
POSITIVE, NEGATIVE, INSTANCES = "Positive Examples", "Negative Examples", "Instances"
# The parts of a rendering that can be left out, in the paper's order.
PARTS = ("title", "definition", "emphasis", "avoid", "prompt", "positive", "negative", "reasons")
USUAL = ("definition", "positive", "reasons")  # as Tk-Instruct is trained: definition and examples
MOST_EXAMPLES, MOST_INSTANCES, MOST_OUTPUTS = 100, 10_000, 50
LONGEST = 20_000  # characters of one text


@dataclass(frozen=True)
class Example:
    """One that is shown with the task. suggestion: how a negative one would become good."""

    input: str
    output: str
    explanation: str = ""
    suggestion: str = ""


@dataclass(frozen=True)
class Instance:
    """One question of the task with every answer that counts as right."""

    input: str
    outputs: tuple[str, ...]
    id: str = ""


@dataclass(frozen=True)
class InstructionTask:
    """other: the file's further fields (Contributors, Categories ...), kept as they came."""

    title: str = ""
    definition: str = ""
    emphasis: str = ""
    avoid: str = ""
    prompt: str = ""
    positive: tuple[Example, ...] = ()
    negative: tuple[Example, ...] = ()
    instances: tuple[Instance, ...] = ()
    other: Mapping[str, Any] = field(default_factory=dict)

    def render(self, question: str, parts: Collection[str] = USUAL, shots: int = 2) -> str:
        """The whole instruction for one input.

        parts: those of PARTS that are written; empty ones never are. shots: at most so many
        examples of each side. reasons: explanations and suggestions of the examples.
        """
        lines: list[str] = []
        labelled = (
            ("title", TITLE, self.title),
            ("definition", DEFINITION, self.definition),
            ("emphasis", EMPHASIS, self.emphasis),
            ("avoid", AVOID, self.avoid),
            ("prompt", PROMPT, self.prompt),
        )
        lines += [f"{label}: {text}" for name, label, text in labelled if name in parts and text]
        reasons = "reasons" in parts
        for name, label, examples in (
            ("positive", "Positive Example", self.positive),
            ("negative", "Negative Example", self.negative),
        ):
            if name in parts:
                lines += [
                    _shown(f"{label} {number}", example, reasons)
                    for number, example in enumerate(examples[:shots], start=1)
                ]
        # A task without an input of its own is asked by what stands above.
        lines.append(f"Input: {question}\nOutput:" if question.strip() else "Output:")
        return "\n\n".join(lines)

    def rows(self, parts: Collection[str], shots: int) -> Iterator[dict[str, str]]:
        """A prompt and its answer for each output of each instance, as an import reads them."""
        for number, instance in enumerate(self.instances):
            prompt = self.render(instance.input, parts, shots)
            for output in instance.outputs:
                yield {
                    "prompt": prompt,
                    "demonstration": output,
                    "source_id": instance.id or f"instance-{number}",
                }

    def as_v2(self) -> dict[str, Any]:
        """Super-NaturalInstructions' layout; what only v1 has stands beside it where it is used."""
        only_v1 = {
            TITLE: self.title,
            EMPHASIS: self.emphasis,
            AVOID: self.avoid,
            PROMPT: self.prompt,
        }
        lists = ("Contributors", "Source", "URL", "Categories", "Reasoning")
        return {
            **{name: [] for name in lists},
            **self.other,
            **{name: text for name, text in only_v1.items() if text},
            DEFINITION: [self.definition],
            POSITIVE: [_example_json(example) for example in self.positive],
            NEGATIVE: [_example_json(example) for example in self.negative],
            INSTANCES: [
                {
                    **({"id": each.id} if each.id else {}),
                    "input": each.input,
                    "output": list(each.outputs),
                }
                for each in self.instances
            ],
        }


def task_from(given: Any) -> InstructionTask:
    """A task of plain JSON, v1 or v2. Raises ValueError: the field, and what is allowed in it."""
    if not isinstance(given, Mapping) or DEFINITION not in given:
        raise ValueError(
            "A task is an object with a Definition, examples and Instances, as Natural "
            "Instructions has it."
        )
    examples = given.get("Examples", given)
    if not isinstance(examples, Mapping):
        raise ValueError("Examples is an object with positive and negative ones.")
    known = (TITLE, DEFINITION, EMPHASIS, AVOID, PROMPT, POSITIVE, NEGATIVE, INSTANCES, "Examples")
    return InstructionTask(
        title=_text(given, TITLE),
        definition=_text(given, DEFINITION),
        emphasis=_text(given, EMPHASIS),
        avoid=_text(given, AVOID),
        prompt=_text(given, PROMPT),
        positive=_examples(examples, POSITIVE),
        negative=_examples(examples, NEGATIVE),
        instances=_instances(given),
        other={name: value for name, value in given.items() if name not in known},
    )


def _shown(name: str, example: Example, reasons: bool) -> str:
    lines = [f"{name}", f"Input: {example.input}", f"Output: {example.output}"]
    if reasons and example.explanation:
        lines.append(f"Explanation: {example.explanation}")
    if reasons and example.suggestion:
        lines.append(f"Suggestion: {example.suggestion}")
    return "\n".join(lines)


def _example_json(example: Example) -> dict[str, str]:
    found = asdict(example)
    return found if example.suggestion else {k: v for k, v in found.items() if k != "suggestion"}


def _text(given: Mapping[str, Any], name: str) -> str:
    """v2 has lists of one text where v1 has the text; "-" is v1's word for nothing."""
    value = given.get(name, "")
    if isinstance(value, (list, tuple)):
        if not all(isinstance(part, str) for part in value):
            raise ValueError(f"{name} is a text, or a list of texts.")
        value = "\n".join(value)
    return "" if _checked(value, name).strip() == "-" else str(value).strip()


def _checked(value: Any, name: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > LONGEST or "\0" in value:
        raise ValueError(f"{name} is a text of at most {LONGEST} characters.")
    return value


def _list(given: Mapping[str, Any], name: str, most: int) -> Sequence[Any]:
    value = given.get(name) or ()
    if isinstance(value, str):  # v1 has "-" where there is none
        value = ()
    if not isinstance(value, (list, tuple)) or len(value) > most:
        raise ValueError(f"{name} is a list of at most {most}.")
    return value


def _examples(given: Mapping[str, Any], name: str) -> tuple[Example, ...]:
    found = []
    for number, row in enumerate(_list(given, name, MOST_EXAMPLES), start=1):
        if not isinstance(row, Mapping):
            raise ValueError(f"{name} {number} is an object with input and output.")
        found.append(
            Example(
                input=_field(row, "input", name, number),
                output=_field(row, "output", name, number),
                explanation=_field(row, "explanation", name, number)
                or _field(row, "reason", name, number),  # v1's word
                suggestion=_field(row, "suggestion", name, number),
            )
        )
    return tuple(found)


def _field(row: Mapping[str, Any], key: str, name: str, number: int) -> str:
    value = row.get(key, "")
    if isinstance(value, (list, tuple)) and len(value) == 1:
        value = value[0]
    text = _checked(value, f"{name} {number}: {key}").strip()
    return "" if text == "-" and key in ("explanation", "reason", "suggestion") else text


def _instances(given: Mapping[str, Any]) -> tuple[Instance, ...]:
    found = []
    for number, row in enumerate(_list(given, INSTANCES, MOST_INSTANCES), start=1):
        if not isinstance(row, Mapping):
            raise ValueError(f"Instance {number} is an object with input and output.")
        outputs = row.get("output", ())
        outputs = [outputs] if isinstance(outputs, str) else outputs
        if not isinstance(outputs, (list, tuple)) or not 0 < len(outputs) <= MOST_OUTPUTS:
            raise ValueError(f"Instance {number}: output is a list of 1 to {MOST_OUTPUTS} texts.")
        texts = tuple(_checked(text, f"Instance {number}: output") for text in outputs)
        if not all(text.strip() for text in texts):
            raise ValueError(f"Instance {number}: an output is empty.")
        found.append(
            Instance(
                input=_checked(row.get("input", ""), f"Instance {number}: input"),
                outputs=texts,
                id=_checked(row.get("id", ""), f"Instance {number}: id")[:200],
            )
        )
    return tuple(found)
