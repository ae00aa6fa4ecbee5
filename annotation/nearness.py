"""How near a text that somebody is writing comes to the prompts there are: the diversity meter.

Self-instruct's measure (annotation.domain.novelty_gate): the greatest ROUGE-L to any of them. A
full scan of 100,000 prompts at every pause in typing would be too much; what is near shares words.
Those prompts are looked at that share the largest part of their words with the rarest of the text,
so the score is of the nearest one found: never too high, and rarely too low.
"""

from dataclasses import dataclass
from typing import Any

from django.db import connection

from annotation.domain.shingles import words_of
from annotation.domain.text_similarity import is_beyond_latin, ngram_similarity, rouge_l

RAREST = 16  # words of the text that are looked up
MOST_OF_A_WORD = 400  # prompts that hold one of them
MOST_LOOKED_AT = 200
LONGEST = 2000  # characters of a prompt that are compared
FEWEST_WORDS = 3  # of fewer nobody can say what they are near to
ALMOST_THE_SAME = 0.7  # self-instruct's threshold

# PostgreSQL's statistics know the most common words of the indexed column and how common they are;
# any other word is rarer than those. The last of the frequencies have no word beside them.
NEAREST = """
WITH known AS (
    SELECT word, share FROM pg_stats,
        unnest(most_common_elems::text::text[], most_common_elem_freqs) AS common(word, share)
    WHERE schemaname = current_schema() AND tablename = 'annotation_prompt' AND attname = 'search'
), rarest AS (
    SELECT asked.word FROM unnest(%(words)s::text[]) AS asked(word)
    LEFT JOIN known ON known.word = asked.word
    ORDER BY known.share NULLS FIRST, length(asked.word) DESC, asked.word LIMIT %(rarest)s
), nearest AS (
    -- ROUGE-L is at most twice the shared words by the words of both
    SELECT sharing.id, count(*)::float / (sharing.words + cardinality(%(words)s::text[])) AS shared
    FROM rarest CROSS JOIN LATERAL (
        SELECT prompt.id, length(prompt.search) AS words FROM annotation_prompt prompt
        WHERE prompt.search @@ plainto_tsquery('simple', rarest.word)
            AND prompt.workspace_id = %(workspace)s AND prompt.retired_at IS NULL
        LIMIT %(of_a_word)s
    ) AS sharing
    GROUP BY sharing.id, sharing.words ORDER BY shared DESC, sharing.id LIMIT %(most)s
)
SELECT left(prompt.text, %(longest)s), prompt.source
FROM nearest JOIN annotation_prompt prompt ON prompt.id = nearest.id
ORDER BY nearest.shared DESC, prompt.id
"""


@dataclass(frozen=True)
class Nearest:
    """score: 0 nothing alike, 1 the same. text, source: of the prompt that is so near, if any."""

    score: float
    text: str = ""
    source: str = ""

    @property
    def almost_the_same(self) -> bool:
        return self.score >= ALMOST_THE_SAME


def nearest_prompt(workspace_id: int, text: str) -> Nearest | None:
    """The nearest of a workspace's prompts; None where `text` is too short to tell.

    ROUGE-L's F; of texts that are mostly beyond a-z, which it does not see, the F of character
    3-grams.
    """
    text = text[:LONGEST]
    words = list(dict.fromkeys(words_of(text)))
    if len(words) < FEWEST_WORDS:
        return None
    asked: dict[str, Any] = {
        "words": words,
        "workspace": workspace_id,
        "rarest": RAREST,
        "of_a_word": MOST_OF_A_WORD,
        "most": MOST_LOOKED_AT,
        "longest": LONGEST,
    }
    with connection.cursor() as cursor:
        cursor.execute(NEAREST, asked)
        found = cursor.fetchall()
    near = [Nearest(_score(text, there), there, source) for there, source in found]
    return max(near, key=lambda each: each.score, default=Nearest(0.0))


def _score(text: str, there: str) -> float:
    if is_beyond_latin(text) or is_beyond_latin(there):
        return ngram_similarity(text, there)
    return rouge_l(there, text).f
