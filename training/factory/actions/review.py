"""A person's word on what the model wrote: accepted, perhaps edited, or rejected with a reason.

What is accepted becomes a prompt, the model's completion, and a demonstration; a refusal also a
preference over an answer that complied, where there is one.
"""

import hashlib
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from annotation.actions.add_texts import (
    LONGEST_TEXT,
    add_comparison,
    add_completion,
    add_demonstration,
)
from annotation.actions.create_prompt import create_prompt
from annotation.actions.prefer_the_rewritten import WRITER
from annotation.domain.safe_responses import looks_like_refusal
from annotation.models import Completion, Demonstration, Prompt
from annotation.models.judgements import Choice
from training.actions.sample import kept_settings
from training.models import Candidate, CandidateState, FactoryStep
from webapp.audit.actions.record import record
from webapp.clean_json import CleanJSONError, check_storable

# What a person confirms about a refusal before it may be learned from.
CHECKS = ("refuses", "no_detail", "offers_help")
LONGEST_REASON = 300
OF_THE_FACTORY = uuid.UUID("6f1a54cf-64c1-4d59-9f0e-3a2f9a5f7b11")
TEMPLATE = "self_instruct"


@dataclass(frozen=True)
class Edited:
    """What the reviewer leaves standing; None: as the model wrote it."""

    text: str | None = None
    input: str | None = None
    instruction: str | None = None


@transaction.atomic
def accept(
    *, candidate: Candidate, by: Any, edited: Edited | None = None, checks: Iterable[str] = ()
) -> Candidate:
    """Make a prompt and a demonstration of it; sent twice it is one.

    Raises:
        ValidationError: somebody else decided it, the text is empty, or a refusal was not
            confirmed in every point.
    """
    row = _locked(candidate)
    if row.state == CandidateState.ACCEPTED and row.reviewed_by_id == by.pk:
        return row
    _require_waiting(row)
    edited = edited or Edited()
    text, given, instruction = _words(row, edited)
    if row.step == FactoryStep.REFUSALS and (missing := [c for c in CHECKS if c not in checks]):
        raise ValidationError(
            _(
                "Confirm all three points before you accept a refusal: it refuses, gives no "
                "detail, offers help. Not confirmed: %(points)s."
            )
            % {"points": ", ".join(missing)}
        )
    prompt = _prompt(row, by, instruction, given)
    completion = add_completion(
        prompt=prompt,
        said=[row.text],
        generator=row.run.endpoint.name,
        settings=kept_settings(row.request.generation),
        metadata={"factory": row.provenance()},
    )
    demonstration = add_demonstration(
        prompt=prompt,
        text=text,
        by=by,
        key=uuid.uuid5(OF_THE_FACTORY, f"demonstration {row.pk}"),
        rewritten_from=completion,
        source_id=f"factory:{row.run_id}:{row.pk}",
    )
    row.is_edited = (text, given, instruction) != _words(row, Edited())
    row.prompt, row.completion, row.demonstration = prompt, completion, demonstration
    if row.step == FactoryStep.REFUSALS:
        row.comparison = _preference(row, by, prompt, demonstration)
    row.state, row.reviewed_by, row.reviewed_at = CandidateState.ACCEPTED, by, timezone.now()
    row.save()
    return _recorded(row, by, "accept")


@transaction.atomic
def dismiss(*, candidate: Candidate, by: Any, reason: str) -> Candidate:
    """Reject it; it stays in the report with the reason.

    Raises:
        ValidationError: no reason, or somebody else decided it.
    """
    reason = " ".join(reason.split())
    if not 0 < len(reason) <= LONGEST_REASON:
        raise ValidationError(
            _("Say why, in 1 to %d characters: the report counts reasons.") % LONGEST_REASON
        )
    row = _locked(candidate)
    if row.state == CandidateState.DISMISSED and row.reviewed_by_id == by.pk:
        return row
    _require_waiting(row)
    row.state, row.reason = CandidateState.DISMISSED, reason
    row.reviewed_by, row.reviewed_at = by, timezone.now()
    row.save()
    return _recorded(row, by, "dismiss")


def compliant_answer(candidate: Candidate) -> tuple[str, Completion | None]:
    """What a refusal is better than: the text, and its row where it has one already. ("", None)
    where no answer complied."""
    plain = Candidate.objects.filter(
        run=candidate.run_id, step=FactoryStep.PLAIN, refuses=False, parent=candidate.parent_id
    )
    if candidate.parent_id is None:
        plain = plain.filter(seed=candidate.seed_id)
    found = plain.first()
    if found is not None:
        return found.text, None
    seed = candidate.seed
    if candidate.parent_id is not None or seed is None or seed.prompt_id is None:
        return "", None
    there = Completion.objects.filter(
        prompt=seed.prompt_id, has_text=True, retired_at__isnull=True
    ).exclude(text="")
    for completion in there.order_by("pk")[:20]:
        if not looks_like_refusal(completion.text):
            return completion.text, completion
    return "", None


