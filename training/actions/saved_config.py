"""Settings of a method under a name."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from training.models import SavedConfig
from webapp.audit.actions.record import record


@transaction.atomic
def save_config(
    *, workspace: Any, by: Any, method: str, name: str, config: dict[str, Any]
) -> SavedConfig:
    """Keep them; a name that is there for this method is overwritten.

    Raises:
        ValidationError: an empty or too long name.
    """
    name = name.strip()
    if not name or len(name) > 80:
        raise ValidationError(_("Give the configuration a name of at most 80 characters."))
    row, _made = SavedConfig.objects.update_or_create(
        workspace=workspace,
        method=method,
        name=name,
        defaults={"config": config, "created_by": by},
    )
    record(actor=by, action="run_config.save", target=row, workspace=workspace)
    return row


@transaction.atomic
def delete_config(*, config: SavedConfig, by: Any) -> None:
    record(actor=by, action="run_config.delete", target=config, workspace=config.workspace)
    config.delete()
