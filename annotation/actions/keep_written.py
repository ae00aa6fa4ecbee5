"""Keep prompts that an annotator wrote, with their answers as demonstrations."""

import uuid
from typing import Any

from django.db.models import Exists, OuterRef
from django.db.models.functions import Now

from annotation.actions.create_prompt import create_prompt
from annotation.domain import answers
from annotation.domain.few_shot import expand
from annotation.models import Assignment, Campaign, Demonstration, Prompt

Written = answers.WrittenPrompt | answers.FewShot
FEW_SHOT = "few_shot"  # in Demonstration.metadata: what was typed, at the first pair in full


def keep_written(
    *, assignment: Assignment, annotator: Any, answer: Written, key: uuid.UUID, **common: Any
) -> Demonstration:
    """The first of the demonstrations that the answer makes; `common` goes into all of them.

    Called inside the submission's transaction. A few-shot example of K pairs makes K demonstrations
    of one group. A correction withdraws the earlier ones, and retires prompts that it left unused.

    Raises:
        ValidationError: the texts do not make a prompt.
    """
    campaign = assignment.campaign
    before = list(
        Demonstration.objects.filter(
            assignment=assignment, superseded_by__isnull=True, withdrawn_at__isnull=True
        ).order_by("pk")
    )
    rows = []
    for number, (text, completion) in enumerate(_pairs(answer)):
        prompt, new = create_prompt(
            workspace=campaign.workspace,
            by=annotator,
            messages=[{"role": "user", "content": text}],
            use_case=getattr(answer, "use_case", ""),
            source=source_of(campaign),
        )
        if not new and prompt.retired_at is not None and prompt.created_by_id == annotator.pk:
            Prompt.objects.filter(pk=prompt.pk).update(retired_at=None)  # corrected back
        row = Demonstration(
            prompt=prompt,
            annotator=annotator,
            assignment=assignment,
            text=completion,
            idempotency_key=uuid.uuid5(key, str(number)) if number else key,
            supersedes=before[0] if before and not number else None,
            group=str(key) if isinstance(answer, answers.FewShot) else "",
            metadata=_metadata(answer, number),
            **common,
        )
        row.save()
        rows.append(row)
    Demonstration.objects.filter(pk__in=[row.pk for row in before[1:]]).update(withdrawn_at=Now())
    _retire_unused({row.prompt_id for row in before} - {row.prompt_id for row in rows}, annotator)
    return rows[0]


def source_of(campaign: Campaign) -> str:
    """What Prompt.source says of the prompts that a campaign made."""
    return f"campaign: {campaign.name}"


def is_the_same(before: Demonstration, answer: Written) -> bool:
    """Whether a stored row is the first that `answer` makes."""
    if isinstance(answer, answers.FewShot):
        return bool(before.metadata == _metadata(answer, 0))
    asked = before.prompt.messages[-1]["content"]
    said = (asked, before.text, before.prompt.use_case)
    return said == (answer.prompt, answer.text, answer.use_case or before.prompt.use_case)


def _pairs(answer: Written) -> list[tuple[str, str]]:
    if isinstance(answer, answers.FewShot):
        return expand(answer.instruction, answer.pairs)
    return [(answer.prompt, answer.text)]


def _metadata(answer: Written, number: int) -> dict[str, Any]:
    if not isinstance(answer, answers.FewShot):
        return {}
    whole: dict[str, Any] = {"pair": number + 1}
    if not number:
        whole |= {
            "instruction": answer.instruction,
            "pairs": [list(pair) for pair in answer.pairs],
        }
    return {FEW_SHOT: whole}


def _retire_unused(prompts: set[int], annotator: Any) -> None:
    counted = Demonstration.objects.filter(
        prompt=OuterRef("pk"), superseded_by__isnull=True, withdrawn_at__isnull=True
    )
    Prompt.objects.filter(
        ~Exists(counted), pk__in=prompts, created_by=annotator, completions__isnull=True
    ).update(retired_at=Now())
