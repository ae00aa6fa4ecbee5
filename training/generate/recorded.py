"""Answers that are in the workspace already: a data set of another model, or of yesterday.

The endpoint's `model` names the generator whose completions are looked up by the prompt's
fingerprint. No model is asked, so that a playground, an arena and a test run without one.
"""

from collections.abc import Iterator

from django.utils.translation import gettext as _

from annotation.domain.prompt_hash import prompt_hash
from annotation.imports.formats.battles import FOLLOW_UP_ANSWERS
from annotation.models import Completion
from training.generate.outcomes import Finished, NoAnswer
from training.generate.requests import Sampling
from training.models import ModelEndpoint


def ask(
    endpoint: ModelEndpoint, messages: list[dict[str, str]], sampling: Sampling
) -> Iterator[str | Finished]:
    """The recorded answer that (seed + sample) points at, in one piece, then Finished.

    Raises:
        NoAnswer: none was recorded for these messages.
    """
    found = _answers(endpoint, messages) or _later_answers(endpoint, messages)
    if not found:
        raise NoAnswer(
            _(
                "No answer of “%(model)s” to this prompt is recorded here. Import one, or choose a "
                "prompt that has one."
            )
            % {"model": endpoint.model}
        )
    yield found[(sampling.seed + sampling.sample) % len(found)]
    yield Finished("recorded", 0, 0)


def _answers(endpoint: ModelEndpoint, messages: list[dict[str, str]]) -> list[str]:
    answers = Completion.objects.filter(
        prompt__workspace_id=endpoint.workspace_id,
        prompt__text_hash=bytes.fromhex(prompt_hash(messages)),
        generator=endpoint.model,
        has_text=True,
        retired_at__isnull=True,
    )
    texts = answers.order_by("pk").values_list("text", flat=True)[:1000]
    return [text for text in texts if text.strip()]


def _later_answers(endpoint: ModelEndpoint, messages: list[dict[str, str]]) -> list[str]:
    """The answer of a later turn, which stands beside the first one (annotation.imports)."""
    asked = [message["content"] for message in messages if message["role"] == "user"]
    opening = [message for message in messages if message["role"] == "system"]
    if len(asked) < 2:
        return []
    first = [*opening, {"role": "user", "content": asked[0]}]
    rows = Completion.objects.filter(
        prompt__workspace_id=endpoint.workspace_id,
        prompt__text=asked[0],
        prompt__messages=first,
        generator=endpoint.model,
        retired_at__isnull=True,
    ).values_list("prompt__metadata", "metadata")
    found = []
    for prompt, answer in rows[:1000]:
        questions, later = prompt.get("follow_ups", []), answer.get(FOLLOW_UP_ANSWERS, [])
        if questions[: len(asked) - 1] == asked[1:] and len(later) >= len(asked) - 1:
            found.append(str(later[len(asked) - 2]))
    return found
