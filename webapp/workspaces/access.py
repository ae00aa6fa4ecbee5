"""Who may see and do what: every view of every room goes through one of the two decorators here.

A stranger learns nothing: to somebody who is not a member, a workspace does not exist (404). A
member whose role is not listed gets 403 and an audit entry. A site admin stands above the roles.
"""

import functools
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db.models import CharField, F, QuerySet, Value
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.utils import timezone
from django.utils.translation import gettext as _

from webapp.accounts.models import User
from webapp.audit.actions.record import record
from webapp.audit.models import AuditEntry
from webapp.database.planned import planned_row
from webapp.joined_rows import columns, instances
from webapp.workspaces.models import Role, Workspace

View = Callable[..., Any]  # an HttpResponse, or one that streams
SAFE = frozenset({"GET", "HEAD"})


def person_of(request: Any) -> User:
    """The person who asks. Only behind a check for the login, which both decorators make."""
    person = request.user
    if not isinstance(person, User):
        raise PermissionDenied(_("Please log in first."))
    return person


def workspaces_of(user: Any) -> QuerySet[Workspace]:
    """The workspaces that `user` may see, each carrying the `role` held there.

    A site admin sees all of them, as a manager does. Nobody else sees one without a membership, and
    nobody one that is being deleted.
    """
    if not getattr(user, "is_authenticated", False) or not user.is_active:
        return Workspace.objects.none()
    there = Workspace.objects.filter(deleted_at=None)
    if user.is_site_admin:
        return there.annotate(role=Value(Role.MANAGER.value, CharField()))
    return there.filter(memberships__user=user).annotate(role=F("memberships__role"))


def role_of(workspace: Workspace) -> str:
    """The role that whoever asks holds in a workspace that came from workspaces_of().

    Raises:
        LookupError: the workspace was read otherwise, so that nobody knows who asks.
    """
    role = getattr(workspace, "role", None)
    if role is None:
        raise LookupError("This workspace carries no role. Read it with workspaces_of().")
    return str(role)


_FOUND = f"""
SELECT {columns(Workspace, "workspace")},
    CASE WHEN %(admin)s THEN 'manager' ELSE membership.role END
FROM workspaces_workspace workspace
LEFT JOIN workspaces_membership membership
    ON membership.workspace_id = workspace.id AND membership.user_id = %(user)s
WHERE workspace.slug = %(slug)s AND (%(admin)s OR membership.id IS NOT NULL)
"""  # noqa: S608 - constants; the values are parameters


def workspace_of(user: Any, slug: str) -> Workspace | None:
    """workspaces_of(user) at `slug`, in SQL by hand: the first read of every request."""
    if not getattr(user, "is_authenticated", False) or not user.is_active:
        return None
    values = {"user": user.pk, "slug": slug, "admin": bool(user.is_site_admin)}
    row = planned_row(_FOUND, values)
    if row is None:
        return None
    (workspace,), (role,) = instances(row, Workspace)
    workspace.role = role
    return workspace


def member_workspace(user: Any, slug: str) -> Workspace:
    """The workspace at `slug`, with `.role`.

    Raises:
        Http404: there is none, or `user` is neither a member nor a site admin (the same answer).
    """
    found = workspace_of(user, slug)
    if found is None:
        raise Http404(_("There is no such workspace, or you are not a member of it."))
    return found


def page(
    *, methods: tuple[str, ...] = ("GET",), public: bool = False, site_admin: bool = False
) -> Callable[[View], View]:
    """A view that is not inside a workspace. Without `public` it asks for a login first."""

    def decorate(view: View) -> View:
        @functools.wraps(view)
        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if request.method not in allowed:
                return HttpResponseNotAllowed(sorted(allowed))
            if not public and not request.user.is_authenticated:
                return ask_for_login(request)
            if site_admin and not getattr(request.user, "is_site_admin", False):
                refuse(request, _("Only site administrators may do this."))
            return view(request, *args, **kwargs)

        allowed = _with_head(methods)
        checked.allowed_methods = methods  # type: ignore[attr-defined]
        return checked

    return decorate


def workspace_page(
    *roles: str, methods: tuple[str, ...] = ("GET",), even_archived: bool = False
) -> Callable[[View], View]:
    """A view below /w/<slug>/, called as view(request, workspace, ...); no roles: any member.

    In an archived workspace everything can be read and, unless `even_archived`, nothing changed.
    """

    def decorate(view: View) -> View:
        @functools.wraps(view)
        def checked(request: HttpRequest, slug: str, *args: Any, **kwargs: Any) -> HttpResponse:
            if request.method not in allowed:
                return HttpResponseNotAllowed(sorted(allowed))
            if not request.user.is_authenticated:
                return ask_for_login(request)
            workspace = member_workspace(request.user, slug)
            check_role(request, workspace, roles)
            if workspace.archived_at and request.method not in SAFE and not even_archived:
                refuse(request, _("This workspace is archived: it can be read, not changed."))
            request.workspace = workspace  # type: ignore[attr-defined]
            return view(request, workspace, *args, **kwargs)

        allowed = _with_head(methods)
        checked.allowed_methods = methods  # type: ignore[attr-defined]
        return checked

    return decorate


def check_role(request: HttpRequest, workspace: Workspace, roles: tuple[str, ...]) -> None:
    """Refuse unless the role held in `workspace` is one of `roles` (none: any member).

    Raises:
        PermissionDenied: with a sentence that names the roles that may.
    """
    role = role_of(workspace)
    if not roles or role in roles or getattr(request.user, "is_site_admin", False):
        return
    may = ", ".join(str(Role(allowed).label) for allowed in roles)
    mine = Role(role).label
    refuse(
        request,
        _("Your role here is %(mine)s; this needs %(may)s.") % {"mine": mine, "may": may},
        workspace,
    )


def refuse(request: HttpRequest, sentence: str, workspace: Workspace | None = None) -> None:
    """Record the refusal (once a minute for one person and address) and raise PermissionDenied."""
    target = f"{request.method} {request.path}"[:200]
    actor = request.user if request.user.is_authenticated else None
    recent = AuditEntry.objects.filter(
        at__gt=timezone.now() - timedelta(minutes=1), action="access.refused", target=target
    )
    if not recent.filter(actor=actor).exists():  # a loop of requests must not fill the table
        record(actor=actor, action="access.refused", target=target, workspace=workspace)
    raise PermissionDenied(sentence)


def ask_for_login(request: HttpRequest) -> HttpResponse:
    """To the login page and back; a fragment's request takes the whole page there."""
    if request.headers.get("HX-Request"):
        response = HttpResponse(status=401)
        response["HX-Redirect"] = redirect_to_login("/")["Location"]
        return response
    return redirect_to_login(request.get_full_path() if request.method == "GET" else "/")


def _with_head(methods: tuple[str, ...]) -> frozenset[str]:
    return frozenset(methods) | ({"HEAD"} if "GET" in methods else frozenset())
