"""Keep what a person has typed, without ever overwriting another tab's text in silence."""

from typing import Any

from django.db import connection
from psycopg.types.json import Jsonb

from annotation.models import Draft, Item

SAVE = """
INSERT INTO annotation_draft (item_id, annotator_id, content, version, saved_at)
VALUES (%(item)s, %(annotator)s, %(content)s, 1, now())
ON CONFLICT (item_id, annotator_id) DO UPDATE
SET content = excluded.content, version = annotation_draft.version + 1, saved_at = now()
WHERE annotation_draft.version = %(seen)s
RETURNING version
"""


class DraftConflict(Exception):
    """Another tab saved a newer draft; `kept` is that one, and the refused text is the caller's."""

    def __init__(self, kept: Draft) -> None:
        self.kept = kept
        super().__init__("Another window saved a newer version. Compare the two and choose one.")


def save_draft(*, item: Item, annotator: Any, content: dict[str, Any], seen: int) -> int:
    """Save `content` over version `seen` (0: none yet); the new version's number.

    Raises:
        DraftConflict: somebody (the same person in another tab) saved since `seen`.
    """
    values = {"item": item.pk, "annotator": annotator.pk, "content": Jsonb(content), "seen": seen}
    with connection.cursor() as cursor:
        cursor.execute(SAVE, values)
        saved = cursor.fetchone()
    if saved is None:
        raise DraftConflict(Draft.objects.get(item=item, annotator=annotator))
    return int(saved[0])


def keep_as_draft(*, item: Item, annotator: Any, content: dict[str, Any]) -> None:
    """Keep a text that could not be taken as a judgement, whatever draft was there before."""
    Draft.objects.update_or_create(item=item, annotator=annotator, defaults={"content": content})
