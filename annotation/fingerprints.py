"""Fingerprints of prompts in the database, and which stored prompts a text nearly repeats."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from annotation.domain.conversation_text import said
from annotation.domain.shingles import bands_of, hashed_shingles, jaccard_of, words_of

MOST_LOOKED_AT = 100  # candidates, those that share the most keys first
MOST_OF_A_KEY = 500  # prompts that share one key; of a template there may be thousands

_STORE = """
INSERT INTO annotation_promptfingerprint (prompt_id, exact, keys) VALUES (%s, %s, %s)
ON CONFLICT (prompt_id) DO UPDATE SET exact = excluded.exact, keys = excluded.keys
"""
_STORE_WORDS = """
INSERT INTO annotation_promptword (workspace_id, word)
SELECT DISTINCT prompt.workspace_id, word.lexeme
FROM annotation_prompt prompt, unnest(prompt.search) AS word
WHERE prompt.id = ANY(%s) AND length(word.lexeme) BETWEEN 4 AND 40
  AND word.lexeme ~ '^[[:alpha:]]+$'
ORDER BY 1, 2
ON CONFLICT DO NOTHING
"""
# One statement: each more would be another journey to the database. Key by key, because the planner
# takes an overlap with sixteen keys for a twelfth of the table and would read all of it: half a
# second instead of a millisecond at 100,000 prompts.
_SHARING = """
SELECT prompt.id, prompt.messages
FROM (
    SELECT sharing.prompt_id, count(*) AS shared
    FROM unnest(%(keys)s::bigint[]) AS asked(key)
    CROSS JOIN LATERAL (
        SELECT fingerprint.prompt_id
        FROM annotation_promptfingerprint fingerprint
        JOIN annotation_prompt prompt ON prompt.id = fingerprint.prompt_id
        WHERE fingerprint.keys @> ARRAY[asked.key] AND prompt.workspace_id = %(workspace)s
            AND prompt.id <> %(without)s
        LIMIT %(of_a_key)s
    ) AS sharing
    GROUP BY sharing.prompt_id ORDER BY shared DESC, sharing.prompt_id LIMIT %(most)s
) AS nearest
JOIN annotation_prompt prompt ON prompt.id = nearest.prompt_id
"""


@dataclass(frozen=True)
class Near:
    """A stored prompt that says nearly the same; jaccard: of the word 3-grams, up to 1."""

    prompt_id: int
    jaccard: float


def store_fingerprints(prompts: Sequence[tuple[int, Any]]) -> None:
    """Fingerprints of (id, messages), and the words that these prompts bring."""
    texts = [said(messages) for _, messages in prompts]
    keys = bands_of(*hashed_shingles(texts))
    rows = [
        (key, exact_of(text), bands)
        for (key, _), text, bands in zip(prompts, texts, keys, strict=True)
    ]
    with connection.cursor() as cursor:
        cursor.executemany(_STORE, rows)
        cursor.execute(_STORE_WORDS, [[key for key, _ in prompts]])


def exact_of(text: str) -> int | None:
    """A signed 64-bit hash of the words in lower case; None where there are none."""
    words = words_of(text)
    if not words:
        return None
    whole = " ".join(words).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(whole, digest_size=8).digest(), "little", signed=True)


def near_prompts(
    workspace_id: int,
    messages: Sequence[dict[str, Any]],
    *,
    threshold: float = 0.7,
    without: int = 0,
    most: int = 20,
) -> list[Near]:
    """The stored prompts of the workspace that `messages` nearly repeat, the nearest first.

    Looked up by MinHash keys and checked exactly. Of more than 100 candidates those are looked at
    that share the most keys. `without` is the id of a prompt to leave out.
    """
    flat, starts = hashed_shingles([said(messages)])
    keys = bands_of(flat, starts)[0]
    if not keys:
        return []
    asked: dict[str, Any] = {
        "keys": keys,
        "workspace": workspace_id,
        "without": without,
        "of_a_key": MOST_OF_A_KEY,
        "most": MOST_LOOKED_AT,
    }
    with connection.cursor() as cursor:
        cursor.execute(_SHARING, asked)
        found = cursor.fetchall()
    rows, begins = hashed_shingles([said(_turns(each)) for _, each in found])
    near = [
        Near(key, jaccard_of(flat, rows[begins[at] : begins[at + 1]]))
        for at, (key, _) in enumerate(found)
    ]
    near.sort(key=lambda each: (-each.jaccard, each.prompt_id))
    return [each for each in near if each.jaccard >= threshold][:most]


def _turns(stored: Any) -> Any:
    return json.loads(stored) if isinstance(stored, str) else stored
