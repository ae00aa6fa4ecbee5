"""What a workspace's home shows. Each room adds its own panels in AppConfig.ready:

    home.register(10, my_panel)   # (person, workspace) -> Panel or None

A room with nothing to show returns None. With no panel at all, home says what to do next.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from webapp.accounts.models import User
from webapp.workspaces.models import Workspace


@dataclass(frozen=True)
class Panel:
    """A heading, and a template of the room's own with its context."""

    title: str
    template: str
    context: dict[str, Any] = field(default_factory=dict)


Provider = Callable[[User, Workspace], Panel | None]
_providers: list[tuple[int, Provider]] = []


def register(order: int, provider: Provider) -> None:
    if provider not in [known for _, known in _providers]:
        _providers.append((order, provider))
        _providers.sort(key=lambda each: each[0])


def panels(person: User, workspace: Workspace) -> list[Panel]:
    """In order, those that have something for this person; `workspace` carries the role."""
    found = (provider(person, workspace) for _, provider in _providers)
    return [panel for panel in found if panel is not None]
