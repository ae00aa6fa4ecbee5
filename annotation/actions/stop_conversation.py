"""A manager ends a conversation that leads nowhere."""

from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from annotation.actions.grow import OVER, stop
from annotation.models import Conversation
from webapp.audit.actions.record import record


@transaction.atomic
def stop_conversation(*, conversation: Conversation, by: Any, reason: str = "") -> bool:
    """Ask nothing more in it; False when it had ended already. Rankings keep counting."""
    locked = Conversation.objects.select_for_update(of=("self",)).get(pk=conversation.pk)
    if locked.state in OVER:
        return False
    before = locked.state
    stop(locked, reason.strip()[:300] or _("Stopped by a manager."))
    record(
        actor=by,
        action="conversation.stop",
        target=locked,
        workspace=locked.campaign.workspace,
        changes={"state": [before, locked.state], "reason": ["", locked.reason]},
    )
    return True
