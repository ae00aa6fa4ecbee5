"""`manage.py self_instruct --workspace SLUG --model NAME --name RUN`: the same job as in the
browser; docs/self-instruct.md walks through it."""

from training.factory.command import FactoryCommand
from training.models import Wizard


class Command(FactoryCommand):
    help = (
        "Have a model write new instructions and instances from a workspace's seeds. A worker "
        "makes the requests; what passes every filter waits for a person's review in the browser."
    )
    kind = Wizard.SELF_INSTRUCT
