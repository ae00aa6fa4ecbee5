"""Prompts and answers that come from elsewhere in Rondo: a model, a playground, a wizard."""

import hashlib
import uuid
from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from annotation.domain.prompt_hash import canonical_text, prompt_hash
from annotation.imports.formats.battles import FOLLOW_UP_ANSWERS, FOLLOW_UPS
from annotation.models import Comparison, Completion, Demonstration, Prompt
from annotation.models.judgements import Choice
from webapp.audit.actions.record import record
from webapp.clean_json import CleanJSONError, check_storable

LONGEST_TEXT = 100_000


@transaction.atomic
def add_prompt(
    *,
    workspace: Any,
    messages: Sequence[dict[str, str]],
    by: Any,
    source: str,
    follow_ups: Sequence[str] = (),
    **fields: Any,
) -> Prompt:
    """The workspace's prompt with these messages; made when there is none.

    `follow_ups` are the later questions of a conversation: each model has its own history, so that
    only the first question is common (annotation.imports.formats.battles).
    """
    check_storable([*messages, *follow_ups])
    fingerprint = bytes.fromhex(prompt_hash(messages, follow_ups))
    metadata = {**fields.pop("metadata", {})}
    flags = list(fields.pop("flags", ()))
    if follow_ups:
        metadata[FOLLOW_UPS] = list(follow_ups)
        flags.append("several_turns")
    last = next(each["content"] for each in reversed(messages) if each["role"] == "user")
    prompt, _made = Prompt.objects.get_or_create(
        workspace=workspace,
        text_hash=fingerprint,
        defaults={
            "messages": list(messages),
            "text": last,
            "source": source[:200],
            "created_by": by,
            "metadata": metadata,
            "flags": flags,
            **fields,
        },
    )
    return prompt


@transaction.atomic
def add_completion(
    *,
    prompt: Prompt,
    said: Sequence[str],
    generator: str,
    settings: dict[str, Any],
    metadata: dict[str, Any] | None = None,
    flags: Sequence[str] = (),
) -> Completion:
    """The answer of `generator`; the same text is kept once. `said`: one text for each turn.

    Raises:
        ValueError: the first text is empty; an empty answer is a failure, not an answer.
    """
    if not said or not said[0].strip():
        raise ValueError(_("An answer without a text cannot be kept."))
    check_storable(list(said))
    kept = dict(metadata or {})
    if len(said) > 1:
        kept[FOLLOW_UP_ANSWERS] = list(said[1:])
    whole = "\0".join(canonical_text(text) for text in said)
    completion, _made = Completion.objects.get_or_create(
        prompt=prompt,
        generator=generator[:200],
        text_hash=hashlib.sha256(whole.encode()).digest(),
        source_id="",
        defaults={"text": said[0], "settings": settings, "metadata": kept},
    )
    if missing := [flag for flag in flags if flag not in completion.flags]:
        completion.flags = [*completion.flags, *missing]
        completion.save(update_fields=["flags"])
    return completion


@transaction.atomic
def add_demonstration(
    *,
    prompt: Prompt,
    text: str,
    by: Any,
    key: uuid.UUID,
    rewritten_from: Completion | None = None,
    source_id: str = "",
) -> Demonstration:
    """A person's example outside a campaign; the same key gives the same row.

    Raises:
        ValidationError: the text is empty, too long, or cannot be stored.
    """
    if not text.strip() or len(text) > LONGEST_TEXT:
        raise ValidationError(_("A demonstration has 1 to %d characters.") % LONGEST_TEXT)
    try:
        check_storable([text])
    except CleanJSONError as wrong:
        raise ValidationError(str(wrong)) from None
    before = Demonstration.objects.filter(idempotency_key=key, annotator=by).first()
    if before is not None:
        return before
    demonstration = Demonstration.objects.create(
        prompt=prompt,
        text=text,
        annotator=by,
        idempotency_key=key,
        rewritten_from=rewritten_from,
        source_id=source_id,
    )
    record(
        actor=by,
        action="demonstration.add",
        target=demonstration,
        workspace=prompt.workspace,
    )
    return demonstration


@transaction.atomic
def add_comparison(
    *,
    prompt: Prompt,
    left: Completion,
    right: Completion,
    choice: str,
    by: Any,
    key: uuid.UUID,
    **fields: Any,
) -> Comparison:
    """A person's choice between two answers outside a campaign; the same key gives the same row.

    Raises:
        ValidationError: the choice is unknown, or both sides are one answer.
    """
    if choice not in Choice.values:
        raise ValidationError(
            _("The choice is “%(given)s”. Allowed: %(allowed)s.")
            % {"given": choice[:40], "allowed": ", ".join(Choice.values)}
        )
    if left.pk == right.pk or {left.prompt_id, right.prompt_id} != {prompt.pk}:
        raise ValidationError(_("A comparison has two different answers to its prompt."))
    before = Comparison.objects.filter(idempotency_key=key, annotator=by).first()
    if before is not None:
        return before
    comparison = Comparison.objects.create(
        prompt=prompt,
        left=left,
        right=right,
        choice=choice,
        annotator=by,
        idempotency_key=key,
        **fields,
    )
    record(
        actor=by,
        action="comparison.add",
        target=comparison,
        workspace=prompt.workspace,
        changes={"choice": ["", choice]},
    )
    return comparison
