"""NAME or NAME:VERSION on a command line is a model of the registry."""

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from training.models import ModelVersion
from training.run_queries import ready_models
from webapp.workspaces.models import Workspace


def model_named(workspace: Workspace, named: str, *kinds: str) -> ModelVersion:
    """The version, the newest one without a number.

    Raises:
        ValidationError: there is none that is ready.
    """
    name, _colon, version = named.partition(":")
    found = ready_models(workspace, *kinds).filter(name=name)
    if version:
        wanted = version.isdecimal() and len(version) < 10
        found = found.filter(version=int(version)) if wanted else found.none()
    model = found.order_by("-version").first()
    if model is None:
        raise ValidationError(_("There is no registered model “%s” that is ready.") % named[:100])
    return model
