"""A prompt written by hand or sent by a program."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from annotation.actions.edit_prompts import LONGEST, MOST_TAGS
from annotation.actions.index_prompts import index_now
from annotation.domain.personal_data import find_personal_data
from annotation.domain.prompt_hash import prompt_hash
from annotation.imports.prepared import PERSONAL
from annotation.models import Prompt, Split
from webapp.audit.actions.record import record
from webapp.workspaces.models import Workspace

ROLES = ("system", "developer", "user", "assistant", "tool")
MOST_TURNS = 200
LONGEST_TEXT = 200_000  # characters of all turns


@transaction.atomic
def create_prompt(
    *,
    workspace: Workspace,
    by: Any,
    messages: Sequence[Mapping[str, Any]],
    split: str = Split.TRAIN,
    language: str = "",
    use_case: str = "",
    tags: Sequence[str] = (),
    source: str = "",
    licence: str = "",
    metadata: Mapping[str, Any] | None = None,
) -> tuple[Prompt, bool]:
    """The prompt, and whether it is new: the same messages are there once in a workspace.

    Raises:
        ValidationError: messages that are no conversation ending before an answer, a text that is
            too long, or an unknown split.
    """
    turns = _checked(messages)
    if split not in Split.values:
        raise ValidationError({"split": _("A split is one of: %s.") % ", ".join(Split.values)})
    tags = list(dict.fromkeys(" ".join(tag.split()) for tag in tags if tag.strip()))
    if len(tags) > MOST_TAGS or any(len(tag) > LONGEST for tag in tags):
        raise ValidationError({"tags": _("At most 50 tags of at most 60 characters.")})
    digest = bytes.fromhex(prompt_hash(turns))
    known = Prompt.objects.filter(workspace=workspace, text_hash=digest).first()
    if known is not None:
        return known, False
    asked = [turn["content"] for turn in turns if turn["role"] == "user"]
    found = {
        str(number): sorted({span.kind.value for span in find_personal_data(turn["content"])})
        for number, turn in enumerate(turns)
    }
    personal = {number: kinds for number, kinds in found.items() if kinds}
    prompt = Prompt.objects.create(
        workspace=workspace,
        messages=turns,
        text=asked[-1] if asked else turns[-1]["content"],
        text_hash=digest,
        split=split,
        language=language,
        use_case=use_case,
        tags=tags,
        flags=sorted({f"{PERSONAL}:{kind}" for kinds in personal.values() for kind in kinds}),
        metadata={**(metadata or {}), **({PERSONAL: personal} if personal else {})},
        source=source,
        licence=licence,
        created_by=by,
    )
    index_now(prompts=[prompt.pk])
    record(actor=by, action="prompt.create", target=prompt, workspace=workspace)
    return prompt, True


def _checked(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    if not 0 < len(messages) <= MOST_TURNS:
        raise ValidationError({"messages": _("Give 1 to %d messages.") % MOST_TURNS})
    turns = []
    for number, message in enumerate(messages, start=1):
        role, content = message.get("role"), message.get("content")
        if role not in ROLES:
            raise ValidationError(
                {
                    "messages": _("Message %(number)d has the role %(role)s. Allowed: %(roles)s.")
                    % {"number": number, "role": repr(role)[:40], "roles": ", ".join(ROLES)}
                }
            )
        if not isinstance(content, str) or not content.strip() or "\0" in content:
            raise ValidationError({"messages": _("Message %d has no text.") % number})
        turns.append({"role": str(role), "content": content})
    if turns[-1]["role"] == "assistant":
        raise ValidationError(
            {"messages": _("The last message is an answer. A prompt ends before the answer.")}
        )
    if sum(len(turn["content"]) for turn in turns) > LONGEST_TEXT:
        raise ValidationError(
            {"messages": _("All messages together have at most %d characters.") % LONGEST_TEXT}
        )
    return turns
