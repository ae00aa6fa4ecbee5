"""`python -m training.trainers.answering FOLDER`: a process that keeps models loaded and answers.

It reads `requests.jsonl` as it grows and appends to `events.jsonl`, one JSON object a line:

| request | further fields |
|---|---|
| ask | id, folder, messages or text, and the settings of Request, stop [texts] among them |
| stop | id |
| leave | - |

| event | further fields |
|---|---|
| ready | device |
| text | id, text (what was added) |
| done | id, finish (stop or length), tokens_in, tokens_out |
| failed | id, sentence |
| alive | - (every few seconds: it is not hung) |

Requests that wait for one model are answered as one batch. Batches take turns, a token each, so
that who asks later does not wait for the end of a long answer. Each answer has random numbers of
its own, made from (seed, sample): what shares its batch changes nothing (training.trainers
.generation). The least recently used model makes room when memory is short.
"""

import json
import os
import sys
import time
import traceback
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from training.trainers.__main__ import OFFLINE

LARGEST_BATCH = 32
MOST_MODELS = 4
LOOK_SECONDS = 0.02
ALIVE_SECONDS = 5.0
# Characters are held back while they might be the beginning of a stop text or of half a character.
HALF = "\ufffd"


@dataclass(eq=False)
class Request:
    id: int
    folder: str
    messages: list[dict[str, str]] | None
    text: str | None
    temperature: float
    top_p: float
    max_tokens: int
    seed: int
    sample: int
    stop: list[str]
    presence_penalty: float = 0.0
    stopped: bool = False
    ids: list[int] = field(default_factory=list)  # of the prompt
    tokens: list[int] = field(default_factory=list)  # of the answer
    told: str = ""  # what was sent of it

    @property
    def company(self) -> tuple[str, float, float]:
        """Requests with equal company may share a batch."""
        return self.folder, self.temperature, self.top_p


class Events:
    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)

    def say(self, kind: str, **fields: Any) -> None:
        line = json.dumps({"kind": kind, **fields}, ensure_ascii=True)
        self._file.write(line.encode() + b"\n")


@dataclass
class Loaded:
    model: Any
    tokenizer: Any
    texts: Any
    eos_ids: list[int]
    longest: int  # tokens of prompt and answer together


class Models:
    """The models in memory, the least recently used first."""

    def __init__(self, device: Any) -> None:
        self.device = device
        self._loaded: OrderedDict[str, Loaded] = OrderedDict()

    def get(self, folder: str, busy: set[str]) -> Loaded:
        """Raises BadInput for a folder that cannot be used. `busy` models are never dropped."""
        from training.trainers.outcome import BadInput

        if folder in self._loaded:
            self._loaded.move_to_end(folder)
            return self._loaded[folder]
        while len(self._loaded) >= MOST_MODELS and self._drop_one(busy):
            pass
        while True:
            try:
                found = self._loaded[folder] = load(Path(folder), self.device)
                return found
            except Exception as error:
                if type(error).__name__ != "OutOfMemoryError":
                    raise
            if not self._drop_one(busy):
                raise BadInput("The model does not fit into the memory of this worker's device.")

    def _drop_one(self, busy: set[str]) -> bool:
        import torch

        for folder in self._loaded:
            if folder not in busy:
                del self._loaded[folder]
                if torch.cuda.is_available():
                    torch.cuda.empty_cache()
                return True
        return False


