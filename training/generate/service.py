"""An OpenAI-compatible server, asked through webapp.outbound and not believed a word.

Whatever it sends is bounded: bytes, seconds, length of a line, length of the answer. What it says
about an error is shown without the key, should it repeat it.
"""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from training.generate.outcomes import Finished, NoAnswer, TryLater
from training.generate.requests import Sampling
from training.generate.wording import wording
from training.models import ModelEndpoint
from webapp import outbound
from webapp.clean_json import CleanJSONError, clean_json

MOST_BYTES = 8 * 1024 * 1024
LONGEST_LINE = 1024 * 1024
LONGEST_ANSWER = 400_000  # characters
LONGEST_REMARK = 200
MOST_WAIT = 120.0
TEMPORARY = {408, 409, 425, 429, 500, 502, 503, 504, 520, 522, 524, 529}


def ask(
    endpoint: ModelEndpoint,
    messages: list[dict[str, str]],
    sampling: Sampling,
    *,
    is_stopped: Callable[[], bool] = lambda: False,
) -> Iterator[str | Finished]:
    """Pieces of the answer as they come, then Finished; ends without it when `is_stopped`.

    Raises:
        TryLater: busy, broken or away.
        NoAnswer: refused, or what came is no answer.
    """
    path, body = _request(endpoint, messages, sampling)
    headers = {"Content-Type": "application/json", "Accept": "text/event-stream, application/json"}
    if endpoint.key:
        headers["Authorization"] = f"Bearer {endpoint.key}"
    try:
        with outbound.stream(
            endpoint.base_url.rstrip("/") + path,
            method="POST",
            headers=headers,
            body=json.dumps(body).encode(),
            seconds=float(endpoint.seconds),
            most_bytes=MOST_BYTES,
        ) as answer:
            if answer.status != 200:
                raise _refusal(endpoint, answer)
            kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
            if kind == "text/event-stream":
                yield from _events(endpoint, answer.pieces, is_stopped)
            else:
                yield from _whole(endpoint, kind, b"".join(answer.pieces))
    except outbound.OutboundRefused as refused:
        raise NoAnswer(str(refused)) from None
    except outbound.OutboundFailed as failed:
        raise TryLater(str(failed)) from None


def _request(
    endpoint: ModelEndpoint, messages: list[dict[str, str]], sampling: Sampling
) -> tuple[str, dict[str, Any]]:
    given = wording(endpoint, messages)
    body: dict[str, Any] = {
        "model": endpoint.model,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "max_tokens": sampling.limit(endpoint),
        "seed": sampling.seed + sampling.sample,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if sampling.presence_penalty:
        body["presence_penalty"] = sampling.presence_penalty
    if stop := [*sampling.stop, *given.stop]:
        body["stop"] = stop
    if given.text is not None:
        return "/completions", body | {"prompt": given.text}
    return "/chat/completions", body | {"messages": given.messages}


def _refusal(endpoint: ModelEndpoint, answer: outbound.Stream) -> Exception:
    """The sentence for a status that is not 200; the body is read as far as a remark needs."""
    body = b""
    for piece in answer.pieces:
        body += piece
        if len(body) > 65_536:
            break
    said = _remark(endpoint, body)
    sentence = f"{endpoint.host} answered with status {answer.status}{said}"
    if answer.status in TEMPORARY or answer.status >= 500:
        return TryLater(sentence, _wait(answer.headers.get("retry-after", "")))
    if answer.status in (401, 403):
        return NoAnswer(f"{sentence}. Check the key of this endpoint.")
    if answer.status == 404:
        return NoAnswer(f"{sentence}. Check its address (it usually ends in /v1) and model name.")
    return NoAnswer(f"{sentence}.")


def _wait(given: str) -> float | None:
    """Seconds of a Retry-After header; dates and nonsense count as not given."""
    return (
        min(float(given), MOST_WAIT) if re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,3})?", given) else None
    )


def _remark(endpoint: ModelEndpoint, body: bytes) -> str:
    """What the server says about its error, short, on one line, and without our key."""
    try:
        parsed = clean_json(body)
    except CleanJSONError:
        return ""
    error = parsed.get("error", parsed) if isinstance(parsed, dict) else None
    told = error.get("message") if isinstance(error, dict) else error
    if not isinstance(told, str) or not told.strip():
        return ""
    if endpoint.key:
        told = told.replace(endpoint.key, "…")
    return ": " + " ".join(told.split())[:LONGEST_REMARK].rstrip(".")


