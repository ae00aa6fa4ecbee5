"""Words to the database's full-text index, and words spelt nearly so to its trigram index.

The index is the column `search` of the prompts: a tsvector of the first 20,000 characters, made by
the database itself (migration 0003). It is not a field of the model, so that no query reads it and
an import's COPY need not write it. Words are not stemmed, because prompts are in every language;
instead a word of four letters or more also finds longer words that begin with it.
"""

from functools import reduce
from operator import and_, or_
from typing import Any

from django.contrib.postgres.search import SearchQuery, SearchVectorField
from django.db import connection
from django.db.models import Expression, QuerySet
from django.db.models.expressions import Col

from annotation.domain.search_words import Term, read_search
from annotation.models import Prompt

ALIKE = 0.4  # similarity of trigrams from which a word counts as the same, spelt otherwise
MOST_ALIKE = 12

_FIND_ALIKE = """
SELECT word FROM annotation_promptword WHERE word %% %s AND similarity(word, %s) >= %s
GROUP BY word ORDER BY max(similarity(word, %s)) DESC, word LIMIT %s
"""


class _SearchColumn(Expression):
    """The column `search` of the query's own table, whatever its alias is."""

    def __init__(self) -> None:
        super().__init__(output_field=SearchVectorField())

    def resolve_expression(self, query: Any = None, *args: Any, **kwargs: Any) -> Any:
        field = SearchVectorField()
        field.set_attributes_from_name("search")
        field.model = Prompt  # counting groups by expressions, which compares them by this
        return Col(query.get_initial_alias(), field)


def search_prompts(
    prompts: QuerySet[Prompt], text: str, *, fuzzy: bool = False
) -> QuerySet[Prompt]:
    """The prompts that hold the words of `text` (see annotation.domain.search_words).

    fuzzy: each word may also be one that is spelt nearly so. A text without any word finds nothing.
    """
    alternatives = read_search(text)
    if not alternatives:
        return prompts.none()
    query = reduce(
        or_, (reduce(and_, (_query(term, fuzzy) for term in terms)) for terms in alternatives)
    )
    return prompts.alias(search_column=_SearchColumn()).filter(search_column=query)


def _query(term: Term, fuzzy: bool) -> Any:
    if term.open_ended:
        words = [f"{term.words[0]}:*"]
        if fuzzy and not term.negated:
            words += [f"'{word}'" for word in words_alike(term.words[0])]
        query: Any = SearchQuery(" | ".join(words), config="simple", search_type="raw")
    else:
        query = SearchQuery(" ".join(term.words), config="simple", search_type="phrase")
    return ~query if term.negated else query


def words_alike(word: str) -> list[str]:
    """Words of stored prompts that are spelt nearly like `word`, the nearest first."""
    with connection.cursor() as cursor:
        cursor.execute(_FIND_ALIKE, [word, word, ALIKE, word, MOST_ALIKE])
        return [row[0] for row in cursor.fetchall()]
