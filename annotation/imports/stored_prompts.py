"""The prompts of one batch: known by their text's hash, or by source and id, or new."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection

from annotation.imports.copying import Copier, as_json
from annotation.imports.prepared import TEXT_MISSING, PreparedPrompt, PreparedRow
from annotation.models import Prompt

# Each is looked up by itself: in a table that grew within this transaction the planner knows no
# better than to read all of it for a list, and an import would slow down with every batch. And no
# index may be entered by the workspace (hence + 0): of one that the statistics do not know yet the
# planner expects no rows, so that any index that begins with it seems as good as another.
_KNOWN = """
SELECT found.id, wanted.digest
FROM unnest(string_to_array(%s, ',')::bytea[]) AS wanted (digest)
CROSS JOIN LATERAL (
    SELECT id FROM annotation_prompt
    WHERE text_hash = wanted.digest AND workspace_id + 0 = %s LIMIT 1
) found
"""
_WITHOUT_TEXT = """
SELECT wanted.source, wanted.source_id, found.id, false
FROM unnest(%s::text[], %s::text[]) AS wanted (source, source_id)
CROSS JOIN LATERAL (
    SELECT id FROM annotation_prompt
    WHERE source_id = wanted.source_id AND source = wanted.source AND workspace_id + 0 = %s
        AND flags @> ARRAY['text_missing']::varchar(60)[]
    ORDER BY id LIMIT 1
) found
"""
_BY_NAME = """
SELECT wanted.source, wanted.source_id, found.id, found.has_text
FROM unnest(%s::text[], %s::text[]) AS wanted (source, source_id)
CROSS JOIN LATERAL (
    SELECT id, NOT flags @> ARRAY['text_missing']::varchar(60)[] AS has_text
    FROM annotation_prompt
    WHERE source_id = wanted.source_id AND source = wanted.source AND workspace_id + 0 = %s
        AND source_id <> ''
    ORDER BY id LIMIT 1
) found
"""
_FILL = """
UPDATE annotation_prompt
SET messages = %s, text = %s, text_hash = %s, metadata = metadata || %s,
    flags = array_remove(flags, %s), tags = CASE WHEN tags = '{}' THEN %s ELSE tags END
WHERE id = %s
"""


def store_prompts(
    rows: Sequence[PreparedRow], workspace_id: int, copier: Copier, fresh: set[int]
) -> dict[bytes, int]:
    """The id of every prompt of the batch by its digest; references are resolved or made.

    fresh: gets the identity of every row that brought a prompt.
    """
    wanted = {row.prompt.digest: row.prompt for row in rows}
    found = _known(wanted, workspace_id)
    named = {
        (prompt.source, prompt.source_id): prompt
        for digest, prompt in wanted.items()
        if digest not in found and prompt.source_id
    }
    for (source, source_id), (known_id, has_text) in _by_name(named, workspace_id).items():
        prompt = named[source, source_id]
        if prompt.reference:
            found[prompt.digest] = known_id
        elif not has_text:
            _fill(known_id, prompt)
            copier.written["prompts filled in"] += 1
            found[prompt.digest] = known_id
            _first_of({prompt.digest}, rows, fresh)
    _link_references(wanted, found)
    new = [prompt for digest, prompt in wanted.items() if digest not in found]
    if new:
        ids = copier.ids(Prompt, len(new))
        found.update((prompt.digest, key) for prompt, key in zip(new, ids, strict=True))
        copier.copy(Prompt, [_values(p, key) for p, key in zip(new, ids, strict=True)])
        _first_of({prompt.digest for prompt in new}, rows, fresh)
    return found


def _first_of(digests: set[bytes], rows: Sequence[PreparedRow], fresh: set[int]) -> None:
    """The first row with each of these prompts brought it; later ones repeat it."""
    left = set(digests)
    for row in rows:
        if row.prompt.digest in left:
            left.discard(row.prompt.digest)
            fresh.add(id(row))


def _known(wanted: dict[bytes, PreparedPrompt], workspace_id: int) -> dict[bytes, int]:
    with connection.cursor() as cursor:
        cursor.execute(_KNOWN, [in_one_text(wanted), workspace_id])
        return {bytes(digest): key for key, digest in cursor.fetchall()}


def in_one_text(digests: Iterable[bytes]) -> str:
    """For string_to_array: of a list, psycopg would write each element by itself."""
    return ",".join(["\\x" + digest.hex() for digest in digests])


def _by_name(
    named: dict[tuple[str, str], PreparedPrompt], workspace_id: int
) -> dict[tuple[str, str], tuple[int, bool]]:
    """Prompts known under the same source and id: id, and whether their text is there.

    A prompt with a text asks only for one that waits for it; a reference for any.
    """
    if not named:
        return {}
    sources, ids = (list(part) for part in zip(*named, strict=True))
    references = any(prompt.reference for prompt in named.values())
    with connection.cursor() as cursor:
        cursor.execute(_BY_NAME if references else _WITHOUT_TEXT, [sources, ids, workspace_id])
        return {
            (source, source_id): (key, has_text)
            for source, source_id, key, has_text in cursor.fetchall()
        }


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


def _fill(key: int, prompt: PreparedPrompt) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            _FILL,
            [
                prompt.messages,
                prompt.text,
                prompt.digest,
                as_json(prompt.metadata),
                TEXT_MISSING,
                prompt.tags,
                key,
            ],
        )


def _values(prompt: PreparedPrompt, key: int) -> dict[str, Any]:
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
        "metadata": as_json(prompt.metadata) if prompt.metadata else "{}",
    }
