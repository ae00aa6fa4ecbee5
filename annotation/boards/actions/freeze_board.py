"""Keep a board as it is now: votes, definition and figures in a file that recomputes the same."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from annotation.boards.definition import Definition
from annotation.boards.kinds import FREEZE
from annotation.boards.queries import definition_of, filter_of, read_all
from annotation.boards.report import board_report, report_sha256
from annotation.boards.votes import read_votes, write_votes
from annotation.models import Board, BoardSnapshot
from webapp import artifacts
from webapp.audit.actions.record import record
from webapp.jobs import enqueue
from webapp.jobs.models import Job


class Differs(Exception):
    """A snapshot's file or figures are not what was kept: the sentence says which."""


def freeze_board(*, board: Board, by: Any, name: str) -> BoardSnapshot:
    """Read every vote of this moment and keep it; call it in a job for a large board.

    Raises:
        ValidationError: the name is empty or taken on this board.
    """
    name = checked_name(board, name)
    votes = read_all(board)
    definition = definition_of(board)
    content = board_report(votes, definition)
    fingerprint = votes.fingerprint()
    path = f"boards/{board.pk}/snapshots/{fingerprint[:32]}-{by.pk if by else 0}.npz"
    number = board.snapshots.count()
    path = path.replace(".npz", f"-{number}.npz")
    with artifacts.writing(path, name="votes.npz", content_type="application/zip") as file:
        write_votes(votes, file, small=True)
    assert file.artifact is not None
    try:
        with transaction.atomic():
            kept = BoardSnapshot.objects.create(
                board=board,
                name=name,
                filter_in_words=filter_of(board).in_words(),
                definition=definition.as_json(),
                votes_file=file.artifact.as_dict(),
                fingerprint=fingerprint,
                votes=votes.judgements(),
                content=content,
                content_sha256=report_sha256(content),
                created_by=by if getattr(by, "pk", None) else None,
            )
            record(
                actor=by,
                action="board.freeze",
                target=kept,
                workspace=board.workspace,
                changes={"votes": [None, kept.votes], "fingerprint": [None, fingerprint]},
            )
    except IntegrityError:
        artifacts.delete(path)
        raise ValidationError({"name": _taken(name)}) from None
    return kept


def ask_to_freeze(*, board: Board, by: Any, name: str) -> Job:
    """The same as a job.

    Raises:
        ValidationError: the name is empty or taken on this board.
    """
    with transaction.atomic():
        return enqueue(
            kind=FREEZE,
            owner=by,
            workspace=board.workspace,
            arguments={"board": board.pk, "name": checked_name(board, name)},
        )


def checked_name(board: Board, name: str) -> str:
    name = name.strip()
    if not name or len(name) > 100:
        raise ValidationError({"name": _("A snapshot needs a name of at most 100 characters.")})
    if board.snapshots.filter(name=name).exists():
        raise ValidationError({"name": _taken(name)})
    return name


def recompute(*, snapshot: BoardSnapshot) -> dict[str, Any]:
    """The figures once more, from the snapshot's own file.

    Raises:
        Differs: the file is not the one that was kept, or the figures have other digits.
    """
    with artifacts.reading(snapshot.votes_file["path"]) as file:
        votes = read_votes(file)
    if votes.fingerprint() != snapshot.fingerprint:
        raise Differs(_("The file of votes is not the one that this snapshot was made of."))
    content = board_report(votes, Definition.from_json(snapshot.definition))
    if report_sha256(content) != snapshot.content_sha256:
        made = snapshot.content.get("code_version")
        raise Differs(
            _("The same votes give other figures: this snapshot is of code version %(then)s.")
            % {"then": made}
        )
    return content


def _taken(name: str) -> str:
    return _("This board has a snapshot named “%s” already. Choose another name.") % name
