"""One batch of prepared records into prompts, answers and judgements."""

from collections import Counter
from collections.abc import Sequence

from annotation.imports.copying import Copier
from annotation.imports.prepared import PreparedRecord
from annotation.imports.stored_answers import store_answers
from annotation.imports.stored_judgements import store_judgements
from annotation.imports.stored_prompts import store_prompts


class Tables:
    """Writes batches for one workspace and counts new rows in `written`, by table."""

    def __init__(self, workspace_id: int, created_by_id: int | None, import_id: int | None) -> None:
        self.workspace_id = workspace_id
        self._copier = Copier(workspace_id, created_by_id, import_id)

    @property
    def written(self) -> Counter[str]:
        return self._copier.written

    def store(self, records: Sequence[PreparedRecord]) -> list[bool]:
        """Store what is new; for each record whether anything of it was."""
        rows = [row for record in records for row in record.rows]
        fresh: set[int] = set()  # ids of the PreparedRow objects that brought something new
        copier, workspace = self._copier, self.workspace_id
        prompts = store_prompts(rows, workspace, copier, fresh)
        answers = store_answers(rows, prompts, copier, fresh)
        store_judgements(rows, prompts, answers, workspace, copier, fresh)
        return [any(id(row) in fresh for row in record.rows) for record in records]
