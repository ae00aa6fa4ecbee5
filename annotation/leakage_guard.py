"""Prompts that must not be trained on because something is measured by them, or by nearly the same.

Protected are held-out prompts, retired ones too, and those of the campaigns and boards that a
person marked so (protected_sets). Everything is compared without system messages (see
conversation_text).
"""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

from annotation.domain.conversation_text import said
from annotation.domain.leakage import Leak, LeakageGuard
from annotation.models import Prompt, Split
from annotation.protected_sets import protected_prompts
from webapp.workspaces.models import Workspace

CHUNK = 1000
HELD_OUT = "held out"


@dataclass(frozen=True)
class KeptOut:
    """A prompt that may not enter a training snapshot, and why.

    protected_id: the protected prompt that it is, repeats or contains a part of. protected_by:
    "held out", or what is measured by it: "board Round 3".
    """

    prompt_id: int
    reason: Leak
    protected_id: int
    protected_by: str

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"reason": self.reason.value}


@dataclass(frozen=True)
class Guard:
    """What is protected in one workspace, read once and asked about many prompts.

    Memory: about 20 bytes for each word of a protected prompt.
    """

    protected: dict[int, str]  # by what, for each protected prompt
    texts: LeakageGuard

    @classmethod
    def of(cls, workspace: Workspace) -> "Guard":
        held_out = Prompt.objects.filter(workspace=workspace, split=Split.HELD_OUT)
        protected = dict.fromkeys(held_out.values_list("pk", flat=True), HELD_OUT)
        for name, keys in protected_prompts(workspace.pk):
            for key in keys.iterator(chunk_size=CHUNK):
                protected.setdefault(key, name)
        texts = LeakageGuard()
        for chunk in _chunks(protected):
            rows = Prompt.objects.filter(pk__in=chunk, workspace=workspace)
            texts.protect({key: said(turns) for key, turns in rows.values_list("pk", "messages")})
        return cls(protected, texts)

    def check(self, prompt_ids: Iterable[int]) -> list[KeptOut]:
        """Those of these prompts that are kept out, in the order given."""
        return list(self.kept_out(prompt_ids))

    def kept_out(self, prompt_ids: Iterable[int]) -> Iterator[KeptOut]:
        """The same one after another, a thousand prompts in memory at a time."""
        for chunk in _chunks(prompt_ids):
            others = [key for key in chunk if key not in self.protected]
            turns = dict(Prompt.objects.filter(pk__in=others).values_list("pk", "messages"))
            known = [key for key in others if key in turns]
            leaks = self.texts.leaks([said(turns[key]) for key in known])
            found = {key: leak for key, leak in zip(known, leaks, strict=True) if leak}
            for key in chunk:
                if key in self.protected:
                    yield KeptOut(key, Leak.EXACT, key, self.protected[key])
                elif key in found:
                    other = found[key].protected
                    yield KeptOut(key, found[key].reason, other, self.protected[other])


def kept_out(workspace: Workspace, prompt_ids: Iterable[int]) -> Iterator[KeptOut]:
    """The prompts of `prompt_ids` that may not enter a training snapshot of this workspace."""
    return Guard.of(workspace).kept_out(prompt_ids)


def _chunks(keys: Iterable[int]) -> Iterator[list[int]]:
    left = iter(keys)
    while chunk := list(islice(left, CHUNK)):
        yield chunk
