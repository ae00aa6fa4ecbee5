"""One batch of prepared records into prompts, answers and judgements."""

import datetime
import re
import uuid
from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
from django.db import connection, models
from django.utils import timezone

from annotation.imports.formats.rows import (
    ComparisonRow,
    DemonstrationRow,
    RankingRow,
    RatingRow,
)
from annotation.imports.prepared import (
    TEXT_MISSING,
    PreparedAnswer,
    PreparedPrompt,
    PreparedRecord,
    PreparedRow,
)
from annotation.models import (
    Comparison,
    Completion,
    Demonstration,
    Prompt,
    Ranking,
    RankingEntry,
    Rating,
)

AnswerKey = tuple[int, str, bytes, str]  # prompt, generator, digest, source id

_IDS = "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)"
# ANY and one array: a thousand placeholders would cost more to parse than the answer to find.
_KNOWN_PROMPTS = """
SELECT id, text_hash FROM annotation_prompt WHERE workspace_id = %s AND text_hash = ANY(%s)
"""
_FILL_PROMPT = """
UPDATE annotation_prompt
SET messages = %s, text = %s, text_hash = %s, metadata = metadata || %s,
    flags = array_remove(flags, %s), tags = CASE WHEN tags = '{}' THEN %s ELSE tags END
WHERE id = %s
"""
_FILL_ANSWER = """
UPDATE annotation_completion
SET text = %s, text_hash = %s, has_text = true, source_id = %s, metadata = metadata || %s,
    flags = %s
WHERE id = %s
"""


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


