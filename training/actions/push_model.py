"""Put a registered model on a hub: asked by a person who knows what that means, done by a job."""

import re
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from training.hub_push import File, Hub, PushRefused
from training.judges import in_words, judged_for
from training.models import HubPush, ModelVersion, Parentage, RunData
from webapp.artifacts import safe_join
from webapp.audit.actions.record import record
from webapp.jobs import JobFailed, Work, enqueue
from webapp.jobs.models import ACTIVE

_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}\Z", re.ASCII)
_TOKEN = re.compile(r"[\x21-\x7e]{8,1000}\Z")


def consequences_of_pushing(version: ModelVersion) -> list[str]:
    """What leaves this installation, and what cannot be taken back: sentences."""
    found = [
        _("%(count)d files, %(size).1f MB, and a card with the model's lineage leave this place.")
        % {"count": len(version.manifest), "size": version.size / 1e6},
        _("What was learned from people's texts can be drawn out of the weights again."),
    ]
    learned = RunData.objects.filter(run=version.run_id) if version.run_id else None
    names = [piece.snapshot.name for piece in learned.select_related("snapshot")] if learned else []
    if judged := in_words(judged_for(version)):
        found.append(_("Its card says who judged the rows that it learned from: %s.") % judged)
    if names:
        found.append(
            ngettext(
                "It learned from the snapshot %s.", "It learned from the snapshots %s.", len(names)
            )
            % ", ".join(f"“{name}”" for name in names)
        )
    licence = version.licence or _("none is noted")
    found.append(_("Licence: %s. Whether it may be passed on is yours to know.") % licence)
    found.append(_("What somebody has fetched from a public place cannot be called back."))
    return found


@transaction.atomic
def push_model(
    *, version: ModelVersion, by: Any, repository: str, token: str, private: bool = True
) -> HubPush:
    """Queue the push. The token is kept encrypted until it has succeeded, and is in no job.

    Raises:
        ValidationError: an id or token that cannot be one, a model without files, or a push of it
            that is on its way.
    """
    problems = []
    if not _REPOSITORY.match(repository):
        problems.append(
            _("The id is “%(id)s”. Write it as on the hub: owner/name.") % {"id": repository[:80]}
        )
    if not _TOKEN.match(token):
        problems.append(_("A token has 8 to 1000 printable characters and no space."))
    row = ModelVersion.objects.select_for_update(of=("self",)).get(pk=version.pk)
    if not row.ready:
        problems.append(_("%(model)s has no files to push.") % {"model": row})
    unfinished = HubPush.objects.filter(version=row, pushed_at=None)
    if unfinished.filter(job__state__in=ACTIVE).exists():
        problems.append(_("%(model)s is being pushed already.") % {"model": row})
    if problems:
        raise ValidationError(problems)
    unfinished.delete()  # failed before; its token goes with it
    push = HubPush.objects.create(
        version=row, repository=repository, token=token, private=private, created_by=by
    )
    push.job = enqueue(
        kind="push model", owner=by, workspace=row.workspace, arguments={"push_id": push.pk}
    )
    push.save(update_fields=["job"])
    record(
        actor=by,
        action="model.push",
        target=row,
        workspace=row.workspace,
        changes={"repository": ["", repository], "private": ["", private]},
    )
    return push


def carry_out(work: Work) -> dict[str, Any]:
    """The job of a push.

    Raises:
        JobFailed: the hub refuses it; what was uploaded by then is not uploaded again.
    """
    push = (
        HubPush.objects.select_related("version__workspace")
        .filter(pk=work.arguments["push_id"])
        .first()
    )
    if push is None:
        raise JobFailed(_("This push was replaced by a later one."))
    if push.pushed_at is not None:
        return {"address": push.address}
    version = push.version
    files = [
        File(entry["file"], safe_join(version.place, entry["file"]), entry["size"], entry["sha256"])
        for entry in version.manifest
    ]
    hub = Hub(push.repository, push.token)
    try:
        work.progress(0, None, _("Asking the hub"))
        hub.make_repository(private=push.private)
        address = hub.push(
            files,
            card(version),
            f"{version} of Rondo",
            lambda done, total: work.progress(done, total, _("Uploading")),
        )
    except PushRefused as refused:
        raise JobFailed(str(refused)) from None
    with work.fenced():
        HubPush.objects.filter(pk=push.pk).update(token="", address=address[:500], pushed_at=Now())
    return {"address": address}


def card(version: ModelVersion) -> str:
    """The README.md of a model on a hub: what it is and where it comes from, without texts."""
    head = ["---", "library_name: transformers"]
    if version.licence:
        head.append(f"license: {_yaml(version.licence)}")
    lines = [*head, "---", f"# {version.name}", "", f"Version {version.version}."]
    run = version.run
    if run is not None:
        data = RunData.objects.filter(run=run).select_related("snapshot")
        lines += ["", "## Lineage", f"- method: {run.method}"]
        lines += [
            f"- {origin.role}: {origin.parent}, sha256 {origin.parent.sha256}"
            for origin in Parentage.objects.filter(child=version).select_related("parent")
        ]
        lines += [
            f"- {piece.role}: snapshot of {piece.snapshot.rows} rows,"
            f" sha256 {piece.snapshot.content_sha256}"
            for piece in data
        ]
    if judged := in_words(judged_for(version)):
        lines += ["", f"Rows that it learned from, by who judged them: {judged}."]
    return "\n".join([*lines, "", f"Fingerprint of all files: {version.sha256}", ""])


def _yaml(text: str) -> str:
    """A text as a quoted scalar."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ") + '"'
