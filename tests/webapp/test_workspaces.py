"""Workspaces begin, change, rest and end; somebody always stays in charge."""

import threading
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from annotation.models import Campaign, Prompt
from tests.annotation.material import a_campaign
from tests.cast import a_workspace, admin, ann, eve, join, log_in, mia, person
from webapp.accounts.actions.administer_person import (
    disable_person,
    set_may_create_workspaces,
    set_site_admin,
)
from webapp.accounts.models import User
from webapp.audit.models import AuditEntry
from webapp.jobs.runner import run_next
from webapp.workspaces import deletion
from webapp.workspaces.actions.member import change_role, remove_member
from webapp.workspaces.actions.workspace import (
    change_workspace,
    create_workspace,
    delete_workspace,
    run_deletion,
    what_would_be_deleted,
)
from webapp.workspaces.models import Membership, Workspace

pytestmark = pytest.mark.django_db


def test_the_creator_manages_and_the_name_becomes_the_address() -> None:
    first = create_workspace(name=" Paper   cups! ", by=admin())
    second = create_workspace(name="Paper cups", by=admin())
    strange = create_workspace(name="紙コップ", by=admin())
    assert [each.slug for each in (first, second, strange)] == [
        "paper-cups",
        "paper-cups-2",
        "workspace",
    ]
    assert first.name == "Paper cups!"
    assert Membership.objects.get(workspace=first).role == "manager"


def test_who_may_create_workspaces() -> None:
    with pytest.raises(ValidationError, match="A site admin can allow it"):
        create_workspace(name="Mine", by=ann())
    set_may_create_workspaces(person=ann(), may=True, by=admin())
    assert create_workspace(name="Mine", by=ann()).slug == "mine"


@pytest.mark.parametrize("name", ["", "   ", "x" * 101])
def test_it_refuses_a_name_that_nobody_can_read(name: str) -> None:
    with pytest.raises(ValidationError, match="between 1 and 100"):
        create_workspace(name=name, by=admin())


def test_a_new_name_keeps_the_address() -> None:
    workspace = a_workspace()
    change_workspace(workspace=workspace, name="Cups", description="", by=mia(workspace))
    assert Workspace.objects.get(name="Cups").slug == "paper-cups"


def test_home_is_straight_in_where_there_is_one_workspace(client: Client) -> None:
    log_in(client, ann(a_workspace()))
    assert client.get("/")["Location"] == "/w/paper-cups/"
    join(a_workspace("Tea pots"), ann(), "viewer")
    assert b"Tea pots" in client.get("/").content
    log_in(client, eve())
    assert b"You are in no workspace yet" in client.get("/").content
    log_in(client, admin())
    Workspace.objects.all().delete()
    assert b"Create the first one" in client.get("/").content


def test_deleting_takes_everything_in_it_and_nothing_else() -> None:
    ours, theirs = a_workspace(), a_workspace("Tea pots")
    for workspace, manager in ((ours, mia(ours)), (theirs, eve(theirs))):
        join(workspace, ann(), "annotator")
        a_campaign(workspace, manager, items=2)
    takes = what_would_be_deleted(ours)
    assert "2 memberships" in takes
    assert "2 prompts" in takes
    Workspace.objects.filter(pk=ours.pk).update(archived_at=timezone.now())
    delete_workspace(workspace=ours, typed=" paper-cups ", by=mia())
    assert run_next(queue="default", worker="default@test:1") is not None
    assert [each.slug for each in Workspace.objects.all()] == ["tea-pots"]
    assert (Campaign.objects.count(), Prompt.objects.count()) == (1, 2)
    assert Membership.objects.count() == 2
    assert User.objects.filter(email="mia@rondo.test").exists()
    gone = AuditEntry.objects.get(action="workspace.delete")
    assert gone.changes["slug"] == ["paper-cups", None]
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # no row is left that refers to nothing


def test_what_is_being_deleted_is_seen_by_nobody_and_its_address_is_free(client: Client) -> None:
    ours = a_workspace(archived_at=timezone.now())
    log_in(client, mia(ours))
    delete_workspace(workspace=ours, typed="paper-cups", by=mia())
    assert client.get("/w/paper-cups/").status_code == 404
    assert b"Paper cups" not in client.get("/").content
    log_in(client, admin())
    assert client.get(f"/w/deleted:{ours.pk}/").status_code == 404
    assert b"Paper cups" not in client.get("/site/workspaces/").content
    assert create_workspace(name="Paper cups", by=admin()).slug == "paper-cups"


def test_a_deletion_that_was_stopped_goes_on_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deletion, "FEW_AT_ONCE", 2)
    ours = a_workspace(archived_at=timezone.now())
    a_campaign(ours, mia(ours), items=5)
    Workspace.objects.filter(pk=ours.pk).update(deleted_at=timezone.now())

    def stop(rows: int) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        run_deletion(workspace_id=ours.pk, fenced=transaction.atomic, on_batch=stop)
    left = Prompt.objects.count() + Membership.objects.count()
    assert 0 < left < 5 + 1
    run_deletion(workspace_id=ours.pk, fenced=transaction.atomic, on_batch=lambda rows: None)
    assert not Workspace.objects.exists()
    assert not Prompt.objects.exists()
    run_deletion(workspace_id=ours.pk, fenced=transaction.atomic, on_batch=stop)  # twice is once


