"""One world for all access tests: two workspaces with the same things in them, and nine identities.

It is built once for a module and every request is rolled back, so that a thousand requests take
seconds. A room that adds an address with an id adds the id's two twins to `kwargs` and `twins`.
"""

import contextlib
import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from allauth.account.utils import user_pk_to_url_str
from allauth.usersessions.models import UserSession
from django.db import connection, transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from annotation.actions.assign import assign
from annotation.actions.crowd import LinkPlan, set_link
from annotation.actions.edit_task import begin_task
from annotation.actions.suggest import suggest
from annotation.boards.actions.board import public_secret, share_board
from annotation.boards.actions.freeze_board import freeze_board
from annotation.crowd import secret_of
from annotation.domain.conversion.instruction_task import InstructionTask
from annotation.models import Attribute
from annotation.models.campaigns import Kind
from annotation.models.suggestions import Origin
from tests import cast
from tests.annotation.boards.material import a_board, a_vote
from tests.annotation.curated import a_curated_prompt
from tests.annotation.imports.uploads import an_import
from tests.annotation.material import a_campaign, a_prompt, an_answer
from tests.cast import PASSWORD
from tests.training.models_world import asking_ids
from tests.training.registry import learning_ids
from tests.training.snapshots import a_snapshot
from tests.webapp.webhooks.material import a_webhook_with_a_delivery
from webapp.accounts.models import User
from webapp.api.actions.token import create_token
from webapp.api.models import ApiToken
from webapp.jobs import enqueue
from webapp.workspaces.actions.invite import invite
from webapp.workspaces.models import Workspace

IDENTITIES = (
    "anonymous",
    "annotator",
    "viewer",
    "manager",
    "stranger",  # manages the other workspace
    "admin",
    "read",  # tokens of the manager
    "write",
    "expired",
)
HTTP = ("get", "post", "put", "patch", "delete")
ABSENT = 999_999_999


def routes(
    patterns: list[URLPattern | URLResolver] | None = None,
    space: str = "",
    outer: frozenset[str] = frozenset(),
) -> Iterator[tuple[str, str, frozenset[str]]]:
    """(name, method, names of its parameters) of every address that the resolver knows."""
    for each in patterns if patterns is not None else get_resolver().url_patterns:
        inside = outer | frozenset(each.pattern.regex.groupindex)
        if isinstance(each, URLResolver):
            below = f"{space}{each.namespace}:" if each.namespace else space
            yield from routes(each.url_patterns, below, inside)
            continue
        for method in sorted(methods_of(each.callback)):
            yield f"{space}{each.name or each.pattern}", method, inside


def methods_of(view: Any) -> set[str]:
    """Of a function what its decorator lists; of a class the methods it has."""
    if cls := getattr(view, "view_class", None) or getattr(view, "cls", None):
        return {method.upper() for method in HTTP if hasattr(cls, method)}
    if listed := getattr(view, "allowed_methods", None):
        return {method.upper() for method in listed}
    # A plain function of a library: it sees to its methods itself, so all of them are classified.
    return {"GET", "POST"}


@dataclass
class World:
    ours: Workspace
    theirs: Workspace
    people: dict[str, User]
    clients: dict[str, Client]
    tokens: dict[str, str]
    kwargs: dict[str, Any] = field(default_factory=dict)  # of our workspace, for its manager
    twins: dict[str, Any] = field(default_factory=dict)  # the same of the other workspace

    def address(self, route: str, **other: Any) -> str:
        """The address with ids of our workspace, or with the ones in `other`."""
        ids = self.kwargs | other
        names = parameter_names(route)
        return reverse(route, kwargs={name: ids[meant_by(route, name)] for name in names})

    def ask(
        self, identity: str, method: str, address: str, data: Any = None, **headers: str
    ) -> Any:
        """One request as `identity`; what it changed is rolled back by the caller or stays."""
        client = self.clients[identity]
        if identity in self.tokens:
            headers["Authorization"] = f"Bearer {self.tokens[identity]}"
        options: dict[str, Any] = {"headers": headers}
        if address.startswith("/api/") and method != "GET":
            options["content_type"] = "application/json"
        return getattr(client, method.lower())(address, data, **options)

    def call(self, identity: str, method: str, address: str, data: Any = None, **h: str) -> Any:
        """One request that leaves no trace, in the database or in the browser."""
        with self.without_trace(identity):
            return self.ask(identity, method, address, data, **h)

    @contextlib.contextmanager
    def without_trace(self, identity: str) -> Iterator[None]:
        client = self.clients[identity]
        cookies = copy.deepcopy(client.cookies)
        try:
            with rolled_back():
                yield
        finally:
            client.cookies = cookies


