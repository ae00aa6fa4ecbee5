"""The people of the tests, and the rooms they meet in. A name called twice is one person.

ann annotates, mia manages, vic views, eve may not, ada administers the site.
"""

from allauth.account.models import EmailAddress
from django.test import Client

from webapp.accounts.models import User
from webapp.workspaces.models import Membership, Role, Workspace

PASSWORD = "a long enough secret"


def person(email: str, *, name: str = "", password: str | None = None, **fields: object) -> User:
    """Whoever has this address; made on first use, without a password unless one is given."""
    user = User.objects.filter(email=email).first()
    if user is None:
        user = User.objects.create_user(email, password, name=name, **fields)
        EmailAddress.objects.create(user=user, email=email, primary=True, verified=True)
        return user
    if password is not None:
        user.set_password(password)
        user.save(update_fields=["password"])
    return user


def ann(workspace: Workspace | None = None, *, password: str | None = None) -> User:
    return _in(workspace, Role.ANNOTATOR, person("ann@rondo.test", name="Ann", password=password))


def mia(workspace: Workspace | None = None, *, password: str | None = None) -> User:
    return _in(workspace, Role.MANAGER, person("mia@rondo.test", name="Mia", password=password))


def vic(workspace: Workspace | None = None, *, password: str | None = None) -> User:
    return _in(workspace, Role.VIEWER, person("vic@rondo.test", name="Vic", password=password))


def eve(workspace: Workspace | None = None, *, password: str | None = None) -> User:
    """A person of another workspace: give hers, and she manages it."""
    return _in(workspace, Role.MANAGER, person("eve@rondo.test", name="Eve", password=password))


def admin(*, password: str | None = None) -> User:
    return person("ada@rondo.test", name="Ada", password=password, is_site_admin=True)


def a_workspace(name: str = "Paper cups", *, slug: str = "", **fields: object) -> Workspace:
    slug = slug or name.lower().replace(" ", "-")
    return Workspace.objects.get_or_create(slug=slug, defaults={"name": name, **fields})[0]


def join(workspace: Workspace, user: User, role: str) -> Membership:
    return Membership.objects.update_or_create(
        workspace=workspace, user=user, defaults={"role": role}
    )[0]


def log_in(client: Client, user: User) -> Client:
    """A session for `user`, as after a finished login."""
    client.force_login(user)
    return client


def _in(workspace: Workspace | None, role: Role, user: User) -> User:
    if workspace is not None:
        join(workspace, user, role)
    return user