class Tables:
    """Writes batches for one workspace and counts new rows in `written`, by table."""

    def __init__(self, workspace_id: int, created_by_id: int | None, import_id: int | None) -> None:
        self.workspace_id = workspace_id
        self.created_by_id = created_by_id
        self.import_id = import_id
        self.now: datetime.datetime = timezone.now()
        self.written: Counter[str] = Counter()
        self._copies = _copies()
        self._common: dict[str, Any] = {
            "workspace_id": workspace_id,
            "created_by_id": created_by_id,
            "created_at": self.now,
            "imported_in_id": import_id,
            "settings": "{}",
            "strength": "",
        }

    def store(self, records: Sequence[PreparedRecord]) -> list[bool]:
        """Store what is new; for each record whether anything of it was."""
        rows = [row for record in records for row in record.rows]
        fresh: set[int] = set()  # ids of the PreparedRow objects that brought something new
        prompts = self._prompts(rows, fresh)
        answers = self._answers(rows, prompts, fresh)
        self._judgements(rows, prompts, answers, fresh)
        return [any(id(row) in fresh for row in record.rows) for record in records]

    # ---- prompts

    def _prompts(self, rows: Sequence[PreparedRow], fresh: set[int]) -> dict[bytes, int]:
        """The id of every prompt of the batch by its digest; references are resolved or made."""
        wanted = {row.prompt.digest: row.prompt for row in rows}
        found = self._known_prompts(wanted)
        named = {
            (prompt.source, prompt.source_id): prompt
            for digest, prompt in wanted.items()
            if digest not in found and prompt.source_id
        }
        for (source, source_id), (known_id, has_text) in self._by_name(named).items():
            prompt = named[source, source_id]
            if prompt.reference:
                found[prompt.digest] = known_id
            elif not has_text:
                self._fill_prompt(known_id, prompt)
                found[prompt.digest] = known_id
                self._first_of({prompt.digest}, rows, fresh)
        self._link_references(wanted, found)
        new = [prompt for digest, prompt in wanted.items() if digest not in found]
        if new:
            ids = self._ids(Prompt, len(new))
            found.update((prompt.digest, key) for prompt, key in zip(new, ids, strict=True))
            self._copy(
                Prompt, [self._prompt_values(p, key) for p, key in zip(new, ids, strict=True)]
            )
            self._first_of({prompt.digest for prompt in new}, rows, fresh)
        return found

    @staticmethod
    def _first_of(digests: set[bytes], rows: Sequence[PreparedRow], fresh: set[int]) -> None:
        """The first row with each of these prompts brought it; later ones repeat it."""
        left = set(digests)
        for row in rows:
            if row.prompt.digest in left:
                left.discard(row.prompt.digest)
                fresh.add(id(row))

    def _known_prompts(self, wanted: dict[bytes, PreparedPrompt]) -> dict[bytes, int]:
        with connection.cursor() as cursor:
            cursor.execute(_KNOWN_PROMPTS, [self.workspace_id, list(wanted)])
            return {bytes(digest): key for key, digest in cursor.fetchall()}

    def _by_name(
        self, named: dict[tuple[str, str], PreparedPrompt]
    ) -> dict[tuple[str, str], tuple[int, bool]]:
        """Prompts known under the same source and id, with or without their text.

        Asked only where a judgement file may stand beside a question file: a file whose prompts
        have texts and were never referred to finds nothing and costs one look.
        """
        if not named:
            return {}
        sources = {source for source, _ in named}
        found = Prompt.objects.filter(
            workspace_id=self.workspace_id,
            source__in=sources,
            source_id__in=[source_id for _, source_id in named],
        )
        if not any(prompt.reference for prompt in named.values()):
            found = found.filter(flags__contains=[TEXT_MISSING])
        rows = found.order_by("pk").values_list("source", "source_id", "pk", "flags")
        known: dict[tuple[str, str], tuple[int, bool]] = {}
        for source, source_id, key, flags in rows:
            if (source, source_id) in named:
                known.setdefault((source, source_id), (key, TEXT_MISSING not in flags))
        return known

    @staticmethod
    def _link_references(wanted: dict[bytes, PreparedPrompt], found: dict[bytes, int]) -> None:
        """A reference beside its own prompt in one batch means that prompt."""
        texts = {
            (prompt.source, prompt.source_id): digest
            for digest, prompt in wanted.items()
            if not prompt.reference and prompt.source_id
        }
        for digest, prompt in wanted.items():
            other = texts.get((prompt.source, prompt.source_id)) if prompt.reference else None
            if digest not in found and other in found:
                found[digest] = found[other]

    def _fill_prompt(self, key: int, prompt: PreparedPrompt) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                _FILL_PROMPT,
                [
                    prompt.messages,
                    prompt.text,
                    prompt.digest,
                    _json(prompt.metadata),
                    TEXT_MISSING,
                    prompt.tags,
                    key,
                ],
            )
        self.written["prompts filled in"] += 1

    def _prompt_values(self, prompt: PreparedPrompt, key: int) -> dict[str, Any]:
        return {
            "id": key,
            "messages": prompt.messages,
            "text": prompt.text,
            "text_hash": prompt.digest,
            "split": prompt.split,
            "language": prompt.language,
            "use_case": prompt.use_case,
            "tags": prompt.tags,
            "flags": [flag[:60] for flag in prompt.flags],
            "source": prompt.source,
            "source_id": prompt.source_id,
            "licence": prompt.licence,
            "metadata": _json(prompt.metadata) if prompt.metadata else "{}",
        }

    # ---- answers

    def _answers(
        self, rows: Sequence[PreparedRow], prompts: dict[bytes, int], fresh: set[int]
    ) -> dict[int, int]:
        """The completion's id for every PreparedAnswer, by the answer object's identity."""
        wanted = [
            (row, answer, prompts[row.prompt.digest]) for row in rows for answer in row.answers
        ]
        if not wanted:
            return {}
        known, by_generator = self._known_answers({prompt for _, _, prompt in wanted})
        found: dict[int, int] = {}
        new: dict[AnswerKey, tuple[PreparedAnswer, list[PreparedRow]]] = {}
        waiting: dict[AnswerKey, list[int]] = {}
        # Texts first: a judgement that only names a generator may mean a text of the same batch.
        for row, answer, prompt in sorted(wanted, key=lambda item: item[1].text is None):
            key = self._answer_key(answer, prompt)
            place = prompt, key[1]
            if key in known:
                found[id(answer)] = known[key]
            elif answer.text is None and place in by_generator:
                self._point_at(by_generator[place], id(answer), found, waiting)
            elif answer.text is not None and self._is_placeholder(by_generator.get(place)):
                existing = by_generator[place][1]
                self._fill_answer(existing, answer, key[3])
                known[key] = found[id(answer)] = existing
                by_generator[place] = (key, existing, True)
                fresh.add(id(row))
            else:
                made = new.setdefault(key, (answer, []))
                made[1].append(row)
                waiting.setdefault(key, []).append(id(answer))
                by_generator.setdefault(place, (key, 0, answer.text is not None))
        self._write_answers(new, waiting, found)
        for _, its_rows in new.values():
            fresh.update(id(row) for row in its_rows[:1])
        return found

    @staticmethod
    def _is_placeholder(entry: tuple[AnswerKey, int, bool] | None) -> bool:
        return entry is not None and entry[1] > 0 and not entry[2]

    @staticmethod
    def _point_at(
        entry: tuple[AnswerKey, int, bool],
        answer: int,
        found: dict[int, int],
        waiting: dict[AnswerKey, list[int]],
    ) -> None:
        key, completion, _ = entry
        if completion:
            found[answer] = completion
        else:
            waiting.setdefault(key, []).append(answer)

    @staticmethod
    def _answer_key(answer: PreparedAnswer, prompt: int) -> AnswerKey:
        given = answer.answer
        return prompt, given.generator[:200], answer.digest, given.source_id[:200]

    def _known_answers(
        self, prompts: set[int]
    ) -> tuple[dict[AnswerKey, int], dict[tuple[int, str], tuple[AnswerKey, int, bool]]]:
        fields = ("pk", "prompt_id", "generator", "text_hash", "source_id", "has_text")
        found = Completion.objects.filter(prompt_id__in=prompts).order_by("pk")
        known: dict[AnswerKey, int] = {}
        by_generator: dict[tuple[int, str], tuple[AnswerKey, int, bool]] = {}
        for pk, prompt, generator, digest, source_id, has_text in found.values_list(*fields):
            key = (prompt, generator, bytes(digest), source_id)
            known[key] = pk
            if has_text or (prompt, generator) not in by_generator:
                by_generator[prompt, generator] = (key, pk, has_text)
        return known, by_generator

    def _fill_answer(self, completion: int, answer: PreparedAnswer, source_id: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                _FILL_ANSWER,
                [
                    answer.text,
                    answer.digest,
                    source_id,
                    _json(answer.metadata),
                    answer.flags,
                    completion,
                ],
            )
        self.written["answers filled in"] += 1

    def _write_answers(
        self,
        new: dict[AnswerKey, tuple[PreparedAnswer, list[PreparedRow]]],
        waiting: dict[AnswerKey, list[int]],
        found: dict[int, int],
    ) -> None:
        ids = self._ids(Completion, len(new))
        values = []
        for (key, (answer, _)), pk in zip(new.items(), ids, strict=True):
            prompt, generator, digest, source_id = key
            values.append(
                {
                    "id": pk,
                    "prompt_id": prompt,
                    "text": answer.text or "",
                    "has_text": answer.text is not None,
                    "text_hash": digest,
                    "generator": generator,
                    "flags": [flag[:60] for flag in answer.flags],
                    "source_id": source_id,
                    "metadata": _json(answer.metadata) if answer.metadata else "{}",
                }
            )
            found.update(dict.fromkeys(waiting[key], pk))
        self._copy(Completion, values)

    # ---- judgements

    def _judgements(
        self,
        rows: Sequence[PreparedRow],
        prompts: dict[bytes, int],
        answers: dict[int, int],
        fresh: set[int],
    ) -> None:
        keyed: dict[uuid.UUID, PreparedRow] = {}
        for row in rows:
            if row.key is not None:
                keyed.setdefault(self._own(row.key), row)
        kinds: dict[type[models.Model], type] = {
            Demonstration: DemonstrationRow,
            Comparison: ComparisonRow,
            Ranking: RankingRow,
            Rating: RatingRow,
        }
        for model, kind in kinds.items():
            mine = {key: row for key, row in keyed.items() if isinstance(row.row, kind)}
            if not mine:
                continue
            for key in self._known_keys(model, list(mine)):
                del mine[key]
            ids = self._ids(model, len(mine))
            values = []
            for (key, row), pk in zip(mine.items(), ids, strict=True):
                fields = self._judgement_values(row, key, pk, prompts)
                values.append(fields | self._own_values(row, answers))
            self._copy(model, values)
            if model is Ranking:
                self._entries(list(mine.values()), ids, answers)
            fresh.update(id(row) for row in mine.values())

    @staticmethod
    def _known_keys(model: type[models.Model], keys: list[uuid.UUID]) -> list[uuid.UUID]:
        table = connection.ops.quote_name(model._meta.db_table)
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT idempotency_key FROM {table} WHERE idempotency_key = ANY(%s)",  # noqa: S608 - a table of ours
                [keys],
            )
            return [key for (key,) in cursor.fetchall()]

    def _own(self, key: uuid.UUID) -> uuid.UUID:
        """The same judgement in two workspaces is two."""
        return uuid.uuid5(key, str(self.workspace_id))

    def _judgement_values(
        self, made: PreparedRow, key: uuid.UUID, pk: int, prompts: dict[bytes, int]
    ) -> dict[str, Any]:
        row = made.row
        metadata = dict(getattr(row, "metadata", {}))
        strength = getattr(row, "strength", None)
        if strength is not None:
            metadata["strength"] = strength
        return {
            "id": pk,
            "prompt_id": prompts[made.prompt.digest],
            "source": getattr(row, "judged_by", "human"),
            "annotator_label": (getattr(row, "annotator", "") or getattr(row, "author", ""))[:200],
            "idempotency_key": key,
            "comment": getattr(row, "reason", ""),
            "group": getattr(row, "group", "")[:200],
            "source_id": getattr(row, "source_id", "")[:200],
            "metadata": _json(metadata) if metadata else "{}",
        }

    @staticmethod
    def _own_values(made: PreparedRow, answers: dict[int, int]) -> dict[str, Any]:
        row = made.row
        if isinstance(row, DemonstrationRow):
            return {"text": made.text}
        if isinstance(row, ComparisonRow):
            left, right = (answers[id(answer)] for answer in made.answers)
            return {
                "left_id": left,
                "right_id": right,
                "choice": row.choice,
                "strength": row.step,
                "order_known": row.order_known,
                "right_share": row.right_share,
            }
        if isinstance(row, RatingRow):
            return {
                "completion_id": answers[id(made.answers[0])],
                "aspect": row.aspect[:60],
                "score": row.score,
                "lowest": row.lowest,
                "highest": row.highest,
            }
        return {}

    def _entries(
        self, rows: Sequence[PreparedRow], ids: Sequence[int], answers: dict[int, int]
    ) -> None:
        values = []
        for made, ranking in zip(rows, ids, strict=True):
            assert isinstance(made.row, RankingRow)
            tiers = {at: n for n, tier in enumerate(made.row.tiers, start=1) for at in tier}
            for at, answer in enumerate(made.answers):
                values.append(
                    {
                        "ranking_id": ranking,
                        "completion_id": answers[id(answer)],
                        "tier": tiers.get(at),
                        "position": at + 1,
                    }
                )
        for value, pk in zip(values, self._ids(RankingEntry, len(values)), strict=True):
            value["id"] = pk
        self._copy(RankingEntry, values)

    # ---- COPY

    @staticmethod
    def _ids(model: type[models.Model], count: int) -> list[int]:
        if not count:
            return []
        with connection.cursor() as cursor:
            cursor.execute(_IDS, [model._meta.db_table, count])
            return [key for (key,) in cursor.fetchall()]

    def _copy(self, model: type[models.Model], values: Sequence[dict[str, Any]]) -> None:
        """Send rows in COPY's text form, one write for a batch."""
        if not values:
            return
        statement, columns = self._copies[model]
        # What is the same in every row is written once, into the pattern of a line.
        pattern = "\t".join(
            "%s"
            if column in values[0]
            else _field(self._common.get(column, default)).replace("%", "%%")
            for column, default in columns.items()
        )
        pattern += "\n"
        own = [column for column in columns if column in values[0]]
        lines = "".join(
            [pattern % tuple([_field(value[column]) for column in own]) for value in values]
        )
        with connection.cursor() as cursor, cursor.copy(statement) as copy:
            copy.write(lines.encode())
        self.written[str(model._meta.verbose_name_plural).lower()] += len(values)


