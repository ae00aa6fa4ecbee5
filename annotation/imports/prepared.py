"""Typed rows with everything the tables need worked out: texts, fingerprints, personal data.

No database here: this part of an import runs in a thread of its own while PostgreSQL writes.
"""

import hashlib
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from annotation.domain.personal_data import find_personal_data, mask_personal_data
from annotation.domain.prompt_hash import canonical_text, prompt_hash
from annotation.imports.formats.battles import FOLLOW_UP_ANSWERS, FOLLOW_UPS
from annotation.imports.formats.languages import language_code
from annotation.imports.formats.reading import Good
from annotation.imports.formats.refusals import Refusal, Refused
from annotation.imports.formats.rows import (
    USER,
    Answer,
    ComparisonRow,
    CompletionRow,
    DemonstrationRow,
    Message,
    PromptRow,
    RankingRow,
    RatingRow,
    Row,
)

NO_TEXT = hashlib.sha256(b"the file does not hold this answer's text").digest()
TEXT_MISSING = "text_missing"
PERSONAL = "personal_data"
_FLAG = f"{PERSONAL}:"
MASKED = "personal data masked"
LONGEST = 200  # characters of a source's name or id
SPLITS = {"train": "train", "validation": "validation", "held_out": "held_out"}
SPLITS |= {"valid": "validation", "val": "validation", "dev": "validation", "test": "held_out"}

_encode = msgspec.json.encode


@dataclass(slots=True)
class PreparedPrompt:
    """A prompt of the file. `reference`: it is named by source and id, its text is not there."""

    digest: bytes
    messages: str
    text: str
    source: str
    source_id: str
    licence: str
    language: str
    use_case: str
    split: str
    tags: list[str]
    flags: list[str]
    metadata: dict[str, Any]
    reference: bool


@dataclass(slots=True)
class PreparedAnswer:
    """An answer of the file; `text=None` when it is only named."""

    text: str | None
    digest: bytes
    answer: Answer
    flags: list[str]
    metadata: dict[str, Any]


@dataclass(slots=True)
class PreparedRow:
    """One row with its prompt and answers. `key`: two judgements with one key are the same."""

    row: Row
    prompt: PreparedPrompt
    answers: list[PreparedAnswer] = field(default_factory=list)
    key: uuid.UUID | None = None
    text: str = ""
    personal: list[str] = field(default_factory=list)  # kinds of personal data in `text`


@dataclass(slots=True)
class PreparedRecord:
    good: Good
    rows: list[PreparedRow]
    fixes: tuple[str, ...]

    def personal_data(self) -> set[str]:
        """The kinds that were found anywhere in it."""
        kinds = {kind for row in self.rows for kind in row.personal}
        for row in self.rows:
            for flags in (row.prompt.flags, *(answer.flags for answer in row.answers)):
                kinds.update(flag.removeprefix(_FLAG) for flag in flags if flag.startswith(_FLAG))
        return kinds


