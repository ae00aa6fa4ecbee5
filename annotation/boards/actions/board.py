"""Create, change and delete a board; switch its public link on and off."""

import secrets
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from annotation.boards.definition import Definition
from annotation.judgement_filter import JudgementFilter
from annotation.models import Board
from webapp import artifacts
from webapp.audit.actions.record import record
from webapp.workspaces.models import Workspace


@dataclass(frozen=True)
class BoardPlan:
    """Everything a person says about a board."""

    name: str
    description: str = ""
    filter: JudgementFilter = field(default_factory=JudgementFilter)
    definition: Definition = field(default_factory=Definition)


@transaction.atomic
def create_board(*, workspace: Workspace, by: Any, plan: BoardPlan) -> Board:
    """
    Raises:
        ValidationError: the name is empty or taken.
    """
    board = Board(workspace=workspace, created_by=by)
    _take(board, plan)
    _save(board)
    record(actor=by, action="board.create", target=board, workspace=workspace)
    return board


@transaction.atomic
def change_board(*, board: Board, by: Any, plan: BoardPlan) -> Board:
    """A change of filter or definition makes the figures old; a snapshot keeps what it was.

    Raises:
        ValidationError: the name is empty or taken.
    """
    locked = Board.objects.select_for_update().get(pk=board.pk)
    before = (locked.filter, locked.definition)
    named = [locked.name, plan.name]
    _take(locked, plan)
    if (locked.filter, locked.definition) != before:
        locked.version += 1
    _save(locked)
    record(
        actor=by,
        action="board.change",
        target=locked,
        workspace=locked.workspace,
        changes={
            **({"name": named} if named[0] != named[1] else {}),
            **({"filter": [before[0], locked.filter]} if before[0] != locked.filter else {}),
            **(
                {"definition": [before[1], locked.definition]}
                if before[1] != locked.definition
                else {}
            ),
        },
    )
    return locked


@transaction.atomic
def delete_board(*, board: Board, by: Any) -> None:
    """With its figures and snapshots; votes stay as they are."""
    files = [snapshot.votes_file["path"] for snapshot in board.snapshots.only("votes_file")]
    report = getattr(board, "report", None)
    if report is not None:
        files.append(report.votes_file["path"])
    record(actor=by, action="board.delete", target=board, workspace=board.workspace)
    board.delete()
    for path in files:
        transaction.on_commit(partial(artifacts.delete, path), robust=True)


@transaction.atomic
def share_board(
    *, board: Board, by: Any, on: bool, people: bool = False, texts: bool = False
) -> Board:
    """Switch the public read-only link. Switched off and on again it is another link."""
    locked = Board.objects.select_for_update().get(pk=board.pk)
    before = _sharing(locked)
    if not on:
        locked.public_nonce = ""
    elif not locked.public_nonce:
        locked.public_nonce = secrets.token_urlsafe(24)
    locked.public_people, locked.public_texts = on and people, on and texts
    locked.save(update_fields=["public_nonce", "public_people", "public_texts"])
    record(
        actor=by,
        action="board.share",
        target=locked,
        workspace=locked.workspace,
        changes={"sharing": [before, _sharing(locked)]},
    )
    return locked


def public_secret(board: Board) -> str:
    """The part of the public address that nobody guesses; empty where there is no link.

    It is made from the nonce with the installation's key, so that a copy of the database alone
    opens no board.
    """
    if not board.public_nonce:
        return ""
    text = f"{board.pk}:{board.public_nonce}"
    return salted_hmac("rondo public board", text, algorithm="sha256").hexdigest()[:40]


def _sharing(board: Board) -> str:
    if not board.public_nonce:
        return "off"
    also = [word for word, on in (("people", board.public_people), ("texts", board.public_texts))]
    shown = [word for word in also if getattr(board, f"public_{word}")]
    return " with ".join(["on", *([", ".join(shown)] if shown else [])])


def _take(board: Board, plan: BoardPlan) -> None:
    name = plan.name.strip()
    if not name or len(name) > 100:
        raise ValidationError({"name": _("A board needs a name of at most 100 characters.")})
    board.name, board.description = name, plan.description.strip()[:500]
    board.filter, board.definition = plan.filter.as_json(), plan.definition.as_json()


def _save(board: Board) -> None:
    try:
        with transaction.atomic():
            board.save()
    except IntegrityError:
        raise ValidationError(
            {"name": _("There is already a board named “%s”. Choose another name.") % board.name}
        ) from None