def question_of(candidate: Candidate) -> str:
    """What a reply answers: the paraphrase, or the seed itself."""
    if candidate.parent is not None:
        return candidate.parent.text
    return candidate.seed.text if candidate.seed is not None else ""


def _locked(candidate: Candidate) -> Candidate:
    rows = Candidate.objects.select_for_update(of=("self",)).select_related(
        *("run__workspace", "run__endpoint", "request__generation__endpoint"),
        *("parent__seed", "seed__prompt", "parent__request"),
    )
    return rows.get(pk=candidate.pk)


def _require_waiting(row: Candidate) -> None:
    if row.state != CandidateState.WAITING:
        raise ValidationError(
            _("This was decided meanwhile: %s.") % row.get_state_display().lower()
        )


def _words(row: Candidate, edited: Edited) -> tuple[str, str, str]:
    """Answer, input and instruction. Raises ValidationError."""
    text = row.text if edited.text is None else edited.text.replace("\r\n", "\n").strip()
    given = row.input if edited.input is None else edited.input.replace("\r\n", "\n").strip()
    asked = question_of(row)
    instruction = asked if edited.instruction is None else edited.instruction.strip()
    if not text.strip() or not instruction.strip():
        raise ValidationError(_("Neither the instruction nor the answer may be empty."))
    if max(len(text), len(given), len(instruction)) > LONGEST_TEXT:
        raise ValidationError(_("A text has at most %d characters.") % LONGEST_TEXT)
    try:
        check_storable([text, given, instruction])
    except CleanJSONError as wrong:
        raise ValidationError(str(wrong)) from None
    return text, given, instruction


def _prompt(row: Candidate, by: Any, instruction: str, given: str) -> Prompt:
    seed = row.seed
    if row.parent is None and seed is not None and seed.prompt is not None:
        return seed.prompt  # the seed itself was answered
    content = f"{instruction}\n\n{given}" if given else instruction
    metadata: dict[str, Any] = {"factory": _origin(row)}
    fields: dict[str, Any] = {"licence": row.run.licence, "tags": [row.run.kind]}
    if seed is not None:
        # A seed that is held out stays so in other words.
        fields |= {"licence": seed.licence, "split": seed.prompt.split if seed.prompt else "train"}
        metadata |= {"category": seed.category, "paraphrase_of": seed.prompt_id}
    elif row.is_classification:
        fields["use_case"] = "classification"
    if row.is_classification is not None:
        metadata["is_classification"] = row.is_classification
    if given:
        metadata |= {"input": given, "template": TEMPLATE}
    prompt, _new = create_prompt(
        workspace=row.run.workspace,
        by=by,
        messages=[{"role": "user", "content": content}],
        source=f"{row.run.kind}: {row.run.name}"[:200],
        metadata=metadata,
        **fields,
    )
    return prompt


def _origin(row: Candidate) -> dict[str, Any]:
    """The whole way from the seeds: which were shown when the instruction was written."""
    first = row.parent.request if row.parent is not None else row.request
    return row.provenance() | {
        "seeds": first.shown.get("seeds", [row.seed_id] if row.seed_id else []),
        "machine": first.shown.get("machine", []),
        "instruction": row.parent_id,
        "template": row.request.step,
    }


def _preference(row: Candidate, by: Any, prompt: Prompt, chosen: Demonstration) -> Any:
    text, worse = compliant_answer(row)
    if not text:
        return None
    if worse is None:
        worse = add_completion(
            prompt=prompt, said=[text], generator=row.run.endpoint.name, settings={}
        )
    better = row.completion
    assert better is not None, "it was kept above"
    if chosen.text.strip() != better.text.strip():
        better, _new = Completion.objects.get_or_create(
            prompt=prompt,
            generator=WRITER,
            text_hash=hashlib.sha256(chosen.text.encode()).digest(),
            source_id="",
            defaults={"text": chosen.text, "author": by},
        )
    if better.pk == worse.pk:
        return None
    return add_comparison(
        prompt=prompt,
        left=better,
        right=worse,
        choice=Choice.LEFT,
        by=by,
        key=uuid.uuid5(OF_THE_FACTORY, f"comparison {row.pk}"),
        order_known=False,
        metadata={"factory": row.provenance()},
    )


def _recorded(row: Candidate, by: Any, act: str) -> Candidate:
    record(
        actor=by,
        action=f"factory.{act}",
        target=row,
        workspace=row.run.workspace,
        changes={"reason": ["", row.reason]} if row.reason else {},
    )
    return row
