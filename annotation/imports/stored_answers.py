"""The answers of one batch: known by writer and text, waiting for their text, or new."""

from collections.abc import Sequence

from django.db import connection
from django.utils import timezone

from annotation.imports.copying import Copier, as_json
from annotation.imports.prepared import PreparedAnswer, PreparedRow
from annotation.models import Completion

AnswerKey = tuple[int, str, bytes, str]  # prompt, generator, digest, source id
Place = tuple[int, str]  # prompt, generator
Entry = tuple[AnswerKey, int, bool]  # key, completion (0: not written yet), whether it has a text

# Writer by writer, as in stored_prompts: a list would be answered by reading the whole table, and a
# prompt alone by all its answers, of which a leaderboard has hundreds.
_KNOWN = """
SELECT found.* FROM unnest(%s::bigint[], %s::text[]) AS wanted (prompt, generator)
CROSS JOIN LATERAL (
    SELECT id, prompt_id, generator, text_hash, source_id, has_text FROM annotation_completion
    WHERE prompt_id = wanted.prompt AND generator = wanted.generator OFFSET 0
) found
ORDER BY found.id
"""
_FILL = """
UPDATE annotation_completion
SET text = %s, text_hash = %s, has_text = true, source_id = %s, metadata = metadata || %s,
    flags = %s
WHERE id = %s
"""


REPLACES = "replaces"  # in an answer's metadata: the ids that it retired, for an undo
_RETIRE = """
UPDATE annotation_completion SET retired_at = now()
WHERE id = ANY(%s) AND retired_at IS NULL AND has_text
"""


def store_answers(
    rows: Sequence[PreparedRow], prompts: dict[bytes, int], copier: Copier, fresh: set[int]
) -> dict[int, int]:
    """The completion's id for every PreparedAnswer, by the answer object's identity.

    fresh: gets the identity of every row that brought an answer.
    """
    wanted = [(row, answer, prompts[row.prompt.digest]) for row in rows for answer in row.answers]
    if not wanted:
        return {}
    places = {(prompt, answer.answer.generator[:200]) for _, answer, prompt in wanted}
    known, by_generator = _known(places)
    found: dict[int, int] = {}
    new: dict[AnswerKey, tuple[PreparedAnswer, list[PreparedRow]]] = {}
    waiting: dict[AnswerKey, list[int]] = {}
    # Texts first: a judgement that only names a generator may mean a text of the same batch.
    for row, answer, prompt in sorted(wanted, key=lambda item: item[1].text is None):
        key = _key(answer, prompt)
        place = prompt, key[1]
        if key in known:
            found[id(answer)] = known[key]
        elif answer.text is None and place in by_generator:
            _point_at(by_generator[place], id(answer), found, waiting)
        elif answer.text is not None and _is_placeholder(by_generator.get(place)):
            existing = by_generator[place][1]
            _fill(existing, answer, key[3])
            copier.written["answers filled in"] += 1
            known[key] = found[id(answer)] = existing
            by_generator[place] = (key, existing, True)
            fresh.add(id(row))
        else:
            made = new.setdefault(key, (answer, []))
            made[1].append(row)
            waiting.setdefault(key, []).append(id(answer))
            if answer.answer.last_wins:
                by_generator[place] = (key, 0, True)
            else:
                by_generator.setdefault(place, (key, 0, answer.text is not None))
    _write(new, waiting, found, copier, _replaced(new, known, copier))
    for _, its_rows in new.values():
        fresh.update(id(row) for row in its_rows[:1])
    return found


def _is_placeholder(entry: Entry | None) -> bool:
    return entry is not None and entry[1] > 0 and not entry[2]


def _point_at(
    entry: Entry, answer: int, found: dict[int, int], waiting: dict[AnswerKey, list[int]]
) -> None:
    key, completion, _ = entry
    if completion:
        found[answer] = completion
    else:
        waiting.setdefault(key, []).append(answer)


def _key(answer: PreparedAnswer, prompt: int) -> AnswerKey:
    given = answer.answer
    return prompt, given.generator[:200], answer.digest, given.source_id[:200]


def _known(places: set[Place]) -> tuple[dict[AnswerKey, int], dict[Place, Entry]]:
    known: dict[AnswerKey, int] = {}
    by_generator: dict[Place, Entry] = {}
    with connection.cursor() as cursor:
        cursor.execute(_KNOWN, [list(part) for part in zip(*places, strict=True)])
        rows = cursor.fetchall()
    for pk, prompt, generator, digest, source_id, has_text in rows:
        key = (prompt, generator, bytes(digest), source_id)
        known[key] = pk
        if has_text or (prompt, generator) not in by_generator:
            by_generator[prompt, generator] = (key, pk, has_text)
    return known, by_generator


def _fill(completion: int, answer: PreparedAnswer, source_id: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            _FILL,
            [
                answer.text,
                answer.digest,
                source_id,
                as_json(answer.metadata),
                answer.flags,
                completion,
            ],
        )


def _replaced(
    new: dict[AnswerKey, tuple[PreparedAnswer, list[PreparedRow]]],
    known: dict[AnswerKey, int],
    copier: Copier,
) -> set[AnswerKey]:
    """Those of the new answers that a later one of the batch replaces; stored ones are retired."""
    last = {
        key[:2]: (key[3], answer) for key, (answer, _) in new.items() if answer.answer.last_wins
    }
    stale = {key for key in (*new, *known) if key[:2] in last and last[key[:2]][0] != key[3]}
    stored = [known[key] for key in stale if key in known]
    for key in stale & known.keys():
        last[key[:2]][1].metadata.setdefault(REPLACES, []).append(known[key])
    if stored:
        with connection.cursor() as cursor:
            cursor.execute(_RETIRE, [stored])
    if stale:
        copier.written["answers replaced by a later one"] += len(stale)
    return stale & new.keys()


def _write(
    new: dict[AnswerKey, tuple[PreparedAnswer, list[PreparedRow]]],
    waiting: dict[AnswerKey, list[int]],
    found: dict[int, int],
    copier: Copier,
    replaced: set[AnswerKey],
) -> None:
    values = []
    now = timezone.now()
    ids = copier.ids(Completion, len(new))
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
                "metadata": as_json(answer.metadata) if answer.metadata else "{}",
                "retired_at": now if key in replaced else None,
            }
        )
        found.update(dict.fromkeys(waiting[key], pk))
    copier.copy(Completion, values)