def load(folder: Path, device: Any) -> Loaded:
    """A checked folder as a model that answers. Raises BadInput with every reason against it."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from training.trainers.loading import eos_ids, fit_to_tokenizer
    from training.trainers.model_folder import check_model_folder
    from training.trainers.outcome import BadInput
    from training.trainers.tokenising import DEFAULT_CHAT_TEMPLATE, Texts

    problems = check_model_folder(folder)
    if problems:
        raise BadInput(["The model is refused: " + problem for problem in problems])
    safely: dict[str, Any] = {"trust_remote_code": False, "local_files_only": True}
    half = device.type == "cuda" and torch.cuda.is_bf16_supported()
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(folder), **safely)
        model = AutoModelForCausalLM.from_pretrained(
            str(folder),
            use_safetensors=True,
            dtype=torch.bfloat16 if half else torch.float32,
            attn_implementation="sdpa",
            **safely,
        )
    except (OSError, ValueError, TypeError, KeyError, AttributeError, ImportError) as error:
        raise BadInput(f"The model cannot be loaded: {error}") from error
    if tokenizer.eos_token_id is None:
        raise BadInput("The tokenizer has no EOS token, so no answer could end.")
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    if not tokenizer.chat_template:
        tokenizer.chat_template = DEFAULT_CHAT_TEMPLATE
    fit_to_tokenizer(model, tokenizer)
    model.to(device).eval()
    longest = int(getattr(model.config.get_text_config(), "max_position_embeddings", 0) or 1 << 30)
    return Loaded(model, tokenizer, Texts(tokenizer), eos_ids(model, tokenizer), longest)


class Answering:
    """The loop: read what is asked, give every batch one step, say what came."""

    def __init__(self, folder: Path) -> None:
        import torch

        self.requests = (folder / "requests.jsonl").open("rb")
        self._torn = b""
        self.events = Events(folder / "events.jsonl")
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.models = Models(device)
        self.waiting: list[Request] = []
        self.known: dict[int, Request] = {}
        self.batches: list[tuple[str, list[Request], Iterator[None]]] = []
        self.leaving = False
        self._alive_at = 0.0
        self.events.say("ready", device=str(device))

    def run(self) -> None:
        while True:
            self.read()
            if self.leaving and not self.batches and not self.waiting:
                return
            self.begin()
            if not self.step():
                time.sleep(LOOK_SECONDS)
            if time.monotonic() >= self._alive_at:
                self._alive_at = time.monotonic() + ALIVE_SECONDS
                self.events.say("alive")

    def read(self) -> None:
        *lines, self._torn = (self._torn + self.requests.read()).split(b"\n")
        for line in lines:
            asked = json.loads(line)
            kind = asked.pop("kind")
            if kind == "leave":
                self.leaving = True
            elif kind == "stop" and asked["id"] in self.known:
                self.known[asked["id"]].stopped = True
            elif kind == "ask":
                request = Request(**asked)
                self.known[request.id] = request
                self.waiting.append(request)

    def begin(self) -> None:
        """A batch of the first request and of those that may share it."""
        self.waiting = [request for request in self.waiting if not self._gone(request)]
        if not self.waiting:
            return
        first = self.waiting[0]
        together = [r for r in self.waiting if r.company == first.company][:LARGEST_BATCH]
        self.waiting = [request for request in self.waiting if request not in together]
        try:
            loaded = self.models.get(first.folder, {folder for folder, _, _ in self.batches})
        except Exception as error:
            for request in together:
                self._fail(request, _sentence(error))
            return
        able = [request for request in together if self._prepare(request, loaded)]
        if able:
            self.batches.append((first.folder, able, self._answer(able, loaded)))

    def _prepare(self, request: Request, loaded: Loaded) -> bool:
        """Tokens of the prompt; False when it cannot be asked, which was then said."""
        from training.trainers.data import Message

        try:
            turns = [Message(**message) for message in request.messages or ()]
            request.ids = loaded.texts.prompt(turns if request.text is None else request.text)
        except Exception as error:  # a template may raise anything about the messages it is given
            self._fail(request, f"The chat template refuses these messages: {error}")
            return False
        room = loaded.longest - len(request.ids)
        if not request.ids or room < 1:
            self._fail(
                request,
                f"The prompt has {len(request.ids)} tokens; the model holds {loaded.longest} with "
                "its answer.",
            )
            return False
        request.max_tokens = min(request.max_tokens, room)
        return True

    def step(self) -> bool:
        """One token for every batch; False when there is none."""
        for batch in list(self.batches):
            _, requests, tokens = batch
            try:
                next(tokens)
            except StopIteration:
                self.batches.remove(batch)
            except Exception as error:
                self.batches.remove(batch)
                for request in requests:
                    if request.id in self.known:
                        self._fail(request, _sentence(error))
        return bool(self.batches)

    def _answer(self, requests: list[Request], loaded: Loaded) -> Iterator[None]:
        """Advance all `requests` by a token for each next()."""
        import torch
        from transformers import DynamicCache

        from training.trainers.generation import left_pad

        with torch.no_grad():
            ids, attention = left_pad(
                [request.ids for request in requests],
                loaded.tokenizer.pad_token_id,
                self.models.device,
            )
            positions = (attention.cumsum(-1) - 1).clamp(min=0)
            cache = DynamicCache(config=loaded.model.config)
            draws = _draws(requests)
            alive = list(requests)
        while True:
            with torch.no_grad():
                logits = loaded.model(
                    input_ids=ids,
                    attention_mask=attention,
                    position_ids=positions,
                    past_key_values=cache,
                    use_cache=True,
                    logits_to_keep=1,
                ).logits[:, -1]
                _penalise(logits, alive)
                picked = _pick(logits, [draws[r.id][len(r.tokens)] for r in alive], alive[0])
                keep = [self._take(r, t, loaded) for r, t in zip(alive, picked, strict=True)]
                if not any(keep):
                    return
                if not all(keep):
                    kept = torch.tensor(keep, device=ids.device).nonzero().squeeze(-1)
                    cache.batch_select_indices(kept)
                    attention, positions = attention[kept], positions[kept]
                    picked = [token for token, on in zip(picked, keep, strict=True) if on]
                    alive = [request for request, on in zip(alive, keep, strict=True) if on]
                ids = torch.tensor(picked, device=ids.device)[:, None]
                positions = positions[:, -1:] + 1
                attention = torch.cat([attention, attention.new_ones(len(alive), 1)], dim=-1)
            yield

    def _take(self, request: Request, token: int, loaded: Loaded) -> bool:
        """Note a token; False at the end of the answer, which was then said."""
        if self._gone(request):
            return False
        ended = token in loaded.eos_ids
        if not ended:
            request.tokens.append(token)
        text = loaded.tokenizer.decode(request.tokens, skip_special_tokens=True)
        cut = min((text.find(stop) for stop in request.stop if stop in text), default=-1)
        full = len(request.tokens) >= request.max_tokens
        last = ended or full or cut >= 0
        sure = text[:cut] if cut >= 0 else text if last else _certain(text, request.stop)
        if sure.startswith(request.told) and len(sure) > len(request.told):
            self.events.say("text", id=request.id, text=sure[len(request.told) :])
            request.told = sure
        if last:
            self.known.pop(request.id, None)
            self.events.say(
                "done",
                id=request.id,
                finish="stop" if ended or cut >= 0 else "length",
                tokens_in=len(request.ids),
                tokens_out=len(request.tokens) + ended,
            )
        return not last

    def _gone(self, request: Request) -> bool:
        if request.stopped:
            self.known.pop(request.id, None)
        return request.stopped

    def _fail(self, request: Request, sentence: str) -> None:
        self.known.pop(request.id, None)
        self.events.say("failed", id=request.id, sentence=sentence[:400])


def _draws(requests: list[Request]) -> dict[int, Any]:
    """Numbers in [0, 1) for each request: a stream of (seed, sample) alone."""
    import numpy

    return {
        request.id: numpy.random.default_rng([request.seed, 0, request.sample]).random(
            request.max_tokens
        )
        for request in requests
    }


def _penalise(logits: Any, requests: list[Request]) -> None:
    """Take each request's presence penalty off the tokens that its answer has already, in place.

    z_v := z_v - penalty for every v that occurs, once however often: OpenAI's definition.
    """
    for row, request in enumerate(requests):
        if request.presence_penalty and request.tokens:
            logits[row, list(set(request.tokens))] -= request.presence_penalty


def _pick(logits: Any, draws: list[float], like: Request) -> list[int]:
    import torch

    from training.trainers.generation import pick_tokens

    if like.temperature == 0.0:
        picked: list[int] = logits.argmax(dim=-1).tolist()
        return picked
    drawn = torch.tensor(draws, dtype=torch.float64, device=logits.device)
    sampled: list[int] = pick_tokens(logits, drawn, like.temperature, like.top_p).tolist()
    return sampled


def _certain(text: str, stops: list[str]) -> str:
    """What will stay of a growing text: no half character, no beginning of a stop text."""
    text = text.rstrip(HALF)
    for stop in stops:
        for length in range(min(len(stop) - 1, len(text)), 0, -1):
            if text.endswith(stop[:length]):
                text = text[:-length]
                break
    return text


def _sentence(error: Exception) -> str:
    from training.trainers.outcome import BadInput

    if isinstance(error, BadInput):
        return str(error)
    traceback.print_exception(error)
    return f"The model failed: {type(error).__name__}: {' '.join(str(error).split())[:200]}"


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or not Path(arguments[0]).is_dir():
        print("usage: python -m training.trainers.answering FOLDER", file=sys.stderr)
        return 2
    os.environ.update(OFFLINE)
    Answering(Path(arguments[0])).run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
