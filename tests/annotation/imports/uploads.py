"""Files on their way in: uploaded, looked through, imported by a worker of the test itself."""

from typing import Any

from annotation.actions.upload_import import upload_import
from annotation.models import Import
from webapp.artifacts import writing
from webapp.jobs.runner import run_next

LINES = b'{"prompt": "Name a river."}\n{"prompt": 7}\n'


def an_import(workspace: Any, by: Any, data: bytes = LINES, name: str = "rivers.jsonl") -> Import:
    """An uploaded file with a rejects file beside it, as a dry run would leave it."""
    made = upload_import(workspace=workspace, by=by, name=name, chunks=[data])
    path = f"{made.file['path']}.rejects"
    with writing(path, name="rejects.jsonl", content_type="application/x-ndjson") as file:
        file.write(b'{"line": 2}\n')
    assert file.artifact is not None
    made.rejects = file.artifact.as_dict()
    made.save(update_fields=["rejects"])
    return made


def work() -> None:
    """Do every job that waits."""
    while run_next(queue="default", worker="default@test:1") is not None:
        pass
