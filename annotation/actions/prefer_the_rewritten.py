"""A rewritten answer is better than the one it was made from: the pair that comes with it."""

import hashlib

from django.db.models.functions import Now

from annotation.models import Assignment, Comparison, Completion, Demonstration
from annotation.models.judgements import Choice

WRITER = "people"  # the generator's name of what members write


def prefer_the_rewritten(
    *, demonstration: Demonstration, assignment: Assignment
) -> Comparison | None:
    """Keep the text as an answer of its own and prefer it to the one it was made from.

    Called inside the submission's transaction. A correction withdraws the pair before it. An
    unchanged text says that the answer is good as it is: there is no pair.
    """
    Comparison.objects.filter(assignment=assignment, withdrawn_at__isnull=True).update(
        withdrawn_at=Now()
    )
    start = demonstration.rewritten_from
    assert start is not None
    if demonstration.text.strip() == start.text.strip():
        return None
    written, _new = Completion.objects.get_or_create(
        prompt_id=demonstration.prompt_id,
        generator=WRITER,
        text_hash=hashlib.sha256(demonstration.text.encode()).digest(),
        source_id="",
        defaults={"text": demonstration.text, "author_id": demonstration.annotator_id},
    )
    return Comparison.objects.create(
        prompt_id=demonstration.prompt_id,
        annotator_id=demonstration.annotator_id,
        assignment=assignment,
        left=start,
        right=written,
        choice=Choice.RIGHT,
        order_known=False,  # the two never stood side by side to be chosen from
        group=str(demonstration.idempotency_key),
        metadata={"from": "rewrite"},
    )
