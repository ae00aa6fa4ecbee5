"""A workspace full of made-up judgements, to see how Rondo carries as many as yours will be."""

from collections.abc import Callable
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils.translation import gettext as _

from annotation.actions.open_campaign import Plan, open_campaign, open_without_items
from annotation.made_up import statements
from annotation.models import Prompt
from annotation.models.campaigns import Kind
from webapp.accounts.models import User
from webapp.workspaces.actions.workspace import create_workspace
from webapp.workspaces.models import Workspace

LEAST, MOST = 100, 20_000_000
MODELS = 4
A_PROMPT = 20  # judgements for each
MOST_PEOPLE = 200
TO_DO = 1000  # items that wait for somebody
# kind -> the share of all judgements, people for an item, answers that an item shows
SHARES = {
    Kind.COMPARISON: (0.8, 2, 2),
    Kind.RANKING: (0.1, 1, 3),
    Kind.DEMONSTRATION: (0.1, 1, 0),
}
JUDGE = {
    Kind.COMPARISON: (statements.COMPARISONS,),
    Kind.RANKING: (statements.RANKINGS, statements.ENTRIES),
    Kind.DEMONSTRATION: (statements.DEMONSTRATIONS,),
}


def generate_judgements(
    *, name: str, judgements: int, by: User, say: Callable[[str], None], seed: int = 0
) -> Workspace:
    """A new workspace of this name with so many judgements of people who do not exist.

    Their source is *simulated* in every table, export and board. All or nothing. An existing
    workspace is never filled: nobody could tell what was made up and what was said.

    Raises:
        ValidationError: the name is taken, or the number is out of range.
    """
    if not LEAST <= judgements <= MOST:
        raise ValidationError(
            _("%(given)d judgements were asked for. Allowed: %(least)d to %(most)d.")
            % {"given": judgements, "least": LEAST, "most": MOST}
        )
    if Workspace.objects.filter(name=name, deleted_at=None).exists():
        raise ValidationError(
            _("There is a workspace named “%s”. Give the name of one that does not exist.") % name
        )
    with transaction.atomic():
        workspace = create_workspace(
            name=name,
            description=_(
                "Made up by a command, to try how Rondo carries so much. Nobody said it."
            ),
            by=by,
        )
        _fill(workspace, judgements, by, say, seed)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")  # the planner has never seen so many rows
    return workspace


def _fill(
    workspace: Workspace, judgements: int, by: User, say: Callable[[str], None], seed: int
) -> None:
    prompts = max(10, judgements // A_PROMPT)
    given = {
        "workspace": workspace.pk,
        "prompts": prompts,
        "people": min(MOST_PEOPLE, max(4, judgements // 1000)),
        "models": MODELS,
        "seed": seed,
    }
    say(_("Writing %(prompts)d prompts and %(answers)d answers.")
        % {"prompts": prompts, "answers": prompts * MODELS})  # fmt: skip
    _run((statements.PEOPLE, statements.MEMBERS, statements.PROMPTS, statements.ANSWERS), given)
    left = judgements
    for kind, (part, overlap, shown) in SHARES.items():
        wanted = left if kind == Kind.DEMONSTRATION else int(judgements * part) // overlap * overlap
        left -= wanted
        plan = Plan(
            name=_("Made up: %s") % Kind(kind).label.lower(),
            kind=kind,
            overlap=overlap,
            answers=shown or 2,
        )
        campaign = open_without_items(workspace=workspace, by=by, plan=plan)
        say(_("Writing %(count)d judgements: %(what)s.")
            % {"count": wanted, "what": campaign.get_kind_display().lower()})  # fmt: skip
        items = wanted // overlap
        more = {"campaign": campaign.pk, "items": items, "overlap": overlap, "shown": shown}
        layout = [statements.ITEMS, *([statements.SHOWN] if shown else []), statements.ASSIGNMENTS]
        _run((*layout, *JUDGE[kind]), given | more)
    # So that the work itself can be tried, too.
    open_campaign(
        workspace=workspace,
        by=by,
        plan=Plan(name=_("Made up: to do"), kind=Kind.COMPARISON),
        prompts=Prompt.objects.filter(workspace=workspace),
        most=TO_DO,
    )


def _run(commands: tuple[str, ...], given: dict[str, Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")
        for command in commands:
            cursor.execute(command, given)
            # What the next statement joins must be known to be large.
            table = command.split("INSERT INTO ", 1)[1].split(" ", 1)[0]
            cursor.execute(f"ANALYZE {table}")
