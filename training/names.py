"""Names of models and runs: they stand in addresses, file names and on boards."""

import re

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

LONGEST = 80
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z", re.ASCII)


def check_name(name: str) -> str:
    """The name, or a sentence about what is wrong with it.

    Raises:
        ValidationError: it is empty, too long, or has other characters than those allowed.
    """
    if not _NAME.match(name) or len(name) > LONGEST:
        raise ValidationError(
            _(
                "The name is “%(name)s”. Allowed: letters and digits of ASCII, “.”, “_” and “-”, "
                "the first a letter or digit, at most %(most)d."
            )
            % {"name": name[:LONGEST], "most": LONGEST}
        )
    return name