def parameter_names(route: str) -> frozenset[str]:
    for name, _method, parameters in routes():
        if name == route:
            return parameters
    raise LookupError(f"There is no address named {route}")


# What a parameter stands for where its name alone does not say it: (start of the route, name).
MEANT = {
    ("annotation:import", "pk"): "imported",
    ("annotation:conversion", "pk"): "imported",
    ("annotation:task_open", "pk"): "imported",
    ("annotation:", "pk"): "campaign",
    ("annotation:", "assignment_pk"): "assignment",
    ("annotation:board_download", "name"): "board_file",
    ("annotation:board_snapshot", "snapshot"): "board_snapshot",
    ("public_board", "name"): "board_file",
    ("public_board", "secret"): "board_secret",
    ("crowd", "secret"): "crowd_secret",
}


def meant_by(route: str, name: str) -> str:
    """The key of World.kwargs that fills parameter `name` of `route`."""
    found = [kind for (start, at), kind in MEANT.items() if route.startswith(start) and at == name]
    return found[0] if found else name


@contextlib.contextmanager
def rolled_back() -> Iterator[None]:
    """What happens inside has not happened in the database.

    Marked as a test's own transaction, as TestCase does, so that durable ones may begin inside.
    """
    outer = transaction.atomic()
    outer._from_testcase = True  # type: ignore[attr-defined]
    with outer:
        yield
        transaction.set_rollback(True)


# Not compared: sessions (a visit moves their time), limits that count requests, the audit trail
# (whose growth other tests assert), and the hints of the cache.
UNCOMPARED = {
    "django_session",
    "accounts_throttle",
    "rondo_cache",
    "audit_auditentry",
    "usersessions_usersession",
    "django_migrations",
}
MOVING = ["last_used_at", "last_login", "last_seen_at"]


def checksums(*, without: set[str] = frozenset()) -> dict[str, str]:  # type: ignore[assignment]
    """Table -> md5 of all its rows."""
    found: dict[str, str] = {}
    with connection.cursor() as cursor:
        tables = [each for each in connection.introspection.table_names(cursor)]
        for table in sorted(set(tables) - UNCOMPARED - without):
            cursor.execute(
                f"SELECT md5(coalesce(string_agg(row::text, chr(10) ORDER BY row::text), ''))"
                f' FROM (SELECT to_jsonb(t) - %s::text[] AS row FROM "{table}" t) rows',
                [MOVING],
            )
            found[table] = cursor.fetchone()[0]
    return found


def rows_of(table: str) -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT (to_jsonb(t) - %s::text[])::text FROM "{table}" t', [MOVING])
        return {row[0] for row in cursor.fetchall()}


def build() -> World:
    ours, theirs = cast.a_workspace(), cast.a_workspace("Tea pots")
    people = {
        "annotator": cast.ann(ours, password=PASSWORD),
        "viewer": cast.vic(ours, password=PASSWORD),
        "manager": cast.mia(ours, password=PASSWORD),
        "stranger": cast.eve(theirs, password=PASSWORD),
        "admin": cast.admin(password=PASSWORD),
    }
    twin_ann = cast.person("ann@tea.test")
    cast.join(theirs, twin_ann, "annotator")
    world = World(
        ours=ours,
        theirs=theirs,
        people=people,
        clients={name: Client() for name in IDENTITIES},
        tokens={},
    )
    for name, person in people.items():
        answer = world.clients[name].post(
            reverse("account_login"), {"login": person.email, "password": PASSWORD}
        )
        assert answer.status_code == 302, name
        # allauth's most guarded pages want the password once more within five minutes
        world.clients[name].post(reverse("account_reauthenticate"), {"password": PASSWORD})
    _tokens(world)
    world.kwargs = _ids(ours, people["manager"], people["annotator"])
    world.twins = _ids(theirs, people["stranger"], twin_ann)
    return world


