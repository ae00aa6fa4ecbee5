"""What a map is asked to be, and what it can be."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from annotation.models import Prompt, SavedView, Split
from annotation.prompt_filter import PromptFilter
from annotation.prompt_pages import values_of
from training.models import DatasetSnapshot, ModelKind, ModelVersion, SnapshotState
from webapp.workspaces.models import Workspace

MOST_SETS = 6
MOST_PROMPTS = 50_000  # of a set; twice as many points take more than twice as long
USUAL_MOST = 20_000
USUAL_PERPLEXITY = 30.0
LONGEST_NAME = 80
LARGEST_SEED = 2**31 - 1
A_KIND = 100  # choices of one kind in a list
ALL = "all"


@dataclass(frozen=True)
class DataSet:
    """One colour: the prompts that pass a filter, or those of a frozen snapshot."""

    name: str
    filter: PromptFilter = field(default_factory=PromptFilter)
    snapshot: int | None = None

    def as_json(self) -> dict[str, Any]:
        if self.snapshot is not None:
            return {"name": self.name, "snapshot": self.snapshot}
        return {"name": self.name, "filter": self.filter.as_json()}


@dataclass(frozen=True)
class MapPlan:
    name: str
    version: ModelVersion
    sets: Sequence[DataSet]
    perplexity: float = USUAL_PERPLEXITY
    seed: int = 0
    most: int = USUAL_MOST

    def check(self, workspace: Workspace) -> None:
        """
        Raises:
            ValidationError: everything that is wrong with it, as sentences.
        """
        problems: list[str] = []
        if not 0 < len(self.name) <= LONGEST_NAME or "\0" in self.name:
            problems.append(_("Give the map a name of at most %d characters.") % LONGEST_NAME)
        if self.version.workspace_id != workspace.pk or not self.version.ready:
            problems.append(_("Choose an embedding model of this workspace that is ready."))
        elif self.version.kind != ModelKind.EMBEDDER:
            problems.append(
                _("%(model)s is a %(kind)s. Choose an embedding model.")
                % {"model": self.version, "kind": self.version.get_kind_display().lower()}
            )
        if not 1 <= len(self.sets) <= MOST_SETS:
            problems.append(_("Give one to %d data sets.") % MOST_SETS)
        names = [one.name for one in self.sets]
        if len(set(names)) != len(names) or not all(0 < len(name) <= 200 for name in names):
            problems.append(_("Each data set has a name of its own, of at most 200 characters."))
        if not 2 <= self.perplexity <= 1000:  # also refuses a NaN
            problems.append(
                _("The perplexity is %g; it lies between 2 and 1000.") % self.perplexity
            )
        if not 0 <= self.seed <= LARGEST_SEED:
            problems.append(_("The seed lies between 0 and %d.") % LARGEST_SEED)
        if not 10 <= self.most <= MOST_PROMPTS:
            problems.append(_("Of each data set 10 to %d prompts can be taken.") % MOST_PROMPTS)
        if problems:
            raise ValidationError(problems)


def choices_of(workspace: Workspace, views: Sequence[SavedView]) -> list[tuple[str, Any]]:
    """What a data set of a map can be, in groups: [(key, label) or (group, [(key, label)])]."""
    values = values_of(workspace)
    snapshots = DatasetSnapshot.objects.filter(workspace=workspace, state=SnapshotState.READY)
    groups: list[tuple[Any, list[tuple[str, str]]]] = [
        (_("Views"), [(f"view:{view.pk}", view.name) for view in views]),
        (_("Sources"), [(f"source:{value}", value) for value in values["sources"]]),
        (_("Tags"), [(f"tag:{value}", value) for value in values["tags"]]),
        (_("Splits"), [(f"split:{value}", str(label)) for value, label in Split.choices]),
        (_("Languages"), [(f"language:{value}", value) for value in values["languages"]]),
        (_("Use cases"), [(f"use_case:{value}", value) for value in values["use_cases"]]),
        (_("Snapshots"), [(f"snapshot:{row.pk}", row.name) for row in snapshots[:A_KIND]]),
    ]
    listed: list[tuple[str, Any]] = [(str(name), keys) for name, keys in groups if keys]
    return [(ALL, _("All prompts in use")), *listed]


def data_set(workspace: Workspace, key: str, views: Sequence[SavedView]) -> DataSet:
    """The data set that a key names: "all", "view:ID", "snapshot:ID", "source:NAME", "tag:NAME" ...

    Raises:
        ValidationError: there is no such set.
    """
    kind, _colon, value = key.partition(":")
    if key == ALL:
        return DataSet(_("All prompts"))
    if kind == "view":
        for view in views:
            if str(view.pk) == value:
                return DataSet(view.name, PromptFilter.from_json(view.filter))
    elif kind == "snapshot" and value.isdecimal() and len(value) < 19:
        ready = DatasetSnapshot.objects.filter(workspace=workspace, state=SnapshotState.READY)
        found = ready.filter(pk=int(value)).first()
        if found is not None:
            return DataSet(_("Snapshot %s") % found.name, snapshot=found.pk)
    elif kind in FIELDS and value:
        wanted = PromptFilter.from_json({FIELDS[kind]: [value]})
        if wanted.apply(Prompt.objects.filter(workspace=workspace)).exists():
            return DataSet(_LABELS()[kind] % _shown(kind, value), wanted)
    raise ValidationError(
        _("There is no data set %(key)s with prompts. Allowed: %(all)s, and %(kinds)s.")
        % {
            "key": repr(key[:80]),
            "all": ALL,
            "kinds": ", ".join(f"{name}:…" for name in (*FIELDS, "view", "snapshot")),
        }
    )


FIELDS = {
    "source": "sources",
    "tag": "tags",
    "split": "splits",
    "language": "languages",
    "use_case": "use_cases",
}


def _LABELS() -> dict[str, str]:
    return {
        "source": _("Source %s"),
        "tag": _("Tag %s"),
        "split": _("Split: %s"),
        "language": _("Language %s"),
        "use_case": _("Use case %s"),
    }


def _shown(kind: str, value: str) -> str:
    return str(Split(value).label) if kind == "split" else value