def test_a_workspace_that_is_not_marked_is_not_taken_out() -> None:
    ours = a_workspace(archived_at=timezone.now())
    run_deletion(workspace_id=ours.pk, fenced=transaction.atomic, on_batch=print)
    assert Workspace.objects.exists()


def test_deleting_needs_the_archive_and_the_typed_address() -> None:
    workspace = a_workspace()
    with pytest.raises(ValidationError, match="Archive the workspace first"):
        delete_workspace(workspace=workspace, typed="paper-cups", by=mia(workspace))
    with pytest.raises(ValidationError, match="you typed tea-pots"):
        delete_workspace(workspace=workspace, typed="tea-pots", by=mia())
    assert Workspace.objects.exists()


def test_the_last_manager_who_can_log_in_stays() -> None:
    workspace = a_workspace()
    mia(workspace), join(workspace, ann(), "manager")
    disable_person(person=ann(), by=admin())
    mine = workspace.memberships.get(user=mia())
    with pytest.raises(ValidationError, match="Mia is the only manager"):
        change_role(membership=mine, role="viewer", by=mia())
    with pytest.raises(ValidationError, match="Mia is the only manager"):
        remove_member(membership=mine, by=mia())
    User.objects.filter(email="ann@rondo.test").update(is_active=True)
    assert change_role(membership=mine, role="viewer", by=mia()).role == "viewer"


def test_it_refuses_a_role_that_there_is_not() -> None:
    workspace = a_workspace()
    ann(workspace)
    with pytest.raises(ValidationError, match="Allowed: annotator, manager, viewer"):
        change_role(membership=workspace.memberships.get(), role="king", by=mia())


def test_the_last_site_admin_who_can_log_in_stays() -> None:
    for act in (
        lambda: set_site_admin(person=admin(), is_site_admin=False, by=admin()),
        lambda: disable_person(person=admin(), by=admin()),
    ):
        with pytest.raises(ValidationError, match="only site admin who can log in"):
            act()
    set_site_admin(person=mia(), is_site_admin=True, by=admin())
    disable_person(person=admin(), by=mia())


def race(*acts: Any) -> list[str]:
    """All at once, each on a connection of its own; what became of them."""
    outcomes: list[str] = []
    barrier = threading.Barrier(len(acts))

    def run(act: Any) -> None:
        barrier.wait()
        try:
            act()
            outcomes.append("done")
        except ValidationError:
            outcomes.append("refused")
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[act]) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(outcomes)


@pytest.mark.django_db(transaction=True)
def test_two_managers_cannot_remove_each_other_at_once() -> None:
    workspace = a_workspace()
    mia(workspace), join(workspace, ann(), "manager")
    one, other = workspace.memberships.order_by("pk")
    outcome = race(
        lambda: remove_member(membership=one, by=other.user),
        lambda: remove_member(membership=other, by=one.user),
    )
    assert outcome == ["done", "refused"]
    assert workspace.memberships.filter(role="manager").count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_site_admins_cannot_disable_each_other_at_once() -> None:
    ada, bob = admin(), person("bob@rondo.test", is_site_admin=True)
    outcome = race(
        lambda: disable_person(person=ada, by=bob), lambda: disable_person(person=bob, by=ada)
    )
    assert outcome == ["done", "refused"]


def test_site_pages_find_people_and_act_on_them(client: Client) -> None:
    log_in(client, admin())
    ann(), mia()
    assert b"ann@rondo.test" in client.get("/site/people/?search=ann").content
    assert b"mia@rondo.test" not in client.get("/site/people/?search=ann").content
    assert b"Nobody matches" in client.get("/site/people/?search=zzz").content
    one = f"/site/people/{ann().pk}/"
    assert b"No login any more" in client.get(one + "disable/").content
    client.post(one + "disable/")
    assert b"ann@rondo.test" in client.get("/site/people/?state=disabled").content
    page = client.post(one + "reset-link/", follow=True).content
    assert b"This account is disabled" in page
    client.post(one + "enable/")
    link_page = client.post(one + "reset-link/").content
    assert b"/account/password/reset/key/" in link_page
    assert b"/account/password/reset/key/" not in client.get(one).content
    assert client.get(one + "crown/").status_code == 404


def test_a_time_zone_is_chosen_and_used(client: Client) -> None:
    log_in(client, ann())
    form = {"name": "Ann", "time_zone": "Asia/Tokyo"}
    assert client.post("/account/profile/", form).status_code == 302
    assert ann().time_zone == "Asia/Tokyo"
    wrong = client.post("/account/profile/", {"name": "Ann", "time_zone": "Moon/Base"})
    assert b"is not a time zone" in wrong.content


def test_a_session_begun_by_an_invitation_is_listed(client: Client) -> None:
    log_in(client, ann())
    client.get("/account/profile/")
    assert b"this one" in client.get("/account/sessions/").content


def test_home_shows_the_open_work_and_says_so_when_there_is_none(client: Client) -> None:
    workspace = a_workspace()
    mia(workspace), ann(workspace)
    log_in(client, ann())
    assert b"No work for you yet" in client.get("/w/paper-cups/").content
    campaign = a_campaign(workspace, mia())
    page = client.get("/w/paper-cups/").content.decode()
    assert f"/w/paper-cups/work/{campaign.pk}/" in page
    assert "No work for you yet" not in page
    log_in(client, mia())
    assert (
        f"/w/paper-cups/campaigns/{campaign.pk}/" in client.get("/w/paper-cups/").content.decode()
    )
