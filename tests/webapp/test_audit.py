"""E12: each act leaves one entry, entries are only added, and no entry can forge another."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction
from django.test import Client

from tests.cast import PASSWORD, a_workspace, admin, ann, eve, join, log_in, mia
from webapp.accounts.actions import administer_person as people
from webapp.accounts.actions.change_profile import change_profile
from webapp.accounts.actions.create_first_admin import create_admin, create_first_admin
from webapp.accounts.actions.create_person import create_person
from webapp.accounts.models import User
from webapp.api.actions.token import create_token, revoke_token
from webapp.audit.actions.record import record
from webapp.audit.models import AuditEntry
from webapp.audit.visible import visible
from webapp.workspaces.actions import invite as inviting
from webapp.workspaces.actions import member as members
from webapp.workspaces.actions import workspace as workspaces
from webapp.workspaces.actions.accept_invitation import accept_invitation
from webapp.workspaces.models import Invitation, Workspace

pytestmark = pytest.mark.django_db


def the_workspace() -> Workspace:
    workspace = a_workspace()
    mia(workspace), join(workspace, ann(), "annotator")
    return workspace


def an_invitation() -> Invitation:
    return inviting.invite(
        workspace=the_workspace(), email="eve@rondo.test", role="viewer", by=mia()
    )[0]


# One line for each privileged act: the action that is recorded, what must be there, the act.
ACTS: dict[str, tuple[Callable[[], Any], Callable[[Any], Any]]] = {
    "workspace.create": (admin, lambda ada: workspaces.create_workspace(name="New", by=ada)),
    "workspace.change": (
        the_workspace,
        lambda w: workspaces.change_workspace(workspace=w, name="N", description="", by=mia()),
    ),
    "workspace.archive": (
        the_workspace,
        lambda w: workspaces.archive_workspace(workspace=w, by=mia()),
    ),
    "workspace.restore": (
        lambda: a_workspace(archived_at="2026-01-01T00:00Z"),
        lambda w: workspaces.restore_workspace(workspace=w, by=mia()),
    ),
    "workspace.delete": (
        lambda: a_workspace(archived_at="2026-01-01T00:00Z"),
        lambda w: workspaces.delete_workspace(workspace=w, typed="paper-cups", by=mia()),
    ),
    "membership.change": (
        the_workspace,
        lambda w: members.change_role(
            membership=w.memberships.get(user=ann()), role="viewer", by=mia()
        ),
    ),
    "membership.remove": (
        the_workspace,
        lambda w: members.remove_member(membership=w.memberships.get(user=ann()), by=mia()),
    ),
    "invitation.create": (
        the_workspace,
        lambda w: inviting.invite(workspace=w, email="n@rondo.test", role="viewer", by=mia()),
    ),
    "invitation.resend": (an_invitation, lambda i: inviting.resend(invitation=i, by=mia())),
    "invitation.revoke": (an_invitation, lambda i: inviting.revoke(invitation=i, by=mia())),
    "invitation.accept": (an_invitation, lambda i: accept_invitation(invitation=i, user=eve())),
    "person.disable": (ann, lambda p: people.disable_person(person=p, by=admin())),
    "person.enable": (ann, lambda p: people.enable_person(person=p, by=admin())),
    "person.set_site_admin": (
        ann,
        lambda p: people.set_site_admin(person=p, is_site_admin=True, by=admin()),
    ),
    "person.set_may_create_workspaces": (
        ann,
        lambda p: people.set_may_create_workspaces(person=p, may=True, by=admin()),
    ),
    "person.end_sessions": (ann, lambda p: people.end_all_sessions(person=p, by=admin())),
    "person.issue_reset_link": (ann, lambda p: people.issue_reset_link(person=p, by=admin())),
    "person.change_profile": (
        ann,
        lambda p: change_profile(person=p, name="Annie", time_zone="UTC"),
    ),
    "person.create": (lambda: None, lambda _: create_admin(email="new@rondo.test")),
    "token.create": (ann, lambda p: create_token(user=p, name="t", scope="read", days=1)),
    "token.revoke": (
        lambda: create_token(user=ann(), name="t", scope="read", days=1)[0],
        lambda t: revoke_token(token=t, by=ann()),
    ),
}


@pytest.mark.parametrize("action", ACTS)
def test_each_act_leaves_exactly_one_entry(action: str) -> None:
    before, act = ACTS[action]
    there = before()
    admin(), mia(), eve()
    known = set(AuditEntry.objects.values_list("pk", flat=True))
    act(there)
    assert [e.action for e in AuditEntry.objects.exclude(pk__in=known)] == [action]


@pytest.mark.parametrize("action", ACTS)
def test_an_act_that_is_undone_leaves_none(action: str) -> None:
    before, act = ACTS[action]
    there = before()
    admin(), mia(), eve()
    count = AuditEntry.objects.count()
    with transaction.atomic():
        act(there)
        transaction.set_rollback(True)
    assert AuditEntry.objects.count() == count


@pytest.mark.parametrize(
    "change",
    [
        lambda: AuditEntry.objects.update(action="nothing"),
        lambda: AuditEntry.objects.all().delete(),
        lambda: AuditEntry.objects.first().save(),
        lambda: connection.cursor().execute("DELETE FROM audit_auditentry"),
        lambda: connection.cursor().execute("UPDATE audit_auditentry SET target = ''"),
    ],
)
def test_an_entry_is_neither_changed_nor_deleted(change: Callable[[], Any]) -> None:
    record(actor=ann(), action="person.test", target="x")
    with pytest.raises(DatabaseError, match="audit entries are only added"), transaction.atomic():
        change()
    assert AuditEntry.objects.get().action == "person.test"


@pytest.mark.django_db(transaction=True)
def test_the_trigger_goes_back_and_forward_with_its_migration() -> None:
    call_command("migrate", "audit", "0001", verbosity=0)
    try:
        record(actor=None, action="x", target="x")
        AuditEntry.objects.update(action="y")  # the control: without the trigger it passes
    finally:
        call_command("migrate", verbosity=0)
    with pytest.raises(DatabaseError, match="only added"), transaction.atomic():
        AuditEntry.objects.update(action="z")


def test_failed_logins_and_refusals_are_entries(client: Client) -> None:
    ann(a_workspace(), password=PASSWORD)
    client.post("/account/login/", {"login": "ann@rondo.test", "password": "wrong"})
    client.post("/account/login/", {"login": "ann@rondo.test", "password": PASSWORD})
    client.get("/w/paper-cups/settings/")
    client.get("/site/")
    client.get("/api/v1/audit/")
    client.post("/account/logout/")
    found = list(AuditEntry.objects.order_by("pk").values_list("action", "target"))
    assert found == [
        ("login.failed", "address ann@rondo.test"),
        ("login", f"user {ann().pk}"),
        ("access.refused", "GET /w/paper-cups/settings/"),
        ("access.refused", "GET /site/"),
        ("access.refused", "GET /api/v1/audit/"),
        ("logout", f"user {ann().pk}"),
    ]
    assert set(AuditEntry.objects.values_list("ip", flat=True)) == {"127.0.0.1"}


NASTY = "a\r\nlogin root \x1b[31mred\x00 \u202eelif\u2066 \u2028 \ud800 <script>alert(1)</script>"


def test_what_would_forge_a_line_is_shown_instead_of_obeyed() -> None:
    shown = visible(NASTY)
    assert shown.isprintable()
    for part in (r"\r\n", r"\x1b", r"\x00", r"\u202e", r"\u2066", r"\u2028", r"\ud800"):
        assert part in shown
    assert visible("Grüße, 日本 😀") == "Grüße, 日本 😀"  # the control


def test_a_nasty_name_is_harmless_on_every_page(client: Client) -> None:
    workspace = a_workspace()
    record(actor=None, action="x.y", target=NASTY, workspace=workspace, changes={"items": NASTY})
    entry = AuditEntry.objects.get()
    assert json.dumps(entry.changes).isascii()
    log_in(client, mia(workspace))
    page = client.get("/w/paper-cups/audit/").content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "\u202e" not in page


def test_a_nasty_login_is_one_harmless_entry(client: Client) -> None:
    for email in ("a\r\nb@rondo.test", "a\u202e@rondo.test", "x" * 300 + "@rondo.test"):
        answer = client.post("/account/login/", {"login": email, "password": "wrong"})
        assert answer.status_code == 200
    for entry in AuditEntry.objects.all():
        assert entry.target.isprintable()


def test_secrets_never_reach_an_entry() -> None:
    canary = "canary-very-secret-1"
    workspace = the_workspace()
    ann(password=canary)
    _token, text = create_token(user=ann(), name="t", scope="read", days=1)
    _invitation, link = inviting.invite(
        workspace=workspace, email="n@rondo.test", role="viewer", by=mia()
    )
    _email, password = create_admin(email="second@rondo.test")
    reset = people.issue_reset_link(person=ann(), by=admin())
    Client().post("/account/login/", {"login": "ann@rondo.test", "password": canary})
    Client().post("/account/login/", {"login": "ann@rondo.test", "password": canary + "x"})
    secrets = [canary, text[15:], link.rstrip("/")[-20:], password, reset.rstrip("/")[-20:]]
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(to_jsonb(t)::text, '') FROM audit_auditentry t")
        everything = cursor.fetchone()[0]
    assert [secret for secret in secrets if secret in everything] == []


def test_managers_see_their_workspace_and_site_admins_everything(client: Client) -> None:
    ours, theirs = a_workspace(), a_workspace("Tea pots")
    mia(ours), eve(theirs)
    for workspace, by in ((ours, mia()), (theirs, eve())):
        workspaces.change_workspace(workspace=workspace, name="N", description="d", by=by)
    log_in(client, mia())
    page = client.get("/w/paper-cups/audit/").content.decode()
    assert "mia@rondo.test</td>" in page
    assert "eve@rondo.test" not in page
    log_in(client, admin())
    assert "eve@rondo.test" in client.get("/site/audit/").content.decode()


def test_the_filters_narrow_by_action_person_and_day(client: Client) -> None:
    log_in(client, admin())
    record(actor=ann(), action="membership.change", target="user 1")
    record(actor=mia(), action="workspace.create", target="workspace 1")

    def shown(query: str) -> int:
        return (
            client.get(f"/site/audit/?{query}").content.decode().count('<td class="shrink"><code>')
        )

    assert shown("") == 3  # and the login of the admin
    assert shown("action=membership") == 1
    assert shown("person=mia") == 1
    assert shown("since=2020-01-01&until=2020-01-02") == 0
    assert "Enter a valid date" in client.get("/site/audit/?since=x").content.decode()


def test_the_first_admin_is_made_once_and_the_password_shown_once(capsys: Any) -> None:
    made = create_first_admin()
    assert made is not None
    assert User.objects.get(email=made[0]).check_password(made[1])
    assert create_first_admin() is None
    call_command("create_admin")
    assert "already" in capsys.readouterr().out
    call_command("create_admin", email="Other@Rondo.test")
    said = capsys.readouterr().out.split()
    assert User.objects.get(email="other@rondo.test").check_password(
        said[said.index("password") + 1]
    )


def test_a_person_added_by_an_admin_gets_a_link_and_no_password() -> None:
    person, link = create_person(email="Bob@rondo.test", name="Bob", by=admin())
    assert not person.has_usable_password()
    assert "/account/password/reset/key/" in link
