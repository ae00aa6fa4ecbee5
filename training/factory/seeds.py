"""The texts of people that a run begins with, read from the workspace's prompts."""

from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet

from annotation.models import Demonstration, Prompt
from annotation.queries import current
from training.models import FactorySeed, SeedRole

MOST_SEEDS = 5000
MOST_INSTANCES = 5
PAGE = 500


def tasks_of(prompts: QuerySet[Prompt]) -> Iterator[FactorySeed]:
    """Each instruction once, with its first instances: prompts that differ in their input alone
    belong to one task, as imports of seed tasks make them."""
    found: dict[str, FactorySeed] = {}
    for prompt, outputs in _page_by_page(prompts):
        given = str(prompt.metadata.get("input") or "")
        instruction = prompt.text
        if given and instruction.endswith(given):
            instruction = instruction[: -len(given)].strip()
        seed = found.get(instruction)
        if seed is None:
            if len(found) >= MOST_SEEDS:
                continue
            seed = found[instruction] = _seed(prompt, instruction)
        for output in outputs:
            if len(seed.instances) < MOST_INSTANCES and output.strip():
                seed.instances.append([given, output])
    yield from found.values()


def requests_of(prompts: QuerySet[Prompt], role: str) -> Iterator[FactorySeed]:
    """Each prompt as it is, with its licence and category."""
    for prompt in prompts.order_by("pk")[:MOST_SEEDS]:
        if prompt.text.strip():
            yield _seed(prompt, prompt.text, role)


def _seed(prompt: Prompt, text: str, role: str = SeedRole.SEED) -> FactorySeed:
    known = prompt.metadata.get("is_classification")
    return FactorySeed(
        prompt=prompt,
        role=role,
        text=text,
        is_classification=known if isinstance(known, bool) else None,
        instances=[],
        source=prompt.source,
        licence=prompt.licence,
        category=_category(prompt),
    )


def _category(prompt: Prompt) -> str:
    for name in ("category", "type", "focus"):
        if isinstance(said := prompt.metadata.get(name), str) and said:
            return said[:200]
    return prompt.use_case or (prompt.tags[0] if prompt.tags else "")


def _page_by_page(prompts: QuerySet[Prompt]) -> Iterator[tuple[Prompt, list[str]]]:
    """Prompts with text, each with the first texts of its demonstrations."""
    page: list[Prompt] = []
    for prompt in prompts.order_by("pk").iterator(PAGE):
        if prompt.text.strip():
            page.append(prompt)
        if len(page) >= PAGE:
            yield from _with_outputs(page)
            page = []
    yield from _with_outputs(page)


def _with_outputs(page: list[Prompt]) -> Iterator[tuple[Prompt, list[str]]]:
    outputs: dict[int, list[str]] = {}
    mine = Demonstration.objects.filter(prompt__in=[prompt.pk for prompt in page])
    rows: Any = current(mine)
    for prompt_id, text in rows.order_by("pk").values_list("prompt_id", "text"):
        outputs.setdefault(prompt_id, []).append(text)
    for prompt in page:
        yield prompt, outputs.get(prompt.pk, [])[:MOST_INSTANCES]
