"""E8: an invitation works once, for one address, for a week; only its hash is kept."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client
from django.utils import timezone

from tests.cast import PASSWORD, a_workspace, ann, eve, log_in, mia
from webapp.accounts.models import User
from webapp.audit.models import AuditEntry
from webapp.workspaces.actions.accept_invitation import accept_invitation, invitation_of
from webapp.workspaces.actions.invite import invite, resend, revoke
from webapp.workspaces.models import Invitation, Membership

JOIN = {"name": "Nia", "password": "quite a long secret"}


@pytest.fixture
def invited(db: None) -> tuple[Invitation, str]:
    workspace = a_workspace()
    return invite(workspace=workspace, email="Nia@rondo.test", role="annotator", by=mia(workspace))


def path_of(link: str) -> str:
    return link.removeprefix("http://127.0.0.1:8000")


def test_a_new_person_makes_an_account_joins_and_is_logged_in(
    client: Client, invited: tuple[Invitation, str]
) -> None:
    invitation, link = invited
    assert b"nia@rondo.test" in client.get(path_of(link)).content
    answer = client.post(path_of(link), JOIN, follow=True)
    assert answer.redirect_chain == [("/w/paper-cups/", 302)]
    membership = Membership.objects.get(user__email="nia@rondo.test")
    assert (membership.role, str(membership.user)) == ("annotator", "Nia")
    assert membership.user.check_password(JOIN["password"])
    invitation.refresh_from_db()
    assert (invitation.state, invitation.accepted_by) == ("accepted", membership.user)


def test_the_link_works_once(invited: tuple[Invitation, str]) -> None:
    _invitation, link = invited
    assert Client().post(path_of(link), JOIN).status_code == 302
    second = Client().post(path_of(link), JOIN | {"name": "Somebody else"})
    assert second.status_code == 404
    assert b"does not work" in second.content


@pytest.mark.parametrize("end", ["run out", "revoked", "replaced", "archived"])
def test_a_link_that_has_ended_creates_nobody(invited: tuple[Invitation, str], end: str) -> None:
    invitation, link = invited
    if end == "run out":
        Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    elif end == "revoked":
        revoke(invitation=invitation, by=mia())
    elif end == "replaced":
        assert Client().get(path_of(resend(invitation=invitation, by=mia()))).status_code == 200
    else:
        type(invitation.workspace).objects.update(archived_at=timezone.now())
    assert Client().post(path_of(link), JOIN).status_code == 404
    assert not User.objects.filter(email="nia@rondo.test").exists()


def test_it_is_for_the_invited_address_alone(
    client: Client, invited: tuple[Invitation, str]
) -> None:
    invitation, link = invited
    log_in(client, eve())
    assert b"You are logged in as eve@rondo.test" in client.get(path_of(link)).content
    client.post(path_of(link), JOIN)
    with pytest.raises(ValidationError, match=r"is for nia@rondo.test, and you are logged in as"):
        accept_invitation(invitation=invitation, user=eve())
    assert not Membership.objects.filter(user=eve()).exists()
    assert invitation_of(link.rstrip("/").rpartition("/")[2]) == invitation  # still open for Nia


def test_somebody_with_an_account_logs_in_to_accept(client: Client, db: None) -> None:
    workspace = a_workspace()
    _invitation, link = invite(
        workspace=workspace, email="ann@rondo.test", role="viewer", by=mia(workspace)
    )
    ann(password=PASSWORD)
    assert b"Log in to accept" in client.get(path_of(link)).content
    assert client.post(path_of(link), JOIN).status_code == 200  # makes no second account
    assert User.objects.filter(email="ann@rondo.test").count() == 1
    log_in(client, ann())
    assert b'name="password"' not in client.get(path_of(link)).content  # one button: Accept
    assert client.post(path_of(link)).status_code == 302
    assert Membership.objects.get(user=ann()).role == "viewer"


def test_a_weak_password_is_refused_beside_its_field(invited: tuple[Invitation, str]) -> None:
    answer = Client().post(path_of(invited[1]), {"name": "Nia", "password": "password"})
    assert b"too short" in answer.content
    assert not User.objects.filter(email="nia@rondo.test").exists()


def test_only_the_hash_of_the_link_is_kept(invited: tuple[Invitation, str]) -> None:
    secret = invited[1].rstrip("/").rpartition("/")[2]
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(
                f'SELECT count(*) FROM "{table}" t WHERE to_jsonb(t)::text LIKE %s', [f"%{secret}%"]
            )
            assert cursor.fetchone()[0] == 0, table


@pytest.mark.django_db
def test_with_mail_set_up_the_inviter_never_sees_the_link(client: Client, settings: Any) -> None:
    settings.MAIL_IS_SET_UP = True
    workspace = a_workspace()
    log_in(client, mia(workspace))
    form = {"email": "nia@rondo.test", "role": "annotator"}
    answer = client.post("/w/paper-cups/invitations/", form, follow=True)
    assert b"/invitations/" not in answer.content.replace(b"/w/paper-cups/invitations/", b"")
    (message,) = mail.outbox
    assert message.to == ["nia@rondo.test"]
    link = next(word for word in message.body.split() if "/invitations/" in word)
    Client().post(path_of(link), JOIN)
    from allauth.account.models import EmailAddress

    assert EmailAddress.objects.get(email="nia@rondo.test").verified


@pytest.mark.django_db
def test_a_mail_server_that_is_away_gives_the_link_to_the_inviter(
    client: Client, settings: Any
) -> None:
    settings.MAIL_IS_SET_UP = True
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    workspace = a_workspace()
    log_in(client, mia(workspace))
    form = {"email": "nia@rondo.test", "role": "annotator"}
    answer = client.post("/w/paper-cups/invitations/", form)
    assert b"http://127.0.0.1:8000/invitations/" in answer.content
    assert not Invitation.objects.get().mailed


def test_members_and_waiting_addresses_are_not_invited_again(
    invited: tuple[Invitation, str],
) -> None:
    workspace = invited[0].workspace
    for email, sentence in {
        "mia@rondo.test": "is a member already",
        "nia@rondo.test": "is invited already",
    }.items():
        with pytest.raises(ValidationError, match=sentence):
            invite(workspace=workspace, email=email, role="viewer", by=mia())


@pytest.mark.django_db(transaction=True)
def test_of_eight_who_accept_at_once_one_gets_in() -> None:
    workspace = a_workspace()
    invitation, _link = invite(
        workspace=workspace, email="ann@rondo.test", role="annotator", by=mia(workspace)
    )
    person, outcomes = ann(), []
    barrier = threading.Barrier(8)

    def accept() -> None:
        barrier.wait()
        try:
            accept_invitation(invitation=invitation, user=person)
            outcomes.append("in")
        except ValidationError:
            outcomes.append("refused")
        finally:
            connection.close()

    threads = [threading.Thread(target=accept) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["in", *["refused"] * 7]
    assert AuditEntry.objects.filter(action="invitation.accept").count() == 1