_IN_ARRAY = re.compile(r'["\\]')


def _field(value: Any) -> str:
    """One value in the text form. Raises TypeError for a kind that no column of ours has."""
    kind = type(value)
    if kind is str:
        return _text(value)
    if value is None:
        return "\\N"
    if kind is int or kind is float or kind is uuid.UUID:
        return str(value)
    if kind is bytes:
        return "\\\\x" + value.hex()
    if kind is bool:
        return "t" if value else "f"
    if kind is list:
        if not value:
            return "{}"
        items = ",".join(f'"{_IN_ARRAY.sub(_backslash, item)}"' for item in value)
        return _text("{" + items + "}")
    if kind is dict:
        return _text(_json(value))
    if kind is datetime.datetime:
        return str(value.isoformat())
    raise TypeError(f"COPY has no text for a {kind.__name__}.")


def _text(value: str) -> str:
    """Escaped as COPY's text form asks (PostgreSQL manual, COPY, "Text Format")."""
    if "\\" in value:
        value = value.replace("\\", "\\\\")
    if "\n" in value:
        value = value.replace("\n", "\\n")
    if "\t" in value:
        value = value.replace("\t", "\\t")
    if "\r" in value:
        value = value.replace("\r", "\\r")
    return value


def _backslash(match: re.Match[str]) -> str:
    return f"\\{match.group()}"


def _copies() -> dict[type[models.Model], tuple[str, dict[str, Any]]]:
    """The COPY statement of each table, and its columns with the defaults that the models have."""
    quote = connection.ops.quote_name
    found: dict[type[models.Model], tuple[str, dict[str, Any]]] = {}
    for model in (Prompt, Completion, Demonstration, Comparison, Ranking, RankingEntry, Rating):
        columns = {str(field.column): field.get_default() for field in model._meta.concrete_fields}
        names = ", ".join(map(quote, columns))
        found[model] = f"COPY {quote(model._meta.db_table)} ({names}) FROM STDIN", columns
    return found
