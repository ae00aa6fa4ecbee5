"""Models enter the registry: the folder is stored and fingerprinted, the row becomes ready."""

from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from training.model_store import delete_folder, fingerprint_of_manifest, store_folder
from training.models import ModelKind, ModelVersion, Parentage, TrainingRun, VersionState
from training.names import check_name
from webapp.audit.actions.record import record
from webapp.jobs import Work


def new_version(*, workspace: Any, name: str, by: Any, **fields: Any) -> ModelVersion:
    """A row with the next number under `name`; its files come later. In the caller's transaction.

    Raises:
        ValidationError: a name that cannot be one, or that was taken at the same moment.
    """
    check_name(name)
    newest = ModelVersion.objects.filter(workspace=workspace, name=name).aggregate(Max("version"))
    try:
        with transaction.atomic():
            return ModelVersion.objects.create(
                workspace=workspace,
                name=name,
                version=(newest["version__max"] or 0) + 1,
                created_by=by,
                **fields,
            )
    except IntegrityError:
        raise ValidationError(
            _("Somebody added a version of %(name)s at the same moment. Try again.")
            % {"name": name}
        ) from None


def store_files(*, version: ModelVersion, folder: Path, work: Work) -> dict[str, Any]:
    """Copy a checked folder into the store, at a place of this attempt; the fields to write."""
    place = f"models/{version.workspace_id}/{version.pk}-{work.job.pk}-{work.attempt}"
    manifest = store_folder(folder, place, work.beat)
    return {"place": place, "manifest": manifest, "sha256": fingerprint_of_manifest(manifest)}


def make_ready(*, version: ModelVersion, **fields: Any) -> ModelVersion:
    """The files are stored: the version may be used. In a fenced transaction of its job."""
    for name, value in fields.items():
        setattr(version, name, value)
    version.state = VersionState.READY
    version.registered_at = timezone.now()
    version.save()
    record(
        actor=version.created_by,
        action="model.register",
        target=version,
        workspace=version.workspace,
        changes={"sha256": ["", version.sha256]},
    )
    return version


def register_result(*, run: TrainingRun, folder: Path, work: Work, facts: Any) -> ModelVersion:
    """The model that a run made, with what it came from; called once it has succeeded.

    A second call for the same run gives the version that is there already.
    """
    known = ModelVersion.objects.filter(run=run, state=VersionState.READY).first()
    if known is not None:
        return known
    with work.fenced():
        version = ModelVersion.objects.filter(run=run).first() or new_version(
            workspace=run.workspace,
            name=run.result_name,
            by=run.created_by,
            kind=ModelKind.REWARD if run.method == "reward" else ModelKind.POLICY,
            run=run,
            job=run.job,
            source={"kind": "run", "run": run.pk, "name": run.name, "method": run.method},
        )
    files = store_files(version=version, folder=folder, work=work)
    try:
        with work.fenced():
            for used in run.models.select_related("version"):
                Parentage.objects.get_or_create(child=version, parent=used.version, role=used.role)
            return make_ready(version=version, facts=facts, licence=_licence(run), **files)
    except BaseException:
        delete_folder(files["place"], files["manifest"])
        raise


def _licence(run: TrainingRun) -> str:
    base = run.models.filter(role="base").select_related("version").first()
    return base.version.licence if base is not None and base.version is not None else ""
