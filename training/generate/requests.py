"""What is asked, and the fingerprint by which it is asked once."""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from training.models import ModelEndpoint

LONGEST_PROMPT = 200_000  # characters of all messages together
MOST_MESSAGES = 200
ROLES = ("system", "user", "assistant")
LARGEST_SEED = 2**31 - 1
MOST_STOPS = 4  # as many as OpenAI's interface takes
LATER = ("presence_penalty", "stop")


@dataclass(frozen=True)
class Sampling:
    """How an answer is drawn. Temperature 0 takes the likeliest token; `sample` tells draws with
    one seed apart. `max_tokens` None: as many as the endpoint allows. presence_penalty: taken off
    the logit of every token that the answer has already. stop: texts before which it ends, besides
    the endpoint's own.

    Raises:
        ValidationError: what was given, what is allowed.
    """

    temperature: float = 0.7
    top_p: float = 1.0
    max_tokens: int | None = None
    seed: int = 0
    sample: int = 0
    presence_penalty: float = 0.0
    stop: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _within("temperature", self.temperature, 0.0, 2.0)
        _within("top_p", self.top_p, 0.01, 1.0)
        _within("seed", self.seed, 0, LARGEST_SEED)
        _within("sample", self.sample, 0, 10_000)
        _within("presence_penalty", self.presence_penalty, -2.0, 2.0)
        if len(self.stop) > MOST_STOPS or not all(0 < len(text) <= 60 for text in self.stop):
            raise ValidationError(
                _("Give at most %(most)d texts to stop at, of 1 to 60 characters each.")
                % {"most": MOST_STOPS}
            )
        if self.max_tokens is not None:
            _within("max_tokens", self.max_tokens, 1, 32_768)

    def as_json(self) -> dict[str, Any]:
        """What was chosen. Later settings are left out at their default, so that what was asked
        before there were such settings is the same request today."""
        given = {**asdict(self), "stop": list(self.stop)}
        return {name: value for name, value in given.items() if name not in LATER or value}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "Sampling":
        known = {name: stored[name] for name in cls.__dataclass_fields__ if name in stored}
        return cls(**known | {"stop": tuple(stored.get("stop", ()))})

    def limit(self, endpoint: ModelEndpoint) -> int:
        """Tokens the answer may have."""
        return min(self.max_tokens or endpoint.most_tokens, endpoint.most_tokens)


def _within(name: str, given: float, least: float, most: float) -> None:
    if not least <= given <= most:  # NaN lies nowhere
        raise ValidationError(
            _("%(name)s is %(given)s. Allowed: %(least)s to %(most)s.")
            % {"name": name, "given": given, "least": least, "most": most}
        )


@dataclass(frozen=True)
class Ask:
    """One request: whom, what, and how. `prompt` is the row it stands for, if there is one."""

    endpoint: ModelEndpoint
    messages: list[dict[str, str]]
    sampling: Sampling = field(default_factory=Sampling)
    prompt: Any = None

    def fingerprint(self) -> bytes:
        """SHA-256 of endpoint, messages and settings, written one way."""
        asked = {
            "endpoint": self.endpoint.pk,
            "identity": self.endpoint.identity(),
            "messages": self.messages,
            "sampling": {**self.sampling.as_json(), "limit": self.sampling.limit(self.endpoint)},
        }
        written = json.dumps(asked, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
        return hashlib.sha256(written.encode()).digest()


def checked_messages(given: Any) -> list[dict[str, str]]:
    """Messages as models are given them: roles known, contents text, a question at the end.

    Raises:
        ValidationError: what is wrong with them.
    """
    if not isinstance(given, list) or not 0 < len(given) <= MOST_MESSAGES:
        raise ValidationError(
            _("The messages must be a list of 1 to %(most)d.") % {"most": MOST_MESSAGES}
        )
    messages = []
    for number, message in enumerate(given, start=1):
        role = message.get("role") if isinstance(message, dict) else None
        content = message.get("content") if isinstance(message, dict) else None
        if role not in ROLES or not isinstance(content, str) or "\0" in content:
            raise ValidationError(
                _("Message %(n)d must have a role (system, user, assistant) and a content of text.")
                % {"n": number}
            )
        messages.append({"role": str(role), "content": content})
    if sum(len(message["content"]) for message in messages) > LONGEST_PROMPT:
        raise ValidationError(
            _("The prompt is longer than %(most)d characters. Shorten it.")
            % {"most": LONGEST_PROMPT}
        )
    if messages[-1]["role"] != "user" or not messages[-1]["content"].strip():
        raise ValidationError(_("The last message must be a question of the user."))
    return messages