@dataclass(frozen=True)
class Preparation:
    """What is decided once for a file.

    source, licence, split, use_case: used where a row names none. tags: added to each prompt.
    languages: a person's own words for them, beside those that are known.
    """

    source: str
    licence: str = ""
    mask: bool = False
    find: bool = True
    languages: Mapping[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    split: str = ""
    use_case: str = ""

    def batches(
        self, results: Iterable[Good | Refusal], size: int
    ) -> Iterator[list[PreparedRecord | Refusal]]:
        """Records in the file's order, `size` at a time."""
        batch: list[PreparedRecord | Refusal] = []
        for result in results:
            batch.append(result if isinstance(result, Refusal) else self._prepared(result))
            if len(batch) >= size:
                yield batch
                batch = []
        if batch:
            yield batch

    def _prepared(self, good: Good) -> PreparedRecord | Refusal:
        try:
            return self.record(good)
        except Refused as error:
            return Refusal(good.line, good.offset, error.path, error.reason, good.raw)

    def record(self, good: Good) -> PreparedRecord:
        """Raises Refused for a judgement that sets an answer against itself."""
        fixes = list(good.fixes)
        prompts: dict[int, PreparedPrompt] = {}  # rows of one record mostly share their prompt
        rows = [self._row(row, prompts, fixes) for row in good.rows]
        return PreparedRecord(good, rows, tuple(dict.fromkeys(fixes)))

    def _row(self, row: Row, prompts: dict[int, PreparedPrompt], fixes: list[str]) -> PreparedRow:
        given = row if isinstance(row, PromptRow) else row.prompt
        prompt = prompts.get(id(given))
        if prompt is None:
            prompt = prompts[id(given)] = self._prompt(given, fixes)
        made = PreparedRow(row, prompt)
        if isinstance(row, CompletionRow):
            made.answers = [self._answer(row.answer, fixes)]
        elif isinstance(row, DemonstrationRow):
            made.text, made.personal = self._searched(row.text, fixes)
            made.key = _key("demonstration", prompt, canonical_text(made.text))
        elif isinstance(row, ComparisonRow):
            made.answers = [self._answer(answer, fixes) for answer in (row.left, row.right)]
            _refuse_twice(made.answers)
            made.key = _key("comparison", prompt, *_answers(made), row.choice, *_said(row))
        elif isinstance(row, RankingRow):
            made.answers = [self._answer(answer, fixes) for answer in row.answers]
            _refuse_twice(made.answers)
            made.key = _key("ranking", prompt, *_answers(made), repr(row.tiers), *_said(row))
        elif isinstance(row, RatingRow):
            made.answers = [self._answer(row.answer, fixes)]
            score = f"{row.aspect}={row.score!r}"
            made.key = _key("rating", prompt, *_answers(made), score, *_said(row))
        return made

    def _prompt(self, row: PromptRow, fixes: list[str]) -> PreparedPrompt:
        source = (row.source or self.source)[:LONGEST]
        source_id = row.source_id[:LONGEST]
        made = PreparedPrompt(
            digest=b"",
            messages="[]",
            text="",
            source=source,
            source_id=source_id,
            licence=(row.licence or self.licence)[:100],
            language=language_code(row.language, self.languages)[:35] if row.language else "",
            use_case=(row.use_case or self.use_case)[:60],
            split=SPLITS.get(row.split.lower(), self.split or "train"),
            tags=[tag[:60] for tag in dict.fromkeys((*row.tags, *self.tags))],
            flags=list(row.flags),
            metadata=dict(row.metadata),
            reference=not row.messages,
        )
        if made.reference:
            made.digest = hashlib.sha256(f"reference\0{source}\0{source_id}".encode()).digest()
            made.text = f"{source} {source_id}".strip()
            made.flags.append(TEXT_MISSING)
            return made
        messages = row.messages
        if self.find or self.mask:
            messages = self._searched_messages(messages, made.metadata, made.flags, fixes)
        follow_ups = made.metadata.get(FOLLOW_UPS, ())
        fingerprint = prompt_hash([_hashed(message) for message in messages], follow_ups)
        made.digest = bytes.fromhex(fingerprint)
        made.messages = _encode(messages).decode()
        last = next((m.content for m in reversed(messages) if m.role == USER), None)
        made.text = messages[-1].content if last is None else last
        return made

    def _searched_messages(
        self,
        messages: tuple[Message, ...],
        metadata: dict[str, Any],
        flags: list[str],
        fixes: list[str],
    ) -> tuple[Message, ...]:
        """Personal data by turn into the metadata, their kinds into the flags."""
        found: dict[str, list[str]] = {}
        changed = list(messages)
        for position, message in enumerate(messages):
            text, kinds = self._searched(message.content, fixes)
            if kinds:
                found[str(position)] = kinds
            if text is not message.content:
                changed[position] = msgspec.structs.replace(message, content=text)
        if found:
            metadata[PERSONAL] = found
            flags += sorted({_FLAG + kind for kinds in found.values() for kind in kinds})
        return tuple(changed)

    def _searched(self, text: str, fixes: list[str]) -> tuple[str, list[str]]:
        if not (self.find or self.mask):
            return text, []
        spans = find_personal_data(text)
        if not spans:
            return text, []
        if self.mask:
            fixes.append(MASKED)
            text = mask_personal_data(text, spans)
        return text, sorted({span.kind.value for span in spans})

    def _answer(self, answer: Answer, fixes: list[str]) -> PreparedAnswer:
        metadata = dict(answer.metadata)
        flags = list(answer.flags)
        if answer.text is None:
            return PreparedAnswer(None, NO_TEXT, answer, flags, metadata)
        text, kinds = self._searched(answer.text, fixes)
        if kinds:
            flags += [_FLAG + kind for kind in kinds]
        said = [text]
        if FOLLOW_UP_ANSWERS in metadata:
            later = [self._searched(item, fixes)[0] for item in metadata[FOLLOW_UP_ANSWERS]]
            metadata[FOLLOW_UP_ANSWERS] = later
            said += later
        whole = "\0".join(map(canonical_text, said))
        return PreparedAnswer(
            text, hashlib.sha256(whole.encode()).digest(), answer, flags, metadata
        )


def _hashed(message: Message) -> Any:
    if not message.name and not message.tool_calls:
        return message.role, message.content
    return msgspec.to_builtins(message)


def _refuse_twice(answers: list[PreparedAnswer]) -> None:
    """An answer is known by its writer, text and id; one without a text by its writer alone."""
    seen: set[tuple[str, bytes, str]] = set()
    named = {answer.answer.generator for answer in answers if answer.text is None}
    for answer in answers:
        key = answer.answer.generator, answer.digest, answer.answer.source_id
        if key in seen or (answer.text is not None and answer.answer.generator in named):
            raise Refused("sets an answer against itself: both have one writer and one text")
        seen.add(key)


def _answers(made: PreparedRow) -> Iterator[str]:
    for answer in made.answers:
        yield answer.answer.generator
        yield answer.digest.hex()


def _said(row: ComparisonRow | RankingRow | RatingRow) -> tuple[str, ...]:
    group = row.group if not isinstance(row, RatingRow) else ""
    beside = _encode(row.metadata).decode() if row.metadata else ""
    return row.annotator, row.judged_by, group, row.source_id, row.reason, beside


def _key(kind: str, prompt: PreparedPrompt, *parts: str) -> uuid.UUID:
    """The judgement's fingerprint; the workspace is mixed in when it is stored."""
    digest = hashlib.sha256("\0".join((kind, prompt.digest.hex(), *parts)).encode())
    return uuid.UUID(bytes=digest.digest()[:16])
