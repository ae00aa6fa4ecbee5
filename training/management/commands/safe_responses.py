"""`manage.py safe_responses --workspace SLUG --model NAME --name RUN --seeds source=...`."""

from training.factory.command import FactoryCommand
from training.models import Wizard


class Command(FactoryCommand):
    help = (
        "Have a model put harmful requests in other words and refuse them, and answer harmless "
        "look-alikes. What passes the filters waits for a person's review in the browser."
    )
    kind = Wizard.SAFE_RESPONSES
    has_look_alikes = True