def _tokens(world: World) -> None:
    for name, scope in {"read": "read", "write": "write", "expired": "write"}.items():
        row, text = create_token(user=world.people["manager"], name=name, scope=scope, days=9)
        world.tokens[name] = text
        if name == "expired":
            ApiToken.objects.filter(pk=row.pk).update(expires_at=timezone.now())


def _ids(workspace: Workspace, manager: User, annotator: User) -> dict[str, Any]:
    invitation, link = invite(
        workspace=workspace, email=f"new@{workspace.slug}.test", role="annotator", by=manager
    )
    token, _text = create_token(user=manager, name="spare", scope="read", days=1)
    campaign = a_campaign(workspace, manager)
    assignment = assign(campaign=campaign, annotator=annotator)
    assert assignment is not None
    job = enqueue(kind="audit export", owner=manager, workspace=workspace)
    talks = a_campaign(workspace, manager, kind=Kind.CONVERSATION)
    imported = an_import(workspace, manager)
    curated = a_curated_prompt(workspace, manager)
    session = UserSession.objects.filter(user=manager).first()
    return {
        "slug": workspace.slug,
        "member": workspace.memberships.get(user=annotator).pk,
        "invitation": invitation.pk,
        "secret": link.rstrip("/").rpartition("/")[2],
        "token": token.pk,
        "person": annotator.pk,
        "campaign": campaign.pk,
        "assignment": assignment.pk,
        "conversation": talks.conversations.get().pk,
        "imported": imported.pk,
        "task": begin_task(
            workspace=workspace, by=manager, name="a task", content=InstructionTask()
        ).pk,
        "item": assignment.item_id,
        "suggestions": suggest(
            campaign=campaign,
            by=manager,
            origin=Origin.FILE,
            name="rules",
            rows=[{"item": assignment.item_id, "choice": "tie"}],
        ).pk,
        "attribute": Attribute.objects.create(
            workspace=workspace, name="honest", question="Is it honest?"
        ).pk,
        "job": job.pk,
        **a_webhook_with_a_delivery(workspace, manager),
        "snapshot": a_snapshot(workspace, manager).pk,
        **curated,
        **_crowd_ids(campaign, manager),
        **_board_ids(workspace, manager),
        "session": session.pk if session else ABSENT,
        "name": "end-sessions",
        "rest": "no/such/thing/",
        "provider_id": "sso",
        "key": "no-such-key",
        "uidb36": user_pk_to_url_str(annotator),
        **asking_ids(workspace, manager, annotator),
        **learning_ids(workspace, manager),
    }


def _crowd_ids(campaign: Any, manager: User) -> dict[str, Any]:
    link = set_link(campaign=campaign, by=manager, plan=LinkPlan("prolific", 5))
    return {"link": link.pk, "crowd_secret": secret_of(link)}


def _board_ids(workspace: Workspace, manager: User) -> dict[str, Any]:
    """A board with a vote, a snapshot and a public link that shows everything."""
    board = a_board(workspace, manager)
    prompt = a_prompt(workspace)
    vote = a_vote(
        prompt, an_answer(prompt, generator="ant"), an_answer(prompt, generator="bee"), "left"
    )
    snapshot = freeze_board(board=board, by=manager, name="Before")
    shared = share_board(board=board, by=manager, on=True, people=True, texts=True)
    return {
        "board": board.pk,
        "board_snapshot": snapshot.pk,
        "vote": f"c{vote.pk}",
        "section": "ratings",
        "board_file": "ratings.csv",
        "board_secret": public_secret(shared),
    }
