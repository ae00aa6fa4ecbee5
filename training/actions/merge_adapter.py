"""Make a whole model of an adapter and its base, which can then be asked, sampled from, scored with
and trained on like any other. A job does the work."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from training.actions.register import new_version
from training.models import ModelKind, ModelVersion
from training.run_queries import ready_models
from webapp.audit.actions.record import record
from webapp.jobs import enqueue
from webapp.workspaces.models import Workspace


def scores(adapter: ModelVersion) -> bool:
    """Whether it brings a head that scores."""
    return bool(adapter.facts.get("adapts") == "reward")


def bases_for(workspace: Workspace, adapter: ModelVersion) -> QuerySet[ModelVersion]:
    """The models that it may have been trained on, by their kind."""
    kinds = [ModelKind.POLICY, ModelKind.REWARD] if scores(adapter) else [ModelKind.POLICY]
    return ready_models(workspace, *kinds)


@transaction.atomic
def merge_adapter(*, adapter: ModelVersion, base: ModelVersion, by: Any, name: str) -> ModelVersion:
    """A new version under `name` that is ready when its job has merged the two.

    Raises:
        ValidationError: no adapter, no base that it could be on, files that are gone, or a name
            that cannot be one.
    """
    if adapter.kind != ModelKind.ADAPTER:
        raise ValidationError(_("%s is no adapter: it is whole already.") % adapter)
    if not adapter.ready:
        raise ValidationError(_("The files of %(model)s are missing.") % {"model": adapter})
    if not bases_for(adapter.workspace, adapter).filter(pk=base.pk).exists():
        raise ValidationError(
            _("%(base)s cannot be the base of %(adapter)s. Choose the model it was trained on.")
            % {"base": base, "adapter": adapter}
        )
    version = new_version(
        workspace=adapter.workspace,
        name=name,
        by=by,
        kind=ModelKind.REWARD if scores(adapter) else ModelKind.POLICY,
        source={"kind": "merge", "base": base.as_json(), "adapter": adapter.as_json()},
        licence=base.licence or adapter.licence,
    )
    version.job = enqueue(
        kind="merge adapter",
        owner=by,
        workspace=adapter.workspace,
        arguments={"model_id": version.pk, "base_id": base.pk, "adapter_id": adapter.pk},
    )
    version.save(update_fields=["job"])
    record(
        actor=by,
        action="model.merge",
        target=version,
        workspace=adapter.workspace,
        changes={"adapter": ["", str(adapter)], "base": ["", str(base)]},
    )
    return version
