"""Where the weights of an endpoint lie on this machine."""

from pathlib import Path

from django.utils.translation import gettext as _

from training.models import ModelEndpoint


class WeightsMissing(Exception):
    """The model cannot be loaded here; the message says why."""


def folder_of(endpoint: ModelEndpoint) -> Path:
    """The checked folder of a registered model, fetched if it is kept elsewhere.

    Raises:
        WeightsMissing: no version is chosen, or its files are gone.
    """
    version = endpoint.version
    if version is None:
        raise WeightsMissing(
            _("“%(name)s” names no registered model. Choose one on its page.")
            % {"name": endpoint.name}
        )
    try:
        return Path(version.folder())
    except (OSError, ValueError) as gone:
        raise WeightsMissing(
            _("The files of “%(name)s” cannot be read: %(why)s")
            % {"name": endpoint.name, "why": gone}
        ) from None
