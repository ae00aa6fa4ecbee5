"""The navigation beside every page. Each app registers its own entries in AppConfig.ready:

    navigation.register(20, _("Jobs"), "jobs:list", icon="activity")
    navigation.register(10, _("People"), "site:people", section=navigation.SITE)

An entry of a workspace is reversed with the workspace's slug and shown to the roles it names (to
all members when it names none); a site admin sees all of them. Its order also says under which
heading of GROUPS it stands.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext_lazy as _

from webapp.workspaces.models import Workspace

WORKSPACE, SITE, ACCOUNT = "workspace", "site", "account"
THEME_COOKIE = "rondo-theme"
THEMES = ("light", "dark")  # anything else follows the system
# The first order of each group of a workspace's entries, and its heading: the loop, in its order.
GROUPS = (
    (0, ""),
    (10, _("Feedback")),
    (20, _("Data")),
    (30, _("Models")),
    (50, _("Results")),
    (70, _("Workspace")),
)


@dataclass(frozen=True)
class Entry:
    order: int
    label: Any  # lazy text
    url_name: str
    roles: tuple[str, ...]
    section: str
    icon: str
    count: Callable[[Workspace], int] | None

    def url(self, workspace: Workspace | None) -> str:
        return reverse(self.url_name, args=[workspace.slug] if workspace else [])


_entries: list[Entry] = []


def register(
    order: int,
    label: Any,
    url_name: str,
    roles: tuple[str, ...] = (),
    *,
    section: str = WORKSPACE,
    icon: str = "dot",
    count: Callable[[Workspace], int] | None = None,
) -> None:
    """Add one entry. `count` gives the small number behind the label; nought is not shown."""
    entry = Entry(order, label, url_name, roles, section, icon, count)
    if not any(known.url_name == url_name and known.section == section for known in _entries):
        _entries.append(entry)
        _entries.sort(key=lambda known: known.order)


register(10, _("E-mail"), "account_email", section=ACCOUNT, icon="mail")
register(20, _("Password"), "account_change_password", section=ACCOUNT, icon="key")
register(30, _("Two-factor login"), "mfa_index", section=ACCOUNT, icon="shield")
register(40, _("Sessions"), "usersessions_list", section=ACCOUNT, icon="monitor")
register(50, _("Linked logins"), "socialaccount_connections", section=ACCOUNT, icon="link")


def _group(entry: Entry) -> Any:
    if entry.section != WORKSPACE:
        return ""
    return [heading for first, heading in GROUPS if entry.order >= first][-1]


def entries(
    section: str, workspace: Workspace | None, role: str | None, path: str, *, see_all: bool
) -> list[dict[str, Any]]:
    """The entries that `role` may see, in order; the one whose address is nearest is current.

    The first of a group carries the group's `heading`.
    """
    shown: list[dict[str, Any]] = []
    group: Any = ""
    for entry in _entries:
        if entry.section != section or (entry.roles and role not in entry.roles and not see_all):
            continue
        try:
            url = entry.url(workspace if section == WORKSPACE else None)
        except NoReverseMatch:  # an app without its addresses, as in a test of another one
            continue
        count = entry.count(workspace) if entry.count and workspace else None
        heading = "" if _group(entry) == group else _group(entry)
        group = _group(entry)
        shown.append(
            {
                "label": entry.label,
                "url": url,
                "icon": entry.icon,
                "count": count,
                "current": False,
                "heading": heading,
            }
        )
    within = [item for item in shown if path.startswith(item["url"])]
    if within:
        max(within, key=lambda item: len(item["url"]))["current"] = True
    return shown


def navigation(request: HttpRequest) -> dict[str, Any]:
    """Context of base.html: the side (a section), its entries, the workspace, the role, the theme.

    The workspaces of the switcher are a lazy queryset: a page that shows no switcher asks nothing.
    """
    from webapp.workspaces.access import workspaces_of

    user = getattr(request, "user", None)
    theme = request.COOKIES.get(THEME_COOKIE)
    context: dict[str, Any] = {"theme": theme if theme in THEMES else ""}
    if user is None or not user.is_authenticated:
        return context | {"navigation": [], "side": None}
    workspace: Workspace | None = getattr(request, "workspace", None)
    role: str | None = getattr(workspace, "role", None)
    section = WORKSPACE if workspace else ACCOUNT
    if request.path.startswith("/site/"):
        section, workspace = SITE, None
    return context | {
        "workspace": workspace,
        "role": role,
        "side": section,
        "workspaces": workspaces_of(user),
        "navigation": entries(section, workspace, role, request.path, see_all=user.is_site_admin),
    }