def _whole(endpoint: ModelEndpoint, kind: str, body: bytes) -> Iterator[str | Finished]:
    """An answer in one piece, from a server that does not stream."""
    if not body.strip():
        raise TryLater(f"{endpoint.host} answered with nothing.")
    if kind == "text/html" or body.lstrip()[:1] == b"<":
        raise NoAnswer(
            f"{endpoint.host} answered with a web page, not with JSON. Check the address of this"
            " endpoint; it usually ends in /v1."
        )
    parsed = _parsed(endpoint, body)
    if "error" in parsed:
        raise TryLater(f"{endpoint.host} answered with an error{_remark(endpoint, body)}.")
    choice = _choice(endpoint, parsed)
    if choice is None:
        raise NoAnswer(f"{endpoint.host} answered without choices.")
    message = choice.get("message")
    text = message.get("content") if isinstance(message, dict) else choice.get("text")
    if not isinstance(text, str) or not text.strip():
        raise NoAnswer(f"{endpoint.host} answered with an empty text.")
    yield _short_enough(endpoint, text, 0)
    yield _end(choice.get("finish_reason"), parsed.get("usage"))


def _events(
    endpoint: ModelEndpoint, pieces: Iterator[bytes], is_stopped: Callable[[], bool]
) -> Iterator[str | Finished]:
    """Server-sent events: `data: {...}` lines until `data: [DONE]`."""
    length, finish, usage, complete, said = 0, None, None, False, False
    for line in _lines(endpoint, pieces):
        if is_stopped():
            return
        if not line.startswith(b"data:"):
            continue  # comments and other fields of the format
        data = line[5:].strip()
        if data == b"[DONE]":
            complete = True
            break
        parsed = _parsed(endpoint, data)
        if "error" in parsed:
            raise TryLater(f"{endpoint.host} broke off with an error{_remark(endpoint, data)}.")
        usage = parsed.get("usage") or usage
        choice = _choice(endpoint, parsed)
        if choice is None:
            continue
        delta = choice.get("delta")
        text = delta.get("content") if isinstance(delta, dict) else choice.get("text")
        if isinstance(text, str) and text:
            length += len(text)
            said = said or bool(text.strip())
            yield _short_enough(endpoint, text, length - len(text))
        finish = choice.get("finish_reason") or finish
    if not complete and finish is None:
        raise TryLater(f"{endpoint.host} broke off in the middle of its answer.")
    if not said:
        raise NoAnswer(f"{endpoint.host} answered with an empty text.")
    yield _end(finish, usage)


def _lines(endpoint: ModelEndpoint, pieces: Iterator[bytes]) -> Iterator[bytes]:
    rest = b""
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            yield line.rstrip(b"\r")
        if len(rest) > LONGEST_LINE:
            raise NoAnswer(f"{endpoint.host} sent a line of more than {LONGEST_LINE} bytes.")
    if rest.strip() == b"data: [DONE]":
        yield rest
    elif rest.strip():
        raise TryLater(f"{endpoint.host} broke off in the middle of its answer.")


def _parsed(endpoint: ModelEndpoint, data: bytes) -> dict[str, Any]:
    try:
        parsed = clean_json(data)
    except CleanJSONError as wrong:
        raise NoAnswer(f"{endpoint.host} sent something else than an answer: {wrong}") from None
    if not isinstance(parsed, dict):
        raise NoAnswer(f"{endpoint.host} sent something else than an answer: not a JSON object.")
    return parsed


def _choice(endpoint: ModelEndpoint, parsed: dict[str, Any]) -> dict[str, Any] | None:
    """The first choice; None in an event that carries none (usage alone)."""
    choices = parsed.get("choices")
    if not isinstance(choices, list):
        raise NoAnswer(f"{endpoint.host} answered without choices.")
    if choices and not isinstance(choices[0], dict):
        raise NoAnswer(f"{endpoint.host} answered with choices that are no objects.")
    return choices[0] if choices else None


def _short_enough(endpoint: ModelEndpoint, text: str, before: int) -> str:
    if before + len(text) > LONGEST_ANSWER:
        raise NoAnswer(f"{endpoint.host} answered with more than {LONGEST_ANSWER} characters.")
    return text.replace("\0", "")


def _end(finish: Any, usage: Any) -> Finished:
    counts = usage if isinstance(usage, dict) else {}
    return Finished(
        finish=finish[:20] if isinstance(finish, str) else "stop",
        tokens_in=_count(counts.get("prompt_tokens")),
        tokens_out=_count(counts.get("completion_tokens")),
    )


def _count(given: Any) -> int | None:
    whole = isinstance(given, int) and not isinstance(given, bool)
    return int(given) if whole and 0 <= given <= 10_000_000 else None
