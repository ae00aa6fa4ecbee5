import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.test import RequestFactory

from tests.cast import a_workspace, admin, ann, eve, mia
from webapp.accounts.models import User
from webapp.audit.models import AuditEntry
from webapp.workspaces.access import member_workspace, page, workspace_page, workspaces_of
from webapp.workspaces.models import Role, Workspace

pytestmark = pytest.mark.django_db


@workspace_page(Role.MANAGER, methods=("GET", "POST"))
def managers_only(request: HttpRequest, workspace: Workspace) -> HttpResponse:
    return HttpResponse(f"{workspace.slug} {workspace.role}")  # type: ignore[attr-defined]


def ask(user: User | AnonymousUser, slug: str = "paper-cups", method: str = "GET") -> HttpResponse:
    request = RequestFactory().generic(method, f"/w/{slug}/")
    request.user = user
    return managers_only(request, slug)


def test_a_member_sees_the_own_workspaces_with_the_role_and_no_others() -> None:
    ours, theirs = a_workspace(), a_workspace("Tea pots")
    ann(ours), eve(theirs)
    assert [(w.slug, w.role) for w in workspaces_of(ann())] == [("paper-cups", "annotator")]
    assert {(w.slug, w.role) for w in workspaces_of(admin())} == {
        ("paper-cups", "manager"),
        ("tea-pots", "manager"),
    }
    assert not workspaces_of(AnonymousUser()).exists()
    ann().memberships.update(role="viewer")
    person = ann()
    person.is_active = False
    assert not workspaces_of(person).exists()


def test_a_strange_and_an_absent_workspace_are_the_same_404() -> None:
    a_workspace()
    sentences = set()
    for slug in ("paper-cups", "no-such-thing"):
        with pytest.raises(Http404) as refused:
            member_workspace(eve(), slug)
        sentences.add(str(refused.value))
    assert len(sentences) == 1


def test_a_role_that_is_not_listed_is_refused_and_recorded_once_a_minute() -> None:
    ann(a_workspace())
    for _ in range(3):
        with pytest.raises(PermissionDenied, match="Your role here is Annotator"):
            ask(ann())
    entry = AuditEntry.objects.get(action="access.refused")
    assert (entry.actor, entry.target) == (ann(), "GET /w/paper-cups/")


def test_the_listed_role_and_the_site_admin_pass() -> None:
    mia(a_workspace())
    assert ask(mia()).content == b"paper-cups manager"
    assert ask(admin()).content == b"paper-cups manager"


def test_an_anonymous_person_is_sent_to_the_login_and_a_fragment_takes_the_page_there() -> None:
    a_workspace()
    assert ask(AnonymousUser()).status_code == 302
    request = RequestFactory().get("/", headers={"HX-Request": "true"})
    request.user = AnonymousUser()
    response = page()(lambda request: HttpResponse())(request)
    assert (response.status_code, "HX-Redirect" in response) == (401, True)


def test_an_archived_workspace_is_read_and_not_changed() -> None:
    from django.utils import timezone

    mia(a_workspace(archived_at=timezone.now()))
    assert ask(mia()).status_code == 200
    with pytest.raises(PermissionDenied, match="archived"):
        ask(mia(), method="POST")


def test_other_methods_are_refused_with_the_allowed_ones() -> None:
    response = ask(AnonymousUser(), method="DELETE")
    assert (response.status_code, response["Allow"]) == (405, "GET, HEAD, POST")
    assert managers_only.allowed_methods == ("GET", "POST")
